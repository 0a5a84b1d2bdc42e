"""Answers of a proxy that never end, and a server without room: to each call."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from amlflow.plugins import open_tracker
from amlflow.spec import Refused, tried_once
from helpers.flaky_proxy import DRIPS, Drip, Reply, always_pass, start_proxy
from helpers.server_calls import Calls, believed, only

SLOW = {kind: drip for kind, drip in DRIPS.items() if kind != "many headers"}
WAIT_S = 0.2


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(WAIT_S))


@pytest.mark.parametrize(
    "parts",
    [
        ("runs/log-batch", "mlflow-artifacts/artifacts/", "runs/log-inputs"),
        pytest.param((), marks=pytest.mark.long),
    ],
    ids=["three calls", "all calls"],
)
def test_an_answer_that_drips_for_ever_is_an_outage(
    server_uri: str, tmp_path: Path, short_wait: None, parts: Sequence[str]
) -> None:
    """A socket's timeout alone would never end the wait for it."""
    with start_proxy(server_uri) as (proxy, uri):
        tracker = open_tracker(uri)
        calls = Calls(tracker, tmp_path / "file.txt")
        known = {**calls.looked_at, **calls.trusted}
        asked = {part: known[part] for part in parts or known}
        begun = time.monotonic()
        with tried_once():
            assert believed(proxy, asked, SLOW) == []
        # Each answer may take the time twice, and what was cut off is asked for once more.
        assert time.monotonic() - begun < len(asked) * len(SLOW) * 20 * WAIT_S
        for action in (each for _, each in proxy.calls):
            assert isinstance(action, Drip)
        assert len(proxy.calls) <= 4 * len(asked) * len(SLOW)


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
