"""Operators on an avatar that is there: make it again, show what was guessed, its skin, the asset browser."""

# Blender wants these class names, and reads properties from annotations.
# ruff: noqa: N801
# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import bpy
from bpy.props import EnumProperty, StringProperty

from . import heads, jobs, journal, properties, strings, verdicts
from .bundle import read_bundle
from .errors import InputError
from .job_operators import JobOperator
from .operator_base import Checked, the_avatar
from .properties import text
from .scene import asset, confidence, replace, skin
from .scene import avatar as avatars
from .scene import report as reports


def photos_of(context: bpy.types.Context, avatar: avatars.Avatar) -> list[Path]:
    """Where an avatar's photos are: as it remembers, else those of the panel if they are called as its own were.

    Raises InputError when they are not to be found.
    """
    remembered = avatars.photos(avatar)
    told = reports.of(avatar)
    names = list(told.photos) if told else []
    for candidate in (remembered, verdicts.chosen(context.scene.likeness)):
        if candidate and [photo.name for photo in candidate] == (names or [photo.name for photo in candidate]) and all(
                photo.is_file() for photo in candidate):
            return candidate
    why = strings.REPORT["photos_gone" if remembered else "photos_unknown"]
    raise InputError(why.format(names=", ".join(names) or avatar.name),
                     strings.REPORT["choose_them"])


def _folder_of(avatar: avatars.Avatar) -> str:
    """An avatar's bundle; empty, which is a new one beside the photos, where this computer does not know it."""
    try:
        return str(avatar.bundle)
    except InputError:
        return ""


class LIKENESS_OT_redo(JobOperator, bpy.types.Operator):
    """The same photos, other settings."""

    bl_idname = "likeness.redo"
    bl_label, bl_description = strings.OPERATOR["redo"]
    needs_avatar = True

    resolution: EnumProperty(items=properties.RESOLUTIONS, default="2048", **text("resolution"))
    head: StringProperty(default=heads.DEFAULT, **text("head"))
    level: properties.level_property()

    def start(self, context: bpy.types.Context) -> jobs.RunningJob:
        """Hand in what the avatar was made from."""
        avatar = the_avatar(context)
        self._target = avatar.id
        return jobs.create(context, photos_of(context, avatar), _folder_of(avatar), int(self.resolution),
                           head=self.head, name=avatar.name, level=self.level, keep=True)

    def done(self, context: bpy.types.Context, result: dict[str, Any]) -> str:
        """Put the new one into the old one's place; where that has gone, just put it there."""
        note = self._job.note
        old = next((item for item in avatars.in_scene(context.scene) if item.id == self._target), None)
        bundle = read_bundle(Path(result["bundle"]))
        if old is None:
            made = avatars.assemble(context.scene, bundle, note.name if note else "", self.level)
        else:
            made = replace.replace(context.scene, old, bundle, self.level)
        made.mesh.select_set(True)
        context.view_layer.objects.active = made.mesh
        if note is not None:
            journal.forget(jobs.notes(), note)
        anew = [stage["name"] for stage in result["stages"] if not stage["cached"] and stage["name"] in strings.STAGE]
        return strings.REPORT["made_again"].format(
            name=made.name, stages=", ".join(strings.STAGE[name] for name in anew).lower())


class LIKENESS_OT_show_confidence(Checked, bpy.types.Operator):
    """Colours for seen and guessed, on and off."""

    bl_idname = "likeness.show_confidence"
    bl_label, bl_description = strings.OPERATOR["show_confidence"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Switch."""
        avatar = the_avatar(context)
        space = context.space_data
        shading = space.shading if isinstance(space, bpy.types.SpaceView3D) else None
        if confidence.shown(avatar):
            confidence.hide(avatar)
            if shading:
                confidence.shade(avatar, shading, False)
            return {"FINISHED"}

        def action() -> str:
            confidence.show(avatar, read_bundle(avatar.bundle))
            if shading:
                confidence.shade(avatar, shading, True)
            return strings.REPORT["confidence"]

        return self.attempt(action)


class LIKENESS_OT_skin_reset(Checked, bpy.types.Operator):
    """The photo's skin."""

    bl_idname = "likeness.skin_reset"
    bl_label, bl_description = strings.OPERATOR["skin_reset"]

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Every live input back to what the group starts with."""
        for material in the_avatar(context).mesh.data.materials:
            skin.rest(material)
        return {"FINISHED"}


class LIKENESS_OT_mark_asset(Checked, bpy.types.Operator):
    """Into the asset browser."""

    bl_idname = "likeness.mark_asset"
    bl_label, bl_description = strings.OPERATOR["mark_asset"]
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Mark, with a picture."""
        avatar = the_avatar(context)

        def action() -> str:
            asset.mark(context.scene, avatar)
            return strings.REPORT["marked"].format(name=avatar.name)

        return self.attempt(action)


CLASSES = (LIKENESS_OT_redo, LIKENESS_OT_show_confidence, LIKENESS_OT_skin_reset, LIKENESS_OT_mark_asset)
