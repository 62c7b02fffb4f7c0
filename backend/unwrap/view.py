"""One photo seen from the surface: where every texel lies in it and how well it is seen there.

Everything here is on the surface's grid; sampling at full resolution is in `sampling`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.capture.observation import Observation
from backend.core import camera
from backend.core.rays import Mesh
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.unwrap.masks import Crop, ImageMasks, image_masks
from backend.unwrap.surface import Surface, part_of, skin_normals, solid_triangles

GRAZING, FACING = np.cos(np.radians(75.0)), np.cos(np.radians(30.0))
"""View angles at which a texel counts for nothing and for all: beyond 75° a pixel is smeared over four texels."""

THIN_PARTS = ("ear_left", "ear_right", "lips")
"""Regions that are nothing but edges, before skin of the same person: only the outline of the head counts there."""

SMALL_GRAZING, SMALL_FACING = np.cos(np.radians(82.0)), np.cos(np.radians(50.0))
"""The same angles on those and on the nose, which frontal photos show aslant: little of them, so little is smeared."""

ASLANT = 0.0015
"""How much further from the outline of the head they must be, metres."""

LIFT = 0.0006
"""How far above the skin a ray starts, metres: more than the faceting of the mesh, less than a lip is thick."""

JUMP = 0.006
"""A step in depth that makes an edge of something in front of something else, metres."""

EDGE_NEAR, EDGE_FAR = 0.0012, 0.0045
"""Distance from such an edge in the image at which a texel counts for nothing and for all, metres.
A fit is good to two or three millimetres at silhouettes; within that, a pixel may belong to what lies behind."""

THIN_NEAR, THIN_FAR = 0.0003, 0.0012
"""The same for steps within `THIN_PARTS`."""


@dataclass(frozen=True)
class View:
    """One observation on a G x G surface grid."""

    pixels: np.ndarray  # (G, G, 2) float32 photo pixels
    weight: np.ndarray  # (G, G) float32 0..1, skin
    hair: np.ndarray  # (G, G) float32 0..1, hair seen at the place of this texel
    normal: np.ndarray  # (G, G, 3) float32 unit, world
    position: np.ndarray  # (G, G, 3) float32 metres, world
    density: np.ndarray  # (G, G) float32 photo pixels per grid texel
    camera: np.ndarray  # (3,) metres, world


def view_of(observation: Observation, fit: HeadFit, index: int, head: HeadModel, surface: Surface) -> View:
    """Project the posed surface into observation `index` of `fit` and weigh every texel."""
    posed = fit.posed[index].astype(np.float32)
    k, extrinsic = fit.intrinsics[index], fit.world_to_camera[index]
    both = surface.lay_out(head, np.hstack([posed, skin_normals(head, posed)]))
    position, normal = np.ascontiguousarray(both[..., :3]), np.ascontiguousarray(both[..., 3:])
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    pixels, depth = camera.project(position, k.astype(np.float32), extrinsic.astype(np.float32))
    pixels = pixels.astype(np.float32)
    eye = camera.camera_position(extrinsic).astype(np.float32)
    to_eye = eye - position
    distance = np.linalg.norm(to_eye, axis=-1)
    to_eye /= np.maximum(distance, 1e-6)[..., None]
    cosine = np.einsum("hwk,hwk->hw", normal, to_eye)

    mesh = Mesh(posed, solid_triangles(head))
    candidate = surface.inside & (cosine > SMALL_GRAZING) & (depth > 0)
    seen = np.zeros(surface.inside.shape, bool)
    start = position[candidate] + LIFT * normal[candidate]
    seen[candidate] = ~mesh.occluded(start, to_eye[candidate])

    masks = image_masks(observation)
    outline, step, slack = _edge_distance(mesh, masks.crop, k, extrinsic)
    outline, step = _sample(outline, masks.crop, pixels), _sample(step, masks.crop, pixels)
    thin, nose = (_ramp(part_of(head, surface.size, names), 0.3, 0.7) for names in (THIN_PARTS, ("nose",)))
    near, far = max(EDGE_NEAR, slack), max(EDGE_FAR, 2.5 * slack)
    inward = _ramp(step, near, far)
    # Seen aslant, a texel reaches further towards the outline than its middle does.
    aslant = np.maximum(thin, nose)
    clear = _ramp(outline - ASLANT * aslant, near, far) * (inward + thin * (_ramp(step, THIN_NEAR, THIN_FAR) - inward))
    angle = _ramp(cosine, GRAZING, FACING)
    angle += aslant * (_ramp(cosine, SMALL_GRAZING, SMALL_FACING) - angle)
    geometry = angle * clear * _soft(seen, surface) * surface.inside
    density = _density(pixels)
    return View(
        pixels=pixels,
        weight=np.maximum(geometry * _sample(masks.skin, masks.crop, pixels), 0).astype(np.float32),  # blurs undershoot
        hair=_hair_weight(masks, pixels, cosine, seen),
        normal=normal, position=position, density=density, camera=eye,
    )


def _edge_distance(mesh: Mesh, crop: Crop, k: np.ndarray,
                   extrinsic: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Metres (h, w) of the crop to the outline of the head, and to a step from one part of it to another; 0 off it.

    Also the metres within which the photo's own blur carries over what lies behind.
    """
    width, height = crop.size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    photo = np.stack([x, y], -1) / crop.scale + crop.origin
    origins, directions = camera.pixel_rays(photo.reshape(-1, 2), k, extrinsic)
    distance = mesh.cast(origins, directions).distance.reshape(height, width)
    hit = np.isfinite(distance)
    near = float(np.median(distance[hit])) if hit.any() else 1.0
    filled = np.where(hit, distance, near + 10.0)
    edge = np.zeros((height, width), bool)
    # A jump between two neighbours that the slope on either side of it does not announce.
    for axis in (0, 1):
        step = np.diff(filled, axis=axis)
        before = np.abs(np.roll(step, 1, axis))
        after = np.abs(np.roll(step, -1, axis))
        jump = np.abs(step) > JUMP + 1.5 * np.minimum(np.minimum(before, after), JUMP)
        low, high = [slice(None)] * 2, [slice(None)] * 2
        low[axis], high[axis] = slice(None, -1), slice(1, None)
        edge[tuple(low)] |= jump
        edge[tuple(high)] |= jump
    metres_per_pixel = near / (k[0, 0] * crop.scale)
    outline, step = (cv2.distanceTransform(free.astype(np.uint8), cv2.DIST_L2, 5) * hit * metres_per_pixel
                     for free in (hit, ~edge))
    return outline.astype(np.float32), step.astype(np.float32), 1.5 * crop.scale * metres_per_pixel


