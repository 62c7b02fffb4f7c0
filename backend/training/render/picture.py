"""From a scene to a linear picture and everything that is known about each of its pixels.

Deferred: rays through pixel centres find what is seen and are lit once; four (or more) rays a pixel find edges and
albedo, and take the light of the pixel they fall in unless they see something else. Deterministic.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from backend.core.camera import pixel_rays
from backend.training.render import texture
from backend.training.render.lights import DirectionalLights, directional
from backend.training.render.scene import CLOTHES, EYE, HAIR, MOUTH, SKIN, TEETH, TONGUE, Points, Scene
from backend.training.render.shade import bounce, diffuse, softened, specular, visibility


class Surface(Protocol):
    """What the renderer must know of a person's surface; `SkinMaps` and the generator's `Skin` both are one."""

    @property
    def diffuse_albedo(self) -> np.ndarray:
        """(R, R, 3) float32 linear Rec.709."""

    @property
    def specular_albedo(self) -> np.ndarray:
        """(R, R) float32, 0.5 means F0 0.04."""

    @property
    def roughness(self) -> np.ndarray:
        """(R, R) float32, Principled."""

    @property
    def displacement(self) -> np.ndarray:
        """(R, R) float32 metres along the normal."""

    @property
    def eye_albedo(self) -> np.ndarray:
        """(P, P, 3) float32 linear Rec.709 in the eye's UV square."""


@dataclass(frozen=True)
class View:
    """A camera: `core.camera`'s two matrices and the picture's size."""

    intrinsics: np.ndarray  # (3, 3) pixels
    world_to_camera: np.ndarray  # (4, 4) metres
    width: int
    height: int


@dataclass(frozen=True)
class Settings:
    """How a picture is made. Colours are linear Rec.709."""

    lights: int = 64
    """Directional lights an environment is cut into."""
    grid: int = 2
    """Rays a pixel along each side, for edges and albedo."""
    shadows: bool = True
    bounces: bool = True
    scatter: bool = True
    highlights: bool = True
    background: np.ndarray | None = None
    """(H, W, 3); the blurred environment when None."""
    clothes: tuple[float, float, float] = (0.08, 0.1, 0.16)
    hair: tuple[float, float, float] = (0.03, 0.018, 0.012)


@dataclass(frozen=True)
class Picture:
    """A linear picture and the truth about its pixel centres. `triangle` -1: nothing of the scene is there."""

    radiance: np.ndarray  # (H, W, 3) float32
    triangle: np.ndarray  # (H, W) int32 into the scene's triangles, the head's first
    barycentric: np.ndarray  # (H, W, 3) float32
    depth: np.ndarray  # (H, W) float32 metres along the view axis, inf for nothing
    material: np.ndarray  # (H, W) int32 of `scene`, -1 for nothing
    albedo: np.ndarray  # (H, W, 3) float32 at pixel centres
    shading: np.ndarray  # (H, W, 3) float32, irradiance / pi, shadows and scatter included
    highlight: np.ndarray  # (H, W, 3) float32 specular radiance
    coverage: np.ndarray  # (H, W) float32, share of the pixel that the scene covers
    seconds: dict[str, float] = field(default_factory=dict)


INNER = {
    MOUTH: ((0.22, 0.055, 0.05), 0.5, 0.35),
    TEETH: ((0.58, 0.51, 0.42), 0.5, 0.25),
    TONGUE: ((0.40, 0.15, 0.14), 0.5, 0.4),
    EYE: ((0.7, 0.68, 0.65), 0.0, 0.3),
}
"""Albedo, specular level and roughness of what has no maps."""

HAIR_GLOW = 2.2
"""Hair passes light on to its neighbours; without that a mass of locks in its own shadow is black."""

CORNEA_F0 = 0.025
"""Fresnel reflectance of the tear film (index 1.376) seen head-on."""


