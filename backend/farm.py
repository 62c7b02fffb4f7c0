"""The same jobs on the computers of a studio's farm, by Dask: an optional extra, imported when it is asked for.

Photos and avatars have to lie where every computer sees them under the same path. What travels is the job's message
(paths and options) to the scheduler that was named, and its result; no pixel does. A Dask worker gives each job to a
child of its own, as everywhere; when the worker dies its child leaves, and Dask gives the job to another, which goes on
from the last finished stage.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Any

from backend.errors import BackendError, InputError
from backend.jobs import Worker
from backend.pool import Ended, failed
from backend.protocol import Message

ANSWER_S = 10
"""How long a scheduler may take to answer, and to have its first worker."""


def run(jobs: Sequence[Message], address: str, ended: Ended) -> None:
    """Do all `jobs` on the workers of the scheduler at `address`; see `pool.run`.

    Raises InputError when Dask is not installed or nobody answers.
    """
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise InputError("--scheduler needs Dask, which this environment does not have.",
                         "Install requirements/farm.lock into it; docs/farm.md says how.") from error
    try:
        client: Any = Client(address, timeout=ANSWER_S, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"No Dask scheduler answers at {address}.",
                         "Give an address such as tcp://farm:8786, and see that it runs.") from error
    try:
        try:
            client.wait_for_workers(1, timeout=ANSWER_S)
        except TimeoutError as error:
            raise InputError(f"The Dask scheduler at {address} has no workers.", "Start some; docs/farm.md says how.") \
                from error
        waiting = {client.submit(work, message, key=f"likeness-{message['id']}", pure=False): message["id"]
                   for message in jobs}
        for future in as_completed(list(waiting), loop=client.loop):  # the client is nobody's default
            broken = future.exception()
            ended(future.result() if broken is None else failed(waiting[future], _lost(broken)))
    finally:
        client.close()


def _lost(error: BaseException) -> BackendError:
    """Dask gave up on a job: its workers died again and again, or it was told to."""
    return BackendError(f"The farm gave the job up ({type(error).__name__}).",
                        "See the log of the Dask workers, then start the batch again: it goes on from there.")


_idle: list[_Hand] = []
_lock = threading.Lock()


class _Hand:
    """A child and what it says."""

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self.worker = Worker(lambda _, message: self.said.put(message), quiet=True)


def work(message: Message) -> Message:
    """In a Dask worker: do one job in a child; its `result` or `error` message."""
    with _lock:
        hand = _idle.pop() if _idle else _Hand()
    hand.worker.send(message)
    while (answer := hand.said.get()) is not None:
        if answer["type"] in ("result", "error"):
            with _lock:
                _idle.append(hand)
            return answer
    return failed(message["id"], hand.worker.death())
