"""A small photo studio whose truth is known: a head painted with an albedo, lit, and photographed by ray casting.

Independent of the training renderer on purpose: it shades by brute force (one shadow ray per light and pixel), so
that a mistake shared with the code under test is unlikely.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from backend.capture.observation import Focal, Observation
from backend.core import camera, harmonics
from backend.core.rays import Mesh, vertex_normals
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel

GREEN = (0.02, 0.75, 0.02)
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
BROWS = ((70, 63, 105, 66, 107, 55, 65, 52, 53, 46), (300, 293, 334, 296, 336, 285, 295, 282, 283, 276))
ALBEDO_SIZE = 1024


@dataclass(frozen=True)
class Light:
    """`sky` (9, 3) harmonics of the environment, and a sun: unit direction (3,) and irradiance (3,)."""

    sky: np.ndarray
    sun: np.ndarray | None = None
    irradiance: np.ndarray | None = None


def sky(level: float, left: float = 0.0, front: float = 0.0, up: float = 0.0, tint=(1.0, 1.0, 1.0)) -> np.ndarray:
    """Harmonics whose shading is `level` in the mean, with gradients as shares of it."""
    light = np.zeros((9, 3))
    light[0] = 1 / 0.28209479
    light[3], light[1], light[2] = left / 0.48860251, -front / 0.48860251, up / 0.48860251
    return level * light * np.array(tint)


def landmark_texels(head: HeadModel, size: int) -> np.ndarray:
    uv = np.einsum("lc,lcx->lx", head.landmark_barycentric, head.triangle_uvs[np.maximum(head.landmark_triangles, 0)])
    return (uv * [1, -1] + [0, 1]) * size


def paint(head: HeadModel, tone=(0.36, 0.22, 0.16), seed: int = 0, moles=()) -> np.ndarray:
    """(1024, 1024, 3) albedo: mottling, lips, brows, ruddy cheeks and nose; `moles` are (landmark, radius texels)."""
    size = ALBEDO_SIZE
    rng = np.random.default_rng(seed)
    mottling = sum(strength * cv2.resize(rng.standard_normal((cells, cells)).astype(np.float32), (size, size),
                                         interpolation=cv2.INTER_CUBIC)
                   for cells, strength in ((60, 0.03), (256, 0.04)))
    albedo = np.array(tone, np.float32) * np.exp(mottling)[..., None]
    place = landmark_texels(head, size)

    def tinted(mask: np.ndarray, factor) -> np.ndarray:
        return albedo * (1 + mask[..., None] * (np.array(factor) - 1))

    def ring(indices, soft: float) -> np.ndarray:
        mask = np.zeros((size, size), np.float32)
        cv2.fillPoly(mask, [np.round(place[list(indices)]).astype(np.int32)], 1.0)
        return cv2.GaussianBlur(mask, (0, 0), soft)

    def spot(landmark: int, radius: float) -> np.ndarray:
        y, x = np.mgrid[:size, :size]
        return np.exp(-((x - place[landmark, 0]) ** 2 + (y - place[landmark, 1]) ** 2) / (2 * radius**2))

    for landmark in (50, 280, 4):
        albedo = tinted(spot(landmark, 30), (1.05, 0.87, 0.89))
    albedo = tinted(ring(LIPS, 3), (0.85, 0.55, 0.6))
    for brow in BROWS:
        albedo = tinted(ring(brow, 3), (0.25, 0.25, 0.25))
    for landmark, radius in moles:
        albedo = tinted(spot(landmark, radius), (0.4, 0.35, 0.35))
    return np.clip(albedo, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Shot:
    observation: Observation
    intrinsics: np.ndarray
    world_to_camera: np.ndarray


def photograph(head: HeadModel, albedo: np.ndarray, light: Light | None, *, yaw: float = 0.0, pixels: int = 420,
               background=GREEN, posed: np.ndarray | None = None, exposure: float = 1.0, gloss: float = 0.0,
               iris=(0.05, 0.08, 0.12), sclera=(0.6, 0.55, 0.52), directions: int = 40) -> Shot:
    """Photo of the head. `light` None paints the albedo itself, unshaded."""
    posed = head.template if posed is None else posed
    face = np.nanmean(head.landmark_points(posed)[:468], 0)
    k, extrinsic = camera.frontal(2.1 * pixels, pixels, pixels, face + np.array([0, 0, 0.005]), 0.75, yaw)
    centres = (np.arange(2 * pixels) + 0.5) / 2
    grid = np.stack(np.meshgrid(centres, centres), -1).reshape(-1, 2)
    origins, rays = camera.pixel_rays(grid, k, extrinsic)
    clear = [head.material_index(name) for name in ("lash", "cornea", "brow", "tear")]
    solid = np.flatnonzero(~np.isin(head.triangle_material, clear))
    mesh = Mesh(posed, head.triangles[solid])
    hits = mesh.cast(origins, rays)
    hit = np.flatnonzero(hits.hit)
    triangle, weights = solid[hits.triangle[hit]], hits.barycentric[hit]
    corners = head.triangles[triangle]
    skin = head.triangle_material == head.material_index("skin")
    normals = vertex_normals(posed, head.triangles[skin])
    normals = np.where(np.linalg.norm(normals, axis=1, keepdims=True) > 0, normals,
                       vertex_normals(posed, head.triangles))
    normal = np.einsum("nk,nkx->nx", weights, normals[corners])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    point = np.einsum("nk,nkx->nx", weights, posed[corners])
    uv = np.einsum("nk,nkx->nx", weights, head.triangle_uvs[triangle])
    colour = _painted(head, albedo, triangle, uv, iris, sclera)
    if light is not None:
        colour = colour * _shade(mesh, point, normal, light, directions)
        if gloss and light.sun is not None:
            half = light.sun - rays[hit]
            half /= np.linalg.norm(half, axis=1, keepdims=True)
            shine = np.maximum((normal * half).sum(1), 0) ** 60 * (normal @ light.sun > 0)
            colour = colour + gloss * shine[:, None] * light.irradiance
    picture = np.full((len(grid), 3), background, np.float32)
    picture[hit] = colour * exposure
    head_share = np.zeros(len(grid), np.float32)
    head_share[hit] = 1
    shape = (2 * pixels, 2 * pixels)
    image = cv2.resize(picture.reshape(*shape, 3), (pixels, pixels), interpolation=cv2.INTER_AREA)
    share = cv2.resize(head_share.reshape(shape), (pixels, pixels), interpolation=cv2.INTER_AREA)
    mask = np.zeros((pixels, pixels, 6), np.uint8)
    mask[..., 0], mask[..., 3] = 255 * (1 - share), 255 * share
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = camera.project(head.landmark_points(posed), k, extrinsic)[0]
    observation = Observation("studio.png", "0" * 64, np.clip(image, 0, 1).astype(np.float32), landmarks,
                              np.zeros(52, np.float32), np.eye(4), mask, Focal(float(k[0, 0]), 0.03, "exif"), ())
    return Shot(observation, k, extrinsic)


def _painted(head, albedo, triangle, uv, iris, sclera) -> np.ndarray:
    from backend.head.eyes import IRIS_UV_RADIUS, PUPIL_UV_RADIUS

    size = len(albedo)
    x = np.clip((uv[:, 0] * size).astype(int), 0, size - 1)
    y = np.clip(((1 - uv[:, 1]) * size).astype(int), 0, size - 1)
    colour = albedo[y, x].astype(np.float64)
    material = head.triangle_material[triangle]
    radius = np.linalg.norm(uv - 0.5, axis=1)
    eye = np.where((radius < IRIS_UV_RADIUS)[:, None], iris, sclera)
    eye = np.where((radius < PUPIL_UV_RADIUS)[:, None], 0.005, eye)
    colour = np.where((material == head.material_index("eye"))[:, None], eye, colour)
    other = ~np.isin(material, [head.material_index("eye"), head.material_index("skin")])
    return np.where(other[:, None], (0.25, 0.08, 0.07), colour)


def _shade(mesh: Mesh, point: np.ndarray, normal: np.ndarray, light: Light, directions: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    sphere = rng.standard_normal((directions, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    radiance = np.maximum(harmonics.basis(sphere) @ light.sky, 0)
    total = np.zeros((len(point), 3))
    start = point + 5e-4 * normal
    for direction, colour in zip(sphere, radiance, strict=True):
        total += _lit(mesh, start, normal, direction)[:, None] * colour * (4 / directions)
    if light.sun is not None:
        total += _lit(mesh, start, normal, light.sun)[:, None] * light.irradiance
    return total


def _lit(mesh: Mesh, start: np.ndarray, normal: np.ndarray, direction: np.ndarray) -> np.ndarray:
    cosine = np.maximum(normal @ direction, 0)
    facing = np.flatnonzero(cosine > 0)
    cosine[facing] *= ~mesh.occluded(start[facing], np.broadcast_to(direction, (len(facing), 3)))
    return cosine


def fit_of(head: HeadModel, shots: list[Shot], posed: np.ndarray | None = None) -> HeadFit:
    """The perfect fit of those photos."""
    posed = head.template if posed is None else posed
    count = len(shots)
    return HeadFit(
        head_id=head.id, shape=np.zeros(len(head.shape_basis)), vertex_offsets=np.zeros_like(posed), neutral=posed,
        expression=np.zeros((count, len(head.expression_basis))), pose=np.zeros((count, len(head.joint_names), 3)),
        posed=np.stack([posed] * count), arkit=np.zeros((count, 52)),
        intrinsics=np.stack([shot.intrinsics for shot in shots]),
        world_to_camera=np.stack([shot.world_to_camera for shot in shots]),
        image_size=np.array([shot.observation.size for shot in shots]), landmark_rmse=np.zeros(count),
        light_sh=np.zeros((count, 9, 3)), scale_source="iris", scale_sigma=0.03,
    )


def resampled(albedo: np.ndarray, size: int) -> np.ndarray:
    return cv2.resize(albedo, (size, size), interpolation=cv2.INTER_AREA)
