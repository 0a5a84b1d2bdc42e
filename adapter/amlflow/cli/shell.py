"""``shell-init``: prints shell code for completion and for ``az ml``."""

from __future__ import annotations

import sys

AZ = """
az() {
    if [ "$1" = ml ]; then
        shift
        amlflow "$@"
    else
        command az "$@"
    fi
}
"""


def shell_init() -> None:
    """Print a function ``az`` and the completion for bash and zsh."""
    # Imported for this command alone.
    from argcomplete.shell_integration import shellcode

    # The code for bash is for zsh, too.
    sys.stdout.write(f"{AZ.lstrip()}{shellcode(['amlflow'])}\n")
