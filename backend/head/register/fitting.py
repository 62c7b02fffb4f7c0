"""Lays a reference head on another head's skin: similarity, its shape space, then freely with a bending energy.

Non-rigid registration after Amberg et al. 2007 with point-to-plane distances and a bi-Laplacian on the displacement
whose length scale shrinks; the shape space before it brings most of the form, so few rounds are enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import coo_matrix, csr_matrix

from backend.core.progress import Progress, silent
from backend.core.rays import vertex_normals
from backend.head.register.marks import Marks
from backend.head.register.parts import Parts
from backend.head.register.reference import EXPOSED, Reference
from backend.head.register.smooth import Smooth, similarity
from backend.head.register.surface import Surface, exposure

SHAPE_NOISE = (0.008, 0.006, 0.004, 0.003, 0.002, 0.0015, 0.0012, 0.001, 0.001, 0.001)
"""Metres by which a surface may miss the shape space, round by round: weighs distances against the prior of beta. At
first nearest points mean little, and a free shape would run after them."""

SCALE_SPREAD = 0.04
"""Standard deviation of the logarithm of the scale about what the marks say: size is told by beta as well."""

SHAPE_SAMPLES = 600
"""Independent measurements that the whole skin counts as: neighbouring vertices tell the same."""

SCHEDULE = ((0.025, 3.0), (0.016, 2.0), (0.011, 1.5), (0.008, 1.0), (0.006, 0.7), (0.0045, 0.5), (0.0035, 0.4),
            (0.003, 0.3))
"""(length in metres below which a displacement is smoothed, weight of the marks) of each round."""

STEPS_PER_ROUND = 2

MARK_WEIGHT = {"landmark": 0.05, "lip-border": 0.2, "lid-upper": 1.0, "lid-lower": 1.0, "lip-upper": 0.7,
               "lip-lower": 0.7, "ear": 0.6}
"""How much a mark pulls, in units of one square centimetre of skin times `SCHEDULE`; landmarks are good to 1-2 mm."""

LOST = 0.025
"""Metres; a mark that lies so far from where the others say was not found but mistaken."""

DOUBTED = 0.002
"""Metres; a landmark that the surfaces contradict by this much counts half."""

FARTHEST = 0.010
"""Metres; a nearest point beyond this is no counterpart (after the first round)."""

SNAP = 0.0015
"""Metres, the smoothing length when the surface is finally laid onto its counterpart."""

TRUSTED = 0.002
"""Metres within which a nearest point with a like normal is the counterpart."""


@dataclass(frozen=True)
class Laid:
    """The reference's sheet (N vertices) on another head; metres of that head."""

    start: np.ndarray  # (N, 3) the reference's template under the similarity
    fitted: np.ndarray  # (N, 3) the best head of the shape space
    points: np.ndarray  # (N, 3) laid on
    trusted: np.ndarray  # (N,) bool, has a counterpart
    beta: np.ndarray  # (S,)
    scale: float
    rotation: np.ndarray  # (3, 3)
    shift: np.ndarray  # (3,) start = scale * rotation @ template + shift
    symmetric: bool  # the other head is its own mirror image
    seen: np.ndarray  # (K, 3) triangles of the other head's skin that are seen from outside


def lay_on(reference: Reference, vertices: np.ndarray, parts: Parts, ours: Marks, theirs: Marks, *, symmetric: bool,
           progress: Progress = silent) -> Laid:
    """Register. `vertices` (V, 3) metres and `parts` of the other head; marks of both on their sheets and skins."""
    goal = theirs.points(vertices, parts.skin_triangles)
    place = ours.points(reference.template, reference.triangles)
    known = np.isfinite(goal).all(1) & np.isfinite(place).all(1)
    for _ in range(2):
        scale, rotation, shift = similarity(place[known], goal[known], scaled=True, mirrored=symmetric)
        missed = np.linalg.norm(scale * place @ rotation.T + shift - goal, axis=1)
        known &= ~(missed > LOST)
    seen = _seen(vertices, parts)
    surface = Surface(vertices, seen)
    rows = mark_rows(ours, known, reference.triangles, len(reference.sheet))
    weight = np.array([MARK_WEIGHT[kind] for kind in ours.kind[known]]) * 1e-4
    beta, scale, rotation, shift = _shape(reference, surface, rows, goal[known], weight, scale, rotation, shift,
                                          symmetric)
    progress(0.25, "fitting the shape space")
    start = scale * reference.template @ rotation.T + shift
    fitted = start + scale * np.tensordot(beta, reference.basis, 1) @ rotation.T
    loose = np.isin(ours.kind[known], ("landmark", "lip-border"))
    solver = Smooth(fitted, reference.triangles)
    current = fitted
    for number, (length, pull) in enumerate(SCHEDULE):
        for _ in range(STEPS_PER_ROUND):
            normals = vertex_normals(current, reference.triangles)
            face, barycentric, distance = surface.closest(current, normals)
            good = reference.exposed & (distance < (FARTHEST if number else 2 * FARTHEST))
            point = np.einsum("nc,ncx->nx", barycentric, surface.corners[face])
            missed = np.linalg.norm(rows @ current - goal[known], axis=1)
            belief = np.where(loose, 1 / (1 + (missed / DOUBTED) ** 2), 1.0)
            current = fitted + solver.solve(length, good * solver.areas, surface.normals[face], point - fitted, rows,
                                            weight * belief * pull, goal[known] - rows @ fitted)
            current = _even(current, reference.mirror) if symmetric else current
        progress(0.25 + 0.7 * (number + 1) / len(SCHEDULE), "laying the surface on")
    points, trusted = _snapped(reference, current, surface, solver)
    points = _even(points, reference.mirror) if symmetric else points
    return Laid(start, fitted, points, trusted, beta, scale, rotation, shift, symmetric, seen)


