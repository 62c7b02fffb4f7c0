"""Lids that fit our eyeball, and lashes that grow on them.

MakeHuman's lids lie on an eyeball of 15 mm radius; ours has an adult's 12 mm and a cornea. Every ring of the lid is
moved along the radius onto its own height above the eye, and the skin around follows smoothly. The same rule is used
for identities and for expressions, so no lid crosses an eye, however it moves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.sparse import coo_matrix, csr_matrix, diags
from scipy.sparse.linalg import splu

from backend.head import eyes
from backend.training.head.source import Source
from backend.training.head.topology import mouth_and_sockets

EDGE_HEIGHT = 0.0009  # metres of the lid's outer edge over the eye
WATERLINE_HEIGHT = 0.0001  # metres of the lid's inner edge over the eye: it all but touches
MARGIN_SETBACK = 0.00035  # metres along the eye from the lid's edge back to its waterline: the margin faces the opening
INNER_HEIGHT = 0.0004  # metres of the lid's inside, behind the margin
SKIN_HEIGHT = 0.0014  # metres, least height of the lid's skin beyond its edge
UPPER_OPENING, LOWER_OPENING = (0.0052, 0.0044), (0.0052, 0.0049)
"""Metres from the eye's middle to the lid's edge: what neutral scans show on average (eyes held open on purpose), and
what relaxed people show (margin reflex distances of about 4.4 and 5 mm)."""

OPENING_SPREAD = 0.75  # of the scans' spread about it; what opens an eye farther is an expression
WIDEN_INNER, WIDEN_OUTER = 0.26, 0.06  # per radian from the gaze: opens the fissure from 22 mm to about 25 mm
OVERLAP = 0.06  # radians by which a closed upper lid laps over the lower one, so that no crease stays between them
LOWER_SHARE = 0.18  # of the opening, by which the lower lid rises in a blink (people's: one or two of ten millimetres)
LEAST_HEIGHT = 0.0001  # metres that a lid's edge keeps from the eye on its way; its inner line may dip in, unseen
LIFT_WIDTH = 0.9  # radians along the eye over which that falls off: narrower, and the closed lid shows a bump
LIFTS = 4  # rounds in which a lid is raised until its way keeps off the eye
STILL = 1e-4  # metres; an edge that moves less than this belongs to the other eye's expression, and is left alone
FALLOFF_RINGS = 6  # rings of skin that follow the lid's edge


@dataclass(frozen=True)
class LidRings:
    """Source vertices around one eye, from inside out; all rings have the same number of quads between them."""

    inner: np.ndarray  # first ring behind the waterline
    deeper: np.ndarray  # second ring behind it
    waterline: np.ndarray  # inner edge of the lid margin: MakeHuman's UV border
    edge: np.ndarray  # outer edge of the lid margin: where lashes grow
    beside: np.ndarray  # place in `edge` of the neighbour of each vertex of the waterline
    skin: np.ndarray  # skin that follows the edge
    follow: np.ndarray  # (len(skin), len(edge)) how it follows, biharmonic


def find_rings(source: Source) -> tuple[LidRings, LidRings]:
    """Lid rings of the left and of the right eye."""
    skin, _, socket = mouth_and_sockets(source)
    seam = np.intersect1d(source.quads[skin], source.quads[socket])
    around_of = neighbours(source.quads[skin | socket], len(source.template))
    in_skin = np.zeros(len(source.template), bool)
    in_skin[source.quads[skin]] = True
    rings = []
    for side in (1, -1):
        waterline = seam[source.template[seam, 0] * side > 0]
        around = np.setdiff1d(np.flatnonzero(around_of[waterline].sum(0)), waterline)
        edge, inner = around[in_skin[around]], around[~in_skin[around]]
        deeper = np.setdiff1d(np.flatnonzero(around_of[inner].sum(0)), np.r_[inner, waterline])
        reached = np.r_[edge, waterline]
        shells = []
        for _ in range(FALLOFF_RINGS):
            shell = np.setdiff1d(np.flatnonzero(around_of[reached].sum(0)), reached)
            shell = shell[in_skin[shell]]
            shells.append(shell)
            reached = np.r_[reached, shell]
        follow = np.concatenate(shells)
        rings.append(LidRings(inner, deeper, waterline, edge, around_of[waterline][:, edge].toarray().argmax(1), follow,
                              biharmonic(around_of, edge, follow)))
    return rings[0], rings[1]


def around(source: Source, ring: np.ndarray) -> np.ndarray:
    """(N,) places in the closed `ring` (N,) of source vertices, in the order of a walk around it."""
    beside = neighbours(source.quads, len(source.template))[ring][:, ring].toarray() > 0
    walk = [0, int(np.flatnonzero(beside[0])[0])]
    while len(walk) < len(ring):
        walk.append(next(int(n) for n in np.flatnonzero(beside[walk[-1]]) if n != walk[-2]))
    return np.array(walk)


def neighbours(quads: np.ndarray, count: int) -> csr_matrix:
    """(count, count) 1 where two vertices share an edge of a quad."""
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    return coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count)).tocsr()


def biharmonic(graph: csr_matrix, held: np.ndarray, free: np.ndarray) -> np.ndarray:
    """(free, held): smoothest interpolation from `held` to `free` that is zero farther out."""
    laplacian = diags(np.asarray(graph.sum(1)).ravel()) - graph
    squared = (laplacian.T @ laplacian).tocsr()
    return splu(squared[free][:, free].tocsc()).solve(-squared[free][:, held].toarray())


@dataclass(frozen=True)
class LidFitter:
    """Lays lids on eyes. `offset` is where our eyeball's centre lies from the middle of MakeHuman's eye."""

    rings: tuple[LidRings, LidRings]
    eye_vertices: tuple[np.ndarray, np.ndarray]  # MakeHuman's eyes, source vertices
    offset: np.ndarray  # (2, 3) metres
    mirror: np.ndarray  # (V,) the source's

    @classmethod
    def of(cls, source: Source, shape: np.ndarray) -> LidFitter:
        """Place our eyeballs on `shape` (V, 3), the mean head, so that the lids need to move least."""
        rings = find_rings(source)
        balls = tuple(np.unique(source.quads[source.groups == group]) for group in ("helper-l-eye", "helper-r-eye"))
        edge, start = shape[rings[0].edge], shape[balls[0]].mean(0)

        def gaps(centre: np.ndarray) -> np.ndarray:
            over = np.linalg.norm(edge - centre, axis=1) - eyes.EYEBALL_RADIUS - EDGE_HEIGHT
            return np.r_[over, 0.5 * (centre - start)[[0, 2]] * np.sqrt(len(edge)) / 3]

        offset = least_squares(gaps, start + np.array([0, -0.003, 0])).x - start
        return cls(rings, (balls[0], balls[1]), np.stack([offset, offset * [-1, 1, 1]]), source.mirror)

    def centres(self, shape: np.ndarray) -> np.ndarray:
        """(2, 3) metres: centres of our eyeballs, left and right, on a source shape (V, 3)."""
        return np.stack([shape[ball].mean(0) for ball in self.eye_vertices]) + self.offset

    def fit(self, shape: np.ndarray) -> np.ndarray:
        """A source shape (V, 3) with its lids on our eyes."""
        shape = shape.copy()
        for rings, centre in zip(self.rings, self.centres(shape), strict=True):
            wide = widened(shape[rings.edge], centre)
            upper, lower = opening_scales(wide, centre)
            for ring in (rings.waterline, rings.inner, rings.deeper):
                shape[ring] = relaxed(widened(shape[ring], centre), centre, upper, lower)
            moved = onto(relaxed(wide, centre, upper, lower), centre, EDGE_HEIGHT)
            shape[rings.skin] += np.einsum("se,ex->sx", rings.follow, moved - shape[rings.edge])
            shape[rings.edge] = moved
            shape[rings.skin] = above(shape[rings.skin], centre, SKIN_HEIGHT)
            self._inside(shape, rings, centre)
        return shape

    def express(self, rest: np.ndarray, displacement: np.ndarray, *, close: bool = False) -> np.ndarray:
        """A displacement (V, 3) of the fitted `rest` that keeps the lids on eyes which stay where they are.

        The upper lid never passes the lower one; with `close` they meet (a blink). Between 0 and 1 a vertex moves on
        the chord of its arc: all of the lid stands off the eye at 1 by what keeps that chord out of the eye.
        """
        shape = rest + displacement
        for rings, centre in zip(self.rings, self.centres(rest), strict=True):
            if np.abs(displacement[rings.edge]).max() < STILL:
                continue
            margin = np.concatenate([rings.waterline, rings.inner])
            beside = np.argmin(((rest[margin][:, None] - rest[rings.edge][None]) ** 2).sum(-1), 1)

            def lead(edge: np.ndarray, rings: LidRings = rings, margin: np.ndarray = margin,
                     beside: np.ndarray = beside) -> None:
                """Takes the lid's edge to `edge` (N, 3); its margin goes along, the skin follows."""
                step = edge - shape[rings.edge]
                shape[rings.skin] += np.einsum("se,ex->sx", rings.follow, step)
                shape[margin] += step[beside]
                shape[rings.edge] = edge

            shape[margin] = rest[margin] + (shape[rings.edge] - rest[rings.edge])[beside]
            lead(_land(rest[rings.edge], shape[rings.edge], centre, close))
            lead(onto(shape[rings.edge], centre, EDGE_HEIGHT))
            self._inside(shape, rings, centre)
            for _ in range(LIFTS):
                lift = _lack(rest[rings.edge], shape[rings.edge], centre, LEAST_HEIGHT)
                outward = shape[rings.edge] - centre
                azimuth, _, radius = _spherical(outward)
                beyond = (azimuth[:, None] - azimuth[None]) / LIFT_WIDTH
                # Both lids stand off together, and smoothly along the eye.
                lead(shape[rings.edge] + outward * ((lift * np.exp(-beyond**2)).max(1) / radius)[:, None])
            # Behind the margin nothing is seen: it need not keep off the eye on its way, but stay behind the skin.
            for ring in (rings.inner, rings.deeper):
                shape[ring] = onto(shape[ring], centre, INNER_HEIGHT)
            shape[rings.skin] = above(shape[rings.skin], centre, SKIN_HEIGHT)
            for _ in range(LIFTS):
                outward = shape[rings.skin] - centre
                lack = _lack(rest[rings.skin], shape[rings.skin], centre, SKIN_HEIGHT / 2)
                shape[rings.skin] += outward * (lack / np.linalg.norm(outward, axis=1))[:, None]
        return shape - rest

    def _inside(self, shape: np.ndarray, rings: LidRings, centre: np.ndarray) -> None:
        # MakeHuman's waterline lies far behind the edge, as deep as its larger eye asks for: a dark slit on ours.
        edge = shape[rings.edge][rings.beside]
        back = shape[rings.waterline] - edge
        back *= np.minimum(MARGIN_SETBACK / np.maximum(np.linalg.norm(back, axis=1, keepdims=True), 1e-9), 1)
        shape[rings.waterline] = onto(edge + back, centre, WATERLINE_HEIGHT)
        for ring in (rings.inner, rings.deeper):
            shape[ring] = onto(shape[ring], centre, INNER_HEIGHT)


