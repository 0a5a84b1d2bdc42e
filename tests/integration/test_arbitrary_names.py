"""Arbitrary names: as paths of files, and as names on MLflow's servers."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from amlflow.local_paths import UnsafeName, local_path_for
from amlflow_mlflow.rest.old_names import from_server, to_server
from amlflow_mlflow.spelling import from_key, to_key
from hypothesis import example, given, settings
from hypothesis import strategies as st

NAMES = st.text(st.sampled_from(":ucl61a\u02d0. (/") | st.characters(exclude_categories=["Cs"]))


@given(NAMES, st.booleans())
def test_a_name_comes_back_from_any_server(name: str, takes_colons: bool) -> None:
    key = to_key(name[:20])
    sent = to_server(key, takes_colons=takes_colons)
    assert takes_colons or ":" not in sent
    assert from_key(from_server(sent)) == name[:20]


@given(NAMES, NAMES)
def test_names_that_differ_are_sent_as_names_that_differ(one: str, other: str) -> None:
    for takes_colons in (True, False):
        sent = [to_server(to_key(name[:20]), takes_colons=takes_colons) for name in (one, other)]
        assert (sent[0] == sent[1]) == (one[:20] == other[:20])


_PART = st.one_of(
    st.sampled_from(["..", ".", "", "a", "link", "file", "\\", "C:", "\0", "x" * 300]), st.text()
)


@given(st.one_of(st.text(), st.lists(_PART, max_size=6).map("/".join)))
@example("link/x")
@settings(deadline=None, max_examples=50)
def test_nothing_is_written_elsewhere(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check_writing(Path(folder).resolve(), name)


def check_writing(folder: Path, name: str) -> None:
    """A file of this name is refused, or is written into a folder `below` and nowhere else."""
    below = folder / "below"
    below.mkdir()
    (below / "link").symlink_to("..")
    (below / "file").write_text("x")
    try:
        path = local_path_for(name, below)
    except UnsafeName:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("written")
    assert path.resolve().is_relative_to(below)
    assert sorted(os.listdir(folder)) == ["below"]
