"""Pictures of the preset expressions, for the panel: a head in clay. Run in an environment that has bpy.

    python demo/thumbnails.py BUNDLE [FOLDER]

Take the bundle of a person who does not exist (the tests make one): nobody's likeness belongs in a user interface.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SIDE = 128
RINGS = ((0.133, (0.020, 0.011, 0.006)), (0.055, (0.001, 0.001, 0.001)))
"""Iris and pupil: radius in the eye's UV square, linear colour. Workbench shows them as dark as they are."""
COLOURS = {"skin": (0.62, 0.45, 0.36), "mouth": (0.30, 0.12, 0.11), "eye": (0.85, 0.83, 0.80),
           "teeth": (0.85, 0.80, 0.72), "tongue": (0.55, 0.25, 0.23), "lash": (0.05, 0.03, 0.03),
           "brow": (0.10, 0.07, 0.05)}


def main(bundle: Path, folder: Path) -> int:
    """Render every preset; returns the exit status."""
    sys.path.insert(0, str(ROOT))
    import bpy

    import blender_addon

    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    from blender_addon.bundle import read_bundle
    from blender_addon.scene import avatar as avatars
    from blender_addon.scene import expression, render

    scene = bpy.context.scene
    avatar = avatars.assemble(scene, read_bundle(bundle), "Clay")
    for material in avatar.mesh.data.materials:
        name = material[avatars.MATERIAL_TAG]
        material.diffuse_color = (*COLOURS.get(name, (0.6, 0.45, 0.37)), 1.0)
    paint_irises(avatar.mesh.data)
    take_away(avatar.mesh.data, ("cornea", "tear"))  # clay is not clear
    avatar.mesh.modifiers["Subdivision"].render_levels = 2
    for name, weights in expression.PRESETS.items():
        expression.apply(avatar.mesh, weights)
        render.thumbnail(scene, avatar, folder / f"{name}.png", SIDE)
    return 0


def paint_irises(body: Any) -> None:
    """Dark discs where the eyes look from: without them a clay head seems blind."""
    import bpy

    (eye,) = slots(body, ("eye",))
    for _radius, colour in RINGS:
        dark = bpy.data.materials.new("Iris")
        dark.diffuse_color, dark.roughness, dark.metallic = (*colour, 1.0), 1.0, 0.0
        body.materials.append(dark)
    first = len(body.materials) - len(RINGS)
    layer = body.uv_layers.active.uv
    for face in body.polygons:
        if face.material_index == eye:
            u, v = (sum(layer[corner].vector[axis] for corner in face.loop_indices) / face.loop_total
                    for axis in range(2))
            inside = sum((u - 0.5) ** 2 + (v - 0.5) ** 2 < radius ** 2 for radius, _colour in RINGS)
            if inside:
                face.material_index = first + inside - 1


def take_away(body: Any, names: Sequence[str]) -> None:
    """Delete the faces of some materials."""
    import bmesh

    gone = slots(body, names)
    work = bmesh.new()
    work.from_mesh(body)
    bmesh.ops.delete(work, geom=[face for face in work.faces if face.material_index in gone], context="FACES")
    work.to_mesh(body)
    work.free()


def slots(body: Any, names: Sequence[str]) -> set[int]:
    """Numbers of the slots whose material the bundle calls so."""
    return {index for index, material in enumerate(body.materials) if material.get("likeness_material") in names}


if __name__ == "__main__":
    status = main(Path(sys.argv[1]).absolute(),
                  Path(sys.argv[2]).absolute() if len(sys.argv) > 2 else ROOT / "blender_addon" / "thumbnails")
    sys.stdout.flush()
    os._exit(status)  # Blender may crash while the interpreter ends