def _land(rest: np.ndarray, moved: np.ndarray, centre: np.ndarray, close: bool) -> np.ndarray:
    """Edge vertices `moved` (N, 3), the upper lid's stopped at (or, to `close`, brought to) the lower lid's line.

    A closing lower lid comes to meet the upper one by a share of the opening.
    """
    inner, outer = rest[np.abs(rest[:, 0]).argmin()], rest[np.abs(rest[:, 0]).argmax()]
    along = (rest[:, 0] - inner[0]) / (outer[0] - inner[0])
    upper = rest[:, 2] > inner[2] + along * (outer[2] - inner[2])
    corner = (along < 1e-6) | (along > 1 - 1e-6)
    azimuth, elevation, radius = _spherical(moved - centre)
    if close:
        before_azimuth, before, _ = _spherical(rest - centre)
        over = _line(before_azimuth, before, upper | corner, azimuth)
        line = _line(before_azimuth, before, ~upper | corner, azimuth)
        there = _line(azimuth, elevation, ~upper | corner, azimuth)  # where other shapes have taken the lower lid
        meet = there + np.maximum(LOWER_SHARE * (over - line) - np.maximum(there - line, 0), 0)
        elevation = np.where(corner, elevation, np.where(upper, meet - OVERLAP, meet))
    else:
        floor = _line(azimuth, elevation, ~upper | corner, azimuth)
        elevation = np.where(upper & ~corner, np.maximum(elevation, floor), elevation)
    flat = radius * np.cos(elevation)
    return centre + np.stack([flat * np.sin(azimuth), -flat * np.cos(azimuth), radius * np.sin(elevation)], 1)


