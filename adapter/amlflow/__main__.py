"""``python -m amlflow``."""

import sys

from amlflow.cli import main

sys.exit(main())
