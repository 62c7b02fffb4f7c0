"""The other head's own faces: which material each is of, and its corner coordinates in that material's square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from backend.head import eyes
from backend.head.register.fitting import Laid
from backend.head.register.match import Match
from backend.head.register.parts import Ball, Parts, components
from backend.head.register.reference import Reference
from backend.head.register.symmetry import partners
from backend.head.register.uvs import skin_uvs

DEEP = 0.025
"""Metres behind the lips: skin that reaches so far in is a mouth bag."""

OVER_EYE = 1.35
"""Of the eyeball's radius, within which a part is a layer over the eye."""


@dataclass(frozen=True)
class Faces:
    """K faces of the other head's V vertices. Only its skin and eyeballs are shown.

    Lashes on cards, layers over the eyes, teeth: every model makes them in its own way and means textures of its own;
    their faces are left out, and the head is given the reference's instead.
    """

    faces: np.ndarray  # (K, 4)
    uvs: np.ndarray  # (K, 4, 2)
    material: np.ndarray  # (K,) into the reference's materials
    kind: np.ndarray  # (V,) kinds k and -k are mirror images, see `symmetry.nearest_partners`
    turned: float  # share of skin triangles that are turned over in the square
    rest: np.ndarray  # (r,) vertices that are neither skin nor eyes
    rest_source: np.ndarray  # (r,) the vertex of the reference's sheet nearest to each
    has_bag: bool
    left_out: int  # faces

    def rest_field(self, values: np.ndarray) -> np.ndarray:
        """Values (V_ref, ...) of the reference's vertices at the rest (r, ...)."""
        return values[self.rest_source].astype(np.float64)


def own_faces(reference: Reference, laid: Laid, match: Match, parts: Parts, faces: np.ndarray,
              vertices: np.ndarray) -> Faces:
    """Materials and corner coordinates of `faces` (F, 4) of the head with `vertices` (V, 3)."""
    head, count = reference.head, len(vertices)
    names = list(head.material_names)
    material = np.full(len(faces), -1)
    uvs = np.zeros((len(faces), 4, 2))

    local = np.full(count + 1, -1)
    local[match.vertices] = np.arange(len(match.vertices))
    lining = _lining(reference, match, parts)
    on_skin = local[faces]
    used = on_skin >= 0
    lined = parts.skin & (lining[np.maximum(on_skin, 0)] | ~used).all(1)
    plain = np.flatnonzero(parts.skin & ~lined)
    mirror = partners(match.points, match.triangles)
    laid_out = skin_uvs(reference, laid, match, on_skin[plain], mirror)
    material[plain], uvs[plain] = names.index("skin"), laid_out.uvs
    if lined.any():
        material[lined] = names.index("mouth")
        uvs[lined] = _nearest_uvs(reference, match)[np.maximum(on_skin[lined], 0)]

    kind = np.zeros(count, int)
    for sign, ball in zip((1, -1), parts.eyes or (), strict=False):
        kind[ball.vertices], kind[ball.inner] = sign, 2 * sign
        # Of nested shells the outer one is shown, with iris and all: inner ones have a hole for a pupil.
        outer = _of(faces, ball.vertices, count)
        material[outer] = names.index("eye")
        uvs[outer] = ball_uvs(vertices, faces[outer], ball)

    rest = np.unique(faces[parts.rest])
    rest = rest[rest >= 0]
    kind[rest] = np.where(vertices[rest, 0] >= 0, 3, -3)
    source = reference.sheet[cKDTree(laid.points).query(vertices[rest])[1]] if len(rest) else np.zeros(0, int)
    there = material >= 0
    uvs[faces < 0] = 0
    lips = match.points[match.trusted & (match.at(reference, reference.weight("lips")) > 0.5)]
    inside = match.points[lining & ~_by_eyes(parts, match.points)]
    has_bag = bool(len(inside) and len(lips) and np.quantile(inside[:, 1], 0.98) > np.median(lips[:, 1]) + DEEP)

    return Faces(faces[there], uvs[there], material[there], kind, laid_out.turned, rest, source, has_bag,
                 int((~there).sum()))


def ball_uvs(vertices: np.ndarray, faces: np.ndarray, ball: Ball) -> np.ndarray:
    """(K, 4, 2) of an eyeball's faces (K, 4): our azimuthal square about the gaze (`head.eyes`).

    Angles are stretched so that the iris keeps its size in metres on a ball of another size than ours.
    """
    arm = vertices[np.maximum(faces, 0)] - ball.centre
    arm /= np.maximum(np.linalg.norm(arm, axis=-1, keepdims=True), 1e-9)
    angle = np.arccos(np.clip(-arm[..., 1], -1, 1)) * eyes.IRIS_ANGLE / np.arcsin(eyes.IRIS_RADIUS / ball.radius)
    out = 0.5 * np.minimum(angle / eyes.UV_EXTENT, 1)
    sine = np.linalg.norm(arm[..., ::2], axis=-1)
    return 0.5 + out[..., None] * arm[..., ::2] / np.maximum(sine, 1e-12)[..., None]


def _of(faces: np.ndarray, chosen: np.ndarray, count: int) -> np.ndarray:
    inside = np.zeros(count, bool)
    inside[chosen] = True
    return inside[faces[:, 0]]


def _lining(reference: Reference, match: Match, parts: Parts) -> np.ndarray:
    """(n,) bool: hidden skin that begins at the lips or at the lids and is like what lines those of the reference."""
    hidden = ~match.exposed & ~match.trusted
    inside = match.triangles[hidden[match.triangles].all(1)]
    label = components(inside, len(match.vertices))
    edges = np.concatenate([match.triangles[:, [0, 1]], match.triangles[:, [1, 2]], match.triangles[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    rim = edges[hidden[edges[:, 0]] & ~hidden[edges[:, 1]]]
    begins = (match.at(reference, reference.weight("lips")) > 0.3) | _by_eyes(parts, match.points)
    total = np.bincount(label[rim[:, 0]], minlength=label.max() + 1)
    good = np.bincount(label[rim[:, 0]], begins[rim[:, 1]], minlength=label.max() + 1)
    return hidden & (good > 0.5 * np.maximum(total, 1))[label] & ~reference.skin[match.triangle]


def _by_eyes(parts: Parts, points: np.ndarray) -> np.ndarray:
    near = np.zeros(len(points), bool)
    for ball in parts.eyes or ():
        near |= np.linalg.norm(points - ball.centre, axis=1) < 2.2 * ball.radius
    return near


def _nearest_uvs(reference: Reference, match: Match) -> np.ndarray:
    """(n, 2) in the mouth's square: of the nearest lining on the sheet."""
    uv = reference.head.triangle_uvs[reference.triangle_ids[match.triangle]]
    return np.einsum("nc,ncx->nx", match.barycentric, uv)
