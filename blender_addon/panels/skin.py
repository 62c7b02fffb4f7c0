"""The skin's live inputs, as the node group has them."""

# ruff: noqa: N801 - Blender wants these class names

from __future__ import annotations

import bpy

from .. import strings
from ..scene import avatar as avatars
from ..scene import skin
from .shared import OfAvatar


class LIKENESS_PT_skin(OfAvatar, bpy.types.Panel):
    """Melanin, redness, oil, relief, subsurface."""

    bl_label = strings.PANEL["skin"]
    bl_idname = "LIKENESS_PT_skin"

    def draw(self, context: bpy.types.Context) -> None:
        """Draw."""
        avatar, layout = avatars.active(context), self.layout
        node = next(filter(None, map(skin.controls, avatar.mesh.data.materials)), None)
        column = layout.column(align=True)
        for socket in node.inputs if node else ():
            if socket.name in strings.SKIN_INPUT and (socket.name != "Expression Wrinkles" or _folds(node)):
                column.prop(socket, "default_value", text=socket.name, slider=True)
        layout.operator("likeness.skin_reset", icon="LOOP_BACK")


def _folds(node: bpy.types.Node) -> bool:
    """Whether the avatar has wrinkles of expressions: its bundle may be older."""
    return skin.FOLDS in node.inputs and node.inputs[skin.FOLDS].is_linked


CLASSES = (LIKENESS_PT_skin,)
