"""How a stage tells how far it is. The callable may raise `errors.Cancelled`; stages let it pass."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]
"""Called as `progress(fraction, text)`: fraction of this stage in 0..1, text a few words for a person."""


def silent(fraction: float, text: str) -> None:
    """A progress that says nothing."""


def part(progress: Progress, start: float, end: float) -> Progress:
    """A progress whose 0..1 fills `start`..`end` of another."""
    return lambda fraction, text: progress(start + (end - start) * fraction, text)
