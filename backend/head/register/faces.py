"""The other head's own faces: which material each is of, and its corner coordinates in that material's square."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from backend.head import eyes
from backend.head.model import HeadModel
from backend.head.register.fitting import Laid
from backend.head.register.grafts import near_eyes
from backend.head.register.match import Match
from backend.head.register.parts import Ball, Parts, components
from backend.head.register.reference import Reference
from backend.head.register.shapes import frames
from backend.head.register.symmetry import partners
from backend.head.register.uvs import skin_uvs

DEEP = 0.025
"""Metres behind the lips: skin that reaches so far in is a mouth bag."""

OVER_EYE = 1.35
"""Of the eyeball's radius, within which a part is a layer over the eye."""


@dataclass(frozen=True)
class Faces:
    """K faces of the other head's V vertices; faces of layers over the eyes are left out."""

    faces: np.ndarray  # (K, 4)
    uvs: np.ndarray  # (K, 4, 2)
    material: np.ndarray  # (K,) into the reference's materials
    kind: np.ndarray  # (V,) kinds k and -k are mirror images, see `symmetry.nearest_partners`
    turned: float  # share of skin triangles that are turned over in the square
    rest: np.ndarray  # (r,) vertices that are neither skin nor eyes
    rest_source: np.ndarray  # (r,) the reference's vertex that each is like
    rest_group: np.ndarray  # (r,) -1 or a number shared by what moves as one (a tooth)
    has_bag: bool
    has_teeth: bool
    has_lashes: bool
    left_out: int  # faces

    def rest_field(self, values: np.ndarray) -> np.ndarray:
        """Values (V_ref, ...) of the reference's vertices at the rest (r, ...); the same for all of a group."""
        field = values[self.rest_source].astype(np.float64)
        for group in np.unique(self.rest_group[self.rest_group >= 0]):
            own = self.rest_group == group
            field[own] = field[own].mean(0)
        return field


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
    source, group, kept = _rest(reference, laid, parts, vertices, rest)
    kind[rest] = np.where(vertices[rest, 0] >= 0, 3, -3)
    rest_material = _materials(head)
    row = np.full(count + 1, -1)
    row[rest] = np.arange(len(rest))
    first = row[faces[parts.rest][:, 0]]
    keep = kept[first]
    chosen = np.flatnonzero(parts.rest)[keep]
    component = parts.component[faces[chosen, 0]]
    for part in np.unique(component):
        own = chosen[component == part]
        likely = np.bincount(rest_material[source[row[np.unique(faces[own, :3])]]], minlength=len(names))
        material[own] = likely.argmax()
    uvs[chosen] = _vertex_uvs(head)[source[np.maximum(row[faces[chosen]], 0)]]
    there = material >= 0
    uvs[faces < 0] = 0
    lips = match.points[match.trusted & (match.at(reference, reference.weight("lips")) > 0.5)]
    inside = match.points[lining & ~_by_eyes(parts, match.points)]
    has_bag = bool(len(inside) and len(lips) and np.quantile(inside[:, 1], 0.98) > np.median(lips[:, 1]) + DEEP)

    def has(name: str) -> bool:
        return bool((material[chosen] == names.index(name)).any()) if name in names else False

    return Faces(faces[there], uvs[there], material[there], kind, laid_out.turned, rest, source, group, has_bag,
                 has("teeth"), has("lash"), int((~there).sum()))


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


def _materials(head: HeadModel) -> np.ndarray:
    """(V,) a material of each vertex; that of the skin only where there is no other."""
    answer = np.full(len(head.template) + 1, head.material_index("skin"))
    answer[head.faces] = head.material[:, None]
    return answer[:-1]


def _vertex_uvs(head: HeadModel) -> np.ndarray:
    """(V, 2) the coordinates of any corner at each vertex."""
    answer = np.zeros((len(head.template) + 1, 2))
    answer[head.faces] = head.uvs
    return answer[:-1]


def _nearest_uvs(reference: Reference, match: Match) -> np.ndarray:
    """(n, 2) in the mouth's square: of the nearest lining on the sheet."""
    uv = reference.head.triangle_uvs[reference.triangle_ids[match.triangle]]
    return np.einsum("nc,ncx->nx", match.barycentric, uv)


def _rest(reference: Reference, laid: Laid, parts: Parts, vertices: np.ndarray,
          rest: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each vertex of the rest (r,): the reference's vertex it is like, its group, and whether it is kept."""
    if not len(rest):
        return np.zeros(0, int), np.zeros(0, int), np.zeros(0, bool)
    head = reference.head
    warped = np.zeros((len(head.template), 3))
    others = np.setdiff1d(np.arange(len(head.template)), reference.sheet)
    frame = frames(reference, laid, head.template[others].astype(np.float64), 0.012, 400)
    warped[others] = frame.onto + np.einsum("pxy,py->px", frame.linear, head.template[others] - frame.origin)
    material = np.array(head.material_names)[_materials(head)]
    allowed = others[~np.isin(material[others], ["eye", "cornea"])]
    warped[reference.sheet] = laid.points
    lining = np.setdiff1d(np.unique(head.faces[head.material == head.material_index("mouth")]), [-1])
    allowed = np.union1d(allowed, lining[~near_eyes(head, lining[:, None])])
    source = allowed[cKDTree(warped[allowed]).query(vertices[rest])[1]]
    group, kept = np.full(len(rest), -1), np.ones(len(rest), bool)
    for part in np.unique(parts.component[rest]):
        own = np.flatnonzero(parts.component[rest] == part)
        points = vertices[rest[own]]
        size = np.ptp(points, axis=0).max()
        like = material[source[own]]
        lash = np.isin(like, ["lash", "brow"]).mean() > 0.5
        if size < 0.015 and not lash:
            group[own] = part
        over = [np.linalg.norm(points - ball.centre, axis=1).mean() < OVER_EYE * ball.radius
                for ball in parts.eyes or ()]
        far = np.median(np.linalg.norm(points - warped[source[own]], axis=1)) > 0.02
        kept[own] = not (any(over) and not lash) and not far
    return source, group, kept
