"""Where things are on a head's skin map: positions, directions, and soft masks of the face's parts.

Everything is measured on the template in millimetres from MediaPipe's landmarks, so that any head with a landmark
embedding and a UV layout gets skins. Masks are (R, R) float32 in 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from backend.core.rays import Mesh, vertex_normals
from backend.errors import ModelError
from backend.head.model import HeadModel

LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
LIPS_INNER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
LIP_PARTING = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
EYES = ((33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
        (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466))
UPPER_LIDS = ((33, 246, 161, 160, 159, 158, 157, 173, 133), (263, 466, 388, 387, 386, 385, 384, 398, 362))
LOWER_LIDS = ((33, 7, 163, 144, 145, 153, 154, 155, 133), (263, 249, 390, 373, 374, 380, 381, 382, 362))
BROWS = (((107, 55), (66, 65), (105, 52), (63, 53), (70, 46)),
         ((336, 285), (296, 295), (334, 282), (293, 283), (300, 276)))
"""Pairs (upper edge, lower edge) from the nose outwards; the person's right brow, then the left."""
NOSE_TIP, CHIN, BETWEEN_BROWS, NOSE_ROOT, UNDER_NOSE = 4, 152, 9, 168, 2
NOSE_WINGS = (48, 278)
NOSE_BRIDGE = (168, 6, 197, 195, 5, 4)
CHEEKS = (50, 280)
CHEEK_LOWER = (205, 425)
FOREHEAD = (10, 151, 67, 297, 109, 338)
OVAL = (10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149,
        150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109)


USED_REGIONS = ("ear_left", "ear_right", "nostrils")
"""What landmarks cannot tell and a head's own regions can."""


