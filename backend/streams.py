"""Keeps standard output for our own words. Native libraries write to file descriptors 1 and 2 as they please.

`reserve` moves both descriptors away from them: what we say goes to copies of the real ones, what libraries say goes to
standard error (a server's log) or into an unnamed file (a command line, where a person reads standard error).
"""

from __future__ import annotations

import io
import os
import sys
from dataclasses import dataclass
from typing import IO, TextIO

from backend import guard

_TAIL_BYTES = 4000


@dataclass(frozen=True)
class Streams:
    """Where we speak."""

    out: TextIO  # the real standard output
    err: TextIO  # the real standard error
    noise: IO[bytes] | None  # what libraries said, None when that goes to standard error

    def noise_tail(self) -> str:
        """The end of what libraries said, for a report."""
        if self.noise is None:
            return ""
        size = self.noise.seek(0, io.SEEK_END)
        self.noise.seek(max(0, size - _TAIL_BYTES))
        return self.noise.read().decode("utf-8", "replace")


def reserve(*, quiet: bool) -> Streams:
    """Take both descriptors for this process; with `quiet` libraries are written to a file that nobody sees.

    Call once, before libraries are loaded.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    out, err = _text(os.dup(1)), _text(os.dup(2))
    noise: IO[bytes] | None = None
    if quiet:
        noise = guard.noise() if guard.is_inside() else guard.unnamed_file()
        os.dup2(noise.fileno(), 2)
    os.dup2(2, 1)
    return Streams(out, err, noise)


class _Tolerant(io.TextIOWrapper):
    """Text to somebody who may have stopped listening: a closed window or pipe is no reason to lose an hour's work."""

    def write(self, text: str) -> int:
        """As of any text stream; nothing happens once nobody listens."""
        try:
            return super().write(text)
        except OSError:
            self._to_nobody()
            return len(text)

    def flush(self) -> None:
        """As of any text stream."""
        try:
            super().flush()
        except OSError:
            self._to_nobody()

    def _to_nobody(self) -> None:
        """What is still held back goes nowhere, and so does all that comes."""
        nobody = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nobody, self.fileno())
        os.close(nobody)


def _text(descriptor: int) -> TextIO:
    raw = io.FileIO(descriptor, "w")
    return _Tolerant(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", newline="\n",
                     line_buffering=True)
