"""The date of a definition's packages: none that was uploaded later is installed.

Old code without upper limits needs the packages of its time: those of today have changed.
"""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timezone

from amlflow.environments.errors import EnvironmentBuildException

SETTING = "UV_EXCLUDE_NEWER"
"""uv's own environment variable. It is for environments without a date of their own."""
ATTRIBUTE = "environment.python.packages_before"
_FORM = "%Y-%m-%d"
_CHANGED = re.compile(
    r"^ImportError: cannot import name .*"
    r"|^ModuleNotFoundError: No module named '([^']+\.[^']+|distutils|pkg_resources)'"
    r"|^AttributeError: module '[^']+' has no attribute .*",
    re.MULTILINE,
)
"""How Python says that a package is there, and is not as a script expects it.

The two modules came with setuptools."""


def parse_date(text: str) -> str:
    """Return a date such as ``2021-06-30``, or a time with its zone, in UTC.

    Raises:
        EnvironmentBuildException: the text is neither. uv would take a duration, too, but the same
            definition would mean other packages tomorrow.
    """
    text = text.strip()
    with contextlib.suppress(ValueError):
        return datetime.strptime(text, _FORM).date().isoformat()
    with contextlib.suppress(ValueError, OverflowError):
        # Python 3.10 does not read the Z.
        moment = datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text))
        if moment.tzinfo is not None:
            return moment.astimezone(timezone.utc).isoformat()
    raise EnvironmentBuildException(
        f"{text!r} is not a date for packages. Set {ATTRIBUTE} or {SETTING} to one such as "
        "2021-06-30, or to a time such as 2021-06-30T12:00:00Z."
    )


def advise_on_date(lines: str) -> str | None:
    """Say how a script gets older packages if that may be why it has failed; None otherwise.

    ``lines`` are the last lines of its output. It ran in an environment without a date.
    """
    if _CHANGED.search(lines) is None:
        return None
    return (
        "The script ran with the newest packages that its definition allows. If it is older than "
        f"they are, {ATTRIBUTE} = '2021-06-30' or {SETTING}=2021-06-30 takes those of that day."
    )
