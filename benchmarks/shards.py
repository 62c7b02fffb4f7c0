"""Photos for tables that the backend believes, made in shards: the same seed and number give the same one."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np

from backend.head.model import HeadModel, default_head
from backend.npz import write_arrays


def make_shards(options: argparse.Namespace, kind: str,
                photographed: Callable[[HeadModel, np.random.Generator], dict[str, np.ndarray]]) -> None:
    """Make the shards of `options` (`folder`, `seed`, `first`, `shards`) that are not there, for `minutes`."""
    options.folder.mkdir(parents=True, exist_ok=True)
    head, began = default_head(), time.monotonic()
    for number in range(options.first, options.first + options.shards):
        path = options.folder / f"{kind}_{options.seed}_{number:04d}.npz"
        if not path.exists():
            if time.monotonic() - began > options.minutes * 60:
                return
            write_arrays(path, photographed(head, np.random.default_rng((options.seed, number))))
            print(f"{path.name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
