"""In CI a skip is a failure, but for want of a feature; those are listed at the end."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from helpers.wheels import PROJECT, run

WANTING = "pytest.skip(NOT_CLAIMED + Feature.SHARED.value)"
OTHER = "pytest.skip('no time')"


@pytest.mark.parametrize(("skips", "code"), [([WANTING], 0), ([WANTING, OTHER], 1)])
def test_skips(folder: Path, skips: list[str], code: int) -> None:
    tests = "".join(f"\n\ndef test_{n}():\n    {skip}\n" for n, skip in enumerate(skips))
    imports = "from amlflow.spec import Feature\nfrom amlflow.testing.plugin import NOT_CLAIMED\n"
    (folder / "test_skips.py").write_text(f"import pytest\n{imports}{tests}")
    services_of_its_own = folder / "shared"
    services_of_its_own.mkdir()
    done = run(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "conftest",
        "test_skips.py", folder=folder, CI="true", PYTHONPATH=str(PROJECT / "tests"),
        AMLFLOW_TESTS_SHARED=str(services_of_its_own),
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert ("features not claimed" in done.stdout) == (WANTING in skips)
    assert ("several processes" in done.stdout) == (WANTING in skips)
    assert ("1 skipped: in CI that is a failure" in done.stdout) == (OTHER in skips)