def _hair_weight(masks: ImageMasks, pixels: np.ndarray, cosine: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Hair stands off the scalp, so only its colour and rough place are wanted: no silhouette test."""
    return (_sample(masks.hair, masks.crop, pixels) * _ramp(cosine, 0.1, 0.4) * seen).astype(np.float32)


def _soft(seen: np.ndarray, surface: Surface) -> np.ndarray:
    """Pull visibility in by two texels of a 1024 grid and soften it: cast shadows of sight have no hard edge."""
    texels = max(1, round(2 * surface.size / 1024))
    # Outside the skin counts as seen, or every chart border would lose its rim.
    padded = (seen | ~surface.inside).astype(np.float32)
    eroded = cv2.erode(padded, np.ones((2 * texels + 1,) * 2, np.uint8))
    return np.minimum(cv2.GaussianBlur(eroded, (0, 0), texels), eroded)


def _density(pixels: np.ndarray) -> np.ndarray:
    """Photo pixels per grid texel: square root of the area a texel covers."""
    du = np.gradient(pixels, axis=1)
    dv = np.gradient(pixels, axis=0)
    return np.sqrt(np.abs(du[..., 0] * dv[..., 1] - du[..., 1] * dv[..., 0])).astype(np.float32)


def _sample(image: np.ndarray, crop: Crop, pixels: np.ndarray) -> np.ndarray:
    """Bilinear values of a crop image (h, w) at photo pixels (G, G, 2); 0 outside."""
    place = crop.to_crop(pixels).astype(np.float32) - 0.5
    return cv2.remap(image, place[..., 0], place[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)


def _ramp(value: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
