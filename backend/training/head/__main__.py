"""`python -m backend.training.head [FILE]`: build the default head and write it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.head.model import DEFAULT_HEAD, save_head
from backend.training.head.default import build_default_head

LANDMARKER = Path(__file__).parents[2] / "assets" / "mediapipe" / "face_landmarker.task"


def main() -> int:
    """Parse arguments, build, save."""
    parser = argparse.ArgumentParser(prog="backend.training.head", description="Build the default head (needs anny).")
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT_HEAD, help="where to write it")
    file = parser.parse_args().file
    head = build_default_head(LANDMARKER, lambda part, text: print(f"{part:4.0%} {text}", file=sys.stderr))
    save_head(head, file)
    print(f"{file.name}: {len(head.template)} vertices, {file.stat().st_size / 2**20:.2f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
