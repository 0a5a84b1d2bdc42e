"""Asks MLflow's app with the studio under a prefix and with workspaces; prints what it answers."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

from amlflow_page.app import create_app

PREFIX = "/team"
client = create_app().test_client()
found: dict[str, Any] = {}


def of(workspace: str) -> dict[str, str]:
    return {"X-MLFLOW-WORKSPACE": workspace}


def post(path: str, workspace: str = "default", **content: Any) -> Any:
    return client.post(f"{PREFIX}/{path}", json=content, headers=of(workspace)).get_json()


for name in ("blue", "red"):
    post("api/3.0/mlflow/workspaces", name=name)
made = post("api/2.0/mlflow/experiments/create", "blue", name="theirs")
run = post(
    "api/2.0/mlflow/runs/create",
    "blue",
    experiment_id=made["experiment_id"],
    run_name="their run",
    start_time=1_700_000_000_000,
)
run_id = run["run"]["info"]["run_id"]
# The first thing that is asked: what is read quickly must know of workspaces, too.
got = {
    name: client.get(f"{PREFIX}/ajax-api/2.0/amlflow/runs/get?run_id={run_id}", headers=of(name))
    for name in ("red", "blue")
}
post("ajax-api/2.0/amlflow/views/create", "blue", name="their view", definition={})
for name in ("blue", "red"):
    views = client.get(f"{PREFIX}/ajax-api/2.0/amlflow/views", headers=of(name)).get_json()
    found[name] = {
        "rows": [each["name"] for each in post("ajax-api/2.0/amlflow/runs/search", name)["rows"]],
        "get": got[name].status_code,
        "views": [each["name"] for each in views["views"]],
    }
found["cancelled"] = [
    post("ajax-api/2.0/amlflow/runs/cancel", name, run_ids=[run_id])["runs"][0]["status"]
    for name in ("red", "blue")
]
root = run["run"]["info"]["artifact_uri"].replace("mlflow-artifacts:", "")
stored = f"{PREFIX}/api/2.0/mlflow-artifacts/artifacts{root}/user_logs/std_log.txt"
client.put(stored, data=b"one\n", headers=of("blue"))
logs = f"{PREFIX}/ajax-api/2.0/amlflow/runs/logs/archive?run_id={run_id}"
with zipfile.ZipFile(io.BytesIO(client.get(logs, headers=of("blue")).data)) as zipped:
    found["logs"] = zipped.read("user_logs/std_log.txt").decode()
page = client.get(f"{PREFIX}/")
again = client.get(f"{PREFIX}/", headers={"If-None-Match": page.headers["ETag"]})
found["page"] = [page.status_code, again.status_code, "amlflow/static/studio.js" in page.text]
static = "ajax-api/2.0/amlflow/static"
found["files"] = [
    client.get(path).status_code
    for path in (
        f"{PREFIX}/{static}/studio.js", f"{PREFIX}/{static}/../app.py", f"/{static}/studio.js",
    )
]  # fmt: skip
print(json.dumps(found))
