"""What the operators share: errors as reports, reasons for being grey, the avatar they act on."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import bpy

from . import strings
from .bundle import read_bundle
from .errors import AddonError
from .scene import avatar as avatars
from .scene import keys

if TYPE_CHECKING:
    from bpy.types import Operator as _Base
else:
    _Base = object  # a mixin at run time: Blender registers whole classes only


class Checked(_Base):
    """What all share: an error of ours becomes a report, a reason for being grey comes from the table."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}
    needs_avatar = True

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode, and an avatar where one is needed."""
        if context.mode != "OBJECT" and context.mode != "POSE":
            cls.poll_message_set(strings.POLL["object_mode"])
            return False
        if cls.needs_avatar and avatars.active(context) is None:
            cls.poll_message_set(strings.POLL["no_avatar"])
            return False
        return True

    def attempt(self, action: Callable[[], str]) -> set[str]:
        """Run `action`; its sentence is reported. Nothing of ours leaves an operator as a traceback."""
        try:
            self.report({"INFO"}, action())
        except AddonError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def the_avatar(context: bpy.types.Context) -> avatars.Avatar:
    """The avatar that `poll` saw."""
    found = avatars.active(context)
    if found is None:
        raise AddonError(strings.POLL["no_avatar"])
    return found


def assemble(context: bpy.types.Context, folder: Path, name: str, level: str) -> str:
    """Build a bundle's avatar and make it the active one; what there is to report."""
    made = avatars.assemble(context.scene, read_bundle(folder), name or folder.name, level)
    for item in list(context.selected_objects):
        item.select_set(False)
    made.mesh.select_set(True)
    context.view_layer.objects.active = made.mesh
    kinds = keys.kinds(made.mesh)
    return strings.REPORT["assembled"].format(
        name=made.name, shapes=len(kinds.arkit) + len(kinds.components), correctives=len(kinds.correctives),
        bones=sum(bone.use_deform for bone in made.rig.data.bones))
