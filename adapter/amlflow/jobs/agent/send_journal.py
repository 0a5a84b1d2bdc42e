"""``python -m amlflow.jobs.agent.send_journal <journal> <URI> <folder>``: sends a script's journal.

An agent runs this when its script has ended. It is a process of its own, since the tracker's client
would take memory of the agent for good. It prints its result as JSON.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path

from amlflow.exceptions import AzureMLException
from amlflow.journal.folder import tracker_folder
from amlflow.journal.recovery import failure, recover
from amlflow.layers.stack import open_direct

DIED = "The process that logged to the run has died without ending the run."


def main(journal: str, uri: str, folder: str) -> int:
    """Send a journal, and end the runs that the script has not ended. Returns the exit code.

    Relative paths in the tracker's URI are relative to ``folder``.
    """
    os.chdir(folder)
    # The kept records contain the tracker's own message about a refusal.
    logging.getLogger("amlflow").setLevel(logging.CRITICAL)
    try:
        counts = recover(
            tracker_folder(Path(journal), uri), lambda: open_direct(uri), close=failure(DIED)
        )
    except AzureMLException as error:
        print(error.message, file=sys.stderr)
        return 1
    print(json.dumps({"sent": counts.sent, "refused": counts.refused}))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
