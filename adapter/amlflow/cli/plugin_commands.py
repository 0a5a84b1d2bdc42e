"""Commands that plugins add."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from typing import Any

from knack.introspection import extract_args_from_signature, extract_full_summary_from_signature

from amlflow.cli.commands import COMMANDS, Command
from amlflow.exceptions import AzureMLException, UserErrorException
from amlflow.plugin_calls import HookCall, calling_plugin, hook_call


def load_commands() -> dict[str, Command]:
    """Load the commands of all plugins. The log names a plugin that fails to add its commands."""
    # Imported here, since finding plugins takes time, and most commands do not need it.
    from amlflow.plugins import load_plugins

    collector = CommandCollector()
    with hook_call(HookCall("amlflow_commands")) as call:
        load_plugins().manager.hook.amlflow_commands(group=collector)
    call.log_failures()
    return collector.commands


class CommandCollector:
    """Collects the commands of plugins; see :class:`amlflow.spec.Commands`."""

    def __init__(self) -> None:
        self.commands: dict[str, Command] = {}

    def add(self, name: str, function: Callable[..., Any], example: str) -> None:
        """Add a command. Raises :class:`UserErrorException` if its name is not valid."""
        plugin = calling_plugin()
        if not re.fullmatch(r"[a-z][a-z0-9-]*( [a-z][a-z0-9-]*)*", name):
            raise UserErrorException(
                f"{name!r} is not a valid name for a command: use lowercase words of letters, "
                "digits and hyphens."
            )
        for command in (*COMMANDS, *self.commands):
            if f"{command} ".startswith(f"{name} ") or f"{name} ".startswith(f"{command} "):
                raise UserErrorException(
                    f"The command {name!r} cannot be added beside {command!r}. Choose another name."
                )

        @functools.wraps(function)
        def call(**values: Any) -> Any:
            try:
                return function(**values)
            except (AzureMLException, OSError):
                raise
            except Exception as error:  # a plugin is foreign code, which may raise everything
                raise UserErrorException(
                    f"The command {name!r} of the plugin {plugin!r} failed: {error!r}. This "
                    "is a bug of the plugin."
                ) from error

        self.commands[name] = Command(
            call,
            extract_full_summary_from_signature(function) or inspect.getdoc(function) or name,
            example,
            arguments=tuple(extract_args_from_signature(function)),
        )