def render(scene: Scene, surface: Surface, view: View, environment: np.ndarray, settings: Settings) -> Picture:
    """Photograph `scene` under `environment`. All colours linear, exposure 1."""
    lights = directional(environment, settings.lights)
    origins, directions = _rays(view, np.array([[0.5, 0.5]]))
    centre = scene.opaque.trace(origins, directions)
    look = Look(scene, surface, view, centre, settings)

    grid = (np.arange(settings.grid) + 0.5) / settings.grid
    offsets = np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2)
    extra, fine = [], []
    for offset in offsets:
        fine_origins, fine_directions = _rays(view, offset[None])
        points = scene.opaque.trace(fine_origins, fine_directions)
        odd = (points.triangle >= 0) & ((points.material != centre.material)
                                        | (np.abs(points.distance - np.where(np.isfinite(centre.distance),
                                                                             centre.distance, 0)) > 0.003))
        fine.append((points, odd, fine_directions))
        extra.append(points[np.flatnonzero(odd)])

    vertex_bounce = bounce(scene, lights, look.triangle_albedo()) if settings.bounces else None
    shape = (view.height, view.width)
    hit = np.flatnonzero(centre.triangle >= 0)
    shading, highlight = np.zeros((*shape, 3), np.float32), np.zeros((*shape, 3), np.float32)
    lit = _light(scene, look, centre[hit], directions[hit], lights, vertex_bounce, settings)
    shading.reshape(-1, 3)[hit], highlight.reshape(-1, 3)[hit] = lit
    depth = _depth(centre, view)
    if settings.scatter:
        focal = float(view.intrinsics[0, 0])
        for material in (SKIN, EYE):
            mask = (centre.material == material).reshape(shape)
            shading = softened(shading, depth, mask, focal)

    background = settings.background if settings.background is not None else _behind(environment, directions, shape)
    total = np.zeros((shape[0] * shape[1], 3), np.float32)
    covered = np.zeros(len(total), np.float32)
    for (points, odd, fine_directions), odd_points in zip(fine, extra, strict=True):
        albedo = look.albedo(points)
        light, shine = shading.reshape(-1, 3).copy(), highlight.reshape(-1, 3).copy()
        rows = np.flatnonzero(odd)
        if len(rows):
            light[rows], shine[rows] = _light(scene, look, odd_points, fine_directions[rows], lights, vertex_bounce,
                                              settings)
        seen = points.triangle >= 0
        colour = np.where(seen[:, None], albedo * light + shine, background.reshape(-1, 3))
        if settings.highlights:
            colour += _wet(scene, view, points, fine_directions, environment)
        colour = _lashes(scene, view, points, fine_directions, colour, light)
        total += colour
        covered += seen
    albedo = look.albedo(centre)
    return Picture((total / len(fine)).reshape(*shape, 3), centre.triangle.reshape(shape),
                   centre.barycentric.reshape(*shape, 3), depth, centre.material.reshape(shape),
                   albedo.reshape(*shape, 3), shading, highlight, (covered / len(fine)).reshape(shape))


