"""The avatar's image files: loaded from the bundle, tagged with their avatar, following the .blend wherever it goes.

While the .blend has no place, the images stay in the bundle. On every save they are copied to
`textures/<avatar>/` beside the .blend and linked relative, so that folder and file can be moved together.
"""

from __future__ import annotations

import re
import shutil
import sys
from contextlib import suppress
from pathlib import Path

import bpy
import numpy as np
from bpy.app.handlers import persistent

from .. import strings

TAG = "likeness_id"
NAME_TAG = "likeness_name"
FOLDER = "textures"
FIELD = 1023  # bytes that an image has for its path
SRGB, DATA, LINEAR = "sRGB", "Non-Color", "Linear Rec.709"


def load(path: Path, colour_space: str, avatar_id: str, avatar_name: str) -> bpy.types.Image:
    """An image datablock of this avatar alone, linked to the file."""
    picture = bpy.data.images.load(str(path), check_existing=False)
    picture.name = f"{avatar_name} {path.stem}"
    picture.colorspace_settings.name = colour_space
    picture[TAG], picture[NAME_TAG] = avatar_id, avatar_name
    return picture


def write_exr(path: Path, pixels: np.ndarray) -> None:
    """Linear Rec.709 (H, W, 3), row 0 at the top, to a 32-bit EXR."""
    height, width = pixels.shape[:2]
    # Marked as data: an image that is marked linear would be encoded for sRGB while it is saved.
    scratch = bpy.data.images.new("likeness scratch", width, height, float_buffer=True, is_data=True)
    try:
        rgba = np.ones((height, width, 4), np.float32)
        rgba[..., :3] = pixels[::-1]
        scratch.pixels.foreach_set(rgba.reshape(-1))
        scratch.file_format = "OPEN_EXR"
        scratch.filepath_raw = str(path)
        scratch.save()
    finally:
        bpy.data.images.remove(scratch)


def read_pixels(picture: bpy.types.Image) -> np.ndarray:
    """(H, W, 4) float32 as stored in the file (no colour conversion for byte images), row 0 at the top."""
    width, height = picture.size
    pixels = np.empty(width * height * 4, np.float32)
    picture.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def write_jpeg(path: Path, pixels: np.ndarray) -> None:
    """Encoded values 0..1, (H, W, 3), row 0 at the top, to a JPEG as they are."""
    _write_bytes(path, pixels, "JPEG")


def write_png(path: Path, pixels: np.ndarray) -> None:
    """Encoded values 0..1, (H, W, 3 or 4), row 0 at the top, to an 8-bit PNG as they are."""
    _write_bytes(path, pixels, "PNG")


def _write_bytes(path: Path, pixels: np.ndarray, file_format: str) -> None:
    height, width, channels = pixels.shape
    scratch = bpy.data.images.new("likeness scratch", width, height, alpha=channels == 4)
    try:
        scratch.alpha_mode = "CHANNEL_PACKED"  # values, not a coverage to multiply with
        rgba = np.ones((height, width, 4), np.float32)
        rgba[..., :channels] = pixels[::-1]
        scratch.pixels.foreach_set(rgba.reshape(-1))
        scratch.file_format = file_format
        scratch.filepath_raw = str(path)
        scratch.save()
    finally:
        bpy.data.images.remove(scratch)


def ours() -> list[bpy.types.Image]:
    """Every image in this file that belongs to an avatar and lives in a file (not in a linked library)."""
    return [picture for picture in bpy.data.images if TAG in picture and picture.filepath and not picture.library]


def file_of(picture: bpy.types.Image) -> Path:
    """Absolute path of an image's file."""
    return Path(bpy.path.abspath(picture.filepath))


def folder_name(picture: bpy.types.Image) -> str:
    """The avatar's own folder below `textures`: its name made safe for any file system, and its id."""
    safe = re.sub(r"[^\w\-]+", "_", picture[NAME_TAG]).strip("_") or "avatar"
    return f"{safe}-{picture[TAG][:8]}"


@persistent
def follow_save(filepath: str, _unused: object = None) -> None:
    """Before a save to `filepath`: copy the images beside it and link them relative."""
    if not filepath:
        return
    failed: list[OSError] = []
    gather(Path(bpy.path.abspath(filepath)).parent, failed)
    if failed:
        reason = failed[0].strerror or type(failed[0]).__name__
        _tell(strings.REPORT["textures_stay"].format(count=len(failed), reason=reason), strings.REPORT["save_again"])


def _tell(*sentences: str) -> None:
    """What goes wrong while Blender saves: a handler has no report, so in the log and, with a window, before it."""
    print(f"{strings.TAB}: {' '.join(sentences)}", file=sys.stderr)
    if bpy.app.background or not bpy.context.window_manager.windows:
        return

    def draw(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
        for sentence in sentences:
            menu.layout.label(text=sentence)

    bpy.context.window_manager.popup_menu(draw, title=strings.TAB, icon="ERROR")


def gather(blend_folder: Path, failed: list[OSError] | None = None) -> list[Path]:
    """Copy every avatar's images to `textures` in `blend_folder`; returns the files. Missing sources stay as they are.

    So does an image that cannot be written there (a full disk, a read-only folder): what stopped it joins `failed`.
    A path that is relative to the old place is rebased by Blender while it saves, so the link is written relative
    to the place the file has now; before the first save to the place that it will have, which Blender then leaves.
    """
    written = []
    for picture in ours():
        source = file_of(picture)
        target = blend_folder / FOLDER / folder_name(picture) / source.name
        if not source.is_file():
            continue
        try:
            if not (target.exists() and target.samefile(source)):
                _copy(source, target)
        except OSError as error:
            if failed is None:
                raise
            failed.append(error)
            continue
        now = Path(bpy.data.filepath).parent if bpy.data.filepath else blend_folder
        link(picture, _relative(target, now))
        written.append(target)
    return written


def _copy(source: Path, target: Path) -> None:
    """Whole or not at all: a copy that a full disk cuts short must not take an older one's place."""
    half = target.with_name(f"{target.name}.half")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, half)
        half.replace(target)
    except OSError:
        with suppress(OSError):
            half.unlink(missing_ok=True)
        raise


def link(picture: bpy.types.Image, filepath: str) -> None:
    """Give an image a path, and leave nothing of its old one in the file.

    Blender keeps a path in a field of fixed length and writes that whole: a shorter path leaves the longer one's end.
    """
    picture.filepath_raw = " " * FIELD
    picture.filepath = filepath


def _relative(target: Path, folder: Path) -> str:
    """Blender's `//` path, or the absolute one where there is no way between the two (another drive)."""
    try:
        return bpy.path.relpath(str(target), start=str(folder))
    except ValueError:
        return str(target)
