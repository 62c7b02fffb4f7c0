"""Points of the same meaning on two untextured heads: landmarks, lid edges, the lips' seam, ears.

The landmarker is run on plain renders from a few sides and its points are cast back onto the surface, so no table
from anyone is needed. Lid edges and the seam of the lips are traced in rays along the face's axis, which is sharper
than any landmark. Every mark is a point on a triangle; the two heads' marks come in the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from backend.core.camera import frontal, pixel_rays
from backend.core.rays import Mesh, vertex_normals
from backend.head.register.surface import Surface

VIEWS = ((0.0, 0.0), (0.35, 0.0), (-0.35, 0.0), (0.7, 0.0), (-0.7, 0.0), (0.0, 0.3), (0.0, -0.3))
"""Yaw and pitch in radians of the renders."""

LEAST_FACING = 0.35
"""Cosine below which a landmark is taken to lie on an outline, where a ray cannot place it."""

DISAGREEMENT = 0.006
"""Metres from the views' median beyond which a view has missed the landmark."""

RENDER_SIZE = 512
STEP = 1e-4
"""Metres between the rays that trace lids and lips."""

EAR_STEP = 5e-4
"""Metres between the rays that trace the ears."""

CURVE_SAMPLES = 21

BEHIND = 0.01
"""Metres behind the middle of an eye beyond which nothing belongs to its lids."""

HOLLOW = 0.004
"""Metres behind the lids beyond which a ray has gone into an empty eye socket."""

LIPS = (0, 17, 37, 39, 40, 61, 84, 91, 146, 181, 185, 267, 269, 270, 291, 314, 321, 375, 405, 409)
NOSE = (1, 2, 4, 5, 6, 195, 197, 168, 48, 64, 98, 278, 294, 327, 19, 94, 218, 438, 115, 344, 220, 440, 45, 275)
CHEEKS = (50, 280, 36, 266, 205, 425, 101, 330, 118, 347)
CHIN = (152, 175, 199, 200, 18)
FOREHEAD = (8, 9, 151, 10)
LANDMARKS = (*LIPS, *NOSE, *CHEEKS, *CHIN, *FOREHEAD)
"""MediaPipe's points that mean the same on every head. Those of its silhouette slide, and
brows without hair are guesses that differ by 2 mm from head to head: left out."""


