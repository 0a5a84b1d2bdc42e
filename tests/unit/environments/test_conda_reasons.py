"""The message of a run whose environment conda could not make.

The texts come from conda 26.7, conda 4.6, mamba 2.0 and 2.8, and pixi; addresses are removed.
"""

from __future__ import annotations

import pytest
from amlflow.environments.conda_reasons import reason_of_conda
from amlflow.environments.reasons import MAX_LENGTH

NOT_FOUND = """\
Collecting package metadata (repodata.json): ...working... done
Solving environment: ...working... failed

PackagesNotFoundInChannelsError: The following packages are not available from current channels:

  - gdal=9.9
  - r-nowhere

Current channels:

  - file:///channel/linux-64

To search for alternate channels that may provide the conda package you're
looking for, navigate to

    the site

and use the search bar at the top of the page.

"""
OLD_NOT_FOUND = """\
Solving environment: failed

ResolvePackageNotFound:
  - gdal=9.9
"""
CHANNEL = """\
Collecting package metadata (current_repodata.json): ...working... failed

UnavailableInvalidChannel: HTTP 404 UNAVAILABLE OR INVALID for channel nowhere <file:///nowhere>

The channel is not accessible or is invalid.

Use `conda index /nowhere`, or create `noarch/repodata.json`
"""
PIP = """\
Installing pip dependencies: ...working... Pip subprocess error:
ERROR: Could not find a version that satisfies the requirement tabulate==99.9
ERROR: No matching distribution found for tabulate==99.9

failed

CondaEnvException: Pip failed
"""
MAMBA = """\
error    libmamba Could not solve for environment specs
    The following package could not be installed
    └─ nowhere =* * does not exist (perhaps a typo or a missing channel).
critical libmamba Could not solve for environment specs
"""
MAMBA_TWO = """\
error    libmamba Could not solve for environment specs
    The following packages are incompatible
    ├─ python =3.12 * does not exist (perhaps a typo or a missing channel);
    └─ r-nowhere =* * does not exist (perhaps a typo or a missing channel).
critical libmamba Could not solve for environment specs
"""
MAMBA_PIP = """\
Confirm changes: [Y/n] warning  libmamba You are using 'pip' as an additional package manager.
    Be aware that packages installed with 'pip' are managed independently.
ERROR: Could not find a version that satisfies the requirement tabulate==99.9
ERROR: No matching distribution found for tabulate==99.9
critical libmamba pip failed to install packages
"""
MAMBA_AWAY = """\
critical libmamba Multiple errors occurred:
    Download error (7) Couldn't connect to server [http://***@a.example/c/noarch/repodata.json]
    Failed to connect to a.example port 9 after 0 ms: Couldn't connect to server
    Subdir http://a.example/c/noarch not loaded!
    If you run into this error repeatedly, your package cache may be corrupted.
    Please try running `mamba clean -a` to remove this cache before retrying the operation.
"""
PIXI = """\
Error:   × failed to solve the conda requirements of 'default' 'linux-64'
  ├─▶ Cannot solve the request because of: No candidates were found for
  ╰─▶ gdal 9.9.*
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            NOT_FOUND,
            "PackagesNotFoundInChannelsError: The following packages are not available from "
            "current channels: - gdal=9.9 - r-nowhere",
        ),
        (OLD_NOT_FOUND, "ResolvePackageNotFound: - gdal=9.9"),
        (
            CHANNEL,
            "UnavailableInvalidChannel: HTTP 404 UNAVAILABLE OR INVALID for channel nowhere "
            "<file:///nowhere>",
        ),
        (PIP, "No matching distribution found for tabulate==99.9"),
        (
            MAMBA,
            "Could not solve for environment specs: The following package could not be installed: "
            "nowhere =* * does not exist (perhaps a typo or a missing channel)",
        ),
        (
            MAMBA_TWO,
            "Could not solve for environment specs: The following packages are incompatible: "
            "python =3.12 * does not exist (perhaps a typo or a missing channel); r-nowhere =* * "
            "does not exist (perhaps a typo or a missing channel)",
        ),
        (
            MAMBA_AWAY,
            "Multiple errors occurred: Download error (7) Couldn't connect to server "
            "[http://***@a.example/c/noarch/repodata.json] Failed to connect to a.example port 9 "
            "after 0 ms: Couldn't connect to server: Subdir http://a.example/c/noarch not loaded!",
        ),
        (MAMBA_PIP, "No matching distribution found for tabulate==99.9"),
        (
            PIXI,
            "failed to solve the conda requirements of 'default' 'linux-64': Cannot solve the "
            "request because of: No candidates were found for: gdal 9.9.*",
        ),
        ("one\n\nthe last\nparagraph.\n", "the last paragraph"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("", "it gave no reason"),
    ],
)
def test_the_reason_is_what_conda_says_first(text: str, reason: str) -> None:
    assert reason_of_conda(text.splitlines()) == reason


def test_a_reason_has_a_limit() -> None:
    assert len(reason_of_conda([f"CondaError: {'x' * 9999}"])) == MAX_LENGTH
