"""Lays our head's skin on the scan model's mean, once, and carries the model's modes over.

Non-rigid registration after Amberg et al. 2007, with point-to-plane distances and a bi-Laplacian on the displacement
whose length scale shrinks. All draws of a linear scan model share one correspondence, so its modes become displacement
fields of our vertices by one linear map; where our skin has no counterpart (inside the mouth, behind the lids, in the
nose) the fields are continued smoothly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.spatial.distance import cdist

from backend.core.rays import vertex_normals
from backend.head.register import surface as surfaces
from backend.head.register.fitting import DOUBTED, MARK_WEIGHT
from backend.head.register.marks import Detect, Marks, find_marks
from backend.head.register.smooth import Smooth, similarity
from backend.head.register.surface import Surface
from backend.training.identity.generator import Generator
from backend.training.identity.scan import Scan

SCHEDULE = ((0.06, 5.0), (0.04, 4.0), (0.025, 3.0), (0.016, 2.0), (0.011, 1.5), (0.008, 1.0), (0.006, 0.7),
            (0.0045, 0.5), (0.0035, 0.4), (0.003, 0.3))
"""(length in metres below which a displacement is smoothed, weight of the marks) of each round."""

STEPS_PER_ROUND = 4

FARTHEST = 0.012
"""Metres; a nearest point beyond this is no counterpart (after the first rounds)."""

EXPOSED = 0.08
"""Share of the directions above a vertex in which the outside is seen, below which it counts as inside."""

CONTINUE = 0.0015
"""Metres, the smoothing length when fields are carried over and continued."""

INNER_REACH = 0.008
"""Metres; skin without counterpart moves with the skin within this length."""


@dataclass(frozen=True)
class Registration:
    """What our skin does to become the scan model's heads. N skin vertices (order of `Generator.skin`), K modes."""

    mean: np.ndarray  # (N, 3) metres, our skin on the mean scan
    modes: np.ndarray  # (K, N, 3) metres per standard deviation
    eye_mean: np.ndarray  # (2, 3) metres, how far the front of the left and right eyeball moves from our base
    eye_modes: np.ndarray  # (K, 2, 3)
    exposed: np.ndarray  # (N,) bool, seen from outside
    trusted: np.ndarray  # (N,) 0..1, how well a vertex has a counterpart
    scan_rotation: np.ndarray  # (3, 3) scan to our axes
    scan_shift: np.ndarray  # (3,) metres
    scan_triangles: np.ndarray  # (T, 3) of the scan's skin that is seen from outside
    distance: np.ndarray  # (N,) metres, from the skin laid on to the scan


def register(generator: Generator, scan: Scan, detect: Detect) -> Registration:
    """The whole registration; about a minute."""
    base = generator.base[generator.skin]
    ours = find_marks(generator.base, generator.skin[generator.skin_triangles], generator.eye_triangles, detect)
    theirs = find_marks(scan.mean, scan.skin_triangles, np.concatenate(scan.eye_triangles), detect)
    return lay_on(generator, scan, base, ours, theirs)


def lay_on(generator: Generator, scan: Scan, base: np.ndarray, ours: Marks, theirs: Marks) -> Registration:
    """`register` with the marks already found."""
    triangles, mirror = generator.skin_triangles, generator.skin_mirror
    target_points = theirs.points(scan.mean, scan.skin_triangles)
    our_points = ours.points(base, triangles)
    known = np.isfinite(target_points).all(1) & np.isfinite(our_points).all(1)
    _, rotation, shift = similarity(target_points[known], our_points[known], scaled=False)
    target = scan.mean @ rotation.T + shift
    target_points = target_points @ rotation.T + shift

    scale, turn, move = similarity(our_points[known], target_points[known], scaled=True)
    start = scale * base @ turn.T + move
    solver = Smooth(start, triangles)
    open_ours = exposure(generator.base, generator.quads, generator.skin) > EXPOSED
    seen = _exposed_triangles(target, scan)
    surface = Surface(target, seen)

    mark_rows = _mark_rows(ours, known, triangles, len(base))
    mark_weight = np.array([MARK_WEIGHT[kind] for kind in ours.kind[known]]) * 1e-4
    is_landmark = np.isin(ours.kind[known], ("landmark", "lip-border"))
    current = start
    for round_number, (length, pull) in enumerate(SCHEDULE):
        reach = FARTHEST if round_number >= 3 else np.inf
        for _ in range(STEPS_PER_ROUND):
            normals = vertex_normals(current, triangles)
            face, barycentric, distance = surface.closest(current, normals)
            good = open_ours & (distance < reach)
            point = np.einsum("nc,ncx->nx", barycentric, surface.corners[face])
            missed = np.linalg.norm(mark_rows @ current - target_points[known], axis=1)
            belief = np.where(is_landmark & (round_number >= 3), 1 / (1 + (missed / DOUBTED) ** 2), 1.0)
            current = start + solver.solve(length, good * solver.areas, surface.normals[face], point - start, mark_rows,
                                           mark_weight * belief * pull, target_points[known] - mark_rows @ start)
            current = (current + current[mirror] * [-1, 1, 1]) / 2
    return _carry(generator, scan, current, surface, seen, open_ours, solver, rotation, shift)


