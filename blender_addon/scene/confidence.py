"""What the camera saw and what was guessed, as colours on the mesh: a layer of its own, which no material uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .. import strings
from ..errors import InputError
from . import textures
from .avatar import MATERIAL_TAG, Avatar
from .mesh import UV_LAYER

LAYER = "Likeness Confidence"
MAP = "confidence"
SEEN, GUESSED, OTHER = (0.10, 0.28, 0.62), (0.85, 0.36, 0.05), (0.35, 0.35, 0.35)
"""Linear colours, told apart by every kind of colour vision: seen head-on, invented, parts that have no skin map."""
_SHADING_TAG = "likeness_shading"  # on the mesh: how the viewport was shaded before


def shown(avatar: Avatar) -> bool:
    """Whether the layer is there."""
    return LAYER in avatar.mesh.data.color_attributes


def show(avatar: Avatar, bundle: Any) -> None:
    """Add the layer. Raises InputError when the bundle lacks its map."""
    body = avatar.mesh.data
    values = _values(body, _map_of(bundle))
    hide(avatar)
    layer = body.color_attributes.new(LAYER, "BYTE_COLOR", "CORNER")
    colours = np.ones((len(body.loops), 4), np.float32)
    colours[:, :3] = np.where(values[:, None] < 0, OTHER,
                              np.outer(values, SEEN) + np.outer(1 - values, GUESSED))
    layer.data.foreach_set("color", colours.reshape(-1))
    body.color_attributes.active_color = layer


def hide(avatar: Avatar) -> None:
    """Take the layer away."""
    layers = avatar.mesh.data.color_attributes
    if LAYER in layers:
        layers.remove(layers[LAYER])


def shade(avatar: Avatar, shading: bpy.types.View3DShading, on: bool) -> None:
    """Let a viewport show the layer, or return to what it showed before."""
    if on:
        avatar.mesh[_SHADING_TAG] = f"{shading.type} {shading.color_type} {shading.light}"
        shading.type, shading.color_type, shading.light = "SOLID", "VERTEX", "STUDIO"
    elif _SHADING_TAG in avatar.mesh:
        kind, colour, light = avatar.mesh[_SHADING_TAG].split()
        shading.type = "SOLID"  # the other two can be set in this mode only
        shading.color_type, shading.light, shading.type = colour, light, kind
        del avatar.mesh[_SHADING_TAG]


def _map_of(bundle: Any) -> np.ndarray:
    """(H, W) 0..1, row 0 at the top."""
    found = [entry["file"] for entry in bundle.metadata["maps"] if entry["name"] == MAP]
    path = Path(bundle.folder) / found[0] if found else None
    if path is None or not path.is_file():
        raise InputError(strings.REPORT["bad_map"].format(file=path.name if path else MAP), strings.REPORT["again"])
    picture = bpy.data.images.load(str(path), check_existing=False)
    try:
        picture.colorspace_settings.name = textures.DATA
        return textures.read_pixels(picture)[..., 0].copy()
    finally:
        bpy.data.images.remove(picture)


def _values(body: bpy.types.Mesh, confidence: np.ndarray) -> np.ndarray:
    """(L,) for every face corner; -1 where it is no skin."""
    uvs = np.empty(len(body.loops) * 2, np.float32)
    body.uv_layers[UV_LAYER].uv.foreach_get("vector", uvs)
    u, v = uvs.reshape(-1, 2).T
    height, width = confidence.shape
    columns = np.clip((u * width).astype(int), 0, width - 1)
    rows = np.clip(((1 - v) * height).astype(int), 0, height - 1)
    values = confidence[rows, columns]
    slots = [index for index, material in enumerate(body.materials)
             if material is not None and material.get(MATERIAL_TAG, "skin") == "skin"]
    of_face, corners = (np.empty(len(body.polygons), np.int32) for _ in range(2))
    body.polygons.foreach_get("material_index", of_face)
    body.polygons.foreach_get("loop_total", corners)
    return np.where(np.repeat(np.isin(of_face, slots), corners), values, -1.0).astype(np.float32)
