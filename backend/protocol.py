"""The language of the process boundary: one JSON object a line over the backend's standard input and output.

Only the form of messages lives here: what may be said, and how a line becomes a message. docs/protocol.md says what
they mean; the add-on has its own reader of the same (blender_addon/client.py), because neither may import the other.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from typing import IO, Any, BinaryIO, TextIO

from backend.errors import LikenessError

PROTOCOL_VERSION = 1
MAX_LINE_BYTES = 1 << 20
"""Longer lines are answered with an error and skipped; paths and options never come near."""
HEARTBEAT_SECONDS = 2.0

Message = dict[str, Any]

_FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "hello": {"protocol": int, "client": str},
    "submit": {"id": str, "kind": str, "parameters": dict, "folder": str},
    "cancel": {"id": str},
    "shutdown": {},
}
"""What a client may say: message type -> its required fields."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class ProtocolError(LikenessError):
    """A line that is no message of this protocol."""

    kind = "protocol"


def parse(line: bytes) -> Message:
    """One line from a client. Raises ProtocolError with what is wrong about it."""
    if len(line) > MAX_LINE_BYTES:
        raise ProtocolError(f"A line is longer than {MAX_LINE_BYTES} bytes.", "Put large data into files.")
    try:
        message = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ProtocolError("A line is not JSON.", "Send one JSON object a line, in UTF-8.") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise ProtocolError("A line is not an object with a type.", "Send one JSON object a line.")
    kind = message["type"]
    if kind not in _FIELDS:
        raise ProtocolError(f"There is no message of type {kind[:40]!r}.", f"Known are {', '.join(_FIELDS)}.")
    for name, wanted in _FIELDS[kind].items():
        value = message.get(name)
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise ProtocolError(f"The field {name} of a {kind} message is missing or of the wrong type.",
                                "See docs/protocol.md.")
    if "id" in _FIELDS[kind] and not _ID.fullmatch(message["id"]):
        raise ProtocolError("A job's id has 1 to 64 letters, digits, dots, dashes and underscores.")
    return message


def lines(stream: BinaryIO | IO[bytes], most: int = MAX_LINE_BYTES) -> Iterator[bytes]:
    """Lines of a pipe until it closes; of one longer than `most` only the head is given, its rest is skipped."""
    while line := stream.readline(most + 1):
        yield line
        while line and not line.endswith(b"\n"):
            line = stream.readline(most + 1)


class Writer:
    """Sends messages, from any thread, one whole line at a time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def send(self, message_type: str, /, **fields: Any) -> None:
        """Write one message. A reader that has gone is nobody's error: standard input closes as well."""
        self.relay({"type": message_type, **fields})

    def relay(self, message: Message) -> None:
        """Write a message as it is."""
        text = json.dumps(message, ensure_ascii=True, allow_nan=False)
        with self._lock:
            try:
                self._stream.write(text + "\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError, OSError):
                return

    def error(self, error: LikenessError, job: str | None = None, report: str | None = None) -> None:
        """Send an `error` message."""
        self.send("error", id=job, kind=error.kind, message=error.message, remedy=error.remedy, report=report)