@dataclass(frozen=True)
class Anatomy:
    """A head's skin map at R x R. Positions are of the template, metres."""

    inside: np.ndarray  # (R, R) bool
    position: np.ndarray  # (R, R, 3) float32 metres; outside: of the nearest texel inside
    normal: np.ndarray  # (R, R, 3) float32 unit
    along_u: np.ndarray  # (R, R, 3) float32 metres per texel to the right
    along_v: np.ndarray  # (R, R, 3) float32 metres per texel downwards (rows)
    landmark: np.ndarray  # (478, 3) float32 metres
    landmark_texel: np.ndarray  # (478, 2) float32 x, y in texels; nonsense for landmarks that are not on the skin
    masks: dict[str, np.ndarray]

    @property
    def resolution(self) -> int:
        """R."""
        return self.inside.shape[0]

    @property
    def millimetres_per_texel(self) -> float:
        """Median over the middle of the face."""
        rows = self.masks["face"] > 0.9
        return float(np.median(np.linalg.norm(self.along_u[rows], axis=-1))) * 1000

    def distance(self, *landmarks: int) -> np.ndarray:
        """(R, R) millimetres to the nearest of these landmarks."""
        gaps = [np.linalg.norm(self.position - self.landmark[index], axis=-1) for index in landmarks]
        return np.min(gaps, axis=0) * 1000

    def blob(self, radius: float, *landmarks: int) -> np.ndarray:
        """(R, R) soft spots: 1 at the landmarks, 0.6 at `radius` millimetres."""
        return np.exp(-0.5 * (self.distance(*landmarks) / radius) ** 2).astype(np.float32)

    def line(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distance in millimetres to a polyline (K, 3) in space, and the place along it in 0..1; both (R, R)."""
        best = np.full(self.inside.shape, np.inf, np.float32)
        place = np.zeros(self.inside.shape, np.float32)
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
        before, whole = np.concatenate([[0], np.cumsum(lengths)]), lengths.sum()
        for index, length in enumerate(lengths):
            edge = (points[index + 1] - points[index]) / max(length, 1e-9)
            t = np.clip((self.position - points[index]) @ edge, 0, length)
            gap = np.linalg.norm(self.position - points[index] - t[..., None] * edge, axis=-1) * 1000
            nearer = gap < best
            best = np.where(nearer, gap, best)
            place = np.where(nearer, (before[index] + t) / whole, place)
        return best.astype(np.float32), place.astype(np.float32)


_CACHE: dict[tuple[int, int], tuple[HeadModel, Anatomy]] = {}


def anatomy_of(head: HeadModel, resolution: int) -> Anatomy:
    """The anatomy of `head`, kept for the next call. Raises ModelError for a head without landmarks."""
    key = (id(head), resolution)
    if key not in _CACHE:
        if head.landmarks_placed.sum() < 400:
            raise ModelError(f"The head model {head.id} has no landmark embedding.", "Import the head again.")
        _CACHE[key] = (head, _measure(head, resolution))
    return _CACHE[key][1]


def _measure(head: HeadModel, resolution: int) -> Anatomy:
    from scipy import ndimage
    from scipy.spatial import cKDTree

    chosen = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    flat = np.concatenate([head.triangle_uvs[chosen].reshape(-1, 2), np.zeros((3 * len(chosen), 1))], 1)
    chart = Mesh(flat, np.arange(3 * len(chosen)).reshape(-1, 3))
    step = (np.arange(resolution) + 0.5) / resolution
    u, v = np.meshgrid(step, 1 - step)
    above = np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3)
    hits = chart.cast(above, np.broadcast_to(np.array([0.0, 0.0, -1.0]), above.shape))
    corners = head.triangles[chosen[np.maximum(hits.triangle, 0)]]
    normals = vertex_normals(head.template, head.triangles)

    def interpolated(values: np.ndarray) -> np.ndarray:
        return np.einsum("nc,ncx->nx", hits.barycentric, values[corners]).reshape(resolution, resolution, -1)

    inside = hits.hit.reshape(resolution, resolution)
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    position = interpolated(head.template)[nearest[0], nearest[1]].astype(np.float32)
    normal = interpolated(normals)[nearest[0], nearest[1]].astype(np.float32)
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    along_v, along_u = np.gradient(position, axis=(0, 1))
    landmark = head.landmark_points(head.template).astype(np.float32)
    uv = np.einsum("lc,lcx->lx", head.landmark_barycentric, head.triangle_uvs[np.maximum(head.landmark_triangles, 0)])
    texel = np.stack([uv[:, 0] * resolution - 0.5, (1 - uv[:, 1]) * resolution - 0.5], -1).astype(np.float32)
    astray = head.triangle_material[head.landmark_triangles] != head.material_index("skin")
    if astray.any():  # a lid's landmark may lie on the eyeball behind it
        rows, columns = np.nonzero(inside)
        found = cKDTree(position[rows, columns]).query(landmark[astray])[1]
        texel[astray] = np.stack([columns[found], rows[found]], -1)
    bare = Anatomy(inside, position, normal, along_u.astype(np.float32), along_v.astype(np.float32), landmark, texel,
                   {})
    known = [name for name in USED_REGIONS if name in head.region_names]
    regions = {name: interpolated(head.region(name)[:, None])[nearest[0], nearest[1], 0] for name in known}
    masks = _masks(bare, regions)
    return Anatomy(inside, position, normal, bare.along_u, bare.along_v, landmark, texel, masks)


def _masks(a: Anatomy, regions: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Soft masks by name. Distances in millimetres were chosen by eye on the default head.

    `regions` are the head's own masks in the map; where it has none of a name, positions must do.
    """
    from scipy.interpolate import PchipInterpolator

    x, y, z = np.moveaxis(a.position, -1, 0) * 1000
    brow_height = a.landmark[BETWEEN_BROWS, 2] * 1000
    top = a.landmark[10, 2] * 1000
    chin = a.landmark[CHIN] * 1000
    temple = a.landmark[[234, 454]] * 1000
    ear = temple.mean(0)
    azimuth = np.rad2deg(np.arctan2(np.abs(x), -(y - ear[1] - 5)))  # 0 ahead, 90 at the ears, 180 behind

    masks: dict[str, np.ndarray] = {}
    masks["lips"] = polygon(a, LIPS_OUTER, 0.6)
    masks["lip_parting"] = np.exp(-0.5 * (a.line(a.landmark[list(LIP_PARTING)])[0] / 1.0) ** 2)
    masks["eye_opening"] = np.max([polygon(a, ring, 0.5) for ring in EYES], 0)
    lid = np.min([a.line(a.landmark[list(ring)])[0] for ring in UPPER_LIDS], 0)
    lower = np.min([a.line(a.landmark[list(ring)])[0] for ring in LOWER_LIDS], 0)
    masks["lid_edge"] = np.exp(-0.5 * (np.minimum(lid, lower) / 0.8) ** 2)
    masks["lash_line"] = np.exp(-0.5 * (lid / 0.9) ** 2)
    above_eye = soft(z - np.where(x < 0, a.landmark[159, 2], a.landmark[386, 2]) * 1000, 0, 3)
    masks["upper_lid"] = np.exp(-0.5 * (lid / 5.0) ** 2) * above_eye
    masks["under_eye"] = np.exp(-0.5 * ((lower - 6) / 5.0) ** 2) * (1 - above_eye)
    masks["nose"] = np.exp(-0.5 * (np.maximum(a.line(a.landmark[list(NOSE_BRIDGE)])[0] - 4, 0) / 6) ** 2)
    masks["nose_tip"] = a.blob(9, NOSE_TIP, 5)
    masks["nose_wings"] = a.blob(6, *NOSE_WINGS)
    masks["cheeks"] = a.blob(17, *CHEEKS)
    masks["cheeks_lower"] = a.blob(18, *CHEEK_LOWER)
    masks["chin"] = a.blob(13, CHIN, 199)
    masks["forehead"] = soft(z - brow_height, 6, 8) * soft(top + 12 - z, 0, 8) * soft(75 - azimuth, 0, 20)
    masks["face"] = polygon(a, OVAL, 6.0)
    if "ear_left" in regions:
        masks["ears"] = np.maximum(regions["ear_left"], regions["ear_right"])
    else:
        masks["ears"] = soft(np.abs(x) - np.abs(temple[1, 0]) * 0.96, 0, 3) * soft(34 - np.abs(z - ear[2] + 6), 0, 6) \
            * soft(20 - np.abs(y - ear[1] - 32), 0, 6)
    masks["nostrils"] = regions.get("nostrils", a.blob(2.5, 79, 309) * soft(-a.normal[..., 2], 0.1, 0.2))
    masks["neck"] = soft(chin[2] - 4 - z, 0, 8) * soft(y - chin[1], 12, 8)
    # the hair line crosses the forehead, recedes at the temples, passes before and behind the ears, ends in the nape
    line = PchipInterpolator([0, 22, 42, 58, 74, 92, 118, 180], [
        top + 11, top + 12, top + 14, top - 6, ear[2] + 20, ear[2] + 2, ear[2] - 34, ear[2] - 46])(azimuth)
    masks["hair"] = soft(z - line, 0, 7) * (1 - masks["ears"])
    masks["beard"] = _beard(a, x, z)
    return {name: np.clip(mask, 0, 1).astype(np.float32) for name, mask in masks.items()}


def _beard(a: Anatomy, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Where hair grows on a man's lower face: moustache, chin, jaw, up to the sideburn and down the throat."""
    import cv2

    mouth = a.landmark[[61, 291], 2].mean() * 1000
    nose = a.landmark[UNDER_NOSE, 2] * 1000
    chin = a.landmark[CHIN, 2] * 1000
    half = abs(a.landmark[291, 0]) * 1000
    ear = a.landmark[454] * 1000
    # the upper edge comes down from the nose wings past the mouth's corner and climbs to the sideburn
    steps = np.array([0, 0.7 * half, 1.05 * half, 1.35 * half, 0.75 * abs(ear[0]), 0.93 * abs(ear[0]), abs(ear[0])])
    heights = np.array([nose - 2, nose - 3, mouth + 4, mouth - 1, mouth + 9, ear[2] - 12, ear[2] + 8])
    below = soft(np.interp(np.abs(x), steps, heights) - z, 0, 7)
    throat = soft(z - (chin - 24), 0, 10)
    front = soft(ear[1] + 8 - a.position[..., 1] * 1000, 0, 8)
    bare = 1 - 0.35 * a.blob(6, *CHEEK_LOWER)
    beard = cv2.GaussianBlur((below * throat * front * bare).astype(np.float32), (0, 0), 2 / _texel_mm(a))
    return beard * (1 - polygon(a, LIPS_OUTER, 1.0))


def _texel_mm(a: Anatomy) -> float:
    centre = a.landmark_texel[NOSE_TIP].astype(int).clip(0, a.resolution - 1)
    return max(float(np.linalg.norm(a.along_u[centre[1], centre[0]])) * 1000, 0.02)


def polygon(a: Anatomy, ring: tuple[int, ...], softness: float) -> np.ndarray:
    """(R, R) filled outline of landmarks in the map, its edge softened by `softness` millimetres."""
    import cv2

    big = np.zeros(a.inside.shape, np.uint8)
    corners = np.round(a.landmark_texel[list(ring)] * 16).astype(np.int32)
    cv2.fillPoly(big, [corners], 255, cv2.LINE_AA, 4)
    centre = a.landmark_texel[list(ring)].mean(0).astype(int).clip(0, a.resolution - 1)
    scale = max(float(np.linalg.norm(a.along_u[centre[1], centre[0]])) * 1000, 1e-3)
    return cv2.GaussianBlur(big.astype(np.float32) / 255, (0, 0), max(softness / scale, 0.4))


def soft(value: np.ndarray, edge: float, width: float) -> np.ndarray:
    """A smooth step: 0 well below `edge`, 0.5 at it, 1 well above; `width` from 0.12 to 0.88."""
    return 1 / (1 + np.exp(-np.clip((value - edge) * (4 / width), -40, 40)))


@lru_cache(maxsize=4)
def hex_grid(count: int) -> np.ndarray:
    """(count, 2) evenly spread points in the unit square (R2 sequence), for strokes that should not clump."""
    index = np.arange(count)
    return np.stack([np.mod(0.5 + index * 0.7548776662466927, 1), np.mod(0.5 + index * 0.5698402909980532, 1)], -1)
