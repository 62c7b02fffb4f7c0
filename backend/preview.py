"""The picture in a bundle: the photo, and beside it the avatar through the recovered camera in the recovered light.

A plain software render: first hits by Embree, the skin's diffuse map under second-order harmonics, the eyes from their
own map, no hair. It is for judging the likeness at a glance; Blender renders the real thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from backend.core.camera import pixel_rays, project
from backend.core.harmonics import shading
from backend.core.progress import Progress, silent
from backend.core.rays import Mesh, vertex_normals
from backend.head.model import HeadModel

SIDE = 768
"""Pixels of each half."""
_MARGIN = 0.18  # of the head's height, around it
_BACKGROUND = 0.12  # linear grey, about 38 % in sRGB: neither skin nor hair
_FLAT = {"mouth": (0.22, 0.07, 0.06), "teeth": (0.60, 0.55, 0.47), "tongue": (0.30, 0.09, 0.08), "lash": (0.02,) * 3}
"""Linear albedo of materials without a map."""
_SEE_THROUGH = ("cornea", "lash", "brow", "tear")  # clear as glass, or hairs that would need their alpha
_SHADED = ("eye", "mouth", "teeth", "tongue")  # what lies between lids and lips, where the sky is mostly hidden
_BOUNCED = 0.4  # of the light still arrives there, from the lips and lids themselves
_OPENING_RAYS = 12
_OPENING_REACH = 0.03  # metres; lids and lips are nearer, nose and brow hardly


@dataclass(frozen=True)
class View:
    """A square window onto a photo."""

    intrinsics: np.ndarray  # (3, 3) of the window, SIDE x SIDE pixels
    to_photo: np.ndarray  # (2, 3) window pixels to photo pixels


def side_by_side(photo: np.ndarray, head: HeadModel, posed: np.ndarray, intrinsics: np.ndarray,
                 world_to_camera: np.ndarray, light_sh: np.ndarray, diffuse: np.ndarray, eye: np.ndarray,
                 progress: Progress = silent) -> np.ndarray:
    """The photo's head and the avatar's, (SIDE, 2 * SIDE, 3) linear Rec.709.

    `photo` (H, W, 3) linear, `posed` (V, 3) metres, `light_sh` (9, 3), `diffuse` (R, R, 3) and `eye` (P, P, 3) linear
    albedo maps.
    """
    above = head.skin_weights[:, head.joint("neck")] < 0.5  # the neck may be long, and is nobody's likeness
    view = window(posed[above], intrinsics, world_to_camera)
    border = (_BACKGROUND,) * 3
    left = cv2.warpAffine(photo, view.to_photo, (SIDE, SIDE), flags=cv2.INTER_AREA | cv2.WARP_INVERSE_MAP,
                          borderMode=cv2.BORDER_CONSTANT, borderValue=border)
    right = render(head, posed, view.intrinsics, world_to_camera, light_sh, diffuse, eye, SIDE, progress)
    return np.concatenate([left, right], 1)


def window(points: np.ndarray, intrinsics: np.ndarray, world_to_camera: np.ndarray) -> View:
    """The square around projected points (N, 3)."""
    pixels, _ = project(points, intrinsics, world_to_camera)
    low, high = pixels.min(0), pixels.max(0)
    side = float((high - low).max()) * (1 + 2 * _MARGIN)
    corner = (low + high) / 2 - side / 2
    scale = side / SIDE
    zoom = np.diag([1 / scale, 1 / scale, 1.0])
    zoom[:2, 2] = -corner / scale
    # cv2 counts pixel centres from 0, we from 0.5
    to_photo = np.array([[scale, 0, corner[0] + scale / 2 - 0.5], [0, scale, corner[1] + scale / 2 - 0.5]])
    return View(zoom @ intrinsics, to_photo)


def render(head: HeadModel, posed: np.ndarray, intrinsics: np.ndarray, world_to_camera: np.ndarray,
           light_sh: np.ndarray, diffuse: np.ndarray, eye: np.ndarray, side: int,
           progress: Progress = silent) -> np.ndarray:
    """The head alone, (side, side, 3) linear, four rays a pixel; shapes as in `side_by_side`."""
    seen = ~np.isin(head.triangle_material, [head.material_index(name) for name in _SEE_THROUGH])
    triangles, material, uvs = head.triangles[seen], head.triangle_material[seen], head.triangle_uvs[seen]
    mesh = Mesh(posed, triangles)
    normals = vertex_normals(posed.astype(np.float64), head.triangles)
    albedo = _albedo_sampler(head, diffuse, eye)
    total = np.zeros((side, side, 3))
    rows, columns = np.mgrid[:side, :side]
    for index, (dx, dy) in enumerate(((0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875))):
        progress(index / 4, "Rendering the preview")
        origins, directions = pixel_rays(np.stack([columns + dx, rows + dy], -1), intrinsics, world_to_camera)
        hits = mesh.cast(origins.reshape(-1, 3), directions.reshape(-1, 3))
        colour = np.full((side * side, 3), _BACKGROUND)
        on = np.flatnonzero(hits.hit)
        triangle, weight = hits.triangle[on], hits.barycentric[on]
        normal = np.einsum("nc,ncx->nx", weight, normals[triangles[triangle]])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        uv = np.einsum("nc,ncx->nx", weight, uvs[triangle])
        light = np.maximum(shading(normal, light_sh), 0)
        hidden = np.isin(material[triangle], [head.material_index(name) for name in _SHADED])
        places = np.einsum("nc,ncx->nx", weight[hidden], mesh.vertices[triangles[triangle[hidden]]])
        light[hidden] *= np.maximum(openness(mesh, places, normal[hidden]), _BOUNCED)[:, None]
        colour[on] = albedo(material[triangle], uv) * light
        total += colour.reshape(side, side, 3)
    return (total / 4).astype(np.float32)


def openness(mesh: Mesh, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Share (N,) of the cosine-weighted sky above points (N, 3) with unit normals (N, 3) that nothing near hides."""
    index = np.arange(_OPENING_RAYS)
    radius, angle = np.sqrt((index + 0.5) / _OPENING_RAYS), index * 2.399963  # golden angle: an even disc
    height = np.sqrt(1 - radius**2)
    side = np.cross(normals, np.where(np.abs(normals[:, :1]) < 0.9, [1.0, 0, 0], [0, 1.0, 0]))
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    other = np.cross(normals, side)
    free = np.zeros(len(points))
    for r, phi, h in zip(radius, angle, height, strict=True):
        direction = r * np.cos(phi) * side + r * np.sin(phi) * other + h * normals
        free += ~mesh.occluded(points + 2e-4 * normals, direction, _OPENING_REACH)
    return free / _OPENING_RAYS


def _albedo_sampler(head: HeadModel, diffuse: np.ndarray,
                    eye: np.ndarray) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A function (material (N,), uv (N, 2)) -> linear albedo (N, 3)."""
    def sample(texture: np.ndarray, uv: np.ndarray) -> np.ndarray:
        height, width = texture.shape[:2]
        x = (uv[:, 0] * width - 0.5).astype(np.float32)
        y = ((1 - uv[:, 1]) * height - 0.5).astype(np.float32)
        rows = [cv2.remap(texture, x[start:start + 30000, None], y[start:start + 30000, None], cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REPLICATE) for start in range(0, len(x), 30000)]  # remap ends at 32767
        return np.concatenate(rows)[:, 0] if rows else np.zeros((0, 3), np.float32)

    def albedo(material: np.ndarray, uv: np.ndarray) -> np.ndarray:
        colour = np.full((len(material), 3), 0.3, np.float32)
        for index, name in enumerate(head.material_names):
            on = material == index
            if name in _FLAT:
                colour[on] = _FLAT[name]
            elif name in ("skin", "eye"):
                colour[on] = sample(diffuse if name == "skin" else eye, uv[on])
        return colour

    return albedo
