"""`python -m backend.training.render sample FOLDER [--size PIXELS] [--name NAME]`: photos, their truth beside them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.errors import LikenessError
from backend.head.model import default_head
from backend.training.render.named import NAMES, named_sample
from backend.training.render.sample import save_sample


def main() -> int:
    """Write the named samples to a folder; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m backend.training.render")
    commands = parser.add_subparsers(required=True)
    sample = commands.add_parser("sample", help="render photos of known people, with the truth in an .npz beside each")
    sample.add_argument("folder", type=Path)
    sample.add_argument("--size", type=int, default=768, help="side of the photo, pixels")
    sample.add_argument("--name", choices=NAMES, action="append", help="only this person")
    options = parser.parse_args()
    try:
        head = default_head()
        for name in options.name or NAMES:
            print(save_sample(named_sample(name, head, options.size), options.folder))
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
