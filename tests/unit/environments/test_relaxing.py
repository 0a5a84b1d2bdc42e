"""The nearest version that has a wheel, and the reason of a failed build."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from amlflow.environments.failures import failure_of
from amlflow.environments.installing import Installer, Target, remove_secrets
from amlflow.environments.plan import plan_of
from amlflow.environments.reasons import (
    find_failed_build,
    is_away,
    last_of_build,
    reason_of,
    reason_of_hashes,
)
from amlflow.environments.redaction import redact
from amlflow.environments.relaxing import relax
from amlflow.environments.specification import Specification
from amlflow.environments.uv import Uv

WHEELS = {"numpy": ["1.21.2", "1.26.4"], "old": ["0.9"], "sdist": []}


def resolve(line: str, strategy: str) -> list[str] | None:
    """As uv does, among a few versions."""
    from packaging.requirements import Requirement
    from packaging.version import Version

    requirement = Requirement(line)
    versions = sorted(filter(requirement.specifier.contains, WHEELS[requirement.name]), key=Version)
    if not versions:
        return None
    return [f"{requirement.name}=={versions[0 if strategy == 'lowest-direct' else -1]}"]


@pytest.mark.parametrize(
    ("line", "relaxed"),
    [
        ("numpy==1.16.2", "numpy==1.21.2"),
        ("numpy==1.22.*", "numpy==1.26.4"),
        ("numpy[extra]==1.16.2", "numpy[extra]==1.21.2"),
        ("old==1.0", "old==0.9"),
        ("numpy==1.21.2", "numpy==1.21.2"),
        ("numpy>=3", "numpy>=3"),
        ("sdist==1.0", "sdist==1.0"),
        ("/wheels/w-1.0-py3-none-any.whl", "/wheels/w-1.0-py3-none-any.whl"),
    ],
)
def test_a_pin_without_a_wheel_moves_to_the_nearest_that_has_one(line: str, relaxed: str) -> None:
    lines, words = relax([line], resolve)
    assert lines == [relaxed]
    assert bool(words) == (line != relaxed)
    assert all(line in word and relaxed in word for word in words)


NOT_FOUND = """Using Python 3.11.7 environment at: v
error: No solution found when resolving dependencies
  cause: Because nosuch was not found in the package registry and you require nosuch,
         we can conclude that your requirements are unsatisfiable.

hint: something else
"""
OLDER = """  × No solution found when resolving dependencies:
  ╰─▶ Because there is no version of numpy==9.9 and you require numpy==9.9, we can
      conclude that your requirements are unsatisfiable.
