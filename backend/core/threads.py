"""Independent pieces of work on all cores: numpy, OpenCV and Embree let go of the interpreter while they compute."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar, cast

from backend.devices import cpu_count

LIMIT = "LIKENESS_THREADS"
"""Variable of the environment: at most so many threads, for a process that shares its cores with others like it."""

Item = TypeVar("Item")
Result = TypeVar("Result")

_INSIDE = threading.local()


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item],
                 done: Callable[[int], None] = lambda count: None) -> list[Result]:
    """`work` of every item, in their order, on as many threads as there are cores, or as `LIMIT` says.

    Pieces must not depend on one another. `done` is called from here when so many from the first on are finished; it
    may raise. When it or a piece does, those not begun are dropped, the others waited for, and the error goes on.
    Called from within a piece, or with one item or one core, it is a plain loop.
    """
    todo, results = list(items), list[Result]()
    if len(todo) < 2 or _threads() < 2 or getattr(_INSIDE, "piece", False):
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


def one_ahead(items: Iterable[Item]) -> Generator[Item, None, None]:
    """`items`, each made on a thread while the one before is used. To be closed before what they come from is."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        coming = pool.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, source, end)
            yield cast(Item, item)


@cache
def _threads() -> int:
    asked = os.environ.get(LIMIT, "")
    return max(1, int(asked)) if asked.isdecimal() else cpu_count()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), thread_name_prefix="piece")


def _piece(work: Callable[[Item], Result], item: Item) -> Result:
    _INSIDE.piece = True
    return work(item)
