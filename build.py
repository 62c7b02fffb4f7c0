#!/usr/bin/env python3
"""The one entry for everything a contributor does. Needs Python 3.11 or later and nothing else.

    python3 build.py demo [PHOTO]      an avatar from a photo, in out/demo/
    python3 build.py test [PYTEST...]  lint, types and every test
    python3 build.py setup             make the environments and stop
    python3 build.py package           the extension for every platform, and a repository's index, in dist/
    python3 build.py lint              ruff and mypy only
    python3 build.py docs              write docs/troubleshooting.md anew from the sources
    python3 build.py head              rebuild the default head from its CC0 source
    python3 build.py bench [NAME]      measure; writes benchmarks/README.md
    python3 build.py train [NAME]      train a network of the skin, or go on with it, in build/train/
    python3 build.py fuzz [--minutes]  changed files for every reader of strangers' files
    python3 build.py faults [--runs]   jobs killed at random, and a disk that refuses every change once
    python3 build.py licences          write the table of licences anew from what is installed
    python3 build.py pin               write the hashes of all data that ships, after it was made anew
    python3 build.py lock              resolve the locked versions anew
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - who starts this may have an older one
    sys.exit("Likeness needs Python 3.11 or later to build; this is {}.{}.".format(*sys.version_info[:2]))

from tools import commands
from tools.run import BuildError


def main(arguments: list[str]) -> int:
    """Parse the command line and run one command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="build.py", description="Build, try and test Likeness.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    demo = verbs.add_parser("demo", help="an avatar from a photo, in out/demo/")
    demo.add_argument("photo", nargs="?", type=Path, help="default: the sample portrait")
    demo.add_argument("--resolution", type=int, default=2048, choices=(1024, 2048, 4096))
    demo.add_argument("--face", type=int, help="which face, counted from the left, when there are several")
    test = verbs.add_parser("test", help="lint, types and every test")
    test.add_argument("--all-blender", action="store_true", help="every supported Blender, not only the oldest and 5.0")
    test.add_argument("--gui", action="store_true", help="only this: a real Blender in a window, driven by mouse")
    test.add_argument("pytest", nargs="*", help="paths: run only these")
    verbs.add_parser("setup", help="make the environments")
    package = verbs.add_parser("package", help="the extension's zips and the index of a repository, in dist/")
    package.add_argument("--platform", action="append", help="linux-x64, windows-x64 or macos-arm64; default: all")
    package.add_argument("--out", type=Path, help="another folder than dist/")
    verbs.add_parser("lint", help="ruff and mypy")
    verbs.add_parser("docs", help="write docs/troubleshooting.md anew from the sources")
    head = verbs.add_parser("head", help="rebuild the default head")
    head.add_argument("--out", type=Path, help="where to write it; default: the asset that ships")
    bench = verbs.add_parser("bench", help="measure")
    bench.add_argument("name", nargs="?", help="one benchmark; default: all")
    train = verbs.add_parser("train", help="train a network of the skin, or go on with it, in build/train/")
    train.add_argument("name", nargs="?", default="light",
                       choices=("light", "detail", "completion", "superres"))
    train.add_argument("--minutes", type=float, help="stop after these (default: 60); the same command goes on")
    train.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"))
    train.add_argument("--skins", type=Path, help="a folder of albedo maps in the default head's square")
    train.add_argument("--lights", type=Path, help="a folder of OpenEXR environments")
    train.add_argument("--seed", type=int)
    train.add_argument("--steps", type=int, help="instead of the plan's")
    train.add_argument("--plan", choices=("gpu", "cpu", "quick"), help="how much; default: by the device")
    train.add_argument("--folder", type=Path, help="where the training lives; default: build/train/NAME")
    train.add_argument("--smoke", action="store_true", help="all of it, as small as it gets")
    train.add_argument("--ship", action="store_true", help="afterwards, make it the network that ships")
    fuzz = verbs.add_parser("fuzz", help="changed files for every reader of strangers' files")
    fuzz.add_argument("--minutes", type=float, default=10)
    fuzz.add_argument("--seed", type=int)
    faults = verbs.add_parser("faults", help="jobs killed at random, and a disk that refuses every change once")
    faults.add_argument("--runs", type=int, default=100)
    faults.add_argument("--seed", type=int)
    verbs.add_parser("licences", help="write the table of licences anew")
    verbs.add_parser("pin", help="write the hashes of all data that ships")
    verbs.add_parser("lock", help="resolve the locked versions anew")
    options = vars(parser.parse_args(arguments))
    verb = options.pop("verb")
    try:
        return getattr(commands, verb)(**options)
    except BuildError as error:
        sys.stderr.write(f"\n{error}\n")
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
