"""Every hostile and odd input there is to test with: built when asked for, never stored.

`cases()` gives them all; `tests/hostile/` has a file for each room. A new parser adds a door in `hostile/doors.py` and
a file with `cases()` to `ROOMS`. `LIMITS` says how long a case may take and how much memory it may add.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from tests.hostile import bundles, lines, models, pictures
from tests.hostile.case import Case

ROOMS: tuple[ModuleType, ...] = (pictures, models, bundles, lines)


LIMITS = {"pixels": (10.0, 1.2e9)}
"""Door -> CPU seconds that a case may take, bytes that it may add for a while; measured are 3 and 0.75e9."""
LIMIT = (2.0, 0.2e9)
"""The same for every other door; measured are 0.5 and 0.07e9 at most."""


def cases() -> Iterator[Case]:
    """Every case of every room."""
    for room in ROOMS:
        yield from room.cases()
