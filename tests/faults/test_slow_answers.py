"""Answers of a proxy that never end, and a server without room: to each call."""

from __future__ import annotations

from pathlib import Path

import pytest
from amlflow.plugins import open_tracker
from amlflow.spec import Refused, tried_once
from helpers.flaky_proxy import DRIPS, Drip, Reply, always_pass, start_proxy
from helpers.server_calls import Calls, believed, only

ALLOWED_S = "amlflow_mlflow.rest.limited_reads.allowed_s"


@pytest.mark.parametrize(
    ("parts", "kinds"),
    [
        (
            ["runs/log-batch", "mlflow-artifacts/artifacts/", "runs/log-inputs"],
            ["headers that never end", "chunks that never end"],
        ),
        pytest.param([], list(DRIPS), marks=pytest.mark.long),
    ],
    ids=["three calls", "all calls"],
)
def test_an_answer_that_drips_for_ever_is_an_outage(
    server_uri: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    parts: list[str],
    kinds: list[str],
) -> None:
    """A socket's timeout alone would never end the wait for it."""
    with start_proxy(server_uri) as (proxy, uri):
        monkeypatch.setattr(ALLOWED_S, proxy.allowed_s)
        tracker = open_tracker(uri)
        calls = Calls(tracker, tmp_path / "file.txt")
        known = {**calls.looked_at, **calls.trusted}
        asked = {part: known[part] for part in parts or known}
        with tried_once():
            assert believed(proxy, asked, {kind: DRIPS[kind] for kind in kinds}) == []
        assert proxy.waited_out == 0
        # What was cut off is asked for once more, also by a call that looks whether it is done.
        assert len(proxy.calls) <= 4 * len(asked) * len(kinds)
        assert all(isinstance(action, Drip) for _, action in proxy.calls)


def test_a_server_without_room_refuses_each_write_by_name(server_uri: str, tmp_path: Path) -> None:
    """Nothing tries again for minutes, or takes it for stored."""
    with start_proxy(server_uri) as (proxy, uri):
        tracker = open_tracker(uri)
        calls = Calls(tracker, tmp_path / "file.txt")
        for part, call in {**calls.looked_at, **calls.trusted}.items():
            proxy.rule, proxy.calls = only(part, Reply(b"no room", "text/plain", 507)), []
            with pytest.raises(Refused, match=r"has no room for this \(HTTP 507"):
                call()
            assert len(proxy.calls) <= 2, (part, proxy.calls)
            proxy.rule = always_pass
            call()
