"""Photo match: the scene as one input photo saw it - camera, light, expression, background."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import strings
from ..errors import InputError
from . import camera as cameras
from . import expression, gaze, keys, lettering, privacy, relight, render, rig, stage, textures
from . import report as reports
from .avatar import ROLE_TAG, Avatar
from .textures import TAG

CROP_MARGIN = 0.25  # of the head's size, on every side
SHAPE_TOLERANCE = 0.01  # of width over height
BACKDROP = 0.25  # encoded grey behind the avatar alone
FADE = 0.15  # of the head's height: over how much of the neck the avatar dissolves above the neck's border
EXPOSURE_RANGE = (0.7, 2.0)
METERED = ("nose", "cheek_left", "cheek_right")  # regions of the head that are bare skin in most photos
CAPTIONS = ("Photo", "Avatar", "Avatar over photo")


def match(scene: bpy.types.Scene, avatar: Avatar, bundle: Any, view: int = 0, photo: Path | None = None,
          longest: int = 0) -> bpy.types.Object:
    """Set the scene up as photo number `view` saw it; returns the camera. `longest` limits the picture in pixels.

    `photo` becomes the background; of a film the frame that this view is of.
    """
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
        cameras.show_photo(camera, privacy.picture(photo, avatar.id), reports.frame_of(avatar, view))
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
    own = keys.component_names(bundle.geometry, len(psi))
    expression.apply(avatar.mesh, dict(zip(own, psi.tolist(), strict=True)))
    gaze.use(avatar.rig, 0.0, 0.0)  # eyes and lids were both measured: neither follows the other
    rig.set_pose(avatar.rig, bundle.geometry["joint_names"].tolist(), bundle.parameters["pose"][view])


def light(scene: bpy.types.Scene, avatar: Avatar, bundle: Any, view: int) -> bpy.types.World:
    """The recovered light of one photo as the scene's world.

    Its image is made in Blender's scratch folder (a bundle is read, never written); saving the .blend takes it along.
    """
    path = Path(bpy.app.tempdir) / f"{avatar.id[:8]}_photo_light_{view}.exr"
    return relight.light_of_photo(scene, bundle.fit["light_sh"][view], path, avatar.id, avatar.name)


@dataclass(frozen=True)
class Crop:
    """A part of a photo, in fractions of its width and height; y down."""

    left: float
    top: float
    right: float
    bottom: float

    def of(self, pixels: np.ndarray) -> np.ndarray:
        """That part of an image (H, W, C)."""
        height, width = pixels.shape[:2]
        rows = slice(round(self.top * height), round(self.bottom * height))
        return pixels[rows, round(self.left * width):round(self.right * width)]


def head_crop(bundle: Any, view: int) -> Crop:
    """The head in a photo, and some air around it."""
    seen = _seen(bundle, view)
    low, high = seen.min(0), seen.max(0)
    margin = CROP_MARGIN * (high - low)
    left, top = np.clip(low - margin, 0, 1)
    right, bottom = np.clip(high + margin, 0, 1)
    return Crop(float(left), float(top), float(right), float(bottom))


def comparison(scene: bpy.types.Scene, avatar: Avatar, bundle: Any, photo: Path, path: Path, look: render.Look,
               view: int = 0) -> Path:
    """PNG of photo | avatar | avatar over the photo about the head, in the recovered camera and light.

    `look.height` is the picture's height in pixels. Colours are shown as they are (view transform Standard), because
    the photo's are, and exposed as the photo is. Raises InputError for a photo of another shape than the one the avatar
    was made from.
    """
    whole = render.read_png(photo)[..., :3]
    size = tuple(int(side) for side in bundle.fit["image_size"][view])
    if abs(whole.shape[1] / whole.shape[0] - size[0] / size[1]) > SHAPE_TOLERANCE:
        raise InputError(strings.REPORT["photo_size"].format(
            file=photo.name, found=f"{whole.shape[1]} x {whole.shape[0]}", expected=f"{size[0]} x {size[1]}"),
            "Choose the photo that the avatar was made from.")
    crop = head_crop(bundle, view)
    scale = look.height / ((crop.bottom - crop.top) * size[1])
    full = render.Look(look.engine, round(size[0] * scale), round(size[1] * scale), look.samples, "Standard", True)
    with render.kept(scene):
        match(scene, avatar, bundle, view)
        frame = scene.render
        frame.use_border = frame.use_crop_to_border = True
        frame.border_min_x, frame.border_max_x = crop.left, crop.right
        frame.border_min_y, frame.border_max_y = 1 - crop.bottom, 1 - crop.top
        picture = render.read_png(render.still(scene, path, full))
    background = render.resized(crop.of(whole), *picture.shape[:2])
    picture[..., :3] = _exposed(picture, background, bundle, view, crop)
    alpha = picture[..., 3:] * render.resized(crop.of(_neck_fade(avatar, bundle, view, full)), *picture.shape[:2])
    over = picture[..., :3] * alpha + background * (1 - alpha)
    alone = picture[..., :3] * alpha + BACKDROP * (1 - alpha)
    panels = [lettering.caption(panel, text) for panel, text in zip((background, alone, over), CAPTIONS, strict=True)]
    textures.write_png(path, np.concatenate(panels, 1))
    return path


def _neck_fade(avatar: Avatar, bundle: Any, view: int, look: render.Look) -> np.ndarray:
    """(H, W, 1) 0..1 of the whole photo: 1 over the face, 0 from where the neck's border is seen."""
    rows = _seen(bundle, view)[:, 1] * look.height
    border = rows[stage.neck_border(avatar)]
    if not len(border):
        return np.ones((look.height, look.width, 1), np.float32)
    end = float(np.quantile(border, 0.8))  # the border's back is hidden behind the neck, its front is lowest
    ramp = np.clip((end - np.arange(look.height) - 0.5) / (FADE * float(np.ptp(rows))), 0, 1)
    return np.broadcast_to((ramp * ramp * (3 - 2 * ramp)).astype(np.float32)[:, None, None],
                           (look.height, look.width, 1))


