"""Plugins are loaded and called through pluggy. A plugin that fails is named."""

from __future__ import annotations

import re
import textwrap
from importlib.metadata import EntryPoint, requires
from pathlib import Path
from typing import Any

import pytest
from amlflow import plugins
from amlflow.cli.errors import Missing
from amlflow.cli.plugin_check import check
from amlflow.exceptions import ComputeTargetException, UserErrorException
from amlflow.layers.stack import add_layers
from amlflow.parts import PARTS, check_part, command_for
from amlflow.per_process import PerProcess
from amlflow.spec import Unavailable

HEAD = "from amlflow.spec import *\nfrom amlflow.spec import hookimpl\n\namlflow_spec = 1\n\n"
TRACKER = """
from amlflow.testing.memory import MemoryTracker

@hookimpl
def amlflow_tracker(uri):
    return MemoryTracker(uri) if uri.startswith("memory:") else None
"""

AWAY = """
@hookimpl
def amlflow_tracker(uri):
    raise Unavailable("it is away")
"""


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Install plugins from their source, by name; the only ones that there are."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plugins, "_trackers", PerProcess())

    def load(**sources: str) -> plugins.Plugins:
        entry_points = []
        for name, source in sources.items():
            module = f"plugin_{name}_{abs(hash((str(tmp_path), source)))}"
            (tmp_path / f"{module}.py").write_text(HEAD + textwrap.dedent(source))
            entry_points.append(EntryPoint(name, module, plugins.GROUP))
        made = plugins.Plugins(entry_points)
        monkeypatch.setattr(plugins, "load_plugins", lambda: made)
        return made

    return load


def noting(name: str, mark: str = "@hookimpl") -> str:
    """A plugin that notes when it hears of a run."""
    return f"""
        import builtins

        {mark}
        def amlflow_run_started(run):
            builtins.heard.append({name!r})
    """


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    import builtins

    names: list[str] = []
    monkeypatch.setattr(builtins, "heard", names, raising=False)
    return names


def test_tryfirst_runs_first_and_trylast_last(load: Any, heard: list[str]) -> None:
    load(
        a=noting("last", "@hookimpl(trylast=True)"),
        b=noting("middle"),
        c=noting("first", "@hookimpl(tryfirst=True)"),
    )
    plugins.announce("amlflow_run_started", object())  # type: ignore[arg-type]
    assert heard == ["first", "middle", "last"]


def test_a_wrapper_surrounds_the_other_plugins(load: Any, heard: list[str]) -> None:
    wrapper = """
        import builtins

        @hookimpl(wrapper=True)
        def amlflow_run_started(run):
            builtins.heard.append("before")
            answers = yield
            builtins.heard.append("after")
            return answers
    """
    load(wraps=wrapper, plain=noting("plain"))
    plugins.announce("amlflow_run_started", object())  # type: ignore[arg-type]
    assert heard == ["before", "plain", "after"]


def test_a_wrapper_may_replace_a_tracker(load: Any) -> None:
    wrapper = """
        @hookimpl(wrapper=True)
        def amlflow_tracker(uri):
            trackers = yield
            for tracker in trackers:
                tracker.wrapped = uri
            return trackers
    """
    load(tracks=TRACKER, wraps=wrapper)
    assert plugins.open_tracker("memory:x").wrapped == "memory:x"  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["wrapper", "hookwrapper"])
@pytest.mark.parametrize("place", ["before", "after", "twice"])
def test_a_wrapper_that_fails_is_named_and_the_tracker_opens(
    load: Any, caplog: pytest.LogCaptureFixture, place: str, kind: str
) -> None:
    wrapper = f"""
        @hookimpl({kind}=True)
        def amlflow_tracker(uri):
            if {place!r} == "before":
                raise KeyError("its own bug")
            trackers = yield
            if {place!r} == "twice":
                yield
            raise KeyError("its own bug")
    """
    load(tracks=TRACKER, wraps=wrapper)
    assert plugins.open_tracker("memory:x").uri == "memory:x"
    assert "'wraps'" in caplog.text
    assert ("twice" if place == "twice" else "its own bug") in caplog.text


