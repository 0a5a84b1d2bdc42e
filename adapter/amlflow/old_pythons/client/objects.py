"""Classes and objects whose members are calls to the process with the real ones."""

import builtins
import logging
import weakref
from typing import Any, Callable, Dict, Tuple

from .connection import connection
from .values import PLAIN, TAG, decode, encode, to_line, write_file

_logger = logging.getLogger("amlflow")
_MAX_TEXT = 250
_MAX_WHOLE = 2**53
_classes: Dict[int, Any] = {}
_objects: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()


class NotSendable(TypeError):
    """The error for a value that is neither plain nor one of amlflow's objects."""


class Remote:
    """An object of the other process. It has the object's number there."""

    _amlflow_number = 0

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return call("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        call("set", self, name, (value,))

    def __reduce__(self) -> Any:
        raise TypeError(f"A {type(self).__name__} cannot be copied or pickled.")

    def __del__(self) -> None:
        if connection.is_owner():  # a forked child only has copies
            connection.released.append(self._amlflow_number)


class RemoteType(type):
    """The type of those classes that stand for classes of the other process."""

    _amlflow_number = 0

    def __new__(mcs, name: str, bases: Tuple[type, ...], members: Dict[str, Any]) -> Any:
        if "_amlflow_number" not in members:
            raise TypeError(
                f"{bases[0].__name__} cannot be a base class on this Python; ask for Python 3.10 "
                "or newer in the environment."
            )
        return super().__new__(mcs, name, bases, members)

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return call("get", cls, name)

    def __call__(cls, *arguments: Any, **keywords: Any) -> Any:
        return call("call", cls, None, arguments, keywords)


def call(
    action: str,
    target: Any = None,
    name: Any = None,
    arguments: Tuple[Any, ...] = (),
    keywords: Any = None,
) -> Any:
    """Have the process do something with a target. Return the result, or raise its error."""
    request: Dict[str, Any] = {"do": action, "name": name}
    if target is not None:
        request["target"] = target._amlflow_number
    if arguments:
        request["arguments"] = [encode(value, _encode_other) for value in arguments]
    if keywords:
        request["keywords"] = {key: encode(value, _encode_other) for key, value in keywords.items()}
    with connection.lock:
        answer = connection.ask(**request)
        if "error" in answer:
            raise _to_error(answer["error"])
        return decode(answer.get("result"), _decode_other)


def _encode_other(value: Any) -> Any:
    if isinstance(value, (Remote, RemoteType)) or hasattr(type(value), "_amlflow_number"):
        return {TAG: "object", "number": value._amlflow_number}
    if hasattr(value, "savefig"):
        path = write_file(lambda file: value.savefig(file, format="png"), ".png")
        return {TAG: "figure", "value": path}
    if hasattr(value, "read"):
        return {TAG: "stream", "value": write_file(lambda file: _copy(value, file), "")}
    if hasattr(value, "__iter__"):  # a range or a generator
        return [encode(item, _encode_other) for item in value]
    raise NotSendable(
        f"A value of the type {type(value).__name__!r} cannot be passed to amlflow on this "
        "Python; ask for Python 3.10 or newer in the environment."
    )


def _copy(source: Any, file: Any) -> None:
    while True:
        part = source.read(1 << 20)
        if not part:
            return
        file.write(part.encode() if isinstance(part, str) else part)


def _decode_other(tag: str, value: Dict[str, Any]) -> Any:
    if tag == "class":
        return _class_of(value["number"])
    if tag != "object":
        raise ValueError(f"{tag!r} is not a value of this release of amlflow.")
    number = value["number"]
    known = _objects.get(number)
    if known is None:
        kind = _class_of(value["class"])
        known = object.__new__(kind)
        object.__setattr__(known, "_amlflow_number", number)
        _objects[number] = known
    if number in connection.released:  # in the meantime, another thread has dropped it
        connection.released.remove(number)
    return known


def _class_of(number: int) -> Any:
    kind = _classes.get(number)
    if kind is None:
        kind = _classes[number] = _make_class(number, connection.ask(do="describe", target=number))
    return kind


def _make_class(number: int, description: Dict[str, Any]) -> Any:
    name, module = description["name"], description["module"]
    bases = [
        getattr(builtins, base) if isinstance(base, str) else _class_of(base)
        for base in description["bases"]
    ]
    members: Dict[str, Any] = {"__module__": module, "_amlflow_number": number}
    if description["is_error"]:
        members["__init__"] = _init_error
        members["__str__"] = lambda self: self.message
        return type(name, tuple(bases) or (Exception,), members)
    for method in description["methods"]:
        members[method] = _make_method(method)
    for method in description["statics"]:
        members[method] = staticmethod(_make_static(number, method))
    if description["quick"]:
        members["log"] = _log
    if "__eq__" in members and "__hash__" not in members:
        members["__hash__"] = None
    return RemoteType(name, tuple(bases) or (Remote,), members)


def _make_method(name: str) -> Callable[..., Any]:
    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        if name == "__exit__":  # only send the error, without its class and traceback
            arguments = arguments[1:2]
        result = call("call", self, name, arguments, keywords)
        if name != "__next__":
            return result
        if result is None:
            raise StopIteration
        return result[0]

    method.__name__ = name
    return method


def _make_static(number: int, name: str) -> Callable[..., Any]:
    def method(*arguments: Any, **keywords: Any) -> Any:
        return call("call", _classes[number], name, arguments, keywords)

    method.__name__ = name
    return method


def _log(self: Any, name: str, value: Any, description: str = "", step: Any = None) -> None:
    """Log a value. If amlflow cannot refuse it, do not wait for an answer."""
    if type(value) not in PLAIN and getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # a number of numpy
    kind = type(value)
    if (
        type(name) is str
        and 0 < len(name) <= _MAX_TEXT
        and (
            kind is float
            or kind is bool
            or (kind is int and -_MAX_WHOLE < value < _MAX_WHOLE)
            or (kind is str and len(value) <= _MAX_TEXT)
        )
        and (step is None or (type(step) is int and -_MAX_WHOLE < step < _MAX_WHOLE))
    ):
        connection.send(to_line([self._amlflow_number, name, value, step]))
    else:
        try:
            call("call", self, "log", (name, value, description, step))
        except NotSendable:
            _logger.warning("The %s logged as %r is stored as text.", kind.__name__, name)
            call("call", self, "log", (name, repr(value), description, step))


def _init_error(self: Any, message: str = "", *arguments: Any, **keywords: Any) -> None:
    Exception.__init__(self, message, *arguments)
    self.message = message


def _to_error(content: Dict[str, Any]) -> BaseException:
    """Make the error that a call raised, of the class here with the same name."""
    kind, message = content["class"], content["message"]
    if isinstance(kind, str):
        known: Callable[..., BaseException] = getattr(builtins, kind)
        return known(*content["arguments"])
    own: Callable[..., BaseException] = _class_of(kind)
    return own(message)
