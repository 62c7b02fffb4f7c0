"""Command line of the statistics of faces in photos.

    python -m backend.training.appearance photograph FOLDER --photos 100 --seed 1    again with other seeds for more
    python -m backend.training.appearance measure FOLDER [--out FILE.npz]            the table of all photos in FOLDER

The table that ships was made from 100 photos (`--photos 100 --seed 1`), about two seconds each.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np

from backend.errors import InputError, LikenessError
from backend.fit.pixels.appearance import TABLE, Appearance
from backend.fit.pixels.surface import Surface
from backend.head.model import default_head
from backend.training.appearance.photos import Seen, photographed
from backend.training.appearance.places import places
from backend.training.appearance.statistics import measure

PITCH, BLUR = 1.2, 1.0
"""Millimetres per pixel, and of smoothing: edges must be felt as far off as the landmarker errs, two millimetres."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked."""
    parser = argparse.ArgumentParser(prog="python -m backend.training.appearance")
    commands = parser.add_subparsers(required=True, dest="command")
    taking = commands.add_parser("photograph", help="photograph generated people and keep their skin's colours")
    taking.add_argument("folder", type=Path)
    taking.add_argument("--photos", type=int, default=100)
    taking.add_argument("--seed", type=int, default=1)
    measuring = commands.add_parser("measure", help="make the table of all photos in a folder")
    measuring.add_argument("folder", type=Path)
    measuring.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    try:
        return _photograph(options) if options.command == "photograph" else _measure(options)
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _photograph(options: argparse.Namespace) -> int:
    head = default_head()
    uvs = places(head, np.random.default_rng(0))
    photos = photographed(head, Surface.of(head, uvs), options.photos, np.random.default_rng((41, options.seed)), PITCH,
                          BLUR)
    options.folder.mkdir(parents=True, exist_ok=True)
    arrays = {part.name: np.stack([getattr(photo, part.name) for photo in photos]).astype(kind)
              for part, kind in zip(fields(Seen), (np.float16, np.float16, bool), strict=True)}
    np.savez_compressed(options.folder / f"seen_{options.seed:03d}.npz", **arrays)  # type: ignore[arg-type]
    return 0


def _measure(options: argparse.Namespace) -> int:
    photos = []
    for path in sorted(options.folder.glob("seen_*.npz")):
        with np.load(path, allow_pickle=False) as file:
            parts = [file[part.name] for part in fields(Seen)]
        photos += [Seen(colours.astype(np.float32), normals.astype(np.float32), seen)
                   for colours, normals, seen in zip(*parts, strict=True)]
    if len(photos) < 60:
        raise InputError(f"There are {len(photos)} photos in {options.folder.name}, too few for statistics.",
                         "Run `photograph` with other seeds first.")
    uvs = places(default_head(), np.random.default_rng(0))
    save(measure(photos, uvs, PITCH, BLUR, np.random.default_rng(0), print), options.out)
    return 0


def save(appearance: Appearance, path: Path) -> None:
    """In half precision, but for the places."""
    parts = {part.name: np.asarray(getattr(appearance, part.name), np.float16) for part in fields(Appearance)}
    parts["uvs"] = appearance.uvs.astype(np.float32)
    parts["light_precision"] = appearance.light_precision.astype(np.float32)
    np.savez_compressed(path, **parts)  # type: ignore[arg-type]


if __name__ == "__main__":
    sys.exit(main())
