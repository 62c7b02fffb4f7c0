"""Independent pieces of work on all cores: numpy, OpenCV and Embree let go of the interpreter while they compute."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

from backend.devices import cpu_count

Item = TypeVar("Item")
Result = TypeVar("Result")

_INSIDE = threading.local()


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item],
                 done: Callable[[int], None] = lambda count: None) -> list[Result]:
    """`work` of every item, in their order, on as many threads as there are cores.

    Pieces must not depend on one another. `done` is called from here when so many from the first on are finished; it
    may raise. When it or a piece does, those not begun are dropped, the others waited for, and the error goes on.
    Called from within a piece, or with one item or one core, it is a plain loop.
    """
    todo, results = list(items), list[Result]()
    if len(todo) < 2 or cpu_count() < 2 or getattr(_INSIDE, "piece", False):
        for item in todo:
            results.append(work(item))
            done(len(results))
        return results
    running = [_pool().submit(_piece, work, item) for item in todo]
    try:
        for future in running:
            results.append(future.result())
            done(len(results))
    finally:
        for future in running:
            future.cancel()
        wait(running)
    return results


def bands(size: int, height: int) -> list[slice]:
    """Rows 0 to `size` in pieces of `height`, the last one shorter."""
    return [slice(top, min(top + height, size)) for top in range(0, size, height)]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cpu_count(), thread_name_prefix="piece")


def _piece(work: Callable[[Item], Result], item: Item) -> Result:
    _INSIDE.piece = True
    return work(item)
