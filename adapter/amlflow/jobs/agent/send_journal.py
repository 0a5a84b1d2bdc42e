"""``python -m amlflow.jobs.agent.send_journal <journal> <URI> <folder>``: sends what a script left.

An agent runs it once its script has ended: the tracker's client, which this needs, takes more
memory than an agent keeps. What it has done is printed as JSON.
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

DIED = "The process that logged to the run has died, and was not there to end it."


def main(journal: str, uri: str, folder: str) -> int:
    """Send it, and end the runs that the script has started and not ended; the exit code.

    ``folder`` is what a relative path of the tracker's is relative to.
    """
    os.chdir(folder)
    # The tracker's own words on what it refuses are in what is kept of it.
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
