"""Photos, or a film, dropped into the viewport: they become the panel's pictures of one person.

Blender offers a menu where others take pictures too (its own: an empty, a camera's background).
"""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import CollectionProperty, IntProperty, StringProperty

from . import pictures, strings, verdicts
from .errors import InputError
from .operator_base import Checked
from .properties import text

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".bmp")
"""What the backend decodes (`backend/batch.py` has the same)."""
FILMS = pictures.FILMS
"""What it takes for a film (`backend/video/container.py` has the same); an avatar is made from one at most."""


def choose(settings: bpy.types.PropertyGroup, files: Iterable[Path]) -> list[Path]:
    """Make the photos and the film among `files` the scene's: one is enough, more are of the same person.

    Raises InputError when none is a photo or a film, and for two films.
    """
    files = list(files)
    photos = [file for file in files if file.suffix.lower() in SUFFIXES + FILMS]
    films = [file for file in photos if file.suffix.lower() in FILMS]
    if len(films) > 1:
        raise InputError(strings.REPORT["two_films"].format(file=films[1].name), strings.REPORT["one_film"])
    if not photos:
        raise InputError(strings.REPORT["no_photos"].format(file=files[0].name if files else "?"),
                         strings.REPORT["photo_kinds"].format(kinds=", ".join(SUFFIXES + FILMS)))
    settings.photo = str(photos[0])
    settings.more_photos.clear()
    for photo in photos[1:]:
        settings.more_photos.add().name = str(photo)
    verdicts.ask_soon()
    return photos


class LIKENESS_OT_drop_photos(Checked, bpy.types.Operator):
    """Files into the list."""

    bl_idname = "likeness.drop_photos"
    bl_label, bl_description = strings.OPERATOR["drop_photos"]
    needs_avatar = False

    directory: StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})
    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"})
    filter_glob: StringProperty(default=";".join(f"*{suffix}" for suffix in SUFFIXES + FILMS), options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """With files: dropped. Without: ask for them."""
        if self.files:
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fill the list and show where it is."""
        folder = Path(bpy.path.abspath(self.directory))

        def action() -> str:
            photos = choose(context.scene.likeness, [folder / file.name for file in self.files])
            show_tab(context)
            return strings.REPORT["photos"].format(count=len(photos))

        return self.attempt(action)


class LIKENESS_OT_remove_photo(bpy.types.Operator):
    """One less in the list."""

    bl_idname = "likeness.remove_photo"
    bl_label, bl_description = strings.OPERATOR["remove_photo"]
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    index: IntProperty(min=0, **text("photo_index"))

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Remove; the next one takes the place of the first."""
        settings = context.scene.likeness
        names = [settings.photo, *(photo.name for photo in settings.more_photos)]
        del names[self.index:self.index + 1]
        settings.photo = names[0] if names else ""
        settings.more_photos.clear()
        for name in names[1:]:
            settings.more_photos.add().name = name
        return {"FINISHED"}


class LIKENESS_FH_photos(bpy.types.FileHandler):
    """The viewport takes photos and films."""

    bl_idname = "LIKENESS_FH_photos"
    bl_label = strings.OPERATOR["drop_photos"].label
    bl_import_operator = LIKENESS_OT_drop_photos.bl_idname
    bl_file_extensions = ";".join(SUFFIXES + FILMS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """In the 3D viewport."""
        return context.area is not None and context.area.type == "VIEW_3D"


def show_tab(context: bpy.types.Context) -> None:
    """Open the sidebar of the viewport that files were dropped on, at our tab."""
    space = context.space_data
    if space is None or space.type != "VIEW_3D":
        return
    space.show_region_ui = True
    for region in context.area.regions:
        if region.type == "UI" and region.width > 1:
            region.active_panel_category = strings.TAB


CLASSES = (LIKENESS_OT_drop_photos, LIKENESS_OT_remove_photo, LIKENESS_FH_photos)