@pytest.mark.parametrize("kind", ["wrapper", "hookwrapper"])
def test_a_wrapper_that_fails_to_hear_of_a_run_ends_nothing(
    load: Any, heard: list[str], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    fails = f"""
        @hookimpl({kind}=True)
        def amlflow_run_started(run):
            raise Unavailable("its own bug")
            yield
    """
    load(a=noting("a"), b=fails)
    plugins.announce("amlflow_run_started", object())  # type: ignore[arg-type]
    assert heard == ["a"]
    assert "'b'" in caplog.text


def test_a_wrapper_with_a_bug_hides_no_outage(load: Any) -> None:
    wrapper = """
        @hookimpl(wrapper=True)
        def amlflow_tracker(uri):
            try:
                return (yield)
            except Unavailable:
                raise KeyError("its own bug")
    """
    load(away=AWAY, wraps=wrapper)
    with pytest.raises(Unavailable, match="it is away"):
        plugins.open_tracker("memory:x")


def test_a_wrapper_sees_that_a_tracker_is_away(load: Any) -> None:
    wrapper = """
        @hookimpl(wrapper=True)
        def amlflow_tracker(uri):
            try:
                return (yield)
            except Unavailable as error:
                raise Unavailable(f"seen: {error.message}") from error
    """
    load(away=AWAY, wraps=wrapper)
    with pytest.raises(Unavailable, match="seen: it is away"):
        plugins.open_tracker("memory:x")


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("amlflow_run_stared", "amlflow_run_started"),
        ("amlflow_trackers", "amlflow_tracker"),
        ("amlflow_command", "amlflow_commands"),
    ],
)
def test_a_misspelt_hook_is_named_with_the_nearest(load: Any, written: str, nearest: str) -> None:
    made = load(bad=f"@hookimpl\ndef {written}():\n    pass\n", good=TRACKER)
    assert made.names == ["good"]
    assert f"{written!r}" in made.failures["bad"]
    assert f"the nearest is {nearest}" in made.failures["bad"]
    assert plugins.open_tracker("memory:x").uri == "memory:x"


def test_an_optional_hook_of_another_host_is_accepted(load: Any) -> None:
    made = load(
        good=f"{TRACKER}\n@hookimpl(optionalhook=True)\ndef amlflow_of_tomorrow():\n    pass\n"
    )
    assert made.names == ["good"]


def test_an_argument_may_be_left_out(load: Any) -> None:
    load(
        good="""
        @hookimpl
        def amlflow_compute(kind):
            class Target:
                max_runs = None
                check = start = clean = print
            return Target() if kind == "mine" else None
    """
    )
    assert plugins.open_compute("mine", {"any": 1}).max_runs is None


