"""Keeps standard output for our own words. Native libraries write to file descriptors 1 and 2 as they please.

`reserve` moves both descriptors away from them: what we say goes to copies of the real ones, what libraries say goes to
standard error (a server's log) or into an unnamed file (a command line, where a person reads standard error).
"""

from __future__ import annotations

import io
import os
import sys
import tempfile
from dataclasses import dataclass
from typing import BinaryIO, TextIO

_TAIL_BYTES = 4000


@dataclass(frozen=True)
class Streams:
    """Where we speak."""

    out: TextIO  # the real standard output
    err: TextIO  # the real standard error
    noise: BinaryIO | None  # what libraries said, None when that goes to standard error

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
    noise: BinaryIO | None = None
    if quiet:
        noise = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        os.dup2(noise.fileno(), 2)
    os.dup2(2, 1)
    return Streams(out, err, noise)


def _text(descriptor: int) -> TextIO:
    return open(descriptor, "w", encoding="utf-8", errors="backslashreplace", buffering=1, newline="\n")
