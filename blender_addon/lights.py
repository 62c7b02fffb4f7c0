"""The lights to choose from: Blender's own environments, those of a folder of the user's, the light of each photo."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import bpy

from . import pictures, preferences, strings
from .bundle import read_bundle
from .errors import InputError
from .scene import avatar as avatars
from .scene import photo, relight
from .scene import report as reports

SUFFIXES = (".exr", ".hdr")
OWN, PHOTO = "own:", "photo:"
"""Before the name of a file in the user's folder, and before the number of a photo."""
_items: list[tuple[str, str, str, int, int]] = []  # Blender keeps no reference to the strings of an enumeration


def own_folder(context: bpy.types.Context) -> Path | None:
    """The user's folder, as the preferences name it."""
    chosen = preferences.get(context)
    folder = Path(bpy.path.abspath(chosen.hdri_folder)) if chosen and chosen.hdri_folder else None
    return folder if folder and folder.is_dir() else None


def items(_self: object, context: bpy.types.Context | None) -> list[tuple[str, str, str, int, int]]:
    """Enumeration items, with pictures. A light's number is always the same, because files store the number."""
    found = [(name, label, strings.LIGHT["shipped"], relight.hdri_folder() / f"{name}.exr", number)
             for number, (name, label, _tip) in enumerate(relight.hdri_items())]
    context = context or bpy.context
    avatar = avatars.active(context)
    told = reports.of(avatar) if avatar else None
    found += [(f"{PHOTO}{number}", strings.LIGHT["of_photo"].format(photo=view.label), strings.LIGHT["photo"],
               _picture_of_photo(avatar, view), 1000 + number)
              for number, view in enumerate(told.views if avatar and told else ())]
    folder = own_folder(context)
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES) if folder else []
    found += [(f"{OWN}{path.name}", path.stem, strings.LIGHT["own"], path,
               4096 + (zlib.crc32(path.name.encode()) & 0x3FFFFFFF)) for path in files]
    _items[:] = [(name, label, tip, pictures.icon(path), number) for name, label, tip, path, number in found]
    return _items


def use(context: bpy.types.Context, name: str, rotation: float, strength: float) -> None:
    """Light the scene. Raises InputError for a light that is gone."""
    scene = context.scene
    if name.startswith(PHOTO):
        avatar = avatars.active(context)
        if avatar is None:
            raise InputError(strings.POLL["no_avatar"])
        photo.light(scene, avatar, read_bundle(avatar.bundle), int(name.removeprefix(PHOTO)))
        relight.turn_light(scene, rotation, strength)
        return
    if name.startswith(OWN):
        folder = own_folder(context)
        path = folder / name.removeprefix(OWN) if folder else Path(name.removeprefix(OWN))
        if not path.is_file():
            raise InputError(strings.REPORT["no_light"].format(file=path.name), strings.REPORT["other_light"])
        relight.light_with_hdri(scene, str(path), rotation, strength)
        return
    relight.light_with_hdri(scene, name, rotation, strength)


def changed(settings: Any, context: bpy.types.Context) -> None:
    """Another light, turn or brightness was set on the panel: followed where the scene has a light of ours already."""
    scene = context.scene
    if scene.world is None or not relight.is_ours(scene.world):
        return
    try:
        use(context, settings.hdri, settings.rotation, settings.strength)
    except InputError:
        return  # the light stays as it is; the button says why


def turned(settings: Any, context: bpy.types.Context) -> None:
    """Turn or brightness alone."""
    scene = context.scene
    if scene.world is not None and relight.is_ours(scene.world):
        relight.turn_light(scene, settings.rotation, settings.strength)


def _picture_of_photo(avatar: Any, view: reports.View) -> Path | None:
    """The photo itself, where this computer knows it."""
    return next((photo for photo in avatars.photos(avatar) if photo.name == view.file), None)
