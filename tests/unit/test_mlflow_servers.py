"""The requests that are sent to an MLflow server depend on its version."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import urllib3
from amlflow.exceptions import AzureMLException
from amlflow.spec import Condition, Op, Refused, Unavailable, Unsupported, is_tried_once
from amlflow_mlflow.entities import Page
from amlflow_mlflow.rest import direct_transfer, messages, settings
from amlflow_mlflow.rest.artifacts import ServedArtifacts
from amlflow_mlflow.rest.connection import Answer
from amlflow_mlflow.rest.old_names import filter_to_server, to_server
from amlflow_mlflow.rest.server_store import ServerStore
from amlflow_mlflow.rest.version import SHORT_TAG, Abilities, find_least_version
from amlflow_mlflow.search import to_filter


def test_a_name_without_a_colon_is_sent_as_it_is() -> None:
    for takes_colons in (True, False):
        assert to_server("loss/train 1.0", takes_colons=takes_colons) == "loss/train 1.0"
    assert to_server("a:b", takes_colons=True) == "a:b"


def test_the_values_of_a_filter_stay() -> None:
    condition = "tags.`a:b` = 'x:`y:z`' AND params.`:u61:` LIKE \"p:%\""
    sent = filter_to_server(condition, takes_colons=False)
    expected = "tags.`a\u02d0c\u02d0b` = 'x:`y:z`' AND params.`\u02d0u61\u02d0` LIKE \"p:%\""
    assert sent == expected
    assert filter_to_server(condition, takes_colons=True) == condition


def test_a_filter_for_an_old_server_finds_more_and_never_less() -> None:
    conditions = [
        Condition("tags", Op.LACKS, key="a"),
        Condition("tags", Op.HAS, key="b"),
        Condition("tags", Op.EQ, "x IS NULL", key="c"),
    ]
    rest = "tags.`b` LIKE '%' AND tags.`c` = 'x IS NULL'"
    assert to_filter(conditions) == f"tags.`a` IS NULL AND {rest}"
    assert to_filter(conditions, filters_null=False) == rest


@pytest.mark.parametrize(
    ("version", "colons", "null"),
    [
        ("2.9.2", False, False), ("2.15.1", False, False), ("2.16.0", True, False),
        ("3.9.0", True, False), ("3.11.1", True, True), ("3.17.2", True, True),
        ("10.0", True, True), (None, False, False), ("unknown", False, False),
    ],
)  # fmt: skip
def test_what_a_server_can_do(version: str | None, colons: bool, null: bool) -> None:
    abilities = Abilities(version, "http://server")
    assert (abilities.takes_colons, abilities.filters_null) == (colons, null)


@pytest.mark.parametrize(
    ("least", "colons", "null"),
    [((3, 11), True, True), ((3, 0), True, False), ((2, 16), True, False), (None, False, False)],
)
def test_what_a_server_can_do_that_hides_its_version(
    least: tuple[int, int] | None, colons: bool, null: bool
) -> None:
    answers = {(3, 11): "runs/search", (3, 0): "logged-models/search"}.get(least or (0, 0))
    good_name = re.compile(r"[\w.:]+" if colons else r"[\w.]+")

    def ask(path: str, content: Any, missing: AzureMLException | None = None) -> None:
        assert is_tried_once()
        if path == "runs/set-tag" and good_name.fullmatch(content["key"]):
            raise missing or AssertionError(path)
        if path != answers:
            raise Refused(f"The server refuses {path}.")

    assert find_least_version(ask) == least
    abilities = Abilities(None, "http://server", least)
    assert (abilities.takes_colons, abilities.filters_null) == (colons, null)
    # A call that the server may be able to do is not refused.
    abilities.check_removes_experiment_tags()
    abilities.check_tags({"key": "v" * (SHORT_TAG + 1)})
    assert abilities.known_limits == ()


@pytest.mark.parametrize("error", ["missing", "Unavailable", None])
def test_a_server_that_answers_alike_to_all_names_does_not_tell(error: str | None) -> None:
    def ask(path: str, content: Any, missing: AzureMLException | None = None) -> None:
        if path != "runs/set-tag":
            raise Refused(f"The server does not know {path}.")
        if error is not None:
            raise (missing if error == "missing" else None) or Unavailable("HTTP 503")

    assert find_least_version(ask) is None


def test_what_an_old_server_lacks_is_told_with_its_version_and_the_one_that_has_it() -> None:
    old = Abilities("2.9.2", "http://server")
    with pytest.raises(Refused, match=r"version 2\.9\.2, which keeps .* MLflow 2\.17 or later"):
        old.check_tags({"key": "v" * (SHORT_TAG + 1)})
    old.check_tags({"key": "v" * SHORT_TAG})
    with pytest.raises(Unsupported, match=r"cannot remove .* MLflow 3\.2 or later"):
        old.check_removes_experiment_tags()
    for version in ("3.17.2", None):
        abilities = Abilities(version, "http://server")
        abilities.check_tags({"key": "v" * 8000})
        abilities.check_removes_experiment_tags()
        assert abilities.known_limits == ()
    assert [limit.switch for limit in old.known_limits] == ["removed-experiment-tags"]


class FailingServer:
    """A connection to a server that lists a file and fails to give it."""

    where = "http://server"

    def __init__(self, name: str) -> None:
        self._listing = json.dumps({"files": [{"path": name, "is_dir": False}]}).encode()
        self.asked_patiently = 0

    def send(self, method: str, path: str, query: dict[str, str]) -> Answer:
        listing = self._listing if query["path"].endswith("/folder") else b'{"files": []}'
        return Answer(200, {"Content-Type": "application/json"}, listing)

    def open(self, method: str, path: str) -> NoReturn:
        self.asked_patiently += not is_tried_once()
        raise Unavailable("HTTP 500")


@pytest.mark.parametrize(("name", "is_refused"), [("größe.csv", True), ("a.csv", False)])
def test_a_name_that_a_server_fails_for_is_not_asked_for_over_minutes(
    name: str, is_refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(direct_transfer, "open_file", lambda *_: None)
    server: Any = FailingServer(name)
    files = ServedArtifacts("x", server)
    with pytest.raises(Refused if is_refused else Unavailable) as raised:
        files.get(f"folder/{name}", tmp_path / "copy")
    assert server.asked_patiently == (not is_refused)
    assert ("other letters than ASCII" in str(raised.value)) == is_refused


@pytest.mark.parametrize(
    "headers",
    [{"a": "b\r\nX-Other: c"}, {"a": "\u20ac"}, {"a b": "c"}, {"": "c"}, {"a": 1}, ["a"], "a"],
)
def test_headers_that_belong_to_an_address_are_input(
    headers: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "true")
    body = json.dumps({"url": "https://storage.example/file", "headers": headers}).encode()
    answer = Answer(200, {"Content-Type": "application/json"}, body)
    connection: Any = SimpleNamespace(send=lambda *_: answer, where="http://server")
    with pytest.raises(Unavailable, match="not the address of a file"):
        direct_transfer.open_file(connection, "root", "file")


class StreamingServer:
    """A connection to a server that gives one large file, in pieces."""

    where = "http://server"

    def __init__(self, size: int) -> None:
        self.body = io.BytesIO(b"a" * size)
        self.was_closed = False

    @contextlib.contextmanager
    def open(self, method: str, path: str) -> Iterator[urllib3.HTTPResponse]:
        if not path.endswith("/large.csv"):
            raise Unavailable("HTTP 500")
        headers = {"Content-Disposition": "attachment; filename=large.csv"}
        response = urllib3.HTTPResponse(self.body, headers, 200, preload_content=False)
        yield response
        self.was_closed = response.closed


@pytest.mark.parametrize("is_stored", [False, True], ids=["at the server", "at its storage"])
def test_the_rest_of_a_file_is_not_read(is_stored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    server: Any = StreamingServer(10_000_000)
    stored = server.open("GET", "/large.csv") if is_stored else None
    monkeypatch.setattr(direct_transfer, "open_file", lambda *_: stored)
    files = ServedArtifacts("x", server)
    if not is_stored:
        assert files.read_beginning("folder/absent.csv", 4) is None
    assert files.read_beginning("folder/large.csv", 4) == b"aaaa"
    assert server.was_closed, "an open connection would be read to its end before the next call"


class HeaderProvider:
    """What a package registers to add headers to calls."""

    def in_context(self) -> bool:
        return True

    def request_headers(self) -> dict[str, str]:
        return {"X-Team": "one"}


def test_installed_packages_are_looked_through_once_for_headers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    groups = []

    def find(group: str) -> list[EntryPoint]:
        groups.append(group)
        return [EntryPoint("team", f"{__name__}:HeaderProvider", group)]

    monkeypatch.setattr(EntryPoint, "load", lambda _: HeaderProvider)
    monkeypatch.setattr(settings, "entry_points_of", find)
    settings.header_providers.cache_clear()
    try:
        for _ in range(3):
            assert settings.headers("http://server")["X-Team"] == "one"
    finally:
        settings.header_providers.cache_clear()
    assert groups == ["mlflow.request_header_provider"]


@pytest.mark.parametrize("bad", ["../../etc", "a b", "0\0", "x" * 300], ids=lambda bad: bad[:9])
def test_an_experiment_whose_id_is_not_one_is_left_out(
    bad: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def to_message(experiment_id: str) -> dict[str, str]:
        return {"experiment_id": experiment_id, "name": "n"}

    class Answers:
        def read_page(self, *_: Any) -> Page[Any]:
            return Page(map(messages.to_experiment, map(to_message, (bad, "7"))), "next")

        def read(self, method: str, path: str, *_: Any) -> Any:
            return bad if path.endswith("create") else messages.to_experiment(to_message(bad))

        def foreign(self, path: str) -> AzureMLException:
            return Unavailable(path)

    store = object.__new__(ServerStore)
    monkeypatch.setattr(store, "_calls", Answers(), raising=False)
    monkeypatch.setattr(store, "where", "the server", raising=False)
    monkeypatch.setattr(store, "_entries", lambda tags: tags, raising=False)
    page = store.search_experiments(10, None)
    assert ([item.experiment_id for item in page], page.token) == (["7"], "next")
    assert caplog.text.count(repr(bad)[:40]) == 2, "quoted once as the owner and once as the value"
    for call in (store.get_experiment_by_name, lambda name: store.create_experiment(name, {})):
        with pytest.raises(Unavailable):
            call("n")
    info = {"run_id": "r", "experiment_id": bad, "status": "RUNNING"}
    assert messages.to_run_info(info).experiment_id == ""
