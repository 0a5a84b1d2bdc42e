"""``python -m amlflow_docker.build REQUEST``: builds a Dockerfile, and prints Docker's output.

It is a process of its own, so that a build can be ended: Docker ends a build when the connection to
its client closes.
"""

from __future__ import annotations

import json
import sys

import docker

from amlflow_docker.engine import FAILURES, cause_of


def main(request: str) -> int:
    """Build the image of a request. Returns 0, or 1 if it fails; then the last line says why."""
    values = json.loads(request)
    try:
        client = docker.from_env(timeout=None)
        lines = client.api.build(
            path=values["folder"], dockerfile=values["dockerfile"], tag=values["tag"],
            labels=values["labels"], rm=True, forcerm=True, decode=True,
        )  # fmt: skip
        for line in lines:
            if "error" in line:
                print(f"amlflow: {_one_line(line['error'])}", flush=True)
                return 1
            if text := line.get("stream") or line.get("status"):
                print(text.rstrip("\n"), flush=True)
    except (*FAILURES, OSError, TypeError) as error:
        print(f"amlflow: {cause_of(error)}", flush=True)
        return 1
    return 0


def _one_line(error: str) -> str:
    if "no space left on device" in error.lower():
        return "the disk of the Docker host is full"
    return " ".join(error.split())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
