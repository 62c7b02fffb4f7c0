"""A reader of pickles that can build arrays and nothing else.

Python's own unpickler is not used at all: it imports what a file names and calls what it imports. This one knows the
opcodes, keeps values in `values`, and answers every call with one of the few constructors below. Memory is bounded by
the file: arrays are views of its bytes, and what could be multiplied by repeating an opcode is counted.

Protocols 0 to 5, also as Python 2 wrote them. Arrays outside the file (protocol 5 buffers) are refused.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable
from typing import Any

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

MAX_OPCODES = 1_000_000
"""The published models need a few hundred; ten seconds of a hostile file's work at the very most."""
_MAX_LINE = 1 << 10  # of names and numbers; text of protocol 0 holds array data and may be as long as the file
_MAX_INTEGER = 32  # bytes of a whole number
_MAX_KEY = 1 << 20  # of tables: far larger numbers can be chosen so that a table gets slow
_EXTRA_COPIES = 4  # how many times the file's own size may be copied by calls

_MARK = object()


def load_pickle(data: bytes) -> Any:
    """The value that a pickle describes. Raises RefusedError when it wants more than arrays, DamagedError when cut."""
    return _Machine(data).run()


class _Machine:
    """One run over one pickle."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def run(self) -> Any:
        for _ in range(MAX_OPCODES):
            code = self._take(1)[0]
            if code == 0x2E:  # STOP
                return self._pop()
            work = _OPCODES.get(code)
            if work is None:
                raise DamagedError(f"byte {self._at - 1} is no part of any pickle")
            work(self)
        raise RefusedError(f"it takes more than {MAX_OPCODES:,} steps to read")

    # Bytes of the file.

    def _take(self, count: int) -> bytes:
        start = self._at
        self._at += count
        if count < 0 or self._at > len(self._data):
            raise DamagedError("it ends in the middle")
        return self._data[start:self._at]

    def _number(self, form: str) -> int:
        return struct.unpack(form, self._take(struct.calcsize(form)))[0]

    def _line(self, longest: int = _MAX_LINE) -> bytes:
        end = self._data.find(b"\n", self._at, self._at + longest)
        if end < 0:
            raise DamagedError("it ends in the middle")
        return self._take(end + 1 - self._at)[:-1]

    def _spend(self, amount: int) -> None:
        """Count bytes or items that a call copies: the same text can be named again and again."""
        self._copied += amount
        if self._copied > _EXTRA_COPIES * len(self._data) + 4096:
            raise RefusedError("it unfolds to far more than it is")

    # The stack.

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            raise DamagedError("it takes what it never gave")
        return self._stack.pop()

    def _pop_mark(self) -> list:
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is _MARK:
                items = self._stack[index + 1:]
                del self._stack[index:]
                return items
        raise DamagedError("it takes what it never gave")

    def _pop_many(self, count: int) -> tuple:
        return tuple(self._pop() for _ in range(count))[::-1]

    def _top(self) -> Any:
        value = self._pop()
        self._push(value)
        return value

    # Numbers and text.

    def _integer(self, data: bytes) -> None:
        if len(data) > _MAX_INTEGER:
            raise RefusedError("it holds a number beyond all measure")
        self._push(int.from_bytes(data, "little", signed=True))

    def _integer_line(self) -> None:
        line = self._line()
        if line in (b"00", b"01"):
            self._push(line == b"01")
            return
        if len(line) > _MAX_INTEGER:
            raise RefusedError("it holds a number beyond all measure")
        self._push(_parsed(int, line.removesuffix(b"L")))

    def _quoted(self) -> None:
        """A Python 2 `str` as its source would show it."""
        line = self._line(len(self._data))
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
            raise DamagedError("a text is not closed")
        try:
            self._push(codecs.escape_decode(line[1:-1])[0])
        except ValueError as error:
            raise DamagedError("a text is not spelled as a pickle spells it") from error

    def _unicode(self, data: bytes, encoding: str = "utf-8") -> None:
        try:
            self._push(data.decode(encoding, "surrogatepass" if encoding == "utf-8" else "strict"))
        except UnicodeError as error:
            raise DamagedError("a text is not spelled as a pickle spells it") from error

    # Containers.

    def _append(self, items: list) -> None:
        target = self._top()
        if not isinstance(target, list):
            raise DamagedError("it puts an item into something that is no list")
        target.extend(items)

    def _set_items(self, items: list) -> None:
        target = self._top()
        if not isinstance(target, dict) or len(items) % 2:
            raise DamagedError("it puts a pair into something that is no table")
        self._fill(target, items)

    def _fill(self, target: dict, items: list) -> None:
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def _mapping(self) -> None:
        made: dict = {}
        items = self._pop_mark()
        if len(items) % 2:
            raise DamagedError("a table has a key without a value")
        self._fill(made, items)
        self._push(made)

    def _add_to_set(self) -> None:
        items = self._pop_mark()
        if not isinstance(self._top(), list):
            raise DamagedError("it puts an item into something that is no set")
        self._top().extend(items)

    # The memo.

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise DamagedError("it recalls what it never said")
        self._push(self._memo[index])

    def _remember(self, index: int) -> None:
        self._memo[index] = self._top()

    # Objects.

    def _global(self, module: bytes | str, name: bytes | str) -> None:
        self._push(look_up(text(module), text(name)))

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise RefusedError("it calls something that is no constructor")
        self._push(self._make(function, arguments))

    def _new_object(self, arguments: Any, kind: Any, keywords: Any = None) -> None:
        if not isinstance(kind, Name) or arguments != () or keywords:
            raise RefusedError("it makes an object in a way that no head model needs")
        self._push(self._make(Name("reconstructor"), (kind,)))

    def _make(self, function: Name, arguments: tuple) -> Any:
        """The constructors. Each returns something without behaviour."""
        match function.role, arguments:
            case "reconstruct", (Name(role="ndarray"), _, _):
                return Array()
            case "dtype", ((str() | bytes()) as code, *_):
                return Type(text(code).lstrip("<>=|"), text(code)[:1])
            case "scalar", (Type() as kind, (str() | bytes()) as data):
                return Array(filled(kind, (), False, self._raw(data)))
            case "frombuffer", ((bytes() | bytearray()) as data, Type() as kind, shape, order):
                return Array(filled(kind, shape, order == "F", data))
            case "encode", ((str() | bytes() | bytearray()) as data, *_):
                return self._raw(data)
            case ("encode" | "set"), ():
                return b"" if function.role == "encode" else []
            case "set", ([*_] as items,):
                return items
            case "dict", ():
                return {}
            case "dict", ([*_] as pairs,):
                made: dict = {}
                self._spend(64 * len(pairs))
                for pair in pairs:
                    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                        raise DamagedError("a table has a key without a value")
                    made[_key(pair[0])] = pair[1]
                return made
            case "reconstructor", (Name(role="sparse" | "chumpy") as kind, *_):
                return Thing(kind)
            case "reconstructor", (Name(role="dict"), *_):
                return {}
        raise RefusedError(f"it calls {function.role} in a way that no head model needs")

    def _raw(self, data: Any) -> bytes | bytearray:
        """Bytes of a Python 2 `str`, or of the text that newer writers make of one."""
        if not isinstance(data, str):
            return data
        self._spend(len(data))
        try:
            return data.encode("latin1")
        except UnicodeError as error:
            raise DamagedError("an array's bytes are no bytes") from error

    def _build(self) -> None:
        state, target = self._pop(), self._top()
        if isinstance(target, Array):
            self._fill_array(target, state)
        elif isinstance(target, Type) and isinstance(state, tuple) and len(state) >= 5 and state[3] is None \
                and state[2] is None:
            target.order = text(state[1])
        elif isinstance(target, Thing):
            parts = state if isinstance(state, tuple) else (state,)
            for part in parts:
                if isinstance(part, dict):
                    self._spend(64 * len(part))
                    target.state.update(part)
                elif part is not None:
                    raise RefusedError("it gives an object a state that is no table")
        else:
            raise RefusedError("it changes something that is no array")

    def _fill_array(self, target: Array, state: Any) -> None:
        if not isinstance(state, tuple) or len(state) not in (4, 5) or not isinstance(state[-3], Type):
            raise DamagedError("an array has no content")
        shape, kind, fortran, data = state[-4:]
        if kind.is_object:
            lengths, count = size_of(shape)
            if not isinstance(data, list) or len(data) != count:
                raise DamagedError("an array of objects has no content")
            target.objects, target.shape = data, lengths
        elif isinstance(data, (bytes, bytearray, str)):
            target.value = filled(kind, shape, bool(fortran), self._raw(data))
        else:
            raise DamagedError("an array has no content")


def _key(key: Any) -> Any:
    """A table's key; tuples and the like are refused because hashing nested ones takes for ever."""
    if isinstance(key, bytes):
        return key.decode("latin1")
    if key is None or isinstance(key, str) or (isinstance(key, int) and abs(key) < _MAX_KEY):
        return key
    raise RefusedError("it holds a table whose keys are no names")


