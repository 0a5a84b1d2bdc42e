"""v1's ``azureml.telemetry``: amlflow collects nothing about its users."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger("amlflow")


def set_diagnostics_collection(send_diagnostics: bool = True, verbosity: Any = None) -> None:
    """Do nothing: amlflow never sends data about its users, so there is nothing to switch off."""
    logger.debug("set_diagnostics_collection(%r): amlflow sends nothing.", send_diagnostics)
