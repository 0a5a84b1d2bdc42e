"""Environments: ``python tests/benchmarks/environments.py``.

Each line is a ratio or a figure measured in this very run, with its target. The packages are
tiny wheels in a folder, so that no network is measured.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

# Behind the standard library, which has a module called like the benchmark of logging.
sys.path.append(sys.path.pop(0))
sys.path.append(str(Path(__file__).parent.parent))

from concurrent.futures import ThreadPoolExecutor

from amlflow.environments.building import BuiltEnvironment, ensure
from amlflow.environments.specification import Specification
from amlflow.environments.uv import find_uv
from helpers.tiny_environments import only_links
from helpers.wheels import write_tiny

ROUNDS = 9
PACKAGES = 40
MAKERS = 10
SUBMITS = 5
BIG = 20_000_000
"""Bytes of the package in which two environments differ."""


def best(before: Callable[[], object], *runs: Callable[[], object]) -> list[float]:
    """The shortest of several times of each: what else the machine does only adds to it."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(ROUNDS):
        for run, own in zip(runs, times, strict=True):  # by turns: the machine's load changes
            before()
            start = time.perf_counter()
            run()
            own.append(time.perf_counter() - start)
    return list(map(min, times))


def disk_bytes(*folders: Path) -> int:
    """What folders occupy together; a file with several names counts once."""
    done = subprocess.run(["du", "-sck", *folders], capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1].split()[0]) * 1024


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="amlflow-environments-"))
    environments, cache, wheels = folder / "environments", folder / "cache", folder / "wheels"
    os.environ.update(
        AMLFLOW_ENVIRONMENTS=str(environments), UV_CACHE_DIR=str(cache),
        **only_links(wheels),
    )  # fmt: skip
    names = [f"amlflow-tiny-{number}" for number in range(PACKAGES)]
    for name in names:
        write_tiny(wheels, name, "1.0")
    write_tiny(wheels, "amlflow-big", "1.0", content=f"DATA = {os.urandom(BIG // 2).hex()!r}\n")
    plain = folder / "plain"

    def by_uv() -> None:
        uv = find_uv()
        # Another folder each time, as a definition has: uv knows the Python of a folder that it
        # has seen.
        path = plain / uuid.uuid4().hex
        python = path / "bin" / "python"
        subprocess.run([uv, "venv", "-q", "-p", sys.executable, path], check=True)
        subprocess.run([uv, "pip", "install", "-q", "-p", python, *names], check=True)

    def by_amlflow(*more: str) -> BuiltEnvironment:
        return ensure(Specification(pip=(*names, *more)), io.StringIO())

    def remove() -> None:
        for path in (plain, environments):
            shutil.rmtree(path, ignore_errors=True)

    def remove_all() -> None:
        remove()
        shutil.rmtree(cache, ignore_errors=True)

    print(f"{PACKAGES} packages, beside `uv venv && uv pip install` (target 1.15)")
    for name, before in (("cold", remove_all), ("warm", remove)):
        ours, plain_uv = best(before, by_amlflow, by_uv)
        print(f"  {name}: {ours / plain_uv:.2f} ({ours * 1000:.0f} ms)")
    by_amlflow()
    [again] = best(lambda: None, by_amlflow)
    print(f"an environment that is there: {again * 1000:.0f} ms (target 300)")
    remove()
    with ThreadPoolExecutor(MAKERS) as pool:
        made = [pool.submit(by_amlflow) for _ in range(MAKERS)]
        count = sum(result.result().is_new for result in made)
    print(f"{MAKERS} at once make {count} (target 1)")
    before_bytes = disk_bytes(environments, cache)
    by_amlflow("amlflow-big")
    added = disk_bytes(environments, cache) - before_bytes
    print(f"a second one that differs in one package: {added / BIG:.2f} of it (target 1.1)")
    remove()
    print_submits(folder, names)
    shutil.rmtree(folder)


def print_submits(folder: Path, names: list[str]) -> None:
    """What an environment that is there adds to a submit, and to the script's first line."""
    os.environ.update(
        MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}", AMLFLOW_JOBS=str(folder / "jobs")
    )
    from azureml.core import Environment, Experiment, ScriptRunConfig, Workspace

    os.chdir(folder)
    source, started = folder / "source", folder / "started"
    source.mkdir()
    (source / "train.py").write_text(
        f"import pathlib, time; pathlib.Path({str(started)!r}).write_text(str(time.time()))"
    )
    experiment = Experiment(Workspace.from_config(), "environments")

    def time_submit(packages: list[str]) -> tuple[float, float]:
        environment = Environment("environment")
        for name in packages:
            environment.python.conda_dependencies.add_pip_package(name)
        begin = time.time()
        config = ScriptRunConfig(str(source), "train.py", environment=environment)
        run = experiment.submit(config)
        submitted = time.time() - begin
        run.wait_for_completion()
        return submitted, float(started.read_text()) - begin

    time_submit(names)  # makes it
    pairs = [(time_submit([]), time_submit(names)) for _ in range(SUBMITS)]
    for number, what in enumerate(("submit", "the first line")):
        without, with_it = (min(pair[side][number] for pair in pairs) for side in (0, 1))
        print(f"it adds to {what}: {(with_it - without) * 1000:.0f} ms (target 300)")


if __name__ == "__main__":
    main()