@dataclass(frozen=True)
class Marks:
    """L points on the surface of one head."""

    triangle: np.ndarray  # (L,) into the skin's triangles, -1 where not found
    barycentric: np.ndarray  # (L, 3)
    kind: np.ndarray  # (L,) str

    def points(self, vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
        """(L, 3) metres; NaN where not found."""
        points = np.einsum("lc,lcx->lx", self.barycentric, vertices[triangles[np.maximum(self.triangle, 0)]])
        return np.where(self.triangle[:, None] >= 0, points, np.nan)


Detect = Callable[[np.ndarray], np.ndarray | None]
"""A landmarker: image (H, W, 3) uint8 sRGB -> pixels (478, 2), or None when it sees no face."""


def find_marks(vertices: np.ndarray, skin: np.ndarray, eyes: np.ndarray, detect: Detect,
               windows: tuple[np.ndarray, np.ndarray] | None = None) -> Marks:
    """All marks of a head that stands in our axes. `skin` (T, 3) and `eyes` (E, 3) triangles of `vertices` (V, 3).

    A head without eyeballs (E = 0) needs `windows`: points (n, 3) about the openings of the left and the right eye.
    """
    head = _Head(vertices, skin, eyes, windows)
    triangle, barycentric = _landmarks(head, detect)
    lips = len(LIPS)
    sets = [("lip-border", (triangle[:lips], barycentric[:lips])), ("landmark", (triangle[lips:], barycentric[lips:])),
            *_lids(head), *_lips(head), *_ears(head)]
    triangle = np.concatenate([found[0] for _, found in sets])
    barycentric = np.concatenate([found[1] for _, found in sets])
    return Marks(triangle, barycentric, np.concatenate([[kind] * len(found[0]) for kind, found in sets]))


Found = tuple[np.ndarray, np.ndarray]


class _Head:
    def __init__(self, vertices: np.ndarray, skin: np.ndarray, eyes: np.ndarray,
                 windows: tuple[np.ndarray, np.ndarray] | None = None) -> None:
        self.vertices, self.skin = vertices, skin
        self.all = np.concatenate([skin, eyes])
        self.mesh = Mesh(vertices, self.all)
        self.skin_mesh = Mesh(vertices, skin)
        self.surface = Surface(vertices, skin)
        self.normals = vertex_normals(vertices.astype(np.float64), self.all)
        eye = vertices[np.unique(eyes)]
        self.empty = windows is not None
        self.eyes = windows if windows is not None else tuple(eye[eye[:, 0] * side > 0] for side in (1, -1))
        self.centre = (self.eyes[0].mean(0) + self.eyes[1].mean(0)) / 2 + [0, 0, -0.03]

    def points(self, found: Found) -> np.ndarray:
        return np.einsum("lc,lcx->lx", found[1], self.vertices[self.skin[found[0]]])

    def front(self, x: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rays along +Y from before the face: triangle of `all`, barycentric, depth y; NaN depth for no hit."""
        start = self.vertices[:, 1].min() - 0.05
        origins = np.stack([x, np.full_like(x, start), z], -1).reshape(-1, 3)
        hits = self.mesh.cast(origins, np.broadcast_to([0.0, 1.0, 0.0], origins.shape))
        depth = np.where(hits.hit, start + hits.distance, np.nan)
        return (hits.triangle.reshape(x.shape), hits.barycentric.reshape(*x.shape, 3), depth.reshape(x.shape))


def shade(head: _Head, yaw: float, pitch: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A plain render (S, S, 3) uint8 with skin-coloured skin and darker lips left to imagination; its camera."""
    size = RENDER_SIZE
    k, camera = frontal(size * 0.9 / 0.26, size, size, head.centre, 0.9, yaw, pitch)
    pixels = np.stack(np.meshgrid(np.arange(size) + 0.5, np.arange(size) + 0.5), -1).reshape(-1, 2)
    hits = head.mesh.cast(*pixel_rays(pixels, k, camera))
    normal = np.einsum("nc,ncx->nx", hits.barycentric, head.normals[head.all[hits.triangle]])
    normal = normal @ camera[:3, :3].T
    light = np.clip(normal @ np.array([-0.3, -0.45, -0.84]), 0, 1) * 0.65 + np.clip(-normal[:, 2], 0, 1) * 0.15 + 0.15
    is_eye = hits.triangle >= len(head.skin)
    colour = np.where(is_eye[:, None], [0.8, 0.8, 0.8], [0.62, 0.42, 0.33])
    image = np.where(hits.hit[:, None], light[:, None] * colour, 0.25)
    return (np.clip(image, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8).reshape(size, size, 3), k, camera


def _landmarks(head: _Head, detect: Detect) -> Found:
    """Where each landmark lies on the skin: mean over the views that see it squarely and agree on it."""
    points, weights = [], []
    for yaw, pitch in VIEWS:
        image, k, camera = shade(head, yaw, pitch)
        pixels = detect(image)
        if pixels is None:
            continue
        origins, directions = pixel_rays(pixels, k, camera)
        hits = head.skin_mesh.cast(origins, directions)
        corners = head.skin[hits.triangle]
        normal = np.einsum("nc,ncx->nx", hits.barycentric, head.normals[corners])
        facing = np.where(hits.hit, -(normal * directions).sum(1), 0)
        weights.append(np.where(facing > LEAST_FACING, facing**2, 0))
        points.append(np.einsum("nc,ncx->nx", hits.barycentric, head.vertices[corners]))
    chosen = np.array(LANDMARKS)
    if not points:
        return np.full(len(chosen), -1), np.zeros((len(chosen), 3))
    place, weight = np.array(points)[:, chosen], np.array(weights)[:, chosen]
    middle = np.nanmedian(np.where(weight[..., None] > 0, place, np.nan), 0)
    weight = weight * (np.linalg.norm(place - middle, axis=2) < DISAGREEMENT)
    total = weight.sum(0)
    mean = (place * weight[..., None]).sum(0) / np.maximum(total, 1e-9)[:, None]
    triangle, barycentric, _ = head.surface.closest(mean)
    return np.where(total > LEAST_FACING, triangle, -1), barycentric


def _lids(head: _Head) -> list[tuple[str, Found]]:
    """Upper and lower lid edge of both eyes, inner to outer corner, by share of the eye's visible width."""
    answer = []
    for side, eye in zip((1, -1), head.eyes, strict=True):
        low, high = eye.min(0) - 0.004, eye.max(0) + 0.004
        x, z = np.meshgrid(np.arange(low[0], high[0], STEP), np.arange(high[2], low[2], -STEP))
        triangle, barycentric, depth = head.front(x, z)
        # Without eyeballs, what is seen through the opening lies far behind the lids, or nowhere.
        ball = ~(depth < np.quantile(eye[:, 1], 0.9) + HOLLOW) if head.empty else triangle >= len(head.skin)
        ball &= _of_middle(ball) if head.empty else True
        seen = np.flatnonzero(ball.sum(0) >= 3)
        if len(seen) < CURVE_SAMPLES:  # no opening at all: lids that are closed, or eyes that are one with the skin
            answer += [(kind, (np.full(CURVE_SAMPLES, -1), np.zeros((CURVE_SAMPLES, 3))))
                       for kind in ("lid-upper", "lid-lower")]
            continue
        wanted = np.linspace(seen[0], seen[-1], CURVE_SAMPLES).round().astype(int)
        wanted = wanted[::side]  # +X eye: inner corner has the smaller x
        for kind, step in (("lid-upper", -2), ("lid-lower", 2)):
            rows = []
            for column in wanted:
                edge = np.flatnonzero(ball[:, column])
                rows.append(((edge[0] if step < 0 else edge[-1]) if len(edge) else 0) + step)
            place = np.clip(rows, 0, len(ball) - 1), wanted
            # Between lid and eyeball a ray may slip through to the back of the head.
            lost = ball[place] | ~(depth[place] < eye[:, 1].mean() + BEHIND)
            answer.append((kind, (np.where(lost, -1, triangle[place]), barycentric[place])))
    return answer


def _of_middle(mask: np.ndarray) -> np.ndarray:
    """The connected part of a mask (h, w) that is nearest to its middle."""
    label, count = ndimage.label(mask)
    if not count:
        return mask
    row, column = np.nonzero(mask)
    near = np.hypot(row - mask.shape[0] / 2, column - mask.shape[1] / 2).argmin()
    return label == label[row[near], column[near]]


def _lips(head: _Head) -> list[tuple[str, Found]]:
    """The upper and the lower lip where they meet, right to left corner by share of the mouth's width."""
    middle = (head.eyes[0].mean(0) + head.eyes[1].mean(0)) / 2
    x, z = np.meshgrid(np.arange(-0.034, 0.034, STEP), np.arange(middle[2] - 0.035, middle[2] - 0.10, -STEP))
    triangle, barycentric, depth = head.front(x + middle[0], z)
    depth = np.where(np.isnan(depth), 1.0, depth)
    seam = _seam(depth)
    good = np.flatnonzero(seam >= 0)
    if not len(good):  # no mouth to be seen
        nothing = np.full(CURVE_SAMPLES, -1), np.zeros((CURVE_SAMPLES, 3))
        return [("lip-upper", nothing), ("lip-lower", nothing)]
    wanted = np.linspace(good[0], good[-1], CURVE_SAMPLES).round().astype(int)
    answer = []
    for kind, step in (("lip-upper", -3), ("lip-lower", 3)):
        # Where the lips part, the rays go on into the mouth: step on until the lip itself is met.
        lip = depth[seam[wanted] + step * 5, wanted]
        offset = np.full(len(wanted), step)
        for _ in range(12):
            offset += np.where(depth[seam[wanted] + offset, wanted] > lip + 0.0025, step // 3, 0)
        place = seam[wanted] + offset, wanted
        lost = (seam[wanted] < 0) | (triangle[place] >= len(head.skin)) | (depth[place] > lip + 0.0025)
        answer.append((kind, (np.where(lost, -1, triangle[place]), barycentric[place])))
    return answer


def _seam(depth: np.ndarray) -> np.ndarray:
    """(columns,) row of the lips' seam in a depth map (rows, columns), -1 outside the mouth.

    The seam is the deepest row of the narrow furrow nearest to the one in the middle; it must be deeper than the
    lips 1.5 mm above and below by at least 0.3 mm.
    """
    reach = round(0.0015 / STEP)
    shoulder = np.minimum(np.roll(depth, reach, 0), np.roll(depth, -reach, 0))
    other = np.maximum(np.roll(depth, reach, 0), np.roll(depth, -reach, 0))
    furrow = np.minimum(depth - shoulder, depth - other)
    furrow[:reach] = furrow[-reach:] = -1
    centre = depth.shape[1] // 2
    rows = np.full(depth.shape[1], -1)
    start = int(np.argmax(np.minimum(furrow, 0.004)[:, centre - 5:centre + 5].mean(1)))
    for direction in (1, -1):
        row = start
        for column in range(centre, depth.shape[1] if direction > 0 else -1, direction):
            window = slice(max(row - 6, 0), row + 7)
            best = int(np.argmax(np.minimum(furrow[window, column], 0.004))) + window.start
            if furrow[best, column] < 0.0003:
                break
            row = rows[column] = best
    return rows


def _ears(head: _Head) -> list[tuple[str, Found]]:
    """The widest point of each ear, and the top, bottom and rear of its outline seen from the side."""
    answer = []
    points = head.vertices[np.unique(head.skin)]
    height = points[:, 2] - head.centre[2]
    gap, drop = round(0.002 / EAR_STEP), 0.0025  # the outline stands this far out over what lies 2 mm beyond it
    for side in (1, -1):
        band = np.abs(height - 0.01) < 0.05
        tip = points[np.argmax(np.where(band, points[:, 0] * side, -1))]
        y, z = np.meshgrid(tip[1] + np.arange(-0.04, 0.04, EAR_STEP), tip[2] + np.arange(0.035, -0.075, -EAR_STEP))
        origins = np.stack([np.full_like(y, side * 0.2), y, z], -1).reshape(-1, 3)
        hits = head.skin_mesh.cast(origins, np.broadcast_to([-side, 0.0, 0.0], origins.shape))
        reach = np.where(hits.hit, 0.2 - hits.distance, 0.0).reshape(y.shape)
        found = [np.abs(y - tip[1]) + np.abs(z - tip[2])]
        for axis, shift, rank in ((0, gap, -z), (0, -gap, z), (1, -gap, -y)):
            edge = (reach - np.roll(reach, shift, axis) > drop) & (reach > abs(tip[0]) - 0.02)
            edge[:gap] = edge[-gap:] = False
            edge[:, :gap] = edge[:, -gap:] = False
            found.append(np.where(edge, rank, np.inf))
        chosen = np.array([np.argmin(rank) for rank in found])
        missing = np.array([np.isinf(rank).all() for rank in found])
        answer.append(("ear", (np.where(missing, -1, hits.triangle[chosen]), hits.barycentric[chosen])))
    return answer
