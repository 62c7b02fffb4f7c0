"""What a .blend does not take along: paths of the user's photos, videos and folders.

While a file is saved, the panels' paths are empty and the photo behind a camera has no path; afterwards all is as it
was. Opened again on this computer, the photo behind a camera is found by its avatar's note (`whereabouts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .. import whereabouts
from . import avatar as avatars
from . import textures

PICTURE_TAG = "likeness_photo_of"  # on the image of a photo: the id of the avatar that it is behind
FILE_TAG = "likeness_photo_name"  # likewise: the photo's file name
GROUPS = "likeness"  # how the scene's property groups of ours begin
_PATHS = ("FILE_PATH", "DIR_PATH")

_restore: list[Callable[[], None]] = []


def picture(photo: Path, avatar_id: str) -> bpy.types.Image:
    """A photo as an image datablock that is recognised when a file is saved."""
    for known in bpy.data.images:
        if known.get(PICTURE_TAG) == avatar_id and known.filepath and Path(bpy.path.abspath(known.filepath)) == photo:
            return known
    made = bpy.data.images.load(str(photo), check_existing=False)
    made[PICTURE_TAG], made[FILE_TAG] = avatar_id, photo.name
    return made


@persistent
def before_save(_filepath: str = "", _unused: object = None) -> None:
    """Take the paths out."""
    after_save()
    for scene in bpy.data.scenes:
        for group in _groups(scene):
            for name in _path_names(group):
                _blank(group, name)
            for name in _list_names(group):
                _empty(getattr(group, name))
    for image in bpy.data.images:
        if PICTURE_TAG in image and not image.library:
            _unlink(image)


@persistent
def after_save(_filepath: str = "", _unused: object = None) -> None:
    """Put them back; nothing to do where nothing was taken."""
    while _restore:
        _restore.pop()()


@persistent
def after_load(_filepath: str = "", _unused: object = None) -> None:
    """Find the photos behind cameras again, where this computer knows them; what another file lacked is forgotten."""
    _restore.clear()
    for image in bpy.data.images:
        if PICTURE_TAG in image and not image.filepath and not image.library:
            known = whereabouts.of(avatars.notes(), str(image[PICTURE_TAG])).photos
            here = next((photo for photo in known if photo.name == image.get(FILE_TAG) and photo.is_file()), None)
            if here is not None:
                image.filepath = str(here)


HANDLERS = {"save_pre": before_save, "save_post": after_save, "save_post_fail": after_save, "load_post": after_load}
"""By the list of Blender's that each belongs to."""


def _groups(scene: bpy.types.Scene) -> Iterator[Any]:
    for prop in scene.bl_rna.properties:
        if prop.type == "POINTER" and prop.identifier.startswith(GROUPS):
            yield getattr(scene, prop.identifier)


def _path_names(group: Any) -> list[str]:
    return [prop.identifier for prop in group.bl_rna.properties
            if prop.type == "STRING" and prop.subtype in _PATHS and not prop.is_readonly]


def _list_names(group: Any) -> list[str]:
    """Lists of files, as panels and drops keep them."""
    return [prop.identifier for prop in group.bl_rna.properties if prop.type == "COLLECTION"
            and prop.fixed_type.identifier == bpy.types.OperatorFileListElement.__name__]


def _blank(owner: Any, name: str) -> None:
    said = getattr(owner, name)
    if said:
        setattr(owner, name, "")
        _restore.append(lambda: setattr(owner, name, said))


def _unlink(image: bpy.types.Image) -> None:
    path = image.filepath
    if path:
        textures.link(image, "")
        _restore.append(lambda: textures.link(image, path))


def _empty(files: Any) -> None:
    names = [file.name for file in files]
    if not names:
        return

    def fill() -> None:
        files.clear()
        for name in names:
            files.add().name = name

    files.clear()
    _restore.append(fill)
