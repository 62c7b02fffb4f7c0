"""A button for each preset; all do the same with other words."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ExportHelper

from ..errors import plain
from ..operator_base import Checked, the_avatar
from . import formats, job, words
from .naming import safe_name
from .presets import PRESETS
from .properties import MEGABYTE, Options, preset_with

if TYPE_CHECKING:
    from bpy.types import Operator as _Base
else:
    _Base = object


def sentence(report: job.Report) -> str:
    """What was written, in a line."""
    levels = words.REPORT["levels"].format(triangles=" / ".join(f"{count:,}" for count in report.triangles.values()))
    first = words.REPORT["written"].format(file=plain(report.files[0].name), size=words.megabytes(report.size),
                                           levels=levels)
    return ". ".join([first, *report.notes])


class _Export(Options, Checked, _Base):
    """What the buttons share."""

    preset: ClassVar[str]
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With an avatar, and where this Blender has the exporter."""
        why = formats.missing(PRESETS[cls.preset].format)
        if why:
            cls.poll_message_set(why)
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask for the place; the file is called as the avatar."""
        if not self.properties.is_property_set("filepath"):
            self.filepath = safe_name(the_avatar(context).name) + self.filename_ext
        return ExportHelper.invoke(self, context, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write."""
        path = Path(bpy.path.abspath(self.filepath))
        return self.attempt(lambda: sentence(job.export(
            the_avatar(context), preset_with(self.preset, self), path,
            max_size=round(self.max_size * MEGABYTE) or None)))


def _operator(key: str) -> type:
    preset, text = PRESETS[key], words.PRESET[key]
    body: dict[str, Any] = {
        "__doc__": text.tip, "__module__": __name__, "preset": key, "bl_idname": f"likeness.export_{key}",
        "bl_label": text.label, "bl_description": text.tip, "filename_ext": preset.suffix,
        "__annotations__": {"filter_glob": StringProperty(default=f"*{preset.suffix}", options={"HIDDEN"})}}
    return type(f"LIKENESS_OT_export_{key}", (_Export, bpy.types.Operator, ExportHelper), body)


CLASSES = tuple(_operator(key) for key in PRESETS)