"""
AWAY = """error: Request failed after 3 retries in 4.2s
  cause: Failed to fetch: https://a.example/simple/six/
  cause: error sending request for url (https://a.example/simple/six/)
  cause: client error (Connect)
"""
BUILD = """error: Failed to build `scikit-learn==0.22.1`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

         [stderr]
           File "<string>", line 219, in check_package_status
         ImportError: numpy is not installed.
"""
MISMATCH = """error: Failed to download and build `dd-four==1.0`
  cause: Hash mismatch for `dd-four==1.0`

         Expected:
           sha256:aa
           sha512:ab

         Computed:
           sha256:bb

hint: none
"""
OLD_MISMATCH = """  × Failed to download `dd-four==1.0`
  ╰─▶ Hash mismatch for `dd-four==1.0`

      Expected:
        sha256:aa

      Computed:
        sha256:bb
"""
NO_HASH = "error: Hash-checking is required, but no trusted hash was provided for: `bb-two`\n"
NO_HASH_OF_A_LINE = (
    "error: In `--require-hashes` mode, all requirements must have a hash, but none were provided "
    "for: bb-two==1.0\n"
)
UNPINNED = (
    "error: In `--require-hashes` mode, all requirements must have their versions pinned with "
    "`==`, but found: bb-two>=1.0\n"
)
FULL = "error: Failed to install: x.whl\n  cause: No space left on device (os error 28)\n"


@pytest.mark.parametrize(
    ("output", "part"),
    [
        (NOT_FOUND, "Because nosuch was not found in the package registry and you require nosuch"),
        (OLDER, "there is no version of numpy==9.9 and you require numpy==9.9, we can conclude"),
        (FULL, "the disk is full"),
        (AWAY, "Failed to fetch"),
    ],
)
def test_the_reason_is_one_sentence(output: str, part: str) -> None:
    reason = reason_of(output.splitlines())
    assert part in reason
    assert "\n" not in reason
    assert "hint" not in reason


@pytest.mark.parametrize(
    ("output", "part"),
    [
        (MISMATCH, "it has sha256:bb, and not sha256:aa or sha512:ab"),
        (OLD_MISMATCH, "dd-four==1.0 does not have the hash that the definition names: it has "),
        (NO_HASH, "bb-two has no hash. "),
        (NO_HASH_OF_A_LINE, "bb-two==1.0 has no hash. "),
        (UNPINNED, "bb-two>=1.0 is not pinned with '=='. "),
    ],
)
def test_a_wrong_hash_is_the_reason(output: str, part: str) -> None:
    failure = failure_of(
        output.splitlines(), "3.11.7", pinned=frozenset(), relaxing=False, older=None
    )
    assert part in failure.message
    assert find_failed_build(output.splitlines()) is None
    assert reason_of_hashes(NOT_FOUND.splitlines()) is None


def test_what_kind_of_failure_it_is() -> None:
    assert is_away(AWAY.splitlines())
    assert not is_away(NOT_FOUND.splitlines())
    assert find_failed_build(BUILD.splitlines()) == "scikit-learn==0.22.1"
    assert find_failed_build(AWAY.splitlines()) is None
    assert last_of_build(BUILD.splitlines()) == "ImportError: numpy is not installed"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:secret@a.example/simple", "https://***@a.example/simple"),
        ("git+https://secret@a.example/x.git", "git+https://***@a.example/x.git"),
        ("https://a.example/t/secret/c", "https://a.example/t/***/c"),
        ("https://a.example/w.whl?a=b&sig=secret", "https://a.example/w.whl?a=b&sig=***"),
        (
            "https://a.example/w.whl?X-Amz-Signature=secret",
            "https://a.example/w.whl?X-Amz-Signature=***",
        ),
        ("https://a.example/w.whl?sv=2020&se=2021", "https://a.example/w.whl?sv=2020&se=2021"),
        ("https://a.example/simple", "https://a.example/simple"),
    ],
)
def test_secrets_are_taken_out_of_addresses(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_what_uv_notes_of_an_address_keeps_no_secret(tmp_path: Path) -> None:
    note = tmp_path / "tiny-1.0.dist-info" / "direct_url.json"
    note.parent.mkdir()
    note.write_text('{"url": "https://me:secret@a.example/w.whl?sig=secret", "archive_info": {}}')
    linked = tmp_path / "in_the_cache"
    linked.hardlink_to(note)
    remove_secrets(tmp_path)
    assert json.loads(note.read_text()) == {
        "url": "https://***@a.example/w.whl?sig=***", "archive_info": {},
    }  # fmt: skip
    assert "secret" in linked.read_text()  # uv's cache stays as it is


def test_a_wheel_in_place_of_a_source_is_named_however_the_package_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(uv: Uv, *arguments: object, offline: bool = False) -> int:
        uv.output = [" + pyyaml==5.4", " + ruamel-yaml==0.17"]
        return 0

    monkeypatch.setattr(Uv, "run", run)
    plan = plan_of(Specification(pip=("some-package",)))
    target = Target(installing=(), resolving=(), python="3.11")
    installer = Installer(plan, target, tmp_path, io.StringIO(), lambda: False)
    notes = installer.install_from_wheels(["PyYAML==6.0", "ruamel.yaml==0.18"])
    assert notes == [
        "PyYAML==6.0 has no wheel for Python 3.11. pyyaml==5.4, which has a wheel, is installed "
        "instead.",
        "ruamel.yaml==0.18 has no wheel for Python 3.11. ruamel-yaml==0.17, which has a wheel, is "
        "installed instead.",
    ]
