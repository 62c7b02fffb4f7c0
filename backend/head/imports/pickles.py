"""A reader of pickles that can build arrays and nothing else.

Python's own unpickler is not used at all: it imports what a file names and calls what it imports. This one knows the
opcodes, works them on a `machine`, and answers every call with one of the few constructors in `objects`. Memory is
bounded by the file: arrays are views of its bytes, and what could be multiplied by repeating an opcode is counted.

Protocols 0 to 5, also as Python 2 wrote them. Arrays outside the file (protocol 5 buffers) are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backend.head.imports import objects
from backend.head.imports.machine import MARK, Machine, parsed
from backend.head.imports.values import DamagedError, RefusedError


def load_pickle(data: bytes) -> Any:
    """The value that a pickle describes. Raises RefusedError when it wants more than arrays, DamagedError when cut."""
    return Machine(data).run(_OPCODES)


def _refused(what: str) -> Callable[[Machine], None]:
    def work(m: Machine) -> None:
        raise RefusedError(what)
    return work


def _protocol(m: Machine) -> None:
    if m.take(1)[0] > 5:
        raise DamagedError("it is of a kind that this version does not know")


def _new(m: Machine) -> None:
    kind, arguments = m.pop_tuple(2)
    objects.new(m, kind, arguments)


def _new_extended(m: Machine) -> None:
    kind, arguments, keywords = m.pop_tuple(3)
    objects.new(m, kind, arguments, keywords)


def _stack_name(m: Machine) -> None:
    module, name = m.pop_tuple(2)
    objects.name(m, module, name)


_INSTANCE = _refused("it makes an object in a way that no head model needs")
_PERSISTENT = _refused("it points at things outside of itself")
_OUTSIDE = _refused("its arrays lie outside of it")

_OPCODES: dict[int, Callable[[Machine], Any]] = {
    0x80: _protocol, 0x95: lambda m: m.take(8),  # FRAME: a hint for readers of streams
    ord("("): lambda m: m.push(MARK), ord("0"): Machine.drop, ord("1"): Machine.pop_mark,
    ord("2"): lambda m: m.push(m.top()),
    # Numbers.
    ord("N"): lambda m: m.push(None), 0x88: lambda m: m.push(True), 0x89: lambda m: m.push(False),
    ord("I"): Machine.integer_line, ord("L"): Machine.integer_line, ord("F"): lambda m: m.push(parsed(float, m.line())),
    ord("J"): lambda m: m.push(m.number("<i")), ord("K"): lambda m: m.push(m.number("<B")),
    ord("M"): lambda m: m.push(m.number("<H")), ord("G"): lambda m: m.push(m.number(">d")),
    0x8A: lambda m: m.integer(m.take(m.number("<B"))), 0x8B: lambda m: m.integer(m.take(m.number("<i"))),
    # Bytes, and what Python 2 called text.
    ord("S"): Machine.quoted, ord("T"): lambda m: m.push(m.take(m.number("<i"))),
    ord("U"): lambda m: m.push(m.take(m.number("<B"))), ord("B"): lambda m: m.push(m.take(m.number("<I"))),
    ord("C"): lambda m: m.push(m.take(m.number("<B"))), 0x8E: lambda m: m.push(m.take(m.number("<Q"))),
    0x96: lambda m: m.push(m.take(m.number("<Q"))),
    # Text.
    ord("V"): Machine.unicode_line, ord("X"): lambda m: m.unicode(m.take(m.number("<I"))),
    0x8C: lambda m: m.unicode(m.take(m.number("<B"))), 0x8D: lambda m: m.unicode(m.take(m.number("<Q"))),
    # Tuples, lists, tables; sets are lists, so that nothing is hashed.
    ord(")"): lambda m: m.push(()), ord("t"): lambda m: m.push(tuple(m.pop_mark())),
    0x85: lambda m: m.push(m.pop_tuple(1)), 0x86: lambda m: m.push(m.pop_tuple(2)),
    0x87: lambda m: m.push(m.pop_tuple(3)),
    ord("]"): lambda m: m.push([]), ord("l"): lambda m: m.push(m.pop_mark()),
    ord("a"): lambda m: m.extend([m.pop()]), ord("e"): lambda m: m.extend(m.pop_mark()),
    ord("}"): lambda m: m.push({}), ord("d"): Machine.table, ord("s"): lambda m: m.set_items([*m.pop_tuple(2)]),
    ord("u"): lambda m: m.set_items(m.pop_mark()),
    0x8F: lambda m: m.push([]), 0x90: lambda m: m.extend(m.pop_mark()), 0x91: lambda m: m.push(m.pop_mark()),
    # The memo.
    ord("g"): lambda m: m.recall(parsed(int, m.line())), ord("h"): lambda m: m.recall(m.number("<B")),
    ord("j"): lambda m: m.recall(m.number("<I")), ord("p"): lambda m: m.remember(parsed(int, m.line())),
    ord("q"): lambda m: m.remember(m.number("<B")), ord("r"): lambda m: m.remember(m.number("<I")),
    0x94: Machine.remember,
    # Names, calls and states.
    ord("c"): lambda m: objects.name(m, m.line(), m.line()), 0x93: _stack_name, ord("R"): objects.reduce,
    ord("b"): objects.build, 0x81: _new, 0x92: _new_extended,
    # What no array needs: instances of old classes, persistent ids, registered extensions, buffers outside the file.
    ord("i"): _INSTANCE, ord("o"): _INSTANCE, ord("P"): _PERSISTENT, ord("Q"): _PERSISTENT,
    0x82: _PERSISTENT, 0x83: _PERSISTENT, 0x84: _PERSISTENT, 0x97: _OUTSIDE, 0x98: _OUTSIDE,
}
