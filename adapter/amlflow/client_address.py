"""The address that the tracker's own client uses in a script instead of the tracker's URI.

An agent serves the tracker at this address if that client cannot open it (the hook
``amlflow_client_server``). amlflow itself still opens the tracker.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

VARIABLE = "MLFLOW_TRACKING_URI"
_ADDRESS = "AMLFLOW_CLIENT_ADDRESS"
_TRACKER = "AMLFLOW_CLIENT_TRACKER"
_CHANGES = "AMLFLOW_CLIENT_CHANGES"
"""The variable with what the address has changed: ``{"NAME": [value before or null, value]}``."""


def address_variables(
    address: str, uri: str, variables: Mapping[str, str], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment variables of a script for which a tracker is served.

    ``variables`` are those of the server, and ``environ`` those of the script without it.
    """
    changed = {**variables, VARIABLE: address}
    changes = {name: [environ.get(name), value] for name, value in changed.items()}
    return {**changed, _ADDRESS: address, _TRACKER: uri, _CHANGES: json.dumps(changes)}


def without_address(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of a script as they would be if no tracker were served for it.

    Its server ends with it. A run that the script submits gets a server of its own. What the script
    itself has set stays.
    """
    restored = dict(environ)
    if _CHANGES not in environ:
        return restored
    for name, (before, value) in json.loads(environ[_CHANGES]).items():
        if restored.get(name) == value:
            del restored[name]
            if before is not None:
                restored[name] = before
    for name in (_ADDRESS, _TRACKER, _CHANGES):
        restored.pop(name, None)
    return restored


def tracker_behind(address: str) -> str:
    """Return the URI of the tracker that is served at an address; any other URI as it is."""
    return os.environ.get(_TRACKER, address) if _is_served(address) else address


def address_for(uri: str) -> str:
    """Return the URI for the tracker's own client: where the tracker is served, or the URI."""
    address = os.environ.get(VARIABLE, "")
    return address if _is_served(address) and os.environ.get(_TRACKER) == uri else uri


def _is_served(address: str) -> bool:
    return bool(address) and os.environ.get(_ADDRESS) == address
