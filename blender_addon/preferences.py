"""The add-on's preferences: where the backend lives and what a new avatar starts with."""

# mypy: disable-error-code="valid-type"

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from . import properties
from .properties import text

DEVICES = [("auto", "Automatic", "A graphics card when there is one"), ("cpu", "Processor", ""),
           ("cuda", "NVIDIA GPU", ""), ("mps", "Apple GPU", "")]


class LikenessPreferences(bpy.types.AddonPreferences):
    """Shown under Preferences, Add-ons, Likeness."""

    bl_idname = __package__

    backend_python: StringProperty(subtype="FILE_PATH", **text("backend_python"))
    backend_folder: StringProperty(subtype="DIR_PATH", **text("backend_folder"))
    device: EnumProperty(items=DEVICES, default="auto", **text("device"))
    resolution: EnumProperty(items=properties.RESOLUTIONS, default="2048", **text("default_resolution"))

    hdri_folder: StringProperty(subtype="DIR_PATH", **text("hdri_folder"))

    heads: StringProperty(options={"HIDDEN"})  # see `heads`

    def draw(self, context: bpy.types.Context) -> None:
        """What is set up, and the settings, one below the other."""
        from .setup import panel  # knows of jobs, which know these preferences

        panel.draw_preferences(self.layout, context)
        self.layout.use_property_split = True
        for name in ("backend_python", "backend_folder", "device", "resolution", "hdri_folder"):
            self.layout.prop(self, name)


def get(context: bpy.types.Context) -> LikenessPreferences | None:
    """The preferences, None while the package is registered without being an enabled add-on (tests, scripts)."""
    addon: bpy.types.Addon | None = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None  # type: ignore[return-value]


def backend_folder(context: bpy.types.Context) -> Path:
    """The backend package: the one named in the preferences, else the one inside the extension or beside it."""
    found = get(context)
    if found is not None and found.backend_folder:
        return Path(bpy.path.abspath(found.backend_folder))
    here = Path(__file__).parent
    inside = here / "backend"
    return inside if inside.is_dir() else here.parent / "backend"


CLASSES = (LikenessPreferences,)
