"""Pictures: stills with settings of their own, sheets of expressions, pictures side by side.

The scene's own render settings, camera and light come back afterwards.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from .. import compat
from . import camera as cameras
from . import expression, lettering, stage, textures
from .avatar import Avatar

FACE_HEIGHT = 0.31  # metres that a portrait shows from top to bottom: a head, and the neck where it meets the collar
FACE_CENTRE = np.array([0.0, 0.04, -0.018])  # from between the eyes to the middle of the picture
PORTRAIT_LENS = 85.0
THUMBNAIL_ZOOM = 1.45  # small pictures show the face and little else


@dataclass(frozen=True)
class Look:
    """How a picture is rendered."""

    engine: str = compat.CYCLES
    width: int = 512
    height: int = 512
    samples: int = 32
    view_transform: str = "AgX"  # holds highlights on skin; "Standard" where colours must equal the photo's
    transparent: bool = False


@contextmanager
def kept(scene: bpy.types.Scene) -> Iterator[None]:
    """Whatever a picture changes of the scene's settings comes back at the end of the block."""
    places = [(scene.render, ("engine", "resolution_x", "resolution_y", "resolution_percentage", "film_transparent",
                              "filepath", "pixel_aspect_x", "pixel_aspect_y", "use_border", "use_crop_to_border",
                              "border_min_x", "border_max_x", "border_min_y", "border_max_y")),
              (scene.render.image_settings, ("file_format", "color_mode", "color_depth")),
              (scene.view_settings, ("view_transform",)),
              (scene.cycles, ("samples", "use_denoising", "denoiser")),
              (scene.eevee, ("taa_render_samples",)),
              (scene, ("camera", "world"))]
    before = [(owner, name, getattr(owner, name)) for owner, names in places for name in names]
    try:
        yield
    finally:
        for owner, name, value in before:
            if value != "" or name == "filepath":  # an enumeration reads "" where the build lacks what it would hold
                setattr(owner, name, value)


def still(scene: bpy.types.Scene, path: Path, look: Look) -> Path:
    """Render the scene's camera to a PNG. Changes the scene's settings; wrap in `kept` to get them back."""
    render = scene.render
    render.engine = look.engine
    render.resolution_x, render.resolution_y, render.resolution_percentage = look.width, look.height, 100
    render.film_transparent = look.transparent
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGBA" if look.transparent else "RGB"
    render.image_settings.color_depth = "8"
    compat.set_view_transform(scene, look.view_transform)
    scene.cycles.samples = look.samples
    compat.denoise(scene)
    scene.eevee.taa_render_samples = look.samples
    path.parent.mkdir(parents=True, exist_ok=True)
    render.filepath = str(path)
    bpy.ops.render.render(write_still=True, scene=scene.name)
    return path


def portrait_camera(avatar: Avatar, yaw: float = 0.0, pitch: float = 0.0, zoom: float = 1.0) -> bpy.types.Object:
    """A camera, not yet in a collection, that frames the head; yaw > 0 from the person's left, radians.

    `zoom` lengthens the lens, and from 2 on the eyes are the middle of the picture.
    """
    target = portrait_target(avatar, zoom)
    distance = FACE_HEIGHT * PORTRAIT_LENS / cameras.SENSOR_WIDTH
    return cameras.portrait(f"{avatar.name} Portrait", target, distance, yaw, pitch, PORTRAIT_LENS * zoom)


def portrait_target(avatar: Avatar, zoom: float = 1.0) -> np.ndarray:
    """(3,) metres, world: the middle of such a picture."""
    place = np.array(avatar.rig.matrix_world)
    offset = FACE_CENTRE * np.clip(2 - zoom, 0, 1)
    return place[:3, :3] @ (np.array(stage.eyes(avatar)) + offset) + place[:3, 3]


