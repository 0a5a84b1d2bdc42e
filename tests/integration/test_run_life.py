"""Life cycle: how runs start and end, and what they tell about it."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import mlflow
import pytest
from amlflow.core.experiment import Experiment
from amlflow.core.runs import waiting
from amlflow.core.runs.run import Run
from amlflow.exceptions import (
    ActivityFailedException,
    ExperimentExecutionException,
    UserErrorException,
)


def mlflow_status(run: Run, store: str) -> str:
    status: str = mlflow.MlflowClient(store).get_run(run._record.id).info.status
    return status


def test_complete_ends_a_run_and_may_be_called_twice(run: Run, store: str) -> None:
    assert (run.status, run.get_status(), mlflow_status(run, store)) == ("Running",) * 2 + (
        "RUNNING",
    )
    run.complete()
    assert (run.status, run.get_status(), mlflow_status(run, store)) == (
        "Completed", "Completed", "FINISHED",
    )  # fmt: skip
    run.complete()
    assert "endTimeUtc" in run.get_details()


def test_complete_without_setting_the_status(run: Run) -> None:
    run.complete(_set_status=False)
    run.fail(_set_status=False)
    assert run.get_status() == "Running"


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001
        return caught


@pytest.mark.parametrize(
    ("details", "code", "expected", "named"),
    [
        (None, None, "UserError", ""),
        ("it went wrong", None, "UserError", "it went wrong"),
        ("it went wrong", "MyCode", "MyCode", "it went wrong"),
        (None, "MyCode", "MyCode", ""),
        (ValueError("bad value"), None, "UserError", "bad value"),
        (raised(KeyError("key")), "MyCode", "MyCode", "KeyError: 'key'"),
        (ValueError(), None, "UserError", "ValueError"),
    ],
)
def test_fail_keeps_the_error_and_its_code(
    run: Run, experiment: Experiment, store: str, details: Any, code: str | None, expected: str,
    named: str,
) -> None:  # fmt: skip
    run.fail(error_details=details, error_code=code)
    assert (run.get_status(), mlflow_status(run, store)) == ("Failed", "FAILED")
    for each in (run, Run(experiment, run.id)):
        error = each.get_details().get("error", {"error": {"code": "UserError", "message": ""}})
        assert error["error"]["code"] == expected
        assert named in error["error"]["message"]


@pytest.mark.parametrize("details", [5, ["a"], {"a": 1}, ValueError, b"bytes"])
def test_error_details_of_a_wrong_type(run: Run, details: Any) -> None:
    with pytest.raises(TypeError, match=type(details).__name__):
        run.fail(error_details=details)
    assert run.get_status() == "Running"


def test_a_long_error_keeps_its_end(run: Run) -> None:
    run.fail("x" * 50_000 + "the end")
    message = run.get_details()["error"]["error"]["message"]
    assert message.endswith("the end")
    assert "left out" in message


def test_cancel(run: Run, store: str) -> None:
    run.cancel()
    assert (run.get_status(), mlflow_status(run, store)) == ("Canceled", "KILLED")


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_a_final_run_is_not_cancelled(run: Run, experiment: Experiment, end: str) -> None:
    getattr(run, end)()
    status = run.get_status()
    for each in (run, Run(experiment, run.id)):
        with pytest.raises(UserErrorException, match=status):
            each.cancel()


ENDS = {"complete": "Completed", "fail": "Failed", "cancel": "Canceled"}


@pytest.mark.parametrize(
    ("end", "other"), [("fail", "complete"), ("cancel", "complete"), ("cancel", "fail")]
)
@pytest.mark.parametrize("by_another", [False, True])
def test_what_has_ended_stays_as_it_is(
    run: Run, experiment: Experiment, store: str, end: str, other: str, by_another: bool
) -> None:
    getattr(Run(experiment, run.id) if by_another else run, end)()
    with pytest.raises(UserErrorException, match=f"is {ENDS[end]} already and cannot become"):
        getattr(run, other)()
    for each in (run, Run(experiment, run.id)):
        assert each.get_status() == ENDS[end]
    assert mlflow_status(run, store) == {"fail": "FAILED", "cancel": "KILLED"}[end]


@pytest.mark.parametrize("by", ["itself", "another object", "another process"])
def test_completed_but_with_errors(
    run: Run, experiment: Experiment, store: str, folder: Path, by: str
) -> None:
    if by == "another process":
        code = f"""