def mark_rows(marks: Marks, known: np.ndarray, triangles: np.ndarray, count: int) -> csr_matrix:
    """(L, N) matrix that takes a sheet's vertices to its known marks."""
    corners, weights = triangles[marks.triangle[known]], marks.barycentric[known]
    rows = np.repeat(np.arange(known.sum()), 3)
    return coo_matrix((weights.ravel(), (rows, corners.ravel())), shape=(known.sum(), count)).tocsr()


def _even(points: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    return (points + points[mirror] * [-1, 1, 1]) / 2


def _seen(vertices: np.ndarray, parts: Parts) -> np.ndarray:
    """Skin triangles all of whose corners are seen from outside."""
    used = np.unique(parts.skin_triangles)
    seen = np.zeros(len(vertices), bool)
    everything = np.concatenate([parts.skin_triangles, parts.eye_triangles])
    seen[used] = exposure(vertices, everything, used) > EXPOSED
    return parts.skin_triangles[seen[parts.skin_triangles].all(1)]


def _shape(reference: Reference, surface: Surface, rows: csr_matrix, goal: np.ndarray, mark_weight: np.ndarray,
           scale: float, rotation: np.ndarray, shift: np.ndarray, symmetric: bool,
           ) -> tuple[np.ndarray, float, np.ndarray, np.ndarray]:
    """Beta and similarity by Gauss-Newton on point-to-plane distances and marks, closest points found anew each round.

    A symmetric head keeps its plane: it may only shift along y and z, turn about x, and scale.
    """
    basis = reference.basis.astype(np.float64)
    beta = np.zeros(len(basis))
    triangles, template = reference.triangles, reference.template
    corners = template[triangles]
    area = np.zeros(len(template))
    np.add.at(area, triangles, np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]),
                                              axis=1)[:, None] / 6)
    # The face is what matters; neck and scalp are held by their number alone.
    importance = reference.exposed * area * (0.4 + 0.6 * reference.weight("face_front")) * (1 - 0.7 *
                                                                                        reference.weight("neck"))
    importance *= SHAPE_SAMPLES / importance.sum()
    middle = template.mean(0)
    free = [0, 2, 3, 4] if symmetric else list(range(7))  # see `moves`
    first = scale
    for number, noise in enumerate(SHAPE_NOISE):
        shape = template + np.tensordot(beta, basis, 1)
        current = scale * shape @ rotation.T + shift
        face, barycentric, distance = surface.closest(current, vertex_normals(current, triangles))
        reach = max(FARTHEST, 0.03 / (number + 1))
        good = importance * (distance < reach) / (1 + (np.minimum(distance, reach) / 0.004) ** 2)
        point = np.einsum("nc,ncx->nx", barycentric, surface.corners[face])
        normal = surface.normals[face]
        turned = scale * np.einsum("xy,sny->snx", rotation, basis)
        arm = current - (scale * rotation @ middle + shift)
        moves = np.stack([arm, *(np.broadcast_to(axis, arm.shape) for axis in np.eye(3)),
                          *(np.cross(axis, arm) for axis in np.eye(3))])
        columns = np.concatenate([turned, moves[free]])
        along = np.einsum("knx,nx->kn", columns, normal)
        miss = np.einsum("nx,nx->n", point - current, normal)
        marked = np.stack([(rows @ column).ravel() for column in columns])
        pull = np.repeat(mark_weight / 1e-4, 3)
        normal_matrix = (along * good) @ along.T + (marked * pull) @ marked.T
        right = (along * good) @ miss + (marked * pull) @ (goal - rows @ current).ravel()
        normal_matrix /= noise**2
        right /= noise**2
        count = len(beta)
        normal_matrix[count, count] += 1 / SCALE_SPREAD**2
        right[count] -= np.log(scale / first) / SCALE_SPREAD**2
        normal_matrix[np.arange(count), np.arange(count)] += 1
        right[:count] -= beta
        step = np.linalg.solve(normal_matrix, right)
        beta = beta + step[:count]
        motion = np.zeros(7)
        motion[free] = step[count:]
        centre = scale * rotation @ middle + shift + motion[1:4]
        rotation = cv2.Rodrigues(motion[4:])[0] @ rotation
        scale *= 1 + motion[0]
        shift = centre - scale * rotation @ middle
    return beta, scale, rotation, shift


def _snapped(reference: Reference, current: np.ndarray, surface: Surface,
             solver: Smooth) -> tuple[np.ndarray, np.ndarray]:
    """The sheet exactly on its counterpart where it has one, continued smoothly elsewhere."""
    face, barycentric, distance = surface.closest(current, vertex_normals(current, reference.triangles), 0.5)
    trusted = reference.exposed & (distance < TRUSTED)
    on = np.einsum("nc,ncx->nx", barycentric, surface.corners[face])
    field = np.where(trusted[:, None], on - current, 0)[None]
    return current + solver.continued(SNAP, trusted.astype(float), field, np.zeros_like(field))[0], trusted
