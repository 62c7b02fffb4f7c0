"""Photo match: the scene as one input photo saw it - camera, light, expression, background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import strings
from ..errors import InputError
from . import camera as cameras
from . import expression, relight, render, rig, textures
from .avatar import ROLE_TAG, Avatar
from .textures import TAG


def match(scene: bpy.types.Scene, avatar: Avatar, bundle: Any, view: int = 0, photo: Path | None = None,
          longest: int = 0) -> bpy.types.Object:
    """Set the scene up as photo number `view` saw it; returns the camera. `longest` limits the picture in pixels."""
    count = len(bundle.fit["intrinsics"])
    if not 0 <= view < count:
        raise InputError(f"This avatar was made from {count} photo(s); there is no number {view}.",
                         f"Choose 0 to {count - 1}.")
    size = (int(bundle.fit["image_size"][view][0]), int(bundle.fit["image_size"][view][1]))
    name = f"{avatar.name} Photo {view}"
    forget_camera(avatar, name)
    camera = cameras.build_camera(name, bundle.fit["intrinsics"][view], bundle.fit["world_to_camera"][view], size,
                                  avatar.rig.matrix_world)
    camera[TAG] = camera.data[TAG] = avatar.id
    camera[ROLE_TAG] = "camera"
    avatar.collection.objects.link(camera)
    cameras.look_through(scene, camera, bundle.fit["intrinsics"][view], size, longest)
    if photo is not None:
        cameras.show_photo(camera, photo)
    wear_expression(avatar, bundle, view)
    light(scene, avatar, bundle, view)
    return camera


def forget_camera(avatar: Avatar, name: str) -> None:
    """Remove an earlier match of the same photo."""
    for old in [item for item in avatar.collection.objects if item.get(ROLE_TAG) == "camera" and item.name == name]:
        data = old.data
        bpy.data.objects.remove(old)
        bpy.data.cameras.remove(data)


def wear_expression(avatar: Avatar, bundle: Any, view: int) -> None:
    """Shape keys and bones as the fit found them in one photo."""
    psi = bundle.parameters["expression"][view]
    names = bundle.geometry["key_names"].tolist()
    # The head's own components are the last E keys; on the default head they are the ARKit shapes themselves.
    own = names[len(names) - len(psi):]
    expression.apply(avatar.mesh, dict(zip(own, psi.tolist(), strict=True)))
    rig.set_pose(avatar.rig, bundle.geometry["joint_names"].tolist(), bundle.parameters["pose"][view])


def light(scene: bpy.types.Scene, avatar: Avatar, bundle: Any, view: int) -> bpy.types.World:
    """The recovered light of one photo as the scene's world."""
    path = _place(bundle.folder) / f"photo_light_{view}.exr"
    return relight.light_of_photo(scene, bundle.fit["light_sh"][view], path, avatar.id, avatar.name)


def _place(bundle_folder: Path) -> Path:
    """Where derived images go: beside the bundle's maps, or Blender's own scratch folder when that is read-only."""
    folder = bundle_folder / "maps"
    try:
        probe = folder / ".likeness-probe"
        probe.touch()
        probe.unlink()
        return folder
    except OSError:
        return Path(bpy.app.tempdir)


def comparison(scene: bpy.types.Scene, avatar: Avatar, bundle: Any, photo: Path, path: Path, look: render.Look,
               view: int = 0, longest: int = 768) -> Path:
    """PNG of photo | avatar | avatar over the photo, through the recovered camera and in the recovered light.

    Colours are shown as they are (view transform Standard), because the photo's are.
    """
    with render.kept(scene):
        match(scene, avatar, bundle, view, longest=longest)
        width, height = scene.render.resolution_x, scene.render.resolution_y
        seen = render.Look(look.engine, width, height, look.samples, "Standard", transparent=True)
        picture = render.read_png(render.still(scene, path, seen))
    background = render.read_png(photo)
    expected = tuple(int(side) for side in bundle.fit["image_size"][view])
    found = background.shape[1], background.shape[0]
    if abs(found[0] / found[1] - expected[0] / expected[1]) > 0.01:
        raise InputError(strings.REPORT["photo_size"].format(
            file=photo.name, found=f"{found[0]} x {found[1]}", expected=f"{expected[0]} x {expected[1]}"),
            "Choose the photo that the avatar was made from.")
    background = render.resized(background[..., :3], height, width)
    alpha = picture[..., 3:]
    over = picture[..., :3] * alpha + background * (1 - alpha)
    alone = picture[..., :3] * alpha
    textures.write_png(path, np.concatenate([background, alone, over], 1))
    return path
