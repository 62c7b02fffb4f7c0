"""Likeness for Blender: from a photo to a rigged head that renders like skin.

This file only registers. `bpy` is imported when Blender registers the add-on and not before, so that `build.py` can use
`client` and `environment` from a Python that has no Blender.
"""

from __future__ import annotations


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled."""
    from . import registration

    registration.unregister()
