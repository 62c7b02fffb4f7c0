"""A camera that goes round a head once in so many frames, for ever."""

from __future__ import annotations

import math

import bpy
from mathutils import Matrix

from .. import compat, strings
from . import render
from .avatar import ROLE_TAG, Avatar
from .textures import TAG

ROLE = "turntable"


def build(scene: bpy.types.Scene, avatar: Avatar, frames: int) -> bpy.types.Object:
    """Put the camera up, make it the scene's and let the scene be one round long; returns the camera."""
    remove(avatar)
    camera = render.portrait_camera(avatar)
    camera.name = camera.data.name = f"{avatar.name} {strings.TURNTABLE}"
    centre = bpy.data.objects.new(camera.name, None)
    centre.empty_display_type, centre.empty_display_size = "CIRCLE", 0.15
    target = render.portrait_target(avatar)
    centre.matrix_world = Matrix.Translation(target)
    camera.parent = centre
    camera.matrix_parent_inverse = Matrix.Translation(target).inverted()
    driver = centre.driver_add("rotation_euler", 2).driver
    driver.expression = f"(frame-1)*{math.tau / frames:.8f}"  # a simple expression: runs in files of strangers too
    for item in (centre, camera):
        avatar.collection.objects.link(item)
        item[TAG], item[ROLE_TAG] = avatar.id, ROLE
    camera.data[TAG] = avatar.id
    scene.camera = camera
    scene.frame_start, scene.frame_end = 1, frames
    scene.frame_set(1)
    return camera


def remove(avatar: Avatar) -> None:
    """Take an earlier one away."""
    for item in [item for item in avatar.collection.objects if item.get(ROLE_TAG) == ROLE]:
        data = item.data
        bpy.data.objects.remove(item)
        if data is not None:
            bpy.data.cameras.remove(data)


def film(scene: bpy.types.Scene, path: str) -> str:
    """Let the scene's animation be rendered to a video where this Blender can, else to numbered pictures.

    `path` has no suffix; returns where the result will be.
    """
    if compat.set_video(scene):
        scene.render.filepath = f"{path}.mp4"
        return scene.render.filepath
    scene.render.image_settings.file_format = "PNG"
    scene.render.filepath = f"{path}_"
    return f"{path}_####.png"
