"""Every hostile and odd input there is to test with: built when asked for, never stored.

`cases()` gives them all; `tests/hostile/` has a file for each room. A new parser adds a door in `hostile/doors.py` and
a file with `cases()` to `ROOMS`. `LIMITS` says how long a case may take and how much memory it may add.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

from tests.hostile import bundles, films, lines, models, pictures, takes
from tests.hostile.case import Case

ROOMS: tuple[ModuleType, ...] = (pictures, models, bundles, lines, films, takes)


LIMITS = {"pixels": (10.0, 1.2e9), "large film": (6.0, 0.6e9), "take": (8.0, 0.5e9), "take in Blender": (8.0, 0.5e9)}
"""Door -> CPU seconds that a case may take, bytes that it may add for a while; measured are 3 and 0.75e9 for a picture,
1.2 and 0.3e9 for a film, 2.7 and 0.23e9 for a recording."""
SLOW = (13.0, 0.2e9)
"""The same for slow cases; measured are 10 and 0.06e9."""
LIMIT = (2.0, 0.2e9)
"""The same for every other door; measured are 0.5 and 0.07e9 at most."""


def cases() -> Iterator[Case]:
    """Every case of every room."""
    for room in ROOMS:
        yield from room.cases()