def _line(azimuth: np.ndarray, elevation: np.ndarray, used: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Elevations at azimuths `at` (N,) of the line through the vertices `used` (M,) bool."""
    order = np.flatnonzero(used)[np.argsort(azimuth[used])]
    return np.interp(at, azimuth[order], elevation[order])


def _lack(rest: np.ndarray, moved: np.ndarray, centre: np.ndarray, least: float) -> np.ndarray:
    """(N,) metres by which `moved` (N, 3) must rise for the way there from `rest` to keep `least` metres off the eye,
    or as many as at rest where that is less."""
    least_there = np.minimum(_height(rest, centre), least)
    lack = np.zeros(len(rest))
    for step in np.linspace(0.1, 1, 10):
        lack = np.maximum(lack, (least_there - _height(rest + step * (moved - rest), centre)) / step)
    return np.where(moved[:, 1] < centre[1], lack, 0)


def _height(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(N,) metres of points (N, 3) over the eye's surface, cornea included."""
    distance = np.linalg.norm(points - centre, axis=1)
    return distance - eyes.surface_radius((points - centre) / distance[:, None]) * eyes.EYEBALL_RADIUS


def _spherical(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Azimuth from the gaze axis -Y towards +X, elevation towards +Z, radius; of points (N, 3) about the origin."""
    radius = np.linalg.norm(points, axis=1)
    return np.arctan2(points[:, 0], -points[:, 1]), np.arcsin(points[:, 2] / radius), radius


def widened(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Lid points (N, 3) turned away from the middle of the eye; MakeHuman's eyes are narrower than people's."""
    side = np.sign(centre[0])
    azimuth, elevation, radius = _spherical(points - centre)
    outward = azimuth * side
    outward = outward * (1 + np.where(outward < 0, WIDEN_INNER, WIDEN_OUTER) * np.abs(outward))
    flat = radius * np.cos(elevation)
    azimuth = outward * side
    return centre + np.stack([flat * np.sin(azimuth), -flat * np.cos(azimuth), radius * np.sin(elevation)], 1)


def opening_scales(edge: np.ndarray, centre: np.ndarray) -> tuple[float, float]:
    """Factors for the elevations of the upper and of the lower lid that take the eye's opening to a relaxed one."""
    height = edge[:, 2] - centre[2]
    scales = []
    for opening, (scanned, relaxed_opening) in ((height.max(), UPPER_OPENING), (-height.min(), LOWER_OPENING)):
        wanted = relaxed_opening + OPENING_SPREAD * (opening - scanned)
        scales.append(float(np.clip(wanted / max(opening, 1e-3), 0.5, 1.5)))
    return scales[0], scales[1]


def relaxed(points: np.ndarray, centre: np.ndarray, upper: float, lower: float) -> np.ndarray:
    """Lid points (N, 3) with their elevations scaled by `upper` above the eye's middle and by `lower` below it."""
    azimuth, elevation, radius = _spherical(points - centre)
    elevation = elevation * np.where(elevation > 0, upper, lower)
    flat = radius * np.cos(elevation)
    return centre + np.stack([flat * np.sin(azimuth), -flat * np.cos(azimuth), radius * np.sin(elevation)], 1)


def onto(points: np.ndarray, centre: np.ndarray, height: float | np.ndarray) -> np.ndarray:
    """Points (N, 3) moved along the radius to `height` metres over the eye's surface, cornea included."""
    outward = points - centre
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    radius = eyes.surface_radius(outward) * eyes.EYEBALL_RADIUS + height
    return centre + outward * np.broadcast_to(radius, len(points))[:, None]


def above(points: np.ndarray, centre: np.ndarray, height: float | np.ndarray) -> np.ndarray:
    """Points (N, 3) that lie lower than `height` over the eye raised to it, in front of the eye's middle."""
    raised = onto(points, centre, height)
    low = np.linalg.norm(points - centre, axis=1) < np.linalg.norm(raised - centre, axis=1)
    return np.where((low & (points[:, 1] < centre[1]))[:, None], raised, points)