class Look:
    """Colours of a scene's points: the maps for skin and eyes, constants for the rest."""

    def __init__(self, scene: Scene, surface: Surface, view: View, centre: Points, settings: Settings) -> None:
        self.scene, self.settings = scene, settings
        density = _texels_per_sample(scene, view, centre, surface.diffuse_albedo.shape[0])
        self.skin = texture.minified(surface.diffuse_albedo, density / settings.grid)
        self.specular = texture.minified(np.stack([surface.specular_albedo, surface.roughness], -1), density)
        height = texture.minified(surface.displacement, density)
        down, right = np.gradient(height)
        self.slope = np.stack([right * height.shape[1], -down * height.shape[0]], -1).astype(np.float32)
        self.eye = surface.eye_albedo
        self.plain = {material: values for material, values in INNER.items()}
        self.plain[CLOTHES] = (settings.clothes, 0.2, 0.8)
        self.plain[HAIR] = (settings.hair, 0.35, 0.5)

    def albedo(self, points: Points) -> np.ndarray:
        """(N, 3), zero where nothing was met."""
        out = np.zeros((len(points.triangle), 3), np.float32)
        for material, (colour, _, _) in self.plain.items():
            out[points.material == material] = colour
        for material, image in ((SKIN, self.skin), (EYE, self.eye)):
            rows = np.flatnonzero(points.material == material)
            out[rows] = texture.by_uv(image, points.uv[rows])
        rows = np.flatnonzero(points.material == HAIR)
        streak = 0.8 + 0.4 * np.sin(points.uv[rows, 1] * 40 + points.uv[rows, 0] * 90)
        out[rows] *= (HAIR_GLOW * (0.45 + 1.1 * points.uv[rows, 0]) * streak)[:, None]
        return out

    def reflectance(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """F0 (N,) and roughness (N,)."""
        level, rough = np.zeros(len(points.triangle), np.float32), np.full(len(points.triangle), 0.5, np.float32)
        for material, (_, plain_level, plain_rough) in self.plain.items():
            rows = points.material == material
            level[rows], rough[rows] = plain_level, plain_rough
        rows = np.flatnonzero(points.material == SKIN)
        looked_up = texture.by_uv(self.specular, points.uv[rows])
        level[rows], rough[rows] = looked_up[:, 0], looked_up[:, 1]
        return 0.08 * level, np.clip(rough, 0.15, 1)

    def normal(self, points: Points) -> np.ndarray:
        """Smooth normals bent by the displacement's slope, (N, 3) unit."""
        normal = points.normal.copy()
        rows = np.flatnonzero(points.material == SKIN)
        slope = texture.by_uv(self.slope, points.uv[rows])
        triangle = points.triangle[rows]
        bent = normal[rows] - slope[:, :1] * self.scene.gradient_u[triangle]
        bent -= slope[:, 1:] * self.scene.gradient_v[triangle]
        normal[rows] = bent / np.linalg.norm(bent, axis=1, keepdims=True)
        return normal

    def triangle_albedo(self) -> np.ndarray:
        """(T, 3) a colour of every triangle, looked up at its middle."""
        count = len(self.scene.triangles)
        middle = self.scene.uvs.mean(1)
        nothing = np.zeros((count, 3), np.float32)
        points = Points(np.arange(count, dtype=np.int32), nothing, nothing, nothing, nothing, middle,
                        self.scene.material, np.zeros(count, np.float32))
        return self.albedo(points)


def _light(scene: Scene, look: Look, points: Points, directions: np.ndarray, lights: DirectionalLights,
           vertex_bounce: np.ndarray | None, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Shading and highlights (N, 3) at points met by view rays `directions`."""
    normal = look.normal(points)
    if settings.shadows:
        seen = visibility(scene, points, normal, lights)
    else:
        seen = np.ones((len(normal), len(lights.direction)), bool)
    shading = diffuse(normal, seen, lights)
    if vertex_bounce is not None:
        corners = scene.triangles[points.triangle]
        shading += np.einsum("nc,ncx->nx", points.barycentric, vertex_bounce[corners])
    if not settings.highlights:
        return shading, np.zeros_like(shading)
    f0, rough = look.reflectance(points)
    shine = specular(normal, -directions.astype(np.float32), seen, rough, f0, lights)
    shine[f0 <= 0] = 0
    return shading, shine


def _wet(scene: Scene, view: View, behind: Points, directions: np.ndarray, environment: np.ndarray) -> np.ndarray:
    """Mirror reflections (N, 3) of the environment on corneas that lie before what is `behind`."""
    out = np.zeros((len(directions), 3), np.float32)
    near = np.flatnonzero(behind.material == EYE)
    if not len(near):
        return out
    origins, _ = _rays(view, np.array([[0.5, 0.5]]), near)
    front = scene.cornea.trace(origins, directions[near])
    points = behind[near]
    if scene.cornea.mesh is not None:
        use = (front.triangle >= 0) & (front.distance < points.distance + 0.004)
        near, points = near[use], front[np.flatnonzero(use)]
    view_direction = directions[near].astype(np.float32)
    cosine = -np.einsum("nx,nx->n", points.normal, view_direction)
    mirrored = view_direction + 2 * cosine[:, None] * points.normal
    blocked = scene.opaque.solid.occluded(points.position + points.normal * 1e-3, mirrored)
    fresnel = CORNEA_F0 + (1 - CORNEA_F0) * (1 - np.clip(cosine, 0, 1)) ** 5
    out[near] = texture.by_direction(environment, mirrored) * (fresnel * ~blocked)[:, None]
    return out


LASH_COLOUR = np.array([0.012, 0.009, 0.008], np.float32)


def _lashes(scene: Scene, view: View, behind: Points, directions: np.ndarray, colour: np.ndarray,
            light: np.ndarray) -> np.ndarray:
    """Lay eyelashes over `colour` (N, 3): cards whose coverage grows from tip to root."""
    if scene.lash.mesh is None:
        return colour
    near = np.flatnonzero((behind.material == EYE) | (behind.material == SKIN))
    origins, _ = _rays(view, np.array([[0.5, 0.5]]), near)
    front = scene.lash.trace(origins, directions[near])
    use = np.flatnonzero((front.triangle >= 0) & (front.distance < behind.distance[near]))
    rows = near[use]
    cover = np.float32(0.85)
    colour[rows] = colour[rows] * (1 - cover) + LASH_COLOUR * light[rows] * cover
    return colour


def _rays(view: View, offset: np.ndarray, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rays (H * W, 3) through every pixel at `offset` (1, 2) in 0..1 of it; only `rows` if given."""
    index = np.arange(view.width * view.height) if rows is None else rows
    pixels = np.stack([index % view.width, index // view.width], -1) + offset
    return pixel_rays(pixels, view.intrinsics, view.world_to_camera)


def _depth(points: Points, view: View) -> np.ndarray:
    """Depth along the view axis (H, W), inf where nothing was met."""
    in_camera = points.position @ view.world_to_camera[2, :3] + view.world_to_camera[2, 3]
    return np.where(points.triangle >= 0, in_camera, np.inf).astype(np.float32).reshape(view.height, view.width)


def _texels_per_sample(scene: Scene, view: View, centre: Points, resolution: int) -> float:
    """Median number of texels that a pixel's side covers, over the skin seen."""
    rows = np.flatnonzero(centre.material == SKIN)
    if not len(rows):
        return 1.0
    triangle = np.unique(centre.triangle[rows])
    edge = scene.vertices[scene.triangles[triangle]]
    area = 0.5 * np.linalg.norm(np.cross(edge[:, 1] - edge[:, 0], edge[:, 2] - edge[:, 0]), axis=1)
    chart = scene.uvs[triangle]
    a, b = chart[:, 1] - chart[:, 0], chart[:, 2] - chart[:, 0]
    chart_area = 0.5 * np.abs(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) * resolution**2
    texels_per_metre = np.sqrt(np.median(chart_area / np.maximum(area, 1e-12)))
    metres_per_pixel = float(np.median(centre.distance[rows])) / float(view.intrinsics[0, 0])
    return float(texels_per_metre * metres_per_pixel)


def _behind(environment: np.ndarray, directions: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The environment out of focus, (H, W, 3)."""
    import cv2

    sigma = environment.shape[0] / 20
    wide = np.concatenate([environment[:, -64:], environment, environment[:, :64]], 1)
    soft = cv2.GaussianBlur(np.minimum(wide, 8), (0, 0), sigma)[:, 64:-64]
    return texture.by_direction(soft, directions).reshape(*shape, 3)
