"""Finds plugins through entry points, and opens trackers by URI and compute targets by kind.

The group of the entry points is ``amlflow``. Built-in plugins are found and checked in the same way
as others.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Mapping
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from amlflow import spec
from amlflow.exceptions import AzureMLException, ComputeTargetException, UserErrorException
from amlflow.installed import entry_points_of
from amlflow.per_process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from amlflow.spec import ClientServer, Cluster, Compute, RunKeeper, RunRecord, Tracker

GROUP = "amlflow"
LIMIT_SETTING = "AMLFLOW_PLUGINS"
TRACE_SETTING = "AMLFLOW_TRACE_PLUGINS"
REGISTERED_SETTING = "AMLFLOW_REGISTERED_PLUGINS"
"""The environment variable with the plugins that are not installed: ``name=module,name=module``."""

logger = logging.getLogger("amlflow")


class Plugins:
    """The plugins of this environment: those that load, and the reasons why the others do not.

    ``AMLFLOW_PLUGINS=mlflow,local`` loads only these two. An empty value loads no plugin.
    ``AMLFLOW_TRACE_PLUGINS=1`` prints each hook call to standard error.
    """

    def __init__(self, entry_points: list[EntryPoint]) -> None:
        # Imported here, so that `import azureml.core` stays quick: the first hook call needs it.
        import pluggy

        from amlflow.plugin_calls import PluginManager

        self.manager = PluginManager("amlflow")
        for name, hook in vars(spec.Hooks).items():
            if name.startswith("amlflow_"):
                pluggy.HookspecMarker("amlflow")(hook)
        self.manager.add_hookspecs(spec.Hooks)
        if os.environ.get(TRACE_SETTING) == "1":
            self.manager.trace_calls()
        self.names: list[str] = []
        self.failures: dict[str, str] = {}
        for entry_point in sorted(_select(entry_points), key=_sort_key):
            self._load(entry_point)

    def _load(self, entry_point: EntryPoint) -> None:
        name = entry_point.name
        try:
            module = entry_point.load()
            self._check(module, name)
            self.manager.register(module, name=name)
            self._check_hooks(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001  (a plugin is foreign code)
            cause = error.message if isinstance(error, AzureMLException) else repr(error)
            self.failures[name] = cause
            logger.warning("The plugin %r (%s) does not load: %s", name, entry_point.value, cause)
        else:
            self.names.append(name)

    def _check(self, module: Any, name: str) -> None:
        """Raise :class:`UserErrorException` if a module is not a plugin for this version."""
        version = getattr(module, "amlflow_spec", None)
        if version is None:
            raise UserErrorException(
                "it does not say for which version of the contract it is written; add "
                f"`amlflow_spec = {spec.VERSION}` to the module"
            )
        if version != spec.VERSION:
            raise UserErrorException(
                f"it is written for version {version!r} of the contract, and this amlflow "
                f"has version {spec.VERSION}"
            )
        if name in self.names:
            raise UserErrorException(
                "another distribution has a plugin of this name; uninstall one of them"
            )
        features: Any = getattr(module, "features", frozenset())
        if not isinstance(features, (set, frozenset)) or not all(
            isinstance(feature, str) for feature in features
        ):
            raise UserErrorException(
                f"its features are {features!r}, and not a set of amlflow.spec.Feature"
            )
        limits: Any = getattr(module, "known_limits", ())
        if not isinstance(limits, (list, tuple)) or not all(
            isinstance(limit, spec.KnownLimit) for limit in limits
        ):
            raise UserErrorException(
                f"its known_limits are {limits!r}, and not a list of amlflow.spec.KnownLimit"
            )

    def _check_hooks(self, module: Any) -> None:
        """Check that amlflow has all hooks of a module. If not, the module is unregistered.

        Raises:
            UserErrorException: amlflow does not have a hook. The message names the nearest hook.
        """
        # Imported here, so that `import azureml.core` stays quick.
        from pluggy import PluginValidationError

        try:
            self.manager.check_pending()
        except PluginValidationError as error:
            # Nearly no process needs it: the plugins are seldom wrong.
            import difflib

            self.manager.unregister(module)
            hooks = [name for name in vars(spec.Hooks) if name.startswith("amlflow_")]
            hook_name = str(error).partition("'")[2].partition("'")[0]
            nearest = difflib.get_close_matches(hook_name, hooks, n=1) or [", ".join(hooks)]
            raise UserErrorException(
                f"it implements the hook {hook_name!r}, which amlflow does not have; "
                f"the nearest is {nearest[0]}"
            ) from error

    def describe(self) -> str:
        """Return a part of a message: the plugins that load, and those that do not, and why."""
        loaded_names = ", ".join(self.names) or "none"
        failures = "".join(f"; {name} does not load: {why}" for name, why in self.failures.items())
        limit = os.environ.get(LIMIT_SETTING)
        limit_note = "" if limit is None else f"; {LIMIT_SETTING}={limit!r} leaves out the others"
        return f"plugins found: {loaded_names}{failures}{limit_note}"


def _select(entry_points: list[EntryPoint]) -> list[EntryPoint]:
    """Return the entry points that ``AMLFLOW_PLUGINS`` names.

    A name that is not installed gets a warning.
    """
    limit = os.environ.get(LIMIT_SETTING)
    if limit is None:
        return entry_points
    names = {name.strip() for name in limit.split(",")} - {""}
    unknown = names - {entry_point.name for entry_point in entry_points}
    if unknown:
        logger.warning(
            "%s names %s, which is not installed; installed plugins: %s.",
            LIMIT_SETTING,
            ", ".join(sorted(unknown)),
            ", ".join(sorted({entry_point.name for entry_point in entry_points})) or "none",
        )
    return [entry_point for entry_point in entry_points if entry_point.name in names]


def _sort_key(entry_point: EntryPoint) -> tuple[str, str]:
    return entry_point.name, entry_point.value


@functools.cache
def load_plugins() -> Plugins:
    """Return the plugins of this environment, loaded at the first call."""
    return Plugins(_entry_points())


def _entry_points() -> list[EntryPoint]:
    """Return the entry points of installed distributions, and those from :func:`register`."""
    # Imported here, so that `import azureml.core` stays quick.
    from importlib.metadata import EntryPoint

    registered = [entry.partition("=") for entry in _registered_modules()]
    return [
        *entry_points_of(GROUP),
        *(EntryPoint(name, module, GROUP) for name, _, module in registered),
    ]


def _registered_modules() -> list[str]:
    return [entry for entry in os.environ.get(REGISTERED_SETTING, "").split(",") if entry]


def register(name: str, module: str) -> None:
    """Use a module as a plugin that is not installed, in this process and those that it starts.

    The module must be importable by this name in all of these processes.

    Raises:
        UserErrorException: the module does not load as a plugin. It is not registered then.
    """
    if any((entry.name, entry.value) == (name, module) for entry in _entry_points()):
        return  # it is installed or registered already
    before = os.environ.get(REGISTERED_SETTING)
    os.environ[REGISTERED_SETTING] = ",".join([*_registered_modules(), f"{name}={module}"])
    load_plugins.cache_clear()
    if name in load_plugins().failures:
        why = load_plugins().failures[name]
        _restore_registered(before)
        raise UserErrorException(f"The module {module!r} is not a plugin: {why}.")


def unregister(name: str) -> None:
    """Undo :func:`register`. Open trackers stay open."""
    entries = [entry for entry in _registered_modules() if entry.partition("=")[0] != name]
    _restore_registered(",".join(entries))


def _restore_registered(value: str | None) -> None:
    if value:
        os.environ[REGISTERED_SETTING] = value
    else:
        os.environ.pop(REGISTERED_SETTING, None)
    load_plugins.cache_clear()


def describe_plugins() -> list[dict[str, object]]:
    """Describe each plugin: its distribution, hooks and features, or why it does not load."""
    plugins = load_plugins()
    known = {feature.value for feature in spec.Feature}
    descriptions: list[dict[str, object]] = []
    for entry_point in sorted(_entry_points(), key=_sort_key):
        name = entry_point.name
        if name not in plugins.names and name not in plugins.failures:
            continue  # AMLFLOW_PLUGINS leaves it out
        module = plugins.manager.get_plugin(name)
        if getattr(module, "__name__", None) != entry_point.module:
            module = None  # it does not load, or another plugin has its name
        hooks = [] if module is None else plugins.manager.get_hookcallers(module) or []
        distribution = entry_point.dist
        features = sorted(str.__str__(feature) for feature in getattr(module, "features", ()))
        descriptions.append(
            {
                "plugin": name,
                "distribution": distribution and f"{distribution.name} {distribution.version}",
                "hooks": [hook.name.removeprefix("amlflow_") for hook in hooks],
                "features": [feature for feature in features if feature in known],
                "unknown_features": [feature for feature in features if feature not in known],
                "known_limits": {
                    limit.switch: limit.reason for limit in getattr(module, "known_limits", ())
                },
                "error": plugins.failures.get(name) if module is None else None,
            }
        )
    return descriptions


def absolute_uri(uri: str) -> str:
    """Return the full URI for a URI that is only a scheme; the same URI if no plugin knows it."""
    return next(iter(_ask_for_texts("amlflow_absolute_uri", uri=uri)), uri)


_trackers: PerProcess[Tracker] = PerProcess()


def open_tracker(uri: str) -> Tracker:
    """Open the tracker at an absolute URI. Each process has one object for each URI.

    Raises:
        UserErrorException: no plugin takes the URI, more than one does, or the plugin fails.
        Unavailable: the tracker does not answer.
    """
    return _trackers.get(uri, _open_tracker)


def _open_tracker(uri: str) -> Tracker:
    what = f"the tracking URI {spec.redacted(uri)!r}"
    tracker: Tracker | None = _call_single("amlflow_tracker", what, spec.Tracker, uri=uri)
    if tracker is None:
        raise UserErrorException(
            f"No plugin takes {what} ({load_plugins().describe()}). "
            "Check MLFLOW_TRACKING_URI, or `pip install` a plugin for this kind of tracker "
            f"(a distribution with an entry point in the group {GROUP!r})."
        )
    return tracker


def _call_single(hook: str, what: str, protocol: type, **arguments: Any) -> Any:
    """Call a hook that one plugin must answer; return its answer, or None if no plugin answers.

    If a plugin fails and no other answers, an error names it. If another answers, a warning does.

    Raises:
        UserErrorException: more than one plugin answers, or a plugin fails and none answers.
    """
    # Imported here, because it imports pluggy.
    from amlflow.plugin_calls import HookCall, hook_call

    def check(answer: Any) -> str | None:
        names = ", ".join(_lacking(answer, protocol))
        if not names:
            return None
        return f"what it gives lacks {names} of amlflow.spec.{protocol.__name__}"

    with hook_call(HookCall(hook, check, passes_errors=True)) as call:
        answers: list[Any] = getattr(load_plugins().manager.hook, hook)(**arguments)
    if len(answers) > 1:
        names = " and ".join(repr(name) for name, _ in sorted(call.answers, key=itemgetter(0)))
        raise UserErrorException(
            f"The plugins {names} both take {what}, and amlflow does not choose between them; "
            "uninstall one."
        )
    if call.failures and not answers:
        plugin, why, cause = call.failures[0]
        raise UserErrorException(
            f"The plugin {plugin!r} failed to open {what}: {why}. This is a bug of the plugin."
        ) from cause
    call.log_failures()
    return answers[0] if answers else None


def _lacking(answer: Any, protocol: type) -> list[str]:
    """Return the abstract members of a protocol that an object lacks.

    If its class inherits from the protocol, a member that is not overridden is lacking, too.
    """
    protocols = [protocol]
    if protocol is spec.Tracker and spec.Feature.MODELS in getattr(answer, "features", ()):
        protocols.append(spec.ModelRegistry)
    return [
        name
        for part in protocols
        for name in vars(part)
        if name in getattr(part, "__abstractmethods__", ())
        and (not hasattr(answer, name) or getattr(type(answer), name, None) is vars(part)[name])
    ]


def open_keeper(uri: str) -> RunKeeper | None:
    """Open the part of the tracker at a URI that an agent needs; None if no plugin offers it."""
    what = f"the tracking URI {spec.redacted(uri)!r}"
    keeper: RunKeeper | None = _call_single("amlflow_run_keeper", what, spec.RunKeeper, uri=uri)
    return keeper


def open_client_server(uri: str, packages: Path, environ: Mapping[str, str]) -> ClientServer | None:
    """Serve a tracker to its own client in a folder of packages; None if the client needs none.

    ``environ`` has the environment variables of the script.

    Raises:
        UserErrorException: the client needs a server, and there is none.
    """
    what = f"the client of the tracking URI {spec.redacted(uri)!r}"
    server: ClientServer | None = _call_single(
        "amlflow_client_server",
        what,
        spec.ClientServer,
        uri=uri,
        packages=packages,
        environ=environ,
    )
    return server


class UnknownKind(ComputeTargetException, KeyError):
    """No plugin has this kind of compute target."""


def open_compute(kind: str, settings: Mapping[str, Any]) -> Compute:
    """Open a compute target of a kind.

    Raises:
        ComputeTargetException: no plugin offers the kind, or its plugin does not know a setting.
    """
    what = f"a compute target of the kind {kind!r}"
    compute: Compute | None = _call_single(
        "amlflow_compute", what, spec.Compute, kind=kind, settings=settings
    )
    if compute is None:
        raise UnknownKind(
            f"No plugin runs compute targets of the kind {kind!r} ({load_plugins().describe()}). "
            "Correct the kind, or `pip install` a plugin for it "
            f"(a distribution with an entry point in the group {GROUP!r})."
        )
    return compute


def open_cluster(kind: str, settings: Mapping[str, Any]) -> Cluster | None:
    """Open a cluster of a kind; None if no plugin offers the kind as a cluster.

    Raises:
        ComputeTargetException: its plugin does not know a setting.
    """
    what = f"a cluster of the kind {kind!r}"
    cluster: Cluster | None = _call_single(
        "amlflow_cluster", what, spec.Cluster, kind=kind, settings=settings
    )
    return cluster


def explain_failure(output: str) -> list[str]:
    """Return the plugins' sentences that explain the last lines of a failed script's output."""
    return _ask_for_texts("amlflow_explain_failure", output=output)


def node_variables(uri: str) -> dict[str, str]:
    """Return the variables that a cluster's nodes need to use a tracker, in addition to a user's.

    Raises:
        UserErrorException: the user's file with credentials is damaged.
    """

    def is_right(answer: Any) -> bool:
        return isinstance(answer, Mapping) and all(
            isinstance(text, str) for item in answer.items() for text in item
        )

    answers = _ask_all("amlflow_node_variables", is_right, {"uri": uri}, passes_errors=True)
    return {name: value for answer in answers for name, value in answer.items()}


def _ask_for_texts(hook: str, **arguments: str) -> list[str]:
    return _ask_all(hook, lambda answer: isinstance(answer, str), arguments)


def _ask_all(
    hook: str,
    is_right: Callable[[Any], bool],
    arguments: Mapping[str, str],
    *,
    passes_errors: bool = False,
) -> list[Any]:
    """Return the plugins' answers to a hook. A plugin that fails is named in a warning."""
    # Imported here, because it imports pluggy.
    from amlflow.plugin_calls import HookCall, hook_call

    def check(answer: Any) -> str | None:
        return None if is_right(answer) else f"its answer is of {type(answer)}"

    with hook_call(HookCall(hook, check, passes_errors=passes_errors)) as call:
        answers: list[Any] = getattr(load_plugins().manager.hook, hook)(**arguments)
    call.log_failures()
    return answers


def announce(hook: str, run: RunRecord) -> None:
    """Call a hook of all plugins. If one fails, a warning names it, and the others are called."""
    # Imported here, because it imports pluggy.
    from amlflow.plugin_calls import HookCall, hook_call

    with hook_call(HookCall(hook)) as call:
        getattr(load_plugins().manager.hook, hook)(run=run)
    call.log_failures()