def _exposed(picture: np.ndarray, photo: np.ndarray, bundle: Any, view: int, crop: Crop) -> np.ndarray:
    """The avatar's colours (H, W, 3) encoded, exposed as the photo is: one factor on linear light, metered on the face.

    The recovered light holds no more than second-order harmonics of what fell on matte skin, so highlights that lift a
    photo's mean are not in it; a photographer would open the lens by as much.
    """
    names = bundle.geometry["region_names"].tolist()
    weights = bundle.geometry["regions"][[names.index(name) for name in METERED if name in names]]
    inside = (_seen(bundle, view)[weights.max(0, initial=0) > 0.5] - (crop.left, crop.top)) / (
        crop.right - crop.left, crop.bottom - crop.top)
    inside = inside[((inside > 0) & (inside < 1)).all(1)]
    columns, rows = (inside * (picture.shape[1], picture.shape[0])).astype(int).T
    solid = picture[rows, columns, 3] > 0.99
    if not solid.any():
        return picture[..., :3]
    wanted, found = (float(np.median(_linear(image[rows, columns, :3][solid]), 0).mean()) for image in (photo, picture))
    return _encoded(_linear(picture[..., :3]) * np.clip(wanted / max(found, 1e-4), *EXPOSURE_RANGE))


def _linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def _encoded(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)


def _seen(bundle: Any, view: int) -> np.ndarray:
    """(V, 2) where each vertex lies in a photo, in fractions of its width and height."""
    pose, k = bundle.fit["world_to_camera"][view], bundle.fit["intrinsics"][view]
    pixels = (bundle.fit["posed_vertices"][view] @ pose[:3, :3].T + pose[:3, 3]) @ k.T
    return pixels[:, :2] / pixels[:, 2:] / bundle.fit["image_size"][view]