def _parsed(kind: Callable[[str], Any], line: bytes) -> Any:
    try:
        return kind(line.decode("ascii"))
    except (UnicodeError, ValueError) as error:
        raise DamagedError("a number is not spelled as a pickle spells it") from error


def _refused(what: str) -> Callable[[_Machine], None]:
    def work(machine: _Machine) -> None:
        raise RefusedError(what)
    return work


def _protocol(m: _Machine) -> None:
    if m._take(1)[0] > 5:
        raise DamagedError("it is of a kind that this version does not know")


def _frame(m: _Machine) -> None:
    if m._number("<Q") > len(m._data):
        raise DamagedError("it ends in the middle")


def _duplicate(m: _Machine) -> None:
    m._push(m._top())


def _drop(m: _Machine) -> None:
    if not m._stack:
        raise DamagedError("it takes what it never gave")
    m._stack.pop()


def _extended_object(m: _Machine) -> None:
    keywords, arguments, kind = m._pop(), m._pop(), m._pop()
    m._new_object(arguments, kind, keywords)


def _plain_object(m: _Machine) -> None:
    arguments, kind = m._pop(), m._pop()
    m._new_object(arguments, kind)


def _named_on_stack(m: _Machine) -> None:
    name, module = m._pop(), m._pop()
    m._global(module, name)


