"""How long a frame of All runs takes while somebody scrolls, or adds and removes a column.

Chromium shows the studio's table with 5,000 rows, without a server:
``python tests/benchmarks/frames.py``. A line has the median and the 95th percentile of the
milliseconds from one frame to the next, and the milliseconds of processor time of a frame's work;
the target is 50 for all of them. A column is changed in a table of 10 columns, and in one of 500:
there, the work is that of the whole change, even if the browser spreads it over several frames.
Another folder with the studio's files may be named, for example one of an earlier version.
"""

from __future__ import annotations

import functools
import http.server
import statistics
import sys
import threading
from pathlib import Path
from typing import Any

sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

import amlflow_page
from helpers import browser

TARGET_MS = 50
ROWS = 5000
PAGE = """<!doctype html>
<link rel="stylesheet" href="studio.css"><link rel="stylesheet" href="table.css">
<body style="margin:0"><main><section class="amlflow" style="display:flex;height:900px">
<div class="amlflow-scroller"></div></section></main>
<script type="module">
import { RunsTable } from "./runs_table.js";
const time = (second) => new Date(1.7e12 + 1e6 * second).toISOString();
const rows = Array.from({ length: %d }, (_, place) => ({
  id: `run${place}`, run_id: `run${place}`, name: `run number ${place}`,
  status: place %% 9 ? "Completed" : "Failed", final: true,
  error_line: place %% 9 ? null : "RuntimeError: CUDA out of memory. Tried to allocate 12 GB",
  experiment_id: "1", _experiment_name: "explore-runs", user_id: "ada", target: "local",
  created_utc: time(place), start_time_utc: time(place), end_time_utc: time(place + 1),
  tags: { stage: `stage ${place %% 7}`, quality: "fantastic run", owner: "mara", n: `${place}` },
  properties: {}, params: { lr: "0.1" }, metrics: { loss: 1 / (place + 1) },
  description: `A *run* with **marks**, number ${place}`,
}));
const nothing = () => {};
const table = new RunsTable({ sort: nothing, select: nothing, open: nothing, read: nothing });
const scroller = document.querySelector(".amlflow-scroller");
scroller.append(table.element);
table.attach(scroller);
const columns = ["status", "experiment", "created", "duration", "tags", "description", "submitter"];
columns.push("target", "metric:loss", "param:lr");
const wide = [...columns, ...Array.from({ length: 490 }, (_, place) => `tag:key ${place}`)];
table.setColumns(columns, "-created", {}, {});
table.add(rows);
const end = scroller.scrollHeight - 2000;
const acts = {
  wheel: () => { scroller.scrollTop = (scroller.scrollTop + 120) %% end; },
  fling: () => { scroller.scrollTop = (scroller.scrollTop + 1500) %% end; },
  jump: () => { scroller.scrollTop = Math.random() * end; },
  sideways: () => { scroller.scrollLeft = (scroller.scrollLeft + 300) %% 1500; },
};
for (const [name, all] of [["column", columns], ["of 500", wide]])
  acts[name] = (place) => table.setColumns(place %% 2 ? all : all.slice(0, -1), "-created", {}, {});
// Acts once in each frame.
window.acted = (name, count, done) => {
  const frames = [];
  let last;
  requestAnimationFrame(function next(now) {
    if (last !== undefined) frames.push(now - last);
    last = now;
    if (frames.length === count) return done(frames);
    acts[name](frames.length);
    requestAnimationFrame(next);
  });
};
</script>
"""
ACTS = ("wheel", "fling", "jump", "sideways", "column", "of 500")
FRAMES = 60


class Files(http.server.SimpleHTTPRequestHandler):
    """The studio's files, and the page with the table."""

    def do_GET(self) -> None:
        if self.path != "/page.html":
            super().do_GET()
            return
        content = (PAGE % ROWS).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        pass


def work(driver: Any) -> float:
    """Seconds of processor time that the page's main thread has worked."""
    answer = driver.execute_cdp_cmd("Performance.getMetrics", {})
    return float(
        next(item["value"] for item in answer["metrics"] if item["name"] == "TaskDuration")
    )


def main() -> None:
    folder = sys.argv[1] if len(sys.argv) > 1 else Path(amlflow_page.__file__).parent / "static"
    handler = functools.partial(Files, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    driver = browser.start()
    try:
        driver.set_script_timeout(120)
        driver.get(f"http://127.0.0.1:{server.server_port}/page.html")
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        for name in ACTS:
            before = work(driver)
            frames = driver.execute_async_script("acted(...arguments)", name, FRAMES)
            spent = 1000 * (work(driver) - before) / FRAMES
            median, high = statistics.median(frames), sorted(frames)[int(0.95 * FRAMES)]
            print(
                f"{name:<9} {median:4.0f} ms a frame, 95th percentile {high:4.0f}, "
                f"{spent:4.0f} ms of work   target <= {TARGET_MS}"
            )
    finally:
        driver.quit()
        server.shutdown()


if __name__ == "__main__":
    main()
