"""The abilities of a server, by its version. MLflow 2.9 and newer are supported.

The server is asked for its version once, when it is opened. If a proxy hides the version, calls
that change nothing show what the server knows. If they do not help either, only abilities of all
versions are used.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from amlflow.exceptions import AzureMLException
from amlflow.spec import KnownLimit, Refused, RunNotFound, Unsupported, tried_once

from amlflow_mlflow.limits import OLD_SERVER_LIMITS

SINCE = {
    "takes_colons": (2, 16),
    "long_tags": (2, 17),
    "removes_experiment_tags": (3, 2),
    "filters_null": (3, 11),
}
"""The first version with each ability."""
SHORT_TAG = 5000
"""How many characters of a tag's value a server without ``long_tags`` keeps."""


Numbers = tuple[int, int]
"""The first two numbers of a version."""
Ask = Callable[[str, Mapping[str, Any], AzureMLException | None], object]
"""Makes a POST call of MLflow's REST API. The error is raised if MLflow finds nothing."""
_TRIED: Sequence[tuple[Numbers, str, Mapping[str, Any]]] = (
    (
        (3, 11),
        "runs/search",
        {"experiment_ids": ["0"], "max_results": 1, "filter": "tags.`amlflow` IS NULL"},
    ),
    ((3, 0), "logged-models/search", {"experiment_ids": ["0"], "max_results": 1}),
)
"""Calls that a server answers from a certain version on."""
_REFUSED_NAME = "a?b"
"""A name that no version accepts."""


def find_least_version(ask: Ask) -> Numbers | None:
    """Find the version that a server has at least, from its answers; None if they do not help."""
    with tried_once():
        for numbers, path, content in _TRIED:
            try:
                ask(path, content, None)
            except AzureMLException:
                continue
            return numbers
        return SINCE["takes_colons"] if _takes_colons(ask) else None


def _takes_colons(ask: Ask) -> bool:
    """Whether a server accepts a colon in names, as far as its answers show.

    This sets a tag of a run that does not exist. MLflow first checks the name, and then looks for
    the run. A server with users may look for the run first. In that case, a name that every server
    refuses leads to another error.
    """
    missing = RunNotFound(uuid.uuid4().hex)

    def error_for(name: str) -> AzureMLException | None:
        try:
            ask("runs/set-tag", {"run_id": missing.run_id, "key": name, "value": ""}, missing)
        except AzureMLException as error:
            return error
        return None

    return isinstance(error_for(_REFUSED_NAME), Refused) and error_for("a:b") is missing


class Abilities:
    """The abilities of a server.

    ``version`` is the answer to ``/version``, or None. In that case, ``least`` is the version that
    the server has at least, if that is known.
    """

    def __init__(self, version: str | None, where: str, least: Numbers | None = None) -> None:
        self.version, self._where = version, where
        numbers = re.match(r"(\d+)\.(\d+)", version or "")
        self._numbers = (int(numbers[1]), int(numbers[2])) if numbers else None
        self._least = self._numbers or least

    def _has(self, name: str) -> bool:
        return self._least is not None and self._least >= SINCE[name]

    @property
    def filters_null(self) -> bool:
        """Whether filters of runs know ``IS NULL`` and ``IS NOT NULL``."""
        return self._has("filters_null")

    @property
    def takes_colons(self) -> bool:
        """Whether names of params, metrics and tags may have a colon."""
        return self._has("takes_colons")

    @property
    def known_limits(self) -> Sequence[KnownLimit]:
        """The parts of the contract that a server of this version cannot keep."""
        return OLD_SERVER_LIMITS if self._lacks("removes_experiment_tags") else ()

    def check_tags(self, tags: Mapping[str, str]) -> None:
        """Raise :class:`Refused` for a tag that this server would refuse or cut off."""
        if self._lacks("long_tags"):
            for key, value in tags.items():
                if len(value) > SHORT_TAG:
                    raise Refused(
                        self._explain(
                            "long_tags",
                            f"keeps {SHORT_TAG} characters of a tag; the value of {key!r} has "
                            f"{len(value)}",
                        )
                    )

    def check_removes_experiment_tags(self) -> None:
        """Raise :class:`Unsupported` if the server cannot remove tags of experiments."""
        if self._lacks("removes_experiment_tags"):
            raise Unsupported(
                self._explain("removes_experiment_tags", "cannot remove the tag of an experiment")
            )

    def _lacks(self, name: str) -> bool:
        """Whether the version is known and too old for an ability."""
        return self._numbers is not None and self._numbers < SINCE[name]

    def _explain(self, name: str, because: str) -> str:
        needed = ".".join(map(str, SINCE[name]))
        return (
            f"The MLflow server at {self._where} is version {self.version}, which {because}. "
            f"That needs MLflow {needed} or later: upgrade the server."
        )
