"""Photos for tables that the backend believes, made in shards: the same seed and number give the same one."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from backend.head.model import HeadModel, default_head
from backend.npz import write_arrays


def shards_parser(program: str, about: str | None, seed: int, shards: int, out: Path) -> argparse.ArgumentParser:
    """The command line of a table: `photograph` makes shards in a folder, `measure` writes the table from them."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{program}", description=(about or "").splitlines()[0])
    parser.add_argument("command", choices=("photograph", "measure"))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shards", type=int, default=shards)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--out", type=Path, default=out)
    return parser


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
