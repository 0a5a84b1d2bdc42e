"""The command line."""

from __future__ import annotations

import argparse
import sys

from amlflow.exceptions import AzureMLException


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit code is returned."""
    parser = argparse.ArgumentParser(
        prog="amlflow", description="Azure ML SDK v1's words on MLflow."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("quickstart", help="start, log, tag, find and nest runs, step by step")
    parser.parse_args(arguments)
    from amlflow.cli.quickstart import quickstart

    try:
        quickstart()
    except AzureMLException as error:
        print(f"ERROR: {error.message}", file=sys.stderr)
        return 1
    return 0
