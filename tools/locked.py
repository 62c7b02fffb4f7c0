"""What the locks hold: names, versions, for which systems, and the SHA-256 of every file that may be installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)(?:\s*;\s*([^\\]+?))?\s*\\?$")
_HASH = re.compile(r"^\s+--hash=sha256:([0-9a-f]{64})\s*\\?$")


@dataclass(frozen=True)
class Locked:
    """One version of one package."""

    name: str
    version: str
    marker: str  # for which systems or Pythons; empty for all
    hashes: tuple[str, ...]  # SHA-256 of its wheels and its source


def read(lock: Path) -> list[Locked]:
    """Every package of a lock, in its order. Raises ValueError for a line that is neither package nor hash."""
    found: list[Locked] = []
    for line in lock.read_text("utf-8").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        package, digest = _PACKAGE.match(line), _HASH.match(line)
        if package:
            found.append(Locked(package[1], package[2], package[3] or "", ()))
        elif digest and found:
            last = found[-1]
            found[-1] = Locked(last.name, last.version, last.marker, (*last.hashes, digest[1]))
        else:
            raise ValueError(f"{lock.name} has a line that is neither a package nor a hash: {line[:60]}")
    return found
