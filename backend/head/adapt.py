"""Expressions that suit one identity: the head model's shapes, bent so that this person's lids slide over their eyes.

A shape of a head model is one field of displacements for everybody, but eyes are open by different amounts: the field
that closes the mean head's lids leaves a gap on one person and runs past the lower lid on another. What a shape does
to the lids is therefore read as angles about the eye, in shares of its opening, and done again about this person's
eye; nothing else of the face is changed. Movements that close the lids, or would turn their skin over, are laid smooth
(`lids`). Lids stay outside the eyeball at every weight between 0 and 1, and where a looking shape belongs to a turn of
the eye, outside the eyeball turned as far.

Looking shapes move lids only, as Apple defines them; the eyes turn with the joints `eye_left` and `eye_right`. So both
may be used together, in any amounts, and nothing turns twice.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph
from scipy.spatial import cKDTree

from backend.arkit import ARKIT_NAMES
from backend.head import eyes, lids
from backend.head.model import HeadModel

LOOK_DEGREES = {"eyeLookUp": 24.0, "eyeLookDown": 28.0, "eyeLookIn": 32.0, "eyeLookOut": 32.0}
"""How far the eye's joint turns where the looking shape has weight 1."""

_CANTHI = {"left": (362, 263), "right": (133, 33)}
"""MediaPipe's landmarks of the inner and of the outer corner of each eye, the person's."""

_LOOSE = ("lash", "tear", "mouth")
"""Materials of what lies on the lids or, in the eye's inner corner, between them."""

_SAMPLES = 41  # places between the corners at which an eye's opening is measured
_EVEN = 0.10  # radians added to openings before they are compared, which calms the comparison in the corners
_RATIO = (0.4, 2.5)  # least and largest ratio of two openings
_NEAR, _FAR = 1.35, 1.85  # eyeball radii from the eye's centre: all of the lid's rule within, none beyond
_LID = 0.3  # eyeball radii over the eye, within which a lid's edge is looked for
_HIGH = (0.9, 1.2)  # radians of elevation: likewise
_LEAST_HEIGHT = 1e-4  # metres that lids keep from the eye at any weight
_INNER_HEIGHT = 5e-4  # metres over the eye within which, at rest, a vertex lies behind the lid's edge and is not seen
_LIFT_WIDTH = 0.007  # metres over which the rise of a vertex that would cross the eye falls off
_LIFTS = 3
_STEPS = (0.2, 0.4, 0.6, 0.8, 1.0)  # weights at which that is checked
_BESIDE = (0.06, 0.08)  # radians of azimuth and elevation: how near to a lid's edge is the skin that lashes follow
_STILL = 0.02  # share of the lids' rule below which skin is not laid anew
_MOVES = 2e-5  # metres; a shape that moves lids less than this is left as it is
_DIGITS = 7  # a tenth of a micrometre: what is written does not depend on the order of a sum


