"""Command line of the measurement of outlines.

    python -m backend.training.outline [--photos 60] [--seed 1]

Prints a table in Markdown, in millimetres; its figures stand in `backend/fit/outline/edges.py`. About four seconds a
photo.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from backend.errors import LikenessError
from backend.fit.outline.edges import BEYOND
from backend.head.model import default_head
from backend.training.outline.errors import figures, photographed

PARTS, BEYONDS = ("face", "ear"), ("open", "neck", "cover", "glare")


def main(arguments: list[str] | None = None) -> int:
    """Photograph, measure, print; 0 when it worked."""
    parser = argparse.ArgumentParser(prog="python -m backend.training.outline")
    parser.add_argument("--photos", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    try:
        photos = photographed(default_head(), options.photos, np.random.default_rng((43, options.seed)))
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print("| rim | beyond | photos | edges | bias | local | together | length |\n|---|---|---|---|---|---|---|---|")
    for kind, row in figures(photos).items():
        print(f"| {PARTS[kind // BEYOND]} | {BEYONDS[kind % BEYOND]} | {row['photos']} | {row['edges']} | "
              f"{row['bias']:+.2f} | {row['local']:.2f} | {row['together']:.2f} | {row['length']:.0f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
