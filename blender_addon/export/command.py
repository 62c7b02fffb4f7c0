"""Exports without a window: `blender -b file.blend --command likeness export --preset unreal --out ada.fbx`.

`blender_addon.command` hands over the words after the command's name. Exit codes are the backend's: 0 done, 2 bad
input.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy

from ..bundle import read_bundle
from ..errors import AddonError, InputError
from ..scene import avatar as avatars
from . import job, presets
from .operators import sentence
from .properties import MEGABYTE

NAME = "likeness"


def run(words: Sequence[str]) -> int:
    """The command; `words` as they stand after its name. Returns the exit code."""
    try:
        options = _parser().parse_args(list(words))
    except SystemExit as leaving:  # argparse has said why
        return int(leaving.code or 0)
    try:
        preset = presets.chosen(
            options.preset, texture_size=options.texture_size,
            lods=options.lods, gaze=options.gaze, correctives=options.correctives, components=options.components,
            visemes=options.visemes, animated=not options.still, viewer=options.viewer,
            compress=options.compress, wrinkles=not options.no_wrinkles, fine=options.fine)
        size = round(options.max_size * MEGABYTE) if options.max_size else None
        sys.stdout.write(f"{sentence(job.export(_avatar(options), preset, options.out.absolute(), max_size=size))}\n")
    except AddonError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"blender --command {NAME}", description="Likeness without a window.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    export = verbs.add_parser("export", help="write an avatar for an engine")
    export.add_argument("--preset", default="glb", choices=list(presets.PRESETS))
    export.add_argument("--out", type=Path, required=True, help="the file; pictures stand beside it")
    export.add_argument("--avatar", help="which avatar of the .blend file, when it has several")
    export.add_argument("--bundle", type=Path, help="an avatar's folder, in place of one in the .blend file")
    export.add_argument("--texture-size", type=int, choices=presets.SIZES)
    export.add_argument("--lods", type=_levels, help="levels of detail, such as 0,1,2,3")
    export.add_argument("--fine", action=argparse.BooleanOptionalAction, default=None,
                        help="level 0 with about 18,000 triangles of skin")
    export.add_argument("--gaze", choices=("shapes", "joints"), help="what turns the eyeballs with eyeLook shapes")
    export.add_argument("--max-size", type=_megabytes, help="megabytes that all files together may have")
    export.add_argument("--compress", default="", choices=presets.COMPRESSIONS, help="make a GLB smaller")
    export.add_argument("--viewer", action="store_true", help="also a page that shows the GLB by itself")
    export.add_argument("--visemes", action="store_true", help="the fifteen visemes too")
    export.add_argument("--correctives", action="store_true")
    export.add_argument("--still", action="store_true", help="leave out what the scene animates")
    export.add_argument("--no-wrinkles", action="store_true", help="leave out the wrinkles that follow expression")
    export.add_argument("--components", action="store_true", help="the head model's own expressions too")
    return parser


def _megabytes(text: str) -> float:
    size = float(text)
    if not 0 < size < math.inf:
        raise ValueError(text)
    return size


def _levels(text: str) -> tuple[int, ...]:
    return tuple(int(level) for level in text.split(","))


def _avatar(options: argparse.Namespace) -> avatars.Avatar:
    scene = bpy.context.scene
    if options.bundle:
        return avatars.assemble(scene, read_bundle(options.bundle), options.bundle.resolve().name)
    found = avatars.in_scene(scene)
    if options.avatar:
        found = [item for item in found if item.name == options.avatar]
    if len(found) != 1:
        names = ", ".join(item.name for item in avatars.in_scene(scene))
        raise InputError("There is no avatar of that name in this file." if options.avatar else
                         "This file has several avatars." if found else "This file has no avatar.",
                         f"Choose one with --avatar: {names}." if names else "Open a file that has one, or name a "
                         "bundle with --bundle.")
    return found[0]