def adapted_deltas(head: HeadModel, neutral: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ARKit deltas (52, V, 3) and corrective deltas (C, V, 3), float32 metres, for `neutral` (V, 3) metres.

    A function of its arguments alone. For the model's own template both are what the model holds, but for what keeps
    lids off the eye. A model without eyes or without the landmarks of the eyes' corners gets its own deltas back.
    The last answer is kept, for a fit asks and then the bundle that is made of it; do not write into it.
    """
    asked = [neutral, *(getattr(head, part.name) for part in fields(head) if part.name not in _NOT_USED)]
    if not _LAST or not all(map(_same, asked, _LAST[0][0])):
        _LAST[:] = [([neutral.copy(), *asked[1:]], _adapted_deltas(head, neutral))]
    return _LAST[0][1]


_LAST: list[tuple[list[Any], tuple[np.ndarray, np.ndarray]]] = []
_NOT_USED = ("shape_basis", "expression_basis", "pose_basis", "lod_level", "lod_faces", "lod_uvs", "lod_material")


def _same(one: Any, other: Any) -> bool:
    return one is other or (np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other)


def _adapted_deltas(head: HeadModel, neutral: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    base = neutral.astype(np.float64)
    arkit = head.arkit_deltas.astype(np.float64)
    corrected = _combined(head, arkit, head.corrective_deltas.astype(np.float64))
    fields = np.concatenate([arkit, corrected])
    turns = {side: _turns(head, side) for side in _CANTHI}
    for side in _CANTHI:
        eye = _Eye.of(head, side)
        if eye is not None:
            near = eye.vertices
            fields[:, near] = eye.adapted(base, fields[:, near], turns[side])
    arkit = fields[:len(arkit)]
    correctives = _separate(head, arkit, fields[len(arkit):])
    return np.round(arkit, _DIGITS).astype(np.float32), np.round(correctives, _DIGITS).astype(np.float32)


def _inside(drivers: np.ndarray) -> list[list[int]]:
    """For each corrective the others whose drivers are all among its own: they act with it. `drivers` (C, 3)."""
    sets = [frozenset(int(d) for d in row if d >= 0) for row in drivers]
    return [[other for other, those in enumerate(sets) if those < mine] for mine in sets]


def _combined(head: HeadModel, arkit: np.ndarray, correctives: np.ndarray) -> np.ndarray:
    """(C, V, 3): what the face does where all drivers of a corrective have weight 1."""
    out = np.zeros_like(correctives)
    for number, within in enumerate(_inside(head.corrective_drivers)):
        used = head.corrective_drivers[number]
        out[number] = arkit[used[used >= 0]].sum(0) + correctives[[number, *within]].sum(0)
    return out


def _separate(head: HeadModel, arkit: np.ndarray, combined: np.ndarray) -> np.ndarray:
    """The inverse of `_combined`: (C, V, 3) correctives of whole combinations."""
    out = np.zeros_like(combined)
    inside = _inside(head.corrective_drivers)
    for number in sorted(range(len(combined)), key=lambda number: len(inside[number])):
        used = head.corrective_drivers[number]
        out[number] = combined[number] - arkit[used[used >= 0]].sum(0) - out[inside[number]].sum(0)
    return out


def _turns(head: HeadModel, side: str) -> np.ndarray:
    """(52 + C, 3) axis-angle radians by which the eye of `side` is turned where a shape or combination is at 1."""
    inwards = -1.0 if side == "left" else 1.0  # about +Z the gaze (-Y) turns towards +X
    axes = {"eyeLookUp": (-1.0, 0, 0), "eyeLookDown": (1.0, 0, 0), "eyeLookIn": (0, 0, inwards),
            "eyeLookOut": (0, 0, -inwards)}
    turns = np.zeros((len(ARKIT_NAMES) + len(head.corrective_drivers), 3))
    for look, axis in axes.items():
        turns[ARKIT_NAMES.index(look + side.title())] = np.deg2rad(LOOK_DEGREES[look]) * np.array(axis)
    for number, row in enumerate(head.corrective_drivers):
        turns[len(ARKIT_NAMES) + number] = turns[row[row >= 0]].sum(0)
    return turns


@dataclass(frozen=True)
class _Eye:
    """One eye of a head model at rest. N vertices near it, S samples between its corners."""

    head: HeadModel
    side: str
    vertices: np.ndarray  # (N,) near the eye, the eyeball's own left out
    share: np.ndarray  # (N,) 0..1 of the lids' rule; the rest moves as the model's shape does
    upper: np.ndarray  # (N,) bool, above the line between the corners
    solid: np.ndarray  # (N,) bool, skin in front of the eye: what must not cross it
    edges: tuple[np.ndarray, np.ndarray]  # (E, 2) edges of the upper and of the lower lid, places in `vertices`
    radius: float  # metres, of the eyeball
    skin: lids.Skin  # what is laid smooth
    loose: np.ndarray  # (N,) bool, what goes with the lids' edges
    root: np.ndarray  # (N,) where each grows: of a hair its vertex nearest to skin, else the vertex itself

    @classmethod
    def of(cls, head: HeadModel, side: str) -> _Eye | None:
        """None for a model without this eye or the landmarks of its corners."""
        placed = head.landmarks_placed[list(_CANTHI[side])].all()
        if not placed or f"eye_{side}" not in head.joint_names or head.material_index("eye") < 0:
            return None
        place = head.template.astype(np.float64)
        centre = _centre(head, side, place)
        distance = np.linalg.norm(place - centre, axis=1)
        ball = head.material_vertices("eye")
        own = ball & (distance < 0.03)
        if not own.any():
            return None
        radius = float(np.median(distance[own & (place[:, 1] > centre[1])]))
        skin = head.material_vertices("skin") | head.material_vertices("brow")
        loose = np.any([head.material_vertices(name) for name in _LOOSE], 0) & ~skin
        near = np.flatnonzero((skin & (distance < _FAR * radius) & (place[:, 1] < centre[1]))
                              | (loose & (distance < 2.6 * radius) & (place[:, 1] < centre[1])))
        azimuth, elevation, _ = _spherical(place[near] - centre, side)
        share = _ramp(distance[near] / radius, _FAR, _NEAR) * _ramp(np.abs(elevation), _HIGH[1], _HIGH[0])
        share *= _ramp(np.abs(azimuth), _HIGH[1] + 0.3, _HIGH[0] + 0.3)
        share[loose[near]] = 1  # lashes and what fills the eye's corner go wholly with the lids
        corners = _corners(head, side, place, centre)
        upper = elevation > np.interp(azimuth, corners[:, 0], corners[:, 1])
        solid = head.material_vertices("skin")[near] & (distance[near] < 1.6 * radius)
        solid &= place[near, 1] < centre[1] - 0.1 * radius
        direction = (place[near] - centre) / distance[near, None]
        thin = solid & (distance[near] - eyes.surface_radius(direction) * radius < _LID * radius)
        number = np.full(len(place), -1)
        number[near[thin]] = np.flatnonzero(thin)
        faces = head.triangles[head.triangle_material == head.material_index("skin")]
        edges = np.concatenate([faces[:, [k, (k + 1) % 3]] for k in range(3)])
        edges = np.unique(np.sort(number[edges], 1), axis=0)
        edges = edges[(edges >= 0).all(1)]
        parts = (edges[upper[edges].all(1)], edges[~upper[edges].any(1)])
        number[near] = np.arange(len(near))
        whole = number[faces]
        surface = lids.Skin.of(whole[(whole >= 0).all(1)], share < _STILL)
        root = _roots(head, near, place[near], place[near[solid]])
        return cls(head, side, near, share, upper, solid, parts, radius, surface, loose[near], root)

    def adapted(self, neutral: np.ndarray, deltas: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """`deltas` (K, N, 3) of the template as this identity makes them; `turns` (K, 3) of the eye with each."""
        moving = np.abs(deltas[:, self.solid]).max((1, 2)) > _MOVES
        out = deltas.copy()
        if not moving.any():
            return out
        known, own = self._at(self.head.template.astype(np.float64)), self._at(neutral)
        rest, mine = known.spherical, own.spherical
        moved = self._polar(known.points + deltas[moving])
        change = moved - rest
        ratio = own.opening(mine[None])[0] + _EVEN, known.opening(rest[None])[0] + _EVEN
        scale = np.clip(_calm(ratio[0] / ratio[1]), *_RATIO)
        change[..., 1] *= np.interp(own.along(mine), known.samples, scale)
        goal = known.opening(moved) * np.clip(ratio[0] / ratio[1], *_RATIO)
        angles = mine + change
        # What is left of the opening, more or less than the template's share of it, the upper lid takes back.
        mobility = self._mobility(known)
        for _ in range(2):
            left = own.opening(angles) - goal
            angles[..., 1] -= mobility * _along_each(own.along(mine), known.samples, left)
        slid = self._cartesian(angles)
        blended = own.points + deltas[moving] + self.share[:, None] * (slid - own.points - deltas[moving])
        smooth = self._smooth(own, blended, goal)
        out[moving] = self._cleared(own.points, smooth, turns[moving]) - own.points
        return out

    def _smooth(self, own: _Lids, moved: np.ndarray, goal: np.ndarray) -> np.ndarray:
        """`moved` (K, N, 3), those laid smooth that close lids or turn skin over; `goal` (K, S) radians."""
        front = self.skin.triangles[self.solid[self.skin.triangles].all(1)]
        over = lids.turned_over(own.points, moved, front).any(1) | (goal < 0).any(1)
        out, beside = moved.copy(), self._beside_edges(own) if over.any() else None
        for number in np.flatnonzero(over):
            angles, wanted = self._polar(moved[number]), lids.meeting(goal[number], own.samples)
            smooth = lids.laid(self.skin, own.points, own.spherical, angles, wanted, own.azimuths, self.edges,
                               self._cartesian)
            smooth[self.loose] += beside @ (smooth - angles)
            changed = ~self.skin.fixed | self.loose
            out[number, changed] = self._cartesian(smooth)[changed]
        return out

    def _beside_edges(self, own: _Lids) -> np.ndarray:
        """(L, N) weights by which what is loose goes with the skin at the edge of its own lid, where it grows."""
        rest = own.spherical
        loose = self.root[self.loose]
        edge = np.where(self.upper, *(np.interp(own.along(rest), own.samples, line[0])
                                      for line in own.envelopes(rest[None])))
        apart = (rest[loose, None, 0] - rest[None, :, 0]) / _BESIDE[0]
        off = (rest[:, 1] - edge) / _BESIDE[1]
        weight = np.exp(-np.minimum(apart**2 + off**2, 200.0)) * (self.upper[loose, None] == self.upper) * self.solid
        return np.asarray(weight / np.maximum(weight.sum(1, keepdims=True), 1e-80))

    def _at(self, vertices: np.ndarray) -> _Lids:
        centre = _centre(self.head, self.side, vertices)
        points = vertices[self.vertices] - centre
        corners = _corners(self.head, self.side, vertices, centre)
        return _Lids(points, self._polar(points), corners, np.linspace(0, 1, _SAMPLES), self.edges)

    def _polar(self, points: np.ndarray) -> np.ndarray:
        """Points (..., 3) about the eye's centre -> azimuth towards the temple, elevation, height over the eye."""
        azimuth, elevation, radius = _spherical(points, self.side)
        surface = eyes.surface_radius(points / radius[..., None]) * self.radius
        return np.stack([azimuth, elevation, radius - surface], -1)

    def _cartesian(self, polar: np.ndarray) -> np.ndarray:
        """The inverse of `_polar`."""
        azimuth = polar[..., 0] * (1 if self.side == "left" else -1)
        flat = np.cos(polar[..., 1])
        direction = np.stack([flat * np.sin(azimuth), -flat * np.cos(azimuth), np.sin(polar[..., 1])], -1)
        return direction * (eyes.surface_radius(direction) * self.radius + polar[..., 2])[..., None]

    def _mobility(self, lids: _Lids) -> np.ndarray:
        """(N,) 0..1: how far a vertex goes with the edge of the upper lid in a blink."""
        blink = self.head.arkit_deltas[ARKIT_NAMES.index(f"eyeBlink{self.side.title()}")][self.vertices]
        moved = self._polar(lids.points + blink)
        fall = lids.spherical[:, 1] - moved[:, 1]
        edge = lids.envelopes(lids.spherical[None])[0][0] - lids.envelopes(moved[None])[0][0]
        share = fall / np.maximum(np.interp(lids.along(lids.spherical), lids.samples, edge), 0.15)
        return np.clip(share, 0, 1) * self.upper

    def _cleared(self, rest: np.ndarray, moved: np.ndarray, turns: np.ndarray) -> np.ndarray:
        """`moved` (K, N, 3) raised where the way from `rest` (N, 3) there leads through the eye."""
        moved = moved.copy()
        height = self._polar(rest)[:, 2]
        front = np.flatnonzero(self.solid & (rest[:, 1] < 0) & (height > _INNER_HEIGHT))
        for _ in range(_LIFTS):
            lack = np.zeros((len(moved), len(front)))
            for step in _STEPS:
                point = rest[front] + step * (moved[:, front] - rest[front])
                seen = np.einsum("kij,knj->kni", _turned_back(turns * step), point)
                lack = np.maximum(lack, (_LEAST_HEIGHT - self._polar(seen)[..., 2]) / step)
            for number in np.flatnonzero((lack > 1e-6).any(1)):
                place, low = moved[number], front[lack[number] > 0]
                apart = np.linalg.norm(place[:, None] - place[None, low], axis=-1) / _LIFT_WIDTH
                # What lies about a vertex that must rise goes with it, lashes too, so that no vertex stands out.
                lift = (np.exp(-apart**2) * lack[number][lack[number] > 0]).max(1)
                moved[number] = place * (1 + lift / np.linalg.norm(place, axis=1))[:, None]
        return moved


@dataclass(frozen=True)
class _Lids:
    """The vertices near one eye of one identity."""

    points: np.ndarray  # (N, 3) metres from the eye's centre
    spherical: np.ndarray  # (N, 3) azimuth, elevation, height over the eye
    corners: np.ndarray  # (2, 2) azimuth and elevation of the inner and of the outer corner
    samples: np.ndarray  # (S,) 0 at the inner corner, 1 at the outer
    edges: tuple[np.ndarray, np.ndarray]

    def along(self, spherical: np.ndarray) -> np.ndarray:
        """(...,) 0 at the inner corner, 1 at the outer, of points (..., 3)."""
        inner, outer = self.corners[:, 0]
        return np.clip((spherical[..., 0] - inner) / (outer - inner), 0, 1)

    @property
    def azimuths(self) -> np.ndarray:
        """(S,) from the inner to the outer corner."""
        return np.asarray(self.corners[0, 0] + self.samples * (self.corners[1, 0] - self.corners[0, 0]))

    def envelopes(self, spherical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Elevations (K, S) of the upper lid's and of the lower lid's edge, of points (K, N, 3)."""
        azimuth = self.azimuths
        line = self.corners[0, 1] + self.samples * (self.corners[1, 1] - self.corners[0, 1])
        found = []
        for edges, sign in zip(self.edges, (1, -1), strict=True):
            start, end = spherical[:, edges[:, 0]], spherical[:, edges[:, 1]]
            run = end[..., 0] - start[..., 0]
            t = (azimuth[:, None, None] - start[..., 0]) / np.where(np.abs(run) < 1e-9, np.inf, run)  # (S, K, E)
            height = start[..., 1] + t * (end[..., 1] - start[..., 1])
            height = np.where((t >= 0) & (t <= 1) & (np.abs(run) >= 1e-9), sign * height, np.inf)
            lowest = height.min(-1).T  # (K, S)
            found.append(np.where(np.isfinite(lowest), sign * lowest, line))
        return found[0], found[1]

    def opening(self, spherical: np.ndarray) -> np.ndarray:
        """Radians (K, S) from the lower lid's edge up to the upper one's, of points (K, N, 3)."""
        upper, lower = self.envelopes(spherical)
        return upper - lower


def _centre(head: HeadModel, side: str, vertices: np.ndarray) -> np.ndarray:
    row = head.joint_regressor[head.joint(f"eye_{side}")].astype(np.float64)
    used = np.flatnonzero(row)
    return (row[used, None] * vertices[used]).sum(0)


def _roots(head: HeadModel, near: np.ndarray, points: np.ndarray, skin: np.ndarray) -> np.ndarray:
    """(N,) places in `near` (N,): of a lash's vertex that of the lash's end nearest to `skin` (S, 3), else its own.

    A lash turns as one piece, so that it keeps its curve. `points` (N, 3) metres.
    """
    number = np.full(len(head.template), -1)
    number[near] = np.arange(len(near))
    faces = number[head.triangles[head.triangle_material == head.material_index("lash")]]
    faces = faces[(faces >= 0).all(1)]
    root = np.arange(len(near))
    if not len(faces) or not len(skin):
        return root
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    graph = sparse.coo_matrix((np.ones(len(edges)), tuple(edges.T)), shape=(len(near), len(near)))
    hair = csgraph.connected_components(graph, directed=False)[1]
    used = np.unique(faces)
    away = cKDTree(skin).query(points[used])[0]
    order = used[np.argsort(-away, kind="stable")]
    nearest = root.copy()
    nearest[hair[order]] = order  # the last one written is the nearest
    root[used] = nearest[hair[used]]
    return root


def _corners(head: HeadModel, side: str, vertices: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(2, 2) azimuth and elevation of the inner and of the outer corner."""
    ids = list(_CANTHI[side])
    corner = head.triangles[head.landmark_triangles[ids]]
    points = (vertices[corner] * head.landmark_barycentric[ids].astype(np.float64)[..., None]).sum(1) - centre
    azimuth, elevation, _ = _spherical(points, side)
    return np.stack([azimuth, elevation], 1)


def _spherical(points: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth from the gaze axis -Y towards the temple, elevation towards +Z, radius; points (..., 3)."""
    radius = np.linalg.norm(points, axis=-1)
    azimuth = np.arctan2(points[..., 0], -points[..., 1]) * (1 if side == "left" else -1)
    return azimuth, np.arcsin(np.clip(points[..., 2] / radius, -1, 1)), radius


def _ramp(value: np.ndarray, none: float, whole: float) -> np.ndarray:
    """0 at `none`, 1 at `whole`, smooth between."""
    share = np.clip((value - none) / (whole - none), 0, 1)
    return share * share * (3 - 2 * share)


def _calm(values: np.ndarray) -> np.ndarray:
    """(S,) each the mean of its neighbours, thrice; ends stay."""
    for _ in range(3):
        padded = np.concatenate([values[:1], values, values[-1:]])
        values = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return values


def _along_each(at: np.ndarray, samples: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(K, N): `values` (K, S) at `samples` (S,), evenly spaced, taken at `at` (N,)."""
    place = np.clip(at * (len(samples) - 1), 0, len(samples) - 1 - 1e-9)
    low = place.astype(int)
    share = place - low
    return values[:, low] * (1 - share) + values[:, low + 1] * share


def _turned_back(turns: np.ndarray) -> np.ndarray:
    """(K, 3, 3) inverses of the rotations by axis-angles (K, 3) (Rodrigues)."""
    angle = np.linalg.norm(turns, axis=1)
    axis = turns / np.maximum(angle, 1e-12)[:, None]
    cross = np.zeros((len(turns), 3, 3))
    cross[:, 0, 1], cross[:, 0, 2], cross[:, 1, 2] = -axis[:, 2], axis[:, 1], -axis[:, 0]
    cross -= cross.transpose(0, 2, 1)
    sine, versine = np.sin(angle)[:, None, None], (1 - np.cos(angle))[:, None, None]
    return np.eye(3) - sine * cross + versine * np.einsum("kij,kjl->kil", cross, cross)
