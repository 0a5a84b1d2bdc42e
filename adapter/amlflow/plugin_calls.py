"""Calls hooks through pluggy. A plugin that fails does not stop the others.

pluggy stops a call at the first implementation that raises. Therefore each implementation is
wrapped when its plugin is registered. The wrapper records on the current :class:`HookCall` which
plugin answered and which failed. The order is pluggy's own: ``tryfirst``, ``trylast`` and
``wrapper=True`` work as pluggy's documentation says.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import pluggy

from amlflow.exceptions import AzureMLException
from amlflow.spec import redacted

logger = logging.getLogger("amlflow")


@dataclass
class HookCall:
    """One call of a hook.

    ``check`` returns what is wrong with an answer, or None. With ``passes_errors``, an
    :class:`AzureMLException` of a plugin is raised to the caller. Every other exception is
    recorded as a bug of the plugin.
    """

    hook: str
    check: Callable[[Any], str | None] = lambda answer: None
    passes_errors: bool = False
    answers: list[tuple[str, Any]] = field(default_factory=list)
    failures: list[tuple[str, str, Exception | None]] = field(default_factory=list)

    def fail(self, plugin: str, why: str, cause: Exception | None = None) -> None:
        """Record that a plugin failed, why, and with which exception."""
        self.failures.append((plugin, why, cause))

    def fail_or_raise(self, plugin: str, error: Exception) -> None:
        """Raise an error that the caller must get. Record any other one as a bug of the plugin."""
        if self.passes_errors and isinstance(error, AzureMLException):
            raise error
        self.fail(plugin, repr(error), error)

    def log_failures(self) -> None:
        """Log each plugin that failed."""
        for plugin, why, cause in self.failures:
            logger.warning(
                "The plugin %r failed in %s: %s.", plugin, self.hook, why, exc_info=cause
            )


_call: ContextVar[HookCall | None] = ContextVar("amlflow_hook_call", default=None)
_plugin: ContextVar[str] = ContextVar("amlflow_calling_plugin", default="")


def calling_plugin() -> str:
    """Return the name of the plugin whose hook runs in this thread; empty outside of hooks."""
    return _plugin.get()


@contextlib.contextmanager
def hook_call(call: HookCall) -> Iterator[HookCall]:
    """Set the call on which wrapped implementations record their results."""
    token = _call.set(call)
    try:
        yield call
    finally:
        _call.reset(token)


class PluginManager(pluggy.PluginManager):
    """pluggy's manager, which wraps each implementation when its plugin is registered."""

    def register(self, plugin: Any, name: str | None = None) -> str | None:
        registered_name = super().register(plugin, name)
        for caller in self.get_hookcallers(plugin) or ():
            for implementation in caller.get_hookimpls():
                if implementation.plugin is not plugin:
                    continue
                guard = _guard_of(implementation)
                function: Any = guard(implementation.function, registered_name or "", caller.name)
                # pluggy declares it final, but offers no other way to wrap a function.
                implementation.function = function  # type: ignore[misc]
        return registered_name

    def trace_calls(self) -> None:
        """Print each hook call to standard error: its arguments, the plugins, the answers."""

        def before(hook: str, plugins: Sequence[Any], arguments: Mapping[str, Any]) -> None:
            names = ", ".join(plugin.plugin_name for plugin in reversed(plugins)) or "no plugin"
            text = ", ".join(f"{key}={_describe(key, value)}" for key, value in arguments.items())
            print(f"amlflow: {hook}({text}) calls {names}", file=sys.stderr)

        def after(
            outcome: Any, hook: str, plugins: Sequence[Any], arguments: Mapping[str, Any]
        ) -> None:
            error = outcome.exception
            answer = (
                f"{type(error).__name__}"
                if error is not None
                else _describe_types(outcome.get_result())
            )
            print(f"amlflow: {hook} answers {answer}", file=sys.stderr)

        self.add_hookcall_monitoring(before, after)


def _guard_of(implementation: pluggy.HookImpl) -> Callable[[Callable[..., Any], str, str], Any]:
    if implementation.hookwrapper:
        return _guard_old_wrapper
    return _guard_wrapper if implementation.wrapper else _guard


def _guard(function: Callable[..., Any], plugin: str, hook: str) -> Callable[..., Any]:
    """Wrap an implementation: if it fails, the failure is recorded, and None is returned."""

    def call_guarded(*arguments: Any) -> Any:
        call = _call.get() or HookCall(hook)
        token = _plugin.set(plugin)
        try:
            answer = function(*arguments)
        except Exception as error:  # noqa: BLE001  (a plugin is foreign code)
            call.fail_or_raise(plugin, error)
            return None
        finally:
            _plugin.reset(token)
        fault = None if answer is None else call.check(answer)
        if fault is not None:
            call.fail(plugin, fault)
            return None
        if answer is not None:
            call.answers.append((plugin, answer))
        return answer

    return call_guarded


def _begin(wrapper: Generator[None, Any, Any], call: HookCall, plugin: str) -> bool:
    """Run a hook's wrapper up to the inner call. Returns False if it has failed before that."""
    try:
        next(wrapper)
    except Exception as error:  # noqa: BLE001  (a plugin is foreign code)
        call.fail_or_raise(plugin, error)
        return False
    return True


def _guard_wrapper(function: Callable[..., Any], plugin: str, hook: str) -> Callable[..., Any]:
    """Guard a hook's wrapper: if it fails, the call goes on as if the wrapper did not exist."""

    def call_guarded(*arguments: Any) -> Generator[None, Any, Any]:
        call = _call.get() or HookCall(hook)
        wrapper = function(*arguments)
        if not _begin(wrapper, call, plugin):
            return (yield)
        # An error of the inner call goes to the caller, unless the wrapper handles it.
        try:
            result = yield
        except BaseException as error:
            try:
                wrapper.throw(error)
            except StopIteration as end:
                return end.value
            except AzureMLException:
                raise
            except Exception as own:  # noqa: BLE001  (a plugin is foreign code)
                if own is not error:
                    call.fail(plugin, repr(own), own)
            raise
        try:
            wrapper.send(result)
        except StopIteration as end:
            return end.value
        except Exception as error:  # noqa: BLE001  (a plugin is foreign code)
            call.fail_or_raise(plugin, error)
            return result
        call.fail(plugin, "its wrapper yields twice")
        wrapper.close()
        return result

    return call_guarded


def _guard_old_wrapper(function: Callable[..., Any], plugin: str, hook: str) -> Callable[..., Any]:
    """Guard a wrapper with ``hookwrapper=True``, which gets pluggy's object for the outcome."""

    def call_guarded(*arguments: Any) -> Generator[None, Any, None]:
        call = _call.get() or HookCall(hook)
        wrapper = function(*arguments)
        if not _begin(wrapper, call, plugin):
            yield
            return
        outcome = yield
        try:
            wrapper.send(outcome)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001  (a plugin is foreign code)
            call.fail_or_raise(plugin, error)
            return
        call.fail(plugin, "its wrapper yields twice")
        wrapper.close()

    return call_guarded


def _describe(key: str, value: Any) -> str:
    """Describe an argument in the trace: URIs without passwords, and only the keys of settings."""
    if isinstance(value, str):
        return repr(redacted(value))
    if isinstance(value, Mapping):
        return f"{{{', '.join(map(str, value))}}}"
    return f"<{type(value).__name__}>"


def _describe_types(answers: Any) -> str:
    answers = answers if isinstance(answers, list) else [answers]
    return ", ".join(f"<{type(answer).__name__}>" for answer in answers) or "nothing"