def _carry(generator: Generator, scan: Scan, laid: np.ndarray, surface: Surface, seen: np.ndarray,
           open_ours: np.ndarray, solver: Smooth, rotation: np.ndarray, shift: np.ndarray) -> Registration:
    mirror = generator.skin_mirror
    normals = vertex_normals(laid, generator.skin_triangles)
    face, barycentric, distance = surface.closest(laid, normals, agreement=0.5)
    trusted = (open_ours & (distance < 0.002)).astype(float)
    trusted = np.minimum(trusted, trusted[mirror])
    on = np.einsum("nc,ncx->nx", barycentric, surface.corners[face])
    fields = np.concatenate([(on - laid)[None], np.einsum("nc,kncx->knx", barycentric, scan.modes[:, seen[face]])])
    fields[1:] = fields[1:] @ rotation.T
    fields = solver.continued(CONTINUE, trusted, fields, _inner_goal(laid, trusted, solver.areas, fields))
    mean = laid + fields[0]
    mean = (mean + mean[mirror] * [-1, 1, 1]) / 2
    modes = purify(fields[1:], mirror)

    eye_mean, eye_modes = _eyes(generator, scan, rotation, shift)
    return Registration(mean, modes, eye_mean, eye_modes, open_ours, trusted, rotation, shift, seen, distance)


def _eyes(generator: Generator, scan: Scan, rotation: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How the eyes move to the mean scan (2, 3) and with each mode (K, 2, 3): sideways and up with the eyeball's
    middle, forward with the cornea, whatever the size of the ball."""
    means, fields = [], []
    for side in (0, 1):
        own = generator.base[generator.eyes[side]]
        inner = scan.eyeball_vertices[side]
        whole = np.unique(scan.eye_triangles[side])
        ball, outside = scan.mean[inner] @ rotation.T + shift, scan.mean[whole] @ rotation.T + shift
        front = outside[:, 1] < outside[:, 1].min() + 0.004
        own_middle, middle = _box_middle(own), _box_middle(ball)
        means.append([middle[0] - own_middle[0], outside[:, 1].min() - own[:, 1].min(), middle[2] - own_middle[2]])
        field = scan.modes[:, inner].mean(1) @ rotation.T
        field[:, 1] = (scan.modes[:, whole[front]].mean(1) @ rotation.T)[:, 1]
        fields.append(field)
    mean = np.array(means)
    return (mean + mean[::-1] * [-1, 1, 1]) / 2, purify(np.stack(fields, 1), np.array([1, 0]))


def _box_middle(points: np.ndarray) -> np.ndarray:
    return (points.min(0) + points.max(0)) / 2


def purify(fields: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """Make each field (K, N, 3) wholly symmetric or wholly antisymmetric, whichever it nearly is."""
    other = fields[:, mirror] * [-1, 1, 1]
    even, odd = (fields + other) / 2, (fields - other) / 2
    is_even = (even**2).sum((1, 2)) >= (odd**2).sum((1, 2))
    return np.where(is_even[:, None, None], even, odd)


def _inner_goal(laid: np.ndarray, trusted: np.ndarray, areas: np.ndarray, fields: np.ndarray) -> np.ndarray:
    """What skin without counterpart would do if it moved with the trusted skin around it in space."""
    outside = np.flatnonzero(trusted > 0)
    squared = cdist(laid, laid[outside], "sqeuclidean")
    weight = np.exp(-(squared - squared.min(1, keepdims=True)) / (2 * INNER_REACH**2)) * areas[outside]
    weight /= weight.sum(1, keepdims=True)
    return np.einsum("no,kox->knx", weight, fields[:, outside], optimize=True)


def _mark_rows(marks: Marks, known: np.ndarray, triangles: np.ndarray, count: int) -> csr_matrix:
    """(L, N) matrix that takes skin vertices to the marks."""
    corners, weights = triangles[marks.triangle[known]], marks.barycentric[known]
    rows = np.repeat(np.arange(known.sum()), 3)
    return coo_matrix((weights.ravel(), (rows, corners.ravel())), shape=(known.sum(), count)).tocsr()


def exposure(vertices: np.ndarray, quads: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(len(chosen),) share of 64 directions above each vertex in which a ray leaves the head."""
    return surfaces.exposure(vertices, np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]]), chosen)


def _exposed_triangles(target: np.ndarray, scan: Scan) -> np.ndarray:
    everything = np.concatenate([scan.skin_triangles, *scan.eye_triangles])
    used = np.unique(scan.skin_triangles)
    seen = np.zeros(len(target), bool)
    seen[used] = surfaces.exposure(target, everything, used) > EXPOSED
    return scan.skin_triangles[seen[scan.skin_triangles].all(1)]
