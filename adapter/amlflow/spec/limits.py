"""What a plugin is known not to do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLimit:
    """A part of the contract that a plugin is known not to keep, and the reason.

    ``switch`` is a name of the suites, such as ``exact-file-names``, or the name of a single test,
    which a subclass of the suite may then also replace. The tests that belong to it
    may fail without failing the suite, which prints the limit and its reason at the end;
    ``amlflow plugins`` lists it. A limit is what you cannot mend, for example because the server
    behind your tracker folds names. It does not change what amlflow does with your plugin.
    """

    switch: str
    reason: str
