"""The few calls that a pickle of arrays makes, answered with inert values. Everything else is refused."""

from __future__ import annotations

from typing import Any

from backend.head.imports.machine import Machine, key
from backend.head.imports.values import (
    Array,
    DamagedError,
    Name,
    RefusedError,
    Thing,
    Type,
    filled,
    look_up,
    size_of,
    text,
)


def name(machine: Machine, module: bytes | str, what: bytes | str) -> None:
    """GLOBAL, STACK_GLOBAL: something named. Raises RefusedError for all but the table in `values`."""
    machine.push(look_up(text(module), text(what)))


def reduce(machine: Machine) -> None:
    """REDUCE: a call."""
    arguments, function = machine.pop(), machine.pop()
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise RefusedError("it calls something that is no constructor")
    machine.push(_made(machine, function, arguments))


def new(machine: Machine, kind: Any, arguments: Any, keywords: Any = None) -> None:
    """NEWOBJ, NEWOBJ_EX: an empty object of a class."""
    if not isinstance(kind, Name) or arguments != () or keywords:
        raise RefusedError("it makes an object in a way that no head model needs")
    machine.push(_made(machine, Name("reconstructor"), (kind,)))


def build(machine: Machine) -> None:
    """BUILD: a state for what is on the stack below it."""
    state, target = machine.pop(), machine.top()
    if isinstance(target, Array):
        _fill(machine, target, state)
    elif isinstance(target, Type) and isinstance(state, tuple) and len(state) >= 5 and state[2] is state[3] is None:
        target.order = text(state[1])
    elif isinstance(target, Thing):
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                machine.spend(64 * len(part))
                target.state.update(part)
            elif part is not None:
                raise RefusedError("it gives an object a state that is no table")
    else:
        raise RefusedError("it changes something that is no array")


def _made(machine: Machine, function: Name, arguments: tuple) -> Any:
    """What a call gives: always something without behaviour."""
    match function.role, arguments:
        case "reconstruct", (Name(role="ndarray"), _, _):
            return Array()
        case "dtype", ((str() | bytes()) as code, *_):
            return Type(text(code).lstrip("<>=|"), text(code)[:1])
        case "scalar", (Type() as kind, (str() | bytes()) as data):
            return Array(filled(kind, (), False, _raw(machine, data)))
        case "frombuffer", (bytes() as data, Type() as kind, shape, order):
            return Array(filled(kind, shape, order == "F", data))
        case "encode", ((str() | bytes()) as data, *_):
            return _raw(machine, data)
        case "encode", ():
            return b""
        case "set", ([*_] as items,):
            return items
        case "set", ():
            return []
        case "dict", ():
            return {}
        case "dict", ([*_] as pairs,):
            machine.spend(64 * len(pairs))
            if not all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in pairs):
                raise DamagedError("a table has a key without a value")
            return {key(pair[0]): pair[1] for pair in pairs}
        case "reconstructor", (Name(role="sparse" | "chumpy") as kind, *_):
            return Thing(kind)
        case "reconstructor", (Name(role="dict"), *_):
            return {}
    raise RefusedError(f"it calls {function.role} in a way that no head model needs")


def _raw(machine: Machine, data: bytes | str) -> bytes:
    """Bytes of a Python 2 `str`, or of the text that newer writers make of one."""
    if not isinstance(data, str):
        return data
    machine.spend(len(data))
    try:
        return data.encode("latin1")
    except UnicodeError as error:
        raise DamagedError("an array's bytes are no bytes") from error


def _fill(machine: Machine, target: Array, state: Any) -> None:
    """numpy's own state: (version,) shape, type, whether columns come first, bytes or a list of objects."""
    if not isinstance(state, tuple) or len(state) not in (4, 5) or not isinstance(state[-3], Type):
        raise DamagedError("an array has no content")
    shape, kind, fortran, data = state[-4:]
    if kind.is_object:
        lengths, count = size_of(shape)
        if not isinstance(data, list) or len(data) != count:
            raise DamagedError("an array of objects has no content")
        target.objects, target.shape = data, lengths
    elif isinstance(data, (bytes, str)):
        target.value = filled(kind, shape, bool(fortran), _raw(machine, data))
    else:
        raise DamagedError("an array has no content")
