"""How the processes of a work end on this machine, beside what the contract's suite tries."""

from __future__ import annotations

import functools
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from amlflow.spec import Work
from amlflow_local import tree
from amlflow_local.local import LocalCompute


def test_a_process_ends_that_has_no_readable_environment_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "members", lambda name, among=(): [])
    command = ["-c", "import signal; signal.pause()"]
    output = tmp_path / "output"
    work = Work(name="young", command=command, is_script=True, folder=tmp_path, output=output)
    started = LocalCompute({}).start(work)
    started.end(grace=0)
    ending = started.ending()
    assert ending is not None
    assert ending.code == -signal.SIGKILL


def test_a_script_is_ended_although_no_module_can_be_imported_any_more(tmp_path: Path) -> None:
    """The disk with the packages may be gone when the script ends."""
    code = """if True:
        import signal, sys
        from pathlib import Path
        from amlflow.spec import Work
        from amlflow_local.local import LocalCompute

        class NoDisk:
            def find_spec(self, name, *others):
                raise OSError(f"{name} cannot be read")

        command = ["-c", "import signal; signal.pause()"]
        folder = Path(sys.argv[1])
        work = Work(name="x", command=command, is_script=True, folder=folder, output=folder / "o")
        compute = LocalCompute({})
        assert "psutil" not in sys.modules  # no script has to wait for it
        started = compute.start(work)
        sys.meta_path.insert(0, NoDisk())
        started.end(grace=10)
        assert started.ending().code in (-signal.SIGTERM, -signal.SIGKILL), started.ending()
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_a_process_that_ends_as_it_is_told_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Popen reaps it when it sends the signal, so that nothing can be read of it any more."""
    output = tmp_path / "output"
    work = Work(name="over", command=["-c", ""], is_script=True, folder=tmp_path, output=output)
    started = LocalCompute({}).start(work)
    process = started._process
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    polls = iter([lambda: None])  # at the first look it had not ended
    poll = process.poll
    monkeypatch.setattr(process, "poll", lambda: next(polls, poll)())
    started.end(grace=1)
    assert started.ending() is not None


def test_orphans_end_also_if_this_process_may_not_adopt_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container's rules may forbid it. An orphan is then below another process."""
    monkeypatch.setattr("amlflow_local.local._adopt_orphans", lambda: False)
    monkeypatch.setattr(tree, "own_members", lambda name: [])
    reading, writing = os.pipe()
    os.set_inheritable(writing, True)
    code = f"""if True:
        import os, signal
        if os.fork() == 0:
            os.write({writing}, b"x")
            signal.pause()
    """
    output = tmp_path / "output"
    work = Work(name="o", command=["-c", code], is_script=True, folder=tmp_path, output=output)
    monkeypatch.setattr(
        subprocess, "Popen", functools.partial(subprocess.Popen, pass_fds=[writing])
    )
    started = LocalCompute({}).start(work)
    os.close(writing)
    with open(reading, "rb") as orphan:
        assert orphan.read(1) == b"x"
        started.end(grace=5)
        assert select.select([orphan], [], [], 10)[0]  # nobody holds the other end any more
