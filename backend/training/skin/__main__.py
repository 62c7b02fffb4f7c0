"""`python -m backend.training.skin sheet OUT.png`: look at what the generator makes."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.errors import LikenessError
from backend.head.model import default_head
from backend.training.skin.sheet import contact_sheet, people


def main() -> int:
    """Write a contact sheet; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m backend.training.skin")
    commands = parser.add_subparsers(required=True)
    sheet = commands.add_parser("sheet", help="faces of all tones with their albedo maps below, as one PNG")
    sheet.add_argument("out", type=Path)
    sheet.add_argument("--count", type=int, default=12)
    sheet.add_argument("--columns", type=int, default=6)
    sheet.add_argument("--resolution", type=int, default=1024)
    sheet.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    try:
        from PIL import Image

        head = default_head()
        skins = people(head, options.count, options.resolution, options.seed)
        Image.fromarray(contact_sheet(head, skins, options.columns)).save(options.out)
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
