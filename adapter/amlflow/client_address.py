"""The address that the tracker's own client uses in a script instead of the tracker's URI.

An agent serves the tracker at this address if that client cannot open it (the hook
``amlflow_client_server``). amlflow itself still opens the tracker.
"""

from __future__ import annotations

import os

VARIABLE = "MLFLOW_TRACKING_URI"
_ADDRESS = "AMLFLOW_CLIENT_ADDRESS"
_TRACKER = "AMLFLOW_CLIENT_TRACKER"


def address_variables(address: str, uri: str) -> dict[str, str]:
    """Return the environment variables of a script for which a tracker is served."""
    return {VARIABLE: address, _ADDRESS: address, _TRACKER: uri}


def tracker_behind(address: str) -> str:
    """Return the URI of the tracker that is served at an address; any other URI as it is."""
    return os.environ.get(_TRACKER, address) if _is_served(address) else address


def address_for(uri: str) -> str:
    """Return the URI for the tracker's own client: where the tracker is served, or the URI."""
    address = os.environ.get(VARIABLE, "")
    return address if _is_served(address) and os.environ.get(_TRACKER) == uri else uri


def _is_served(address: str) -> bool:
    return bool(address) and os.environ.get(_ADDRESS) == address
