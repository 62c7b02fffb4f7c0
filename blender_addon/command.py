"""Likeness without a window: `blender --command likeness create photo.jpg --out x.blend`, `setup`, `export`.

Blender hands over the words after the command's name. Exit codes are the backend's: 0 done, 2 bad input, 130 cancelled,
1 anything else. A job that was cut off goes on from its last finished stage when the same command is given again.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bpy

from . import compat, job_operators, jobs, strings
from .errors import AddonError, Cancelled, InputError
from .export import command as export
from .scene import avatar as avatars
from .scene import relight, render, resolution
from .setup import properties as setup_properties
from .setup import running

NAME = "likeness"
EXIT_CODES = {"input": 2, "cancelled": 130}
PORTRAIT_YAW = -20.0  # degrees; a face is seen best a little from the side
PORTRAIT_LIGHT = "forest"
_handles: list[Any] = []


def run(words: Sequence[str]) -> int:
    """The command; `words` as they stand after its name. Returns the exit code."""
    verbs: dict[str, Callable[[Sequence[str]], int]] = {"create": create, "setup": set_up, "export": _export}
    verb = verbs.get(words[0]) if words else None
    if verb is None:
        sys.stderr.write(strings.COMMAND["usage"].format(verbs="|".join(verbs)) + "\n")
        return 0 if words and words[0] in ("-h", "--help") else 2
    try:
        with _in_a_window():
            return verb(words[1:])
    except SystemExit as leaving:  # argparse has said why
        return int(leaving.code or 0)
    except AddonError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CODES.get(error.kind, 1)
    except KeyboardInterrupt:
        return EXIT_CODES["cancelled"]


def create(words: Sequence[str]) -> int:
    """Photos to a .blend file. Raises AddonError."""
    options = _create_parser().parse_args(list(words))
    out = options.out.absolute()
    if out.suffix.lower() != ".blend":
        raise InputError(strings.COMMAND["no_blend"].format(file=out.name), strings.COMMAND["say_blend"])
    if not out.parent.is_dir():
        raise InputError(strings.COMMAND["no_folder"].format(folder=out.parent.name), strings.COMMAND["make_folder"])
    photos = [photo.absolute() for photo in options.photos]
    bundle = options.bundle.absolute() if options.bundle else out.with_name(f"{out.stem} avatar")
    job = jobs.create(bpy.context, photos, str(bundle), options.resolution, options.face or 0, options.head,
                      name=options.name or out.stem, level=options.level, keep=options.keep)
    result = _wait(job)
    if not bpy.data.filepath:
        _empty(bpy.context.scene)
    sys.stdout.write(job_operators.place(bpy.context, job.note, Path(result["bundle"])) + "\n")
    for warning in result["warnings"]:
        sys.stdout.write(f"{warning}\n")
    if not bpy.data.filepath:
        _portrait(bpy.context.scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(out))
    sys.stdout.write(strings.REPORT["saved"].format(file=out.name) + "\n")
    return 0


@contextlib.contextmanager
def _in_a_window() -> Iterator[None]:
    """Blender starts a command with no window in its context, though it has one; exporters and scenes want it."""
    windows = [window for manager in bpy.data.window_managers for window in manager.windows]
    with contextlib.ExitStack() as held:
        if bpy.context.window is None and windows:
            held.enter_context(bpy.context.temp_override(window=windows[0]))
        yield


def set_up(words: Sequence[str]) -> int:
    """Make the backend's environment. Raises AddonError."""
    parser = argparse.ArgumentParser(prog=f"blender --command {NAME} setup", description="Set the backend up.")
    parser.add_argument("--for", dest="build", default="auto",
                        choices=[key for key, *_ in setup_properties.BUILDS])
    parser.add_argument("--wheels", type=Path, help="a folder of wheels, to do without a network")
    parser.add_argument("--anew", action="store_true", help="remove the environment that is there first")
    options = parser.parse_args(list(words))
    begun, told = running.start(options.build, options.wheels, anew=options.anew), ""
    while not begun.poll():
        if begun.step.text != told:
            told = begun.step.text
            sys.stderr.write(f"{begun.step.fraction:4.0%}  {told}\n")
        time.sleep(jobs.POLL_SECONDS / 5)
    if begun.error is not None:
        raise begun.error
    if told != begun.step.text:
        sys.stderr.write(f"{begun.step.fraction:4.0%}  {begun.step.text}\n")
    return 0


def _export(words: Sequence[str]) -> int:
    return export.run(["export", *words])


def _wait(job: jobs.RunningJob) -> dict[str, Any]:
    """Follow a job to its end, telling its stages. Raises AddonError."""
    told = ""
    try:
        while (state := job.poll()).result is None:
            stage = state.text.partition(":")[0]
            if stage != told:
                told = stage
                sys.stderr.write(f"{state.fraction:4.0%}  {stage}\n")
                sys.stderr.flush()
            job.wait(jobs.POLL_SECONDS)
    except KeyboardInterrupt as error:
        job.close()
        raise Cancelled from error
    return state.result


def _empty(scene: bpy.types.Scene) -> None:
    """Take Blender's own cube, lamp and camera out of a file that nobody has saved."""
    for item in list(scene.objects):
        bpy.data.objects.remove(item)


def _portrait(scene: bpy.types.Scene) -> None:
    """A camera and a light for a file that has none: it can be rendered as it is."""
    avatar = avatars.in_scene(scene)[0]
    camera = render.portrait_camera(avatar, math.radians(PORTRAIT_YAW))
    avatar.collection.objects.link(camera)
    scene.camera, scene.render.engine = camera, compat.CYCLES
    relight.light_with_hdri(scene, PORTRAIT_LIGHT)


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"blender --command {NAME} create", description="An avatar from photos.")
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="photos of one person")
    parser.add_argument("--out", type=Path, required=True, help="the .blend file; textures stand beside it")
    parser.add_argument("--bundle", type=Path, help="where the avatar's plain files go; default: beside the .blend")
    parser.add_argument("--resolution", type=int, default=2048, choices=(1024, 2048, 4096))
    parser.add_argument("--head", default="default", help="an imported head, or a model's file")
    parser.add_argument("--level", default=resolution.BASE, choices=resolution.LEVELS, help="resolution of the mesh")
    parser.add_argument("--face", type=int, help="which face, when a photo shows several")
    parser.add_argument("--name", help="what the avatar is called; default: as the file")
    parser.add_argument("--keep", action="store_true", help="keep what every stage found")
    return parser


def register() -> None:
    """Tell Blender the command."""
    _handles.append(bpy.utils.register_cli_command(NAME, run))


def unregister() -> None:
    """Take it back."""
    while _handles:
        bpy.utils.unregister_cli_command(_handles.pop())
