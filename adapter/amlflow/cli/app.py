"""The application: knack, the Azure CLI's own framework, with amlflow's commands.

What differs from knack: queries go to the command, which pushes them down to the tracker; JSON
keeps the order of the fields; a missing resource is exit code 3; nothing is written to the user's
home folder.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections import OrderedDict
from typing import Any

from knack import CLI, CLICommandsLoader
from knack.arguments import CLICommandArgument
from knack.commands import CLICommand
from knack.config import CLIConfig
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS, EVENT_PARSER_GLOBAL_CREATE
from knack.help import CLIHelp, GroupHelpFile, HelpExample
from knack.log import CLILogging, _CustomStreamHandler
from knack.output import OutputProducer
from knack.parser import CLICommandParser

from amlflow import __version__
from amlflow.cli import output
from amlflow.cli.arguments import ARGUMENTS
from amlflow.cli.commands import COMMANDS, GROUPS, Command
from amlflow.cli.errors import MISSES, Unparsed, Unsuccessful, describe
from amlflow.cli.synonyms import find_command, find_flag, find_verb, nearest
from amlflow.cli.usage import right_line
from amlflow.exceptions import AzureMLException, WrongUsage
from amlflow.terminal_texts import escape_controls

logger = logging.getLogger("amlflow")

LogHandler = _CustomStreamHandler
"""knack's handler that colours lines by their level; the name is private, and a test looks for it
in the knack that is installed."""

WRONG_USAGE, MISSING = 2, 3
INTERRUPTED = 130
"""What a shell reports of a program that Ctrl-C ended."""
OUTPUT_VARIABLE = "AMLFLOW_CORE_OUTPUT"


class CliConfig(CLIConfig):  # type: ignore[misc]
    """Settings from the environment (``AMLFLOW_CORE_OUTPUT=table``); not from a file."""

    def __init__(self, config_dir: Any = None, config_env_var_prefix: Any = None) -> None:
        self.config_dir = config_dir
        self.use_local_config = False
        self._env_var_format = f"{config_env_var_prefix}_{{section}}_{{option}}"
        self._config_file_chain: list[Any] = []

    def env_var_name(self, section: str, option: str) -> str:
        return self._env_var_format.format(section=section.upper(), option=option.upper())

    def get(self, section: str, option: str, fallback: Any = None) -> Any:
        return os.environ.get(self.env_var_name(section, option), fallback)


class Logging(CLILogging):  # type: ignore[misc]
    """amlflow's log on stderr for the time of a command; other libraries' is left as it is."""

    def __init__(self, name: str, cli_ctx: CLI) -> None:
        super().__init__(name, cli_ctx)
        self._before: list[tuple[logging.Logger, int, bool]] = []
        self._handler: logging.Handler | None = None

    def configure(self, args: list[str]) -> None:
        self.log_level = self._determine_log_level(args)
        level = self._get_console_log_levels()["cli"]
        form = self._get_console_log_formats()["cli"]
        self._handler = LogHandler(level, form, self.cli_ctx.enable_color)
        self._handler.addFilter(_escape_message)
        for name in ("amlflow", "cli"):
            log = logging.getLogger(name)
            self._before.append((log, log.level, log.propagate))
            log.addHandler(self._handler)
            log.setLevel(level)
            log.propagate = False
        # knack's own events would hide what --debug is asked for.
        logging.getLogger("cli.knack").setLevel(logging.INFO)

    def restore(self) -> None:
        """Leave the loggers as they were: a program may run several commands."""
        for log, level, propagate in self._before:
            if self._handler is not None:
                log.removeHandler(self._handler)
            log.setLevel(level)
            log.propagate = propagate
        self._before.clear()


def _escape_message(record: logging.LogRecord) -> bool:
    """Show a message's control characters, which may be of a name, as escapes."""
    record.msg, record.args = escape_controls(record.getMessage()), None
    return True


class Query:
    """``--query``, and the query as the last word of ``run list``."""

    def __init__(self, cli_ctx: CLI) -> None:
        cli_ctx.register_event(EVENT_PARSER_GLOBAL_CREATE, self.on_global_arguments)
        cli_ctx.register_event(EVENT_INVOKER_POST_PARSE_ARGS, self.on_parsed)

    @staticmethod
    def on_global_arguments(_: CLI, arg_group: Any) -> None:
        arg_group.add_argument(
            "--query",
            dest="_query",
            metavar="JMESPATH",
            help="JMESPath expression of what to print. See http://jmespath.org/.",
        )

    @staticmethod
    def on_parsed(cli_ctx: CLI, args: Any, command: str, **_: Any) -> None:
        # Imported for a command: jmespath takes time, and help needs none.
        from amlflow.cli.queries import is_word, parse

        parts = getattr(args, "query", [])
        if len(parts) == 1 and is_word(parts[0]):
            raise Unparsed(
                f"{parts[0]!r} is not a query of runs. A query begins with [ or is a function, "
                "such as length(@).",
                f"amlflow {command}",
            )
        query = parse([*([args._query] if args._query is not None else []), *parts])
        cli_ctx.invocation.data["query"] = query