def thumbnail(scene: bpy.types.Scene, avatar: Avatar, path: Path, side: int = 128) -> Path:
    """The face as it is now, small, in plain clay: by Workbench, which needs no light and next to no time."""
    with kept(scene), portrait(scene, avatar, zoom=THUMBNAIL_ZOOM):
        shading = scene.display.shading
        before = shading.light, shading.color_type, shading.show_cavity
        shading.light, shading.color_type, shading.show_cavity = "STUDIO", "MATERIAL", True
        try:
            return still(scene, path, Look("BLENDER_WORKBENCH", side, side, 1, "Standard", True))
        finally:
            shading.light, shading.color_type, shading.show_cavity = before


@contextmanager
def portrait(scene: bpy.types.Scene, avatar: Avatar, yaw: float = 0.0, pitch: float = 0.0,
             zoom: float = 1.0) -> Iterator[None]:
    """Look at the avatar through a camera that is gone after the block, as is the collar that the avatar wears."""
    eye = portrait_camera(avatar, yaw, pitch, zoom)
    scene.collection.objects.link(eye)
    before, scene.camera = scene.camera, eye
    try:
        with stage.dressed(scene, avatar):
            yield
    finally:
        scene.camera = before
        data = eye.data
        bpy.data.objects.remove(eye)
        bpy.data.cameras.remove(data)


def sheet(scene: bpy.types.Scene, avatar: Avatar, path: Path, look: Look,
          names: Sequence[str] = expression.SHEET, columns: int = 4) -> Path:
    """The named preset expressions in one PNG, in reading order, in a studio's light. The face comes back as it was."""
    before = expression.current(avatar.mesh)
    pictures = []
    try:
        with (kept(scene), stage.studio(scene, avatar), portrait(scene, avatar),
              tempfile.TemporaryDirectory() as folder):
            for name in names:
                expression.apply(avatar.mesh, expression.PRESETS[name])
                picture = read_png(still(scene, Path(folder) / f"{name}.png", look))[..., :3]
                pictures.append(lettering.caption(picture, expression.LABELS[name]))
    finally:
        expression.apply(avatar.mesh, before)
    rows = [np.concatenate(pictures[start:start + columns], 1) for start in range(0, len(pictures), columns)]
    textures.write_png(path, np.concatenate(rows, 0))
    return path


def read_png(path: Path) -> np.ndarray:
    """Encoded values (H, W, 4), row 0 at the top; alpha straight."""
    picture = bpy.data.images.load(str(path), check_existing=False)
    try:
        return textures.read_pixels(picture).copy()
    finally:
        bpy.data.images.remove(picture)


def resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Box-filtered along a side that shrinks, linear along one that grows; (H, W, C) -> (height, width, C)."""
    for axis, size in ((0, height), (1, width)):
        resize = _enlarged if size > pixels.shape[axis] else _reduced
        pixels = resize(pixels, axis, size)
    return pixels.astype(np.float32)


def _enlarged(pixels: np.ndarray, axis: int, size: int) -> np.ndarray:
    place = np.clip((np.arange(size) + 0.5) * pixels.shape[axis] / size - 0.5, 0, pixels.shape[axis] - 1)
    low = np.floor(place).astype(int)
    part = (place - low).reshape([-1 if index == axis else 1 for index in range(3)])
    high = np.minimum(low + 1, pixels.shape[axis] - 1)
    return pixels.take(low, axis) * (1 - part) + pixels.take(high, axis) * part


def _reduced(pixels: np.ndarray, axis: int, size: int) -> np.ndarray:
    edges = np.linspace(0, pixels.shape[axis], size + 1)
    total = np.concatenate([np.zeros_like(pixels.take([0], axis)), np.cumsum(pixels, axis, dtype=np.float64)], axis)
    low = np.floor(edges).astype(int)
    part = (edges - low).reshape([-1 if index == axis else 1 for index in range(3)])
    running = total.take(low, axis) * (1 - part) + total.take(np.minimum(low + 1, pixels.shape[axis]), axis) * part
    return np.diff(running, axis=axis) / (pixels.shape[axis] / size)
