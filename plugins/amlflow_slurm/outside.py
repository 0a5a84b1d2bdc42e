"""Starts processes on the nodes of a job whose agent is in a container, which has no srun.

The job's script stays outside of the container. It makes a folder with named pipes, which the
container has, too, and starts the agent. When the agent starts processes, this module is the
program that it runs in place of srun: it writes the words of the srun to a pipe. The script runs
it, with the pipes as its standard streams.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from amlflow_slurm.nodes import to_addresses

FOLDER = "AMLFLOW_SLURM_OUTSIDE"
"""The variable with the path of that folder."""
_OWN = "AMLFLOW_"
"""How the variables begin that the agent sets for the processes."""
_CHUNK = 65_536
NO_SIGNALS = "trap '' USR1 USR2"
"""Ignores the signals that the agent passes on. Until it does, they would end it."""
_AGENT = f'{NO_SIGNALS}; echo $$ > "${FOLDER}/agent"; exec "$@"'

_SCRIPT = """\
# The names begin with an underscore, since a variable of the job may be called "folder".
_folder="$(mktemp -d "${TMPDIR:-/tmp}/amlflow-srun-XXXXXX")" || exit
trap 'rm -rf "$_folder"' EXIT
mkfifo "$_folder"/{ask,in,out,err} || exit
scontrol show hostnames "$SLURM_JOB_NODELIST" > "$_folder/hostnames"
scontrol --oneliner show node "$SLURM_JOB_NODELIST" > "$_folder/nodes"
run_srun() {
    trap - USR1 USR2
    # Variables, an empty word, and the command. Each ends with a null character.
    while IFS= read -r -d '' _word && [ -n "$_word" ]; do export "$_word"; done
    _words=()
    while IFS= read -r -d '' _word; do _words+=("$_word"); done
    "${_words[@]}" < "$_folder/in" > "$_folder/out" 2> "$_folder/err" &
    echo $! > "$_folder/srun"
    wait
}
run_srun < "$_folder/ask" &
_server=$!
trap 'kill "$_server" 2> /dev/null; rm -rf "$_folder"' EXIT
@FOLDER@="$_folder" @START@ < /dev/null &
_agent=$!
pass_on() { kill "-$1" "@PID@" 2> /dev/null; _is_told=yes; }
for _name in URG USR1 USR2; do trap "pass_on $_name" "$_name"; done
# Slurm ends the job, and kills this script if that takes long.
trap 'pass_on TERM; rm -rf "$_folder"' TERM
# A signal ends a wait, but not the agent.
_is_told=yes
while [ -n "$_is_told" ]; do
    _is_told=
    wait "$_agent"
    _code=$?
done
exit "$_code"
"""


def script_around(start: str, *, is_step: bool) -> str:
    """Return the end of a job's script: it starts the agent in a container, and waits for it.

    ``start`` is the command in the shell's language. With ``is_step``, Slurm starts the agent, and
    :func:`noting_pid` has noted its number. Otherwise the command passes signals on.
    """
    pid = '$(cat "$_folder/agent")' if is_step else "$_agent"
    return _SCRIPT.replace("@PID@", pid).replace("@FOLDER@", FOLDER).replace("@START@", start)


def noting_pid(command: Sequence[str]) -> list[str]:
    """Return the command with words before it that note the number of its process."""
    return ["sh", "-c", _AGENT, "sh", *command]


def is_outside() -> bool:
    """Whether the script of this job runs srun for this process, which is in a container."""
    return FOLDER in os.environ


def words_for_srun(command: Sequence[str]) -> list[str]:
    """Return the command that runs an srun outside of this container."""
    own = [sys.executable, "-m", "amlflow_slurm.outside"]
    return ["sh", "-c", f'{NO_SIGNALS}; exec "$@"', "sh", *own, *command]


def addresses() -> Sequence[str]:
    """Return the addresses of the job's nodes, which the script has asked scontrol for."""
    folder = Path(os.environ[FOLDER])
    return to_addresses((folder / "hostnames").read_text(), (folder / "nodes").read_text())


def ask_for_srun(words: Sequence[str]) -> None:
    """Have the script run an srun, and pass on its standard streams, USR1 and USR2."""
    folder = Path(os.environ[FOLDER])

    def pass_on(number: int, frame: FrameType | None) -> None:
        with contextlib.suppress(OSError, ValueError):  # it has not started, or has ended
            os.kill(int((folder / "srun").read_text()), number)

    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, pass_on)
    own = {name: value for name, value in os.environ.items() if name.startswith(_OWN)}
    del own[FOLDER]
    asked = [*(f"{name}={value}" for name, value in own.items()), "", *words]
    (folder / "ask").write_bytes(b"".join(os.fsencode(word) + b"\0" for word in asked))
    # The script opens them in this order. Each waits for the other side.
    to_srun = os.open(folder / "in", os.O_WRONLY)
    output = os.open(folder / "out", os.O_RDONLY)
    errors = os.open(folder / "err", os.O_RDONLY)
    threading.Thread(target=_copy, args=(0, to_srun), daemon=True).start()
    reader = threading.Thread(target=_copy, args=(errors, 2))
    reader.start()
    _copy(output, 1)
    reader.join()


def _copy(source: int, target: int) -> None:
    """Copy until the source ends, and then close the target."""
    with contextlib.suppress(BrokenPipeError):  # nobody reads it any more
        while chunk := os.read(source, _CHUNK):
            while chunk:
                chunk = chunk[os.write(target, chunk) :]
    os.close(target)


if __name__ == "__main__":
    ask_for_srun(sys.argv[1:])