def _float_line(m: _Machine) -> None:
    m._push(_parsed(float, m._line()))


def _one_pair(m: _Machine) -> None:
    value, key = m._pop(), m._pop()
    m._set_items([key, value])


def _one_item(m: _Machine) -> None:
    item = m._pop()
    m._append([item])


_INSTANCE = "it makes an object in a way that no head model needs"
_PERSISTENT = "it points at things outside of itself"

_BY_CODE: dict[int | str, Callable[[_Machine], Any]] = {
    0x80: _protocol, 0x95: _frame,
    "(": lambda m: m._push(_MARK), "0": _drop, "1": lambda m: m._pop_mark(), "2": _duplicate,
    "N": lambda m: m._push(None), 0x88: lambda m: m._push(True), 0x89: lambda m: m._push(False),
    "I": _Machine._integer_line, "L": _Machine._integer_line, "F": _float_line,
    "J": lambda m: m._push(m._number("<i")), "K": lambda m: m._push(m._number("<B")),
    "M": lambda m: m._push(m._number("<H")), "G": lambda m: m._push(m._number(">d")),
    0x8A: lambda m: m._integer(m._take(m._number("<B"))), 0x8B: lambda m: m._integer(m._take(m._number("<i"))),
    "S": _Machine._quoted, "T": lambda m: m._push(m._take(m._number("<i"))),
    "U": lambda m: m._push(m._take(m._number("<B"))),
    "B": lambda m: m._push(m._take(m._number("<I"))), "C": lambda m: m._push(m._take(m._number("<B"))),
    0x8E: lambda m: m._push(m._take(m._number("<Q"))), 0x96: lambda m: m._push(m._take(m._number("<Q"))),
    "V": lambda m: m._unicode(m._line(len(m._data)), "raw_unicode_escape"),
    "X": lambda m: m._unicode(m._take(m._number("<I"))), 0x8C: lambda m: m._unicode(m._take(m._number("<B"))),
    0x8D: lambda m: m._unicode(m._take(m._number("<Q"))),
    ")": lambda m: m._push(()), "t": lambda m: m._push(tuple(m._pop_mark())),
    0x85: lambda m: m._push(m._pop_many(1)), 0x86: lambda m: m._push(m._pop_many(2)),
    0x87: lambda m: m._push(m._pop_many(3)),
    "]": lambda m: m._push([]), "l": lambda m: m._push(m._pop_mark()), "a": _one_item,
    "e": lambda m: m._append(m._pop_mark()),
    "}": lambda m: m._push({}), "d": _Machine._mapping, "s": _one_pair, "u": lambda m: m._set_items(m._pop_mark()),
    0x8F: lambda m: m._push([]), 0x90: _Machine._add_to_set, 0x91: lambda m: m._push(m._pop_mark()),  # sets, as lists
    "g": lambda m: m._recall(_parsed(int, m._line())), "h": lambda m: m._recall(m._number("<B")),
    "j": lambda m: m._recall(m._number("<I")),
    "p": lambda m: m._remember(_parsed(int, m._line())), "q": lambda m: m._remember(m._number("<B")),
    "r": lambda m: m._remember(m._number("<I")), 0x94: lambda m: m._remember(len(m._memo)),
    "c": lambda m: m._global(m._line(), m._line()), 0x93: _named_on_stack,
    "R": _Machine._reduce, "b": _Machine._build, 0x81: _plain_object, 0x92: _extended_object,
    "i": _refused(_INSTANCE), "o": _refused(_INSTANCE), "P": _refused(_PERSISTENT), "Q": _refused(_PERSISTENT),
    0x82: _refused(_PERSISTENT), 0x83: _refused(_PERSISTENT), 0x84: _refused(_PERSISTENT),
    0x97: _refused("its arrays lie outside of it"), 0x98: lambda m: None,
}
_OPCODES = {ord(code) if isinstance(code, str) else code: work for code, work in _BY_CODE.items()}