@pytest.mark.parametrize(
    ("limit", "loaded"),
    [("b", ["b"]), (" a , b ", ["a", "b"]), ("", []), (",", []), ("a,unknown", ["a"])],
)
def test_the_environment_limits_what_is_loaded(
    load: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    limit: str, loaded: list[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("AMLFLOW_PLUGINS", limit)
    made = load(a=TRACKER, b=TRACKER, c="raise RuntimeError('it must not be imported')")
    assert made.names == loaded
    assert made.failures == {}
    assert ("unknown, which is not installed" in caplog.text) == ("unknown" in limit)


def test_a_plugin_that_is_left_out_is_named_where_it_is_missed(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMLFLOW_PLUGINS", "")
    load(a=TRACKER)
    with pytest.raises(UserErrorException, match="AMLFLOW_PLUGINS='' leaves out the others"):
        plugins.open_tracker("memory:x")


def test_hook_calls_are_printed_on_request(
    load: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMLFLOW_TRACE_PLUGINS", "1")
    load(a=TRACKER, b="")
    with pytest.raises(UserErrorException):
        plugins.open_tracker("https://user:secret@example.com")
    plugins.open_tracker("memory:x")
    with pytest.raises(ComputeTargetException):
        plugins.open_compute("odd", {"password": "secret"})
    printed = capfd.readouterr().err
    assert "amlflow_tracker(uri='memory:x') calls a\n" in printed
    assert "amlflow_tracker answers <MemoryTracker>\n" in printed
    assert "amlflow_tracker(uri='https://example.com') calls a\n" in printed
    assert "amlflow_compute(kind='odd', settings={password}) calls no plugin\n" in printed
    assert "secret" not in printed


def test_one_that_fails_to_hear_of_a_run_is_named_and_the_others_hear(
    load: Any, heard: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    fails = "@hookimpl\ndef amlflow_run_started(run):\n    raise Unavailable('its own bug')\n"
    load(a=noting("a"), b=fails, c=noting("c"))
    plugins.announce("amlflow_run_started", object())  # type: ignore[arg-type]
    assert sorted(heard) == ["a", "c"]
    assert "'b'" in caplog.text
    assert "its own bug" in caplog.text


def test_a_tracker_that_answers_for_any_name_is_checked_like_any_other(load: Any) -> None:
    load(
        vague="""
        class Vague:
            features = frozenset()
            uri = "vague:"

            def get_run(self, run_id, experiment_id=None): ...

        class Passing(Vague):
            def __getattr__(self, name):
                raise AttributeError(name)

        @hookimpl
        def amlflow_tracker(uri):
            return Passing() if uri == "vague:" else None
        """
    )
    with pytest.raises(UserErrorException, match=r"lacks .*find_runs.* of amlflow\.spec\.Tracker"):
        plugins.open_tracker("vague:")


def test_a_feature_that_this_amlflow_does_not_know_is_listed_and_ignored(
    load: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
        from amlflow.testing.memory import MemoryTracker

        features = frozenset({Feature.MODELS, "runs that sing"})
        known_limits = [KnownLimit(switch="folds-names", reason="its database does")]

        class Singing(MemoryTracker):
            features = features

        @hookimpl
        def amlflow_tracker(uri):
            return Singing(uri)
    """
    loaded = load(sings=source)
    [module] = loaded.manager.get_plugins()
    entry_points = [EntryPoint("sings", module.__name__, plugins.GROUP)]
    monkeypatch.setattr(plugins, "entry_points_of", lambda group: entry_points)
    [described] = plugins.describe_plugins()
    assert described["features"] == ["model registry"]
    assert described["unknown_features"] == ["runs that sing"]
    assert described["known_limits"] == {"folds-names": "its database does"}
    assert add_layers(plugins.open_tracker("any:x")).ensure_experiment("e").name == "e"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("features = ['model registry']", "not a set of amlflow.spec.Feature"),
        ("features = {1}", "not a set of amlflow.spec.Feature"),
        ("known_limits = {'folds-names': 'x'}", "not a list of amlflow.spec.KnownLimit"),
    ],
)
def test_a_claim_of_the_wrong_type_is_named(load: Any, line: str, reason: str) -> None:
    assert reason in load(odd=line).failures["odd"]


LARGE = (
    "aiohttp", "alembic", "docker", "mlflow", "numpy", "pandas", "pyarrow", "requests",
    "sqlalchemy", "trackio", "uv",
)  # fmt: skip


def test_a_small_installation_has_what_a_client_needs() -> None:
    base = [line for line in requires("amlflow") or () if "extra ==" not in line]
    names = {re.split(r"[^\w.-]", line)[0] for line in base}
    assert "urllib3" in names
    assert not names & set(LARGE)
    assert not [line for line in base if "fsspec[" in line]


@pytest.mark.parametrize("extra", sorted(PARTS))
def test_a_missing_part_is_named_with_the_command_that_adds_it(
    extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"extra == '{extra}'" in "\n".join(requires("amlflow") or ())
    check_part(extra, "This")
    assert command_for(extra) is None
    monkeypatch.setattr("amlflow.parts.find_spec", lambda name: None)
    with pytest.raises(UserErrorException, match=rf'pip install "amlflow\[{extra}\]"\.'):
        check_part(extra, "This")
    assert command_for(extra) == f'pip install "amlflow[{extra}]"'
    monkeypatch.setenv("AMLFLOW_ROOM", "a script's environment")
    names = " and ".join(PARTS[extra])
    with pytest.raises(UserErrorException, match=rf"script.* Add {names} .* in its conda file"):
        check_part(extra, "This")


def test_without_mlflow_its_plugin_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amlflow.parts.find_spec", lambda name: None)
    with pytest.raises(UserErrorException, match=r"pip install \"amlflow\[local\]\""):
        plugins.open_tracker("postgresql://nowhere/at-all")


def test_plugins_explain_a_failure(load: Any, caplog: pytest.LogCaptureFixture) -> None:
    explain = "@hookimpl\ndef amlflow_explain_failure(output):\n    return "
    load(
        a=f"{explain}f'It says {{output}}.'",
        b=f"{explain}None",
        c=f"{explain}5",
        d=f"{explain}output.nothing",
    )
    assert plugins.explain_failure("no") == ["It says no."]
    for name in ("c", "d"):
        assert f"'{name}'" in caplog.text


def test_plugins_give_variables_for_nodes(load: Any, caplog: pytest.LogCaptureFixture) -> None:
    hook = "@hookimpl\ndef amlflow_node_variables(uri):\n    return "
    load(a=f"{hook}{{'A': uri}}", b=f"{hook}None", c=f"{hook}{{'C': 5}}", d=f"{hook}'D'")
    assert plugins.node_variables("http://x") == {"A": "http://x"}
    for name in ("c", "d"):
        assert f"'{name}'" in caplog.text


def test_a_hook_may_leave_its_arguments_out(load: Any, heard: list[str]) -> None:
    load(
        a="""
        import builtins
        from amlflow.testing.memory import MemoryTracker

        @hookimpl
        def amlflow_run_started():
            builtins.heard.append("started")

        @hookimpl
        def amlflow_tracker():
            return MemoryTracker("any:x")
        """
    )
    plugins.announce("amlflow_run_started", object())  # type: ignore[arg-type]
    assert heard == ["started"]
    assert plugins.open_tracker("any:x").uri == "any:x"


def test_a_tracker_is_opened_once_and_again_after_it_was_unavailable(
    load: Any, heard: list[str]
) -> None:
    load(
        a="""
        import builtins
        from amlflow.testing.memory import MemoryTracker

        @hookimpl
        def amlflow_tracker(uri):
            builtins.heard.append(uri)
            if len(builtins.heard) == 1:
                raise Unavailable("not yet")
            return MemoryTracker(uri)
        """
    )
    with pytest.raises(Unavailable):
        plugins.open_tracker("any:x")
    tracker = plugins.open_tracker("any:x")
    assert plugins.open_tracker("any:x") is tracker
    assert plugins.open_tracker("any:y") is not tracker
    assert heard == ["any:x", "any:x", "any:y"]


def test_a_check_of_a_plugin_that_does_not_load_says_why(load: Any) -> None:
    load(bad="@hookimpl\ndef amlflow_traker(uri): ...\n")
    with pytest.raises(UserErrorException, match=r"'bad' does not load: .*amlflow_tracker"):
        check("bad", None)
    with pytest.raises(Missing, match="'other' does not exist"):
        check("other", None)