from azureml.core import Experiment, Run, Workspace
Run(Experiment(Workspace.from_config(), "explore"), {run.id!r}).complete()
"""
        subprocess.run([sys.executable, "-c", code], check=True)
    else:
        (run if by == "itself" else Run(experiment, run.id)).complete()
    ended = Run(experiment, run.id).get_details()["endTimeUtc"]
    run.fail("a wrong training script", error_code="Wrong")
    assert mlflow_status(run, store) == "FAILED"
    for each in (run, Run(experiment, run.id)):
        details = each.get_details()
        assert (each.get_status(), details["status"]) == ("Failed", "Failed")
        assert details["error"]["error"]["message"] == "a wrong training script"
        assert details["error"]["error"]["code"] == "Wrong"
        assert details["endTimeUtc"] == ended
    with pytest.raises(UserErrorException, match="Failed already"):
        run.complete()
    with pytest.raises(UserErrorException, match="Failed already"):
        run.cancel()


def test_what_comes_after_the_end_is_not_taken_for_the_runs_files(run: Run, folder: Path) -> None:
    run.complete()
    (folder / "outputs").mkdir(exist_ok=True)
    (folder / "outputs" / "of_the_next.txt").write_text("x")
    run.fail("wrong")
    assert run.get_file_names() == []


def test_an_exception_after_complete_in_a_with_block(run: Run) -> None:
    with contextlib.suppress(ValueError), run:
        run.complete()
        raise ValueError("late")
    assert run.get_status() == "Failed"
    assert "late" in run.get_details()["error"]["error"]["message"]


@pytest.mark.parametrize("end", ["fail", "cancel"])
def test_an_exception_after_another_end_in_a_with_block(run: Run, end: str) -> None:
    with contextlib.suppress(ValueError), run:
        getattr(run, end)()
        raise ValueError("late")
    assert run.get_status() == ENDS[end]
    assert "error" not in run.get_details()


def test_a_final_status_of_mlflows_client_wins(run: Run, store: str) -> None:
    child = run.create_children(1)[0]
    mlflow.MlflowClient(store).set_terminated(child._record.id, "FAILED")
    assert child.get_status() == "Failed"
    assert run.get_status() == "Running"


def test_a_final_status_is_not_asked_for_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.complete()
    monkeypatch.setattr(
        type(run._tracker), "get_run", lambda *_: pytest.fail("the final status was asked for")
    )
    assert run.get_status() == "Completed"


# with


def test_with_completes(run: Run, experiment: Experiment) -> None:
    with run as inside:
        assert inside is run
        assert run.get_status() == "Running"
    assert run.get_status() == Run(experiment, run.id).get_status() == "Completed"


class Odd(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("bad value"), "Failed"),
        (KeyboardInterrupt(), "Failed"),
        (Odd("odd"), "Failed"),
        (SystemExit(1), "Failed"),
        (SystemExit("a message"), "Failed"),
        (SystemExit(0), "Completed"),
        (SystemExit(), "Completed"),
        (SystemExit(None), "Completed"),
    ],
    ids=repr,
)
def test_with_and_exceptions_which_go_on(run: Run, error: BaseException, status: str) -> None:
    with pytest.raises(type(error)) as caught, run:
        raise error
    assert caught.value is error
    assert run.get_status() == status
    if status == "Failed":
        stored = run.get_details()["error"]["error"]
        assert type(error).__name__ in stored["message"]
        assert str(error) in stored["message"]
        assert "test_with_and_exceptions_which_go_on" in stored["stackTrace"]
    else:
        assert "error" not in run.get_details()


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_with_leaves_a_run_that_has_ended(run: Run, end: str) -> None:
    with run:
        getattr(run, end)()
    assert run.get_status() != "Running"
    assert run.get_status() == run.status


def test_with_on_a_run_that_another_process_cancelled(run: Run, experiment: Experiment) -> None:
    with run:
        Run(experiment, run.id).cancel()
    assert run.get_status() == "Canceled"


# what is known


def test_get_details(run: Run) -> None:
    before = datetime.now(timezone.utc)
    details = run.get_details()
    assert details["runId"] == run.id
    assert details["status"] == "Running"
    assert details["target"]
    assert details["properties"] == run.get_properties()
    assert details["inputDatasets"] == details["outputDatasets"] == []
    assert details["logFiles"] == {}
    assert details["submittedBy"]
    assert not {"endTimeUtc", "error", "warnings", "runDefinition"} & details.keys()
    run.complete()
    details = run.get_details()
    for key in ("startTimeUtc", "endTimeUtc"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", details[key])
        moment = datetime.fromisoformat(details[key].replace("Z", "+00:00"))
        assert abs((moment - before).total_seconds()) < 60
    assert details["startTimeUtc"] <= details["endTimeUtc"]
    json.dumps(details)


def test_detailed_status(run: Run, experiment: Experiment) -> None:
    assert run.get_detailed_status() == {"status": "Running", "details": None}
    run.fail("why")
    assert run.get_detailed_status() == {"status": "Failed", "details": "why"}


def test_log_files_are_linked_and_read(run: Run, folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "logs" / "app.txt").write_text("line ü\n", encoding="utf-8")
    run.upload_file("azureml-logs/70_driver_log.txt", str(folder / "logs" / "app.txt"))
    run.upload_file("user_logs/std_log.txt", str(folder / "logs" / "app.txt"))
    run.upload_file("outputs/not_a_log.txt", str(folder / "logs" / "app.txt"))
    run.complete()
    names = ["azureml-logs/70_driver_log.txt", "logs/app.txt", "user_logs/std_log.txt"]
    links = run.get_details()["logFiles"]
    assert list(links) == names
    assert all(run.id in link for link in links.values())
    assert run.get_details_with_logs()["logFiles"] == dict.fromkeys(names, "line ü\n")
    paths = run.get_all_logs(destination=str(folder / "got"))
    assert paths == [str(folder / "got" / name) for name in names]
    assert Path(paths[0]).read_text(encoding="utf-8") == "line ü\n"
    assert run.get_all_logs() == names
    assert (folder / names[0]).is_file()


def test_flush_returns(run: Run) -> None:
    run.log("m", 1)
    assert run.flush() is None
    assert run.flush(timeout_seconds=1) is None


# waiting


def test_wait_for_completion_of_ended_runs(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    run.complete()
    assert run.wait_for_completion() == run.get_details()
    assert capsys.readouterr().out == ""
    run.wait_for_completion(show_output=True, wait_post_processing=True)
    lines = capsys.readouterr().out.splitlines()
    assert f"RunId: {run.id}" in lines
    assert f"Web View: {run.get_portal_url()}" in lines
    assert lines[lines.index("Execution Summary") + 1] == "================="


def test_wait_for_completion_of_a_failed_run(run: Run) -> None:
    run.fail("why it failed")
    with pytest.raises(ActivityFailedException) as error:
        run.wait_for_completion()
    stored = json.loads(error.value.message.split("\n", 1)[1])
    assert stored["error"]["message"] == "why it failed"
    assert run.wait_for_completion(raise_on_error=False)["status"] == "Failed"


def test_wait_for_completion_of_a_cancelled_run(run: Run) -> None:
    run.cancel()
    assert run.wait_for_completion()["status"] == "Canceled"


def test_wait_for_completion_waits(run: Run, experiment: Experiment) -> None:
    done: list[dict[str, Any]] = []
    waiter = threading.Thread(target=lambda: done.append(run.wait_for_completion()))
    waiter.start()
    Run(experiment, run.id).complete()
    waiter.join(timeout=60)
    assert [details["status"] for details in done] == ["Completed"]


@pytest.mark.parametrize("show_output", [False, True])
def test_ctrl_c_ends_the_waiting_and_not_the_run(
    run: Run, monkeypatch: pytest.MonkeyPatch, show_output: bool
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting.time, "sleep", interrupted)
    with pytest.raises(ExperimentExecutionException, match=f"amlflow run cancel -r {run.id}"):
        run.wait_for_completion(show_output=show_output)
    assert run.get_status() == "Running"


# plugins hear of it


def test_plugins_hear_of_start_and_end(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    from amlflow.plugins import load_plugins
    from amlflow.spec import hookimpl

    heard: list[tuple[str, str]] = []

    class Listener:
        @hookimpl
        def amlflow_run_started(self, run: Any) -> None:
            heard.append(("started", run.status))

        @hookimpl
        def amlflow_run_ended(self, run: Any) -> None:
            heard.append(("ended", run.status))
            raise RuntimeError("a listener fails")

    manager = load_plugins().manager
    listener = Listener()
    manager.register(listener, name="listener")
    try:
        experiment.start_logging(snapshot_directory=None).fail()
    finally:
        manager.unregister(listener)
    assert heard == [("started", "Running"), ("ended", "Failed")]
