"""The stack machine that a pickle is a program for: bytes, stack, memo, numbers, texts and containers.

It makes no objects (`objects` does) and does not know which opcode does what (`pickles` does).
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Callable, Mapping
from typing import Any

from backend.head.imports.values import DamagedError, RefusedError

MAX_OPCODES = 1_000_000
"""The published models need a few hundred; some seconds of a hostile file's work at the very most."""
MARK = object()
STOP = ord(".")

_MAX_LINE = 1 << 10  # of names and numbers; text of protocol 0 holds array data and may be as long as the file
_MAX_INTEGER = 32  # bytes of a whole number
_MAX_KEY = 1 << 20  # of tables: far larger numbers can be chosen so that a table gets slow
_EXTRA_COPIES = 4  # how many times the file's own size may be copied by calls
_EMPTY = "it takes what it never gave"
_SPELLING = "is not spelled as a pickle spells it"


class Machine:
    """One run over one pickle. What it reads is never more than the file; what repeats is counted with `spend`."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._copied = 0

    def run(self, opcodes: Mapping[int, Callable[[Machine], Any]]) -> Any:
        """The value on top when the program stops."""
        for _ in range(MAX_OPCODES):
            code = self.take(1)[0]
            if code == STOP:
                return self.pop()
            work = opcodes.get(code)
            if work is None:
                raise DamagedError(f"byte {self._at - 1} is no part of any pickle")
            work(self)
        raise RefusedError(f"it takes more than {MAX_OPCODES:,} steps to read")

    def take(self, count: int) -> bytes:
        """The next bytes of the file."""
        start = self._at
        self._at += count
        if count < 0 or self._at > len(self._data):
            raise DamagedError("it ends in the middle")
        return self._data[start:self._at]

    def number(self, form: str) -> Any:
        """A number of fixed size, as `struct` names it."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> bytes:
        """A short line: a name or a number."""
        return self._line(_MAX_LINE)

    def _line(self, longest: int) -> bytes:
        end = self._data.find(b"\n", self._at, self._at + longest)
        if end < 0:
            raise DamagedError("it ends in the middle")
        return self.take(end + 1 - self._at)[:-1]

    def spend(self, amount: int) -> None:
        """Count bytes that a call copies: the same text can be named again and again."""
        self._copied += amount
        if self._copied > _EXTRA_COPIES * len(self._data) + 4096:
            raise RefusedError("it unfolds to far more than it is")

    def push(self, value: Any) -> None:
        """Put a value on top."""
        self._stack.append(value)

    def pop(self) -> Any:
        """Take the value on top."""
        if not self._stack or self._stack[-1] is MARK:
            raise DamagedError(_EMPTY)
        return self._stack.pop()

    def drop(self) -> None:
        """Forget what is on top, a mark as well."""
        if not self._stack:
            raise DamagedError(_EMPTY)
        self._stack.pop()

    def top(self) -> Any:
        """The value on top, which stays."""
        value = self.pop()
        self.push(value)
        return value

    def pop_mark(self) -> list:
        """Take everything above the latest mark, and the mark."""
        for index in range(len(self._stack) - 1, -1, -1):
            if self._stack[index] is MARK:
                items = self._stack[index + 1:]
                del self._stack[index:]
                return items
        raise DamagedError(_EMPTY)

    def pop_tuple(self, count: int) -> tuple:
        """Take so many values, the last on top."""
        return tuple(self.pop() for _ in range(count))[::-1]

    def recall(self, index: int) -> None:
        """Put what was remembered on top."""
        if index not in self._memo:
            raise DamagedError("it recalls what it never said")
        self.push(self._memo[index])

    def remember(self, index: int | None = None) -> None:
        """Remember what is on top, under the next free number by default."""
        self._memo[len(self._memo) if index is None else index] = self.top()

    def integer(self, data: bytes) -> None:
        """A whole number of any size, lowest byte first."""
        if len(data) > _MAX_INTEGER:
            raise RefusedError("it holds a number beyond all measure")
        self.push(int.from_bytes(data, "little", signed=True))

    def integer_line(self) -> None:
        """A whole number in digits; 00 and 01 are the truth values of old."""
        line = self.line()
        if line in (b"00", b"01"):
            self.push(line == b"01")
        elif len(line) > _MAX_INTEGER:
            raise RefusedError("it holds a number beyond all measure")
        else:
            self.push(parsed(int, line.removesuffix(b"L")))

    def quoted(self) -> None:
        """A Python 2 `str` as its source would show it."""
        line = self._line(len(self._data))
        if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
            raise DamagedError("a text is not closed")
        try:
            self.push(codecs.escape_decode(line[1:-1])[0])
        except ValueError as error:
            raise DamagedError(f"a text {_SPELLING}") from error

    def unicode_line(self) -> None:
        """Text of protocol 0."""
        self._text(self._line(len(self._data)), "raw_unicode_escape", "strict")

    def unicode(self, data: bytes) -> None:
        """Text in UTF-8."""
        self._text(data, "utf-8", "surrogatepass")

    def _text(self, data: bytes, encoding: str, errors: str) -> None:
        try:
            self.push(data.decode(encoding, errors))
        except UnicodeError as error:
            raise DamagedError(f"a text {_SPELLING}") from error

    def extend(self, items: list) -> None:
        """Append to the list on top."""
        target = self.top()
        if not isinstance(target, list):
            raise DamagedError("it puts an item into something that is no list")
        target.extend(items)

    def set_items(self, items: list) -> None:
        """Put keys and values, in turn, into the table on top."""
        target = self.top()
        if not isinstance(target, dict) or len(items) % 2:
            raise DamagedError("it puts a pair into something that is no table")
        for name, value in zip(items[::2], items[1::2], strict=True):
            target[key(name)] = value

    def table(self) -> None:
        """A table of what lies above the mark."""
        items = self.pop_mark()
        self.push({})
        self.set_items(items)


def key(value: Any) -> Any:
    """A table's key; tuples and the like are refused because hashing nested ones takes for ever."""
    if isinstance(value, bytes):
        return value.decode("latin1")
    if value is None or isinstance(value, str) or (isinstance(value, int) and abs(value) < _MAX_KEY):
        return value
    raise RefusedError("it holds a table whose keys are no names")


def parsed(kind: Callable[[str], Any], line: bytes) -> Any:
    """A number in digits."""
    try:
        return kind(line.decode("ascii"))
    except (UnicodeError, ValueError) as error:
        raise DamagedError(f"a number {_SPELLING}") from error