class Output(OutputProducer):  # type: ignore[misc]
    """Prints results; see :mod:`amlflow.cli.output`."""

    def __init__(self, cli_ctx: CLI) -> None:
        # knack's own class would register its arguments, and these instead of them are wanted.
        self.cli_ctx = cli_ctx
        cli_ctx.register_event(EVENT_PARSER_GLOBAL_CREATE, self.on_global_arguments)
        cli_ctx.register_event(EVENT_INVOKER_POST_PARSE_ARGS, self.handle_output_argument)

    @staticmethod
    def on_global_arguments(cli_ctx: CLI, arg_group: Any, **_: Any) -> None:
        arg_group.add_argument(
            "--output",
            "-o",
            dest=OutputProducer.ARG_DEST,
            choices=output.FORMATS,
            default=cli_ctx.config.get("core", "output", fallback="json"),
            help="Output format",
            type=str.lower,
        )

    @staticmethod
    def handle_output_argument(cli_ctx: CLI, args: Any, **_: Any) -> None:
        form = getattr(args, OutputProducer.ARG_DEST)
        if form not in output.FORMATS:  # argparse does not check a default
            raise WrongUsage(
                f"{OUTPUT_VARIABLE} is {form!r}, which is not an output format. Set it to one of "
                f"{', '.join(output.FORMATS)}, or use -o."
            )
        cli_ctx.invocation.data["output"] = form

    def get_formatter(self, format_type: str) -> Any:
        color = self.cli_ctx.enable_color
        width = output.terminal_width()
        return lambda item: output.format_result(
            item.result, format_type, color, item.table_transformer, width
        )

    def out(self, obj: Any, formatter: Any = None, out_file: Any = None) -> None:
        text = output.encodable(formatter(obj), getattr(out_file, "encoding", None))
        print(text, end="", file=out_file, flush=True)


_PRIVATE = ("_command", "_subcommand")
"""knack's names for the words of a command."""


