"""What suits skin, for those who ask: a camera, colour management, sampling. Nothing here is done unasked."""

from __future__ import annotations

import math

import bpy

from .. import compat
from . import render
from .avatar import ROLE_TAG, Avatar
from .textures import TAG

VIEW = "AgX"  # highlights on skin roll off and stay skin
SAMPLES = 128  # denoised; pores are relief and would drown in noise below
YAW = math.radians(-20.0)  # a face is known best a little from the side
ROLE = "portrait"


def apply(scene: bpy.types.Scene) -> None:
    """Colour management and sampling."""
    compat.set_view_transform(scene, VIEW)
    scene.view_settings.exposure, scene.view_settings.gamma = 0.0, 1.0
    scene.cycles.samples = SAMPLES
    compat.denoise(scene)
    scene.eevee.taa_render_samples = SAMPLES // 2


def portrait(scene: bpy.types.Scene, avatar: Avatar) -> bpy.types.Object:
    """A portrait camera that stays, as the scene's; an earlier one of the avatar's is replaced."""
    for item in [item for item in avatar.collection.objects if item.get(ROLE_TAG) == ROLE]:
        data = item.data
        bpy.data.objects.remove(item)
        bpy.data.cameras.remove(data)
    camera = render.portrait_camera(avatar, YAW)
    camera[TAG] = camera.data[TAG] = avatar.id
    camera[ROLE_TAG] = ROLE
    avatar.collection.objects.link(camera)
    scene.camera = camera
    return camera
