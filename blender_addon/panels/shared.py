"""What all panels share: where they are, and text that is longer than a line."""

from __future__ import annotations

import textwrap
from typing import Any, ClassVar

import bpy

from .. import strings
from ..scene import avatar as avatars

WIDTH = 32  # characters of a line in a sidebar of usual width


class Panel:
    """In the sidebar of the 3D viewport, in our tab."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = strings.TAB


class OfAvatar(Panel):
    """For the avatar that is selected; folded up at first."""

    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """With an avatar."""
        return avatars.active(context) is not None


def sentences(layout: Any, text: str, icon: str = "NONE", width: int = WIDTH) -> None:
    """A text over as many lines as it needs, an icon before the first."""
    column = layout.column(align=True)
    column.scale_y = 0.8
    for number, line in enumerate(textwrap.wrap(text, width - 3 if icon != "NONE" else width)):
        column.label(text=line, icon="BLANK1" if number and icon != "NONE" else icon)
