"""An avatar in the asset browser: its collection, marked, with a picture and what people search for."""

from __future__ import annotations

import tempfile
from pathlib import Path

import bpy
import numpy as np

from .. import compat, strings
from . import render, stage
from .avatar import Avatar

SIDE = 256  # pixels; what Blender keeps of a preview
SAMPLES = 12  # denoised; at this size more is not seen
YAW = -0.35  # radians; a face is known best a little from the side
TAGS = ("head", "face", "rigged", "ARKit")


def mark(scene: bpy.types.Scene, avatar: Avatar) -> None:
    """Make the avatar's collection an asset. Renders its picture, after which the scene is as it was."""
    collection = avatar.collection
    collection.asset_mark()
    data = collection.asset_data
    data.description = strings.ASSET["description"].format(name=avatar.name)
    data.license, data.copyright = avatar.head.licence, avatar.head.attribution
    for tag in TAGS:
        data.tags.new(tag, skip_if_exists=True)
    picture = collection.preview_ensure()
    picture.image_size = (SIDE, SIDE)
    picture.image_pixels_float.foreach_set(np.ascontiguousarray(_picture(scene, avatar)[::-1]).reshape(-1))


def _picture(scene: bpy.types.Scene, avatar: Avatar) -> np.ndarray:
    """(SIDE, SIDE, 4) encoded, row 0 at the top."""
    look = render.Look(compat.CYCLES, SIDE, SIDE, SAMPLES)
    with (render.kept(scene), stage.studio(scene, avatar), render.portrait(scene, avatar, YAW),
          tempfile.TemporaryDirectory() as folder):
        return render.read_png(render.still(scene, Path(folder) / "asset.png", look))