class Parser(CLICommandParser):  # type: ignore[misc]
    """Wrong usage is said in one line, with the nearest flag where there is one."""

    @staticmethod
    def _expand_prefixed_files(args: Any) -> Any:
        return args  # "@" is JMESPath, and no file to read

    def error(self, message: str) -> Any:
        if any(name in message for name in _PRIVATE):
            message = f"{self.prog!r} takes a command: {', '.join(self._commands())}."
        raise Unparsed(message, self.prog)

    def _commands(self) -> list[str]:
        """The commands of this group."""
        return [
            name
            for action in self._actions
            if action.dest in _PRIVATE
            for name in action.choices or ()
        ]

    def _known_flags(self) -> list[str]:
        return [flag for action in self._actions for flag in action.option_strings]

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: Any = getattr(parsed, "_parser", self)
            flags = parser._known_flags()
            flag = unknown[0].partition("=")[0]
            match = find_flag(flag, flags)
            hint = f" Did you mean {match}?" if match else ""
            parser.error(f"{parser.prog} does not know {' '.join(unknown)}.{hint}")
        return parsed

    def _check_value(self, action: Any, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        if action.dest in _PRIVATE:
            is_top = self.prog == "amlflow"
            meant = find_command(value, COMMANDS) if is_top else find_verb(value, action.choices)
            hint = f" Did you mean {meant!r}?" if meant else ""
            raise Unparsed(f"{value!r} is not a command of {self.prog!r}.{hint}", self.prog)
        match = nearest(value, action.choices)
        hint = f" Did you mean {match!r}?" if match else ""
        name = "/".join(action.option_strings) or "the command"
        self.error(
            f"{value!r} is not a value for {name}; it is one of {', '.join(action.choices)}.{hint}"
        )


class GroupHelp(GroupHelpFile):  # type: ignore[misc]
    """A group's help, from the table of groups."""

    def load(self, options: Any) -> None:
        self.short_summary = GROUPS.get(self.command or "", "Azure ML SDK v1's words on MLflow.")


class Help(CLIHelp):  # type: ignore[misc]
    """Help from the table of commands, each with an example."""

    def __init__(self, cli_ctx: CLI) -> None:
        super().__init__(
            cli_ctx,
            welcome_message="Azure ML SDK v1's words on MLflow.\n",
            group_help_cls=GroupHelp,
        )

    def show_privacy_statement(self) -> None:
        """There is nothing to state: amlflow sends nothing."""

    def _print_detailed_help(self, cli_name: str, help_file: Any) -> None:
        command = self.cli_ctx.table.get(help_file.command or "")
        if command is not None:
            help_file.examples = [HelpExample({"name": command.summary, "text": command.example})]
        super()._print_detailed_help(cli_name, help_file)


def _argument(dest: str) -> CLICommandArgument:
    argument = CLICommandArgument(dest, **ARGUMENTS[dest])
    if not ARGUMENTS[dest]["options_list"]:
        argument.options_list = []  # knack would make a flag of its name
    return argument


class Loader(CLICommandsLoader):  # type: ignore[misc]
    """The table of commands; a command's module is imported when it is called."""

    def load_command_table(self, args: Any) -> Any:
        table: dict[str, Command] = self.cli_ctx.table
        if is_built_in(args or []):
            # The parsers of all commands take longer to make than most commands take.
            table = {name: table[name] for name in named_commands(args)}
        else:
            from amlflow.cli.plugin_commands import load_commands  # here, as it loads plugins

            table.update(load_commands())
        for name, command in table.items():
            self.command_table[name] = CLICommand(
                self.cli_ctx,
                name,
                self._handler(command),
                description=command.summary,
                table_transformer=command.table,
                arguments_loader=lambda command=command: [
                    (dest, _argument(dest)) if isinstance(dest, str) else dest
                    for dest in command.arguments
                ],
            )
        return OrderedDict(self.command_table)

    def load_arguments(self, command: str) -> None:
        if command in self.command_table:
            self.command_table[command].load_arguments()

    def _handler(self, command: Command) -> Any:
        def call(values: dict[str, Any]) -> Any:
            function = command.operation
            if isinstance(function, str):
                module, _, name = function.partition(":")
                function = getattr(importlib.import_module(f"amlflow.cli.{module}"), name)
            metadata = values.pop("output_metadata_file", None)
            if metadata is not None:
                output.check_new(metadata)
            query = self.cli_ctx.invocation.data["query"]
            if command.pushes_query:
                values["query"], query = query, None
            try:
                result = function(**values)
            except Unsuccessful as failure:  # what it did is printed before it is reported
                self.cli_ctx.failure, result = failure, failure.result
            stack = sys.modules.get("amlflow.layers.stack")
            if stack is not None:  # or the command has nothing to do with a tracker
                stack.finish()
            if query is not None:
                from amlflow.cli.queries import evaluate  # here, as most commands have no query

                result = evaluate(query, result)
            if metadata is not None:
                output.write_new(metadata, result)
            return result

        return call


def is_built_in(args: list[str]) -> bool:
    """Whether the arguments name one of amlflow's own commands, so that plugins can rest."""
    return any(" ".join(args[:count]) in COMMANDS for count in (1, 2, 3))


def named_commands(args: list[str]) -> list[str]:
    """The command that the arguments name; with those below its word, if it is a group, too."""
    if (name := " ".join(args[:2])) in COMMANDS:
        return [name]
    return [name for name in COMMANDS if name.split()[0] == args[0]]


class App(CLI):  # type: ignore[misc]
    """The command line as knack runs it."""

    def __init__(self) -> None:
        self.table: dict[str, Command] = dict(COMMANDS)
        self.arguments: list[str] = []
        self.failure: Unsuccessful | None = None
        super().__init__(
            cli_name="amlflow",
            config_dir="",
            config_cls=CliConfig,
            logging_cls=Logging,
            query_cls=Query,
            output_cls=Output,
            parser_cls=Parser,
            help_cls=Help,
            commands_loader_cls=Loader,
        )

        if not output.allows_colors():
            self.enable_color = False

    def get_cli_version(self) -> str:
        return f"amlflow {__version__}"

    def invoke(self, args: Any, initial_invocation_data: Any = None, out_file: Any = None) -> int:
        """Run a command; the exit code is returned."""
        self._debug = "--debug" in args
        self.arguments = list(args)
        try:
            code = int(super().invoke(args, initial_invocation_data, out_file or sys.stdout))
            if isinstance(self.result.error, KeyboardInterrupt):
                return INTERRUPTED
            return self.exception_handler(self.failure) if self.failure and not code else code
        finally:
            self.logging.restore()

    def exception_handler(self, ex: Exception) -> int:
        """Say what went wrong in a line; the exit code is returned."""
        if isinstance(ex, BrokenPipeError):
            raise ex
        if not isinstance(ex, (AzureMLException, OSError)):
            logger.error(
                "%s: %s\nThis is an error of amlflow itself; --debug shows where it happened.",
                type(ex).__name__,
                ex,
                exc_info=ex if self._debug else None,
            )
            return 1
        message = describe(ex)
        if isinstance(ex, Unparsed):
            from amlflow.cli.absent import why_absent  # few command lines are wrong

            reason = why_absent(self.arguments)
            line = right_line(self.arguments) if reason is None else None
            correction = "" if line is None else f"\nIt is `{line}`."
            message = f"{reason or message}{correction}\nSee `{ex.command} -h`."
        logger.error("%s", message, exc_info=ex if self._debug else None)
        if isinstance(ex, WrongUsage):
            return WRONG_USAGE
        if isinstance(ex.__context__, KeyboardInterrupt):  # Ctrl-C while it waited for a run
            return INTERRUPTED
        return MISSING if isinstance(ex, MISSES) else 1
