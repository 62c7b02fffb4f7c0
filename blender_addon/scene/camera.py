"""A photo's camera in Blender: OpenCV intrinsics and pose to lens, shift and matrix."""

from __future__ import annotations

import bpy
import numpy as np
from mathutils import Matrix

SENSOR_WIDTH = 36.0  # millimetres; only the ratio to the lens matters
OPENCV_TO_BLENDER = Matrix(((1, 0, 0, 0), (0, -1, 0, 0), (0, 0, -1, 0), (0, 0, 0, 1)))
"""Both look at the same thing; Blender's camera has y up and looks along its -z."""


def build_camera(name: str, intrinsics: np.ndarray, world_to_camera: np.ndarray, size: tuple[int, int],
                 anchor: Matrix) -> bpy.types.Object:
    """A camera object, not yet in a collection, that sees what the photo saw.

    `intrinsics` (3, 3) pixels, centres at +0.5; `world_to_camera` (4, 4) metres; `size` (width, height) of the photo;
    `anchor` places the head in this scene (the rig's world matrix).
    """
    data = bpy.data.cameras.new(name)
    width, height = size
    data.sensor_fit, data.sensor_width = "HORIZONTAL", SENSOR_WIDTH
    data.lens = float(intrinsics[0, 0]) * SENSOR_WIDTH / width
    # Shifts are fractions of the fitted side: the view moves, so the picture moves the other way.
    data.shift_x = (width / 2 - float(intrinsics[0, 2])) / width
    data.shift_y = (float(intrinsics[1, 2]) - height / 2) / width * pixel_aspect(intrinsics)
    data.clip_start, data.clip_end = 0.01, 100.0
    camera = bpy.data.objects.new(name, data)
    camera.matrix_world = anchor @ Matrix(np.linalg.inv(world_to_camera).tolist()) @ OPENCV_TO_BLENDER
    return camera


def pixel_aspect(intrinsics: np.ndarray) -> float:
    """Height of a pixel over its width; 1 for square pixels."""
    return float(intrinsics[0, 0] / intrinsics[1, 1])


def look_through(scene: bpy.types.Scene, camera: bpy.types.Object, intrinsics: np.ndarray, size: tuple[int, int],
                 longest: int = 0) -> None:
    """Make it the scene's camera with the photo's proportions; `longest` > 0 limits the longer side in pixels."""
    scene.camera = camera
    aspect = pixel_aspect(intrinsics)
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = max(1.0, 1 / aspect), max(1.0, aspect)
    scale = min(1.0, longest / max(size)) if longest else 1.0
    scene.render.resolution_x, scene.render.resolution_y = (max(4, round(side * scale)) for side in size)
    scene.render.resolution_percentage = 100


def show_photo(camera: bpy.types.Object, photo: bpy.types.Image, frame: int | None = None,
               opacity: float = 0.5) -> None:
    """The photo itself as the camera's background; of a film one `frame`, from 0, whatever the scene's frame is."""
    data = camera.data
    data.show_background_images = True
    data.background_images.clear()
    background = data.background_images.new()
    background.image = photo
    background.alpha, background.display_depth, background.frame_method = opacity, "BACK", "STRETCH"
    if frame is not None and photo.source == "MOVIE":
        user = background.image_user
        user.frame_start, user.frame_duration, user.frame_offset, user.use_cyclic = 1, 1, frame, False


def portrait(name: str, target: np.ndarray, distance: float, yaw: float = 0.0, pitch: float = 0.0,
             lens: float = 85.0) -> bpy.types.Object:
    """A camera that looks at `target` (3,) of a head facing -Y; yaw > 0 moves to the person's left; radians, metres."""
    data = bpy.data.cameras.new(name)
    data.lens, data.sensor_height, data.clip_start = lens, SENSOR_WIDTH, 0.01
    data.sensor_fit = "VERTICAL"  # a wide picture shows more beside the head, and never less of it
    camera = bpy.data.objects.new(name, data)
    offset = np.array([np.sin(yaw) * np.cos(pitch), -np.cos(yaw) * np.cos(pitch), np.sin(pitch)]) * distance
    backward = offset / np.linalg.norm(offset)
    right = np.cross([0.0, 0.0, 1.0], backward)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(backward, right), backward], 1)
    matrix[:3, 3] = np.asarray(target) + offset
    camera.matrix_world = Matrix(matrix.tolist())
    return camera
