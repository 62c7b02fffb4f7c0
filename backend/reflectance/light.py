"""The light of a photo, as non-negative radiance over directions, from what it did to skin of roughly known colour.

Shading is linear in the light once visibility is known: s = A L, with A from rays against the posed head. L is found
by robust, regularised non-negative least squares: a smooth environment, plus a sparse set of small sources (sun,
lamp, flash) whose shadows are hard. Order-2 harmonics (Ramamoorthi and Hanrahan 2001) are what is reported; on their
own they cannot make a shadow, which is why they are not what is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from backend.core import harmonics
from backend.core.rays import Mesh

DIRECTIONS = 128
"""Directions of the environment: about 18 degrees apart, finer than skin can tell apart."""

SMOOTH = 0.025
"""Weight of the environment's smoothness against the data. Measured on rendered people: a window beside the face
needs this little (0.3 leaves half of its shading on the skin), an overcast sky does not mind."""

SPARSE = 0.035
"""Price of small sources: they must explain clearly more than noise before they are believed."""

TINT = 0.6
"""Weight that keeps every direction near the light's mean colour: mixed light is rarer than red cheeks."""

SPREAD_LOW, SPREAD_HIGH = 0.30, 0.18
"""Scale of log residuals (darker, brighter) beyond which a texel is an outlier: shadows, beard; highlights."""

LENIENT = (4.0, 2.5, 1.5, 1.0)
"""Factors of that scale, round by round."""

TELLING = 7000
"""Texels that are enough to tell a light whose shape is known roughly."""

LIFT = 0.0008
"""How far above the skin shadow rays start, metres."""

SUN_RADIUS = np.radians(2.5)
"""Angular radius of a small source: between the sun and a window across the room."""


@lru_cache(maxsize=2)
def sphere(count: int = DIRECTIONS) -> np.ndarray:
    """(count, 3) unit directions, Fibonacci spiral: equal areas."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    angle = np.pi * (1 + np.sqrt(5)) * index
    radius = np.sqrt(1 - z * z)
    directions = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
    directions.setflags(write=False)
    return directions


@lru_cache(maxsize=2)
def _roughness_form(count: int = DIRECTIONS) -> np.ndarray:
    """(count, count) quadratic form: mean squared difference of neighbouring directions."""
    directions = sphere(count)
    _, near = cKDTree(directions).query(directions, 7)
    form = np.zeros((count, count))
    for a, neighbours in enumerate(near[:, 1:]):
        for b in neighbours:
            form[a, a] += 1
            form[b, b] += 1
            form[a, b] -= 1
            form[b, a] -= 1
    return form / (6 * count)


@dataclass(frozen=True)
class Transfer:
    """What P points of the skin receive from every direction."""

    response: np.ndarray  # (P, D) float32, shading of albedo 1 per unit radiance of a direction
    blocked: np.ndarray  # (P,) float32 0..1, share of cosine-weighted directions in which the head sees itself


def transfer(mesh: Mesh, points: np.ndarray, normals: np.ndarray, chunk: int = 8192) -> Transfer:
    """Cast `DIRECTIONS` rays from each of `points` (P, 3) with unit `normals` (P, 3), world."""
    directions = sphere().astype(np.float32)
    response = np.zeros((len(points), len(directions)), np.float32)
    blocked = np.zeros(len(points), np.float32)
    for start in range(0, len(points), chunk):
        rows = slice(start, start + chunk)
        cosine = np.maximum(normals[rows] @ directions.T, 0) * (4 / len(directions))
        point, direction = np.nonzero(cosine > 1e-4)
        origin = (points[rows] + LIFT * normals[rows])[point]
        hidden = mesh.occluded(origin, directions[direction])
        share = cosine[point, direction]
        np.add.at(blocked, start + point[hidden], share[hidden])
        cosine[point[hidden], direction[hidden]] = 0
        response[rows] = cosine
    return Transfer(response, np.minimum(blocked, 1))


@dataclass(frozen=True)
class Light:
    """Linear radiance around the head; `sun` directions are small and bright."""

    environment: np.ndarray  # (D, 3) radiance per direction of `sphere()`
    sun_directions: np.ndarray  # (S, 3) unit, world
    sun_irradiance: np.ndarray  # (S, 3) shading of albedo 1 at normal incidence

    @property
    def light_sh(self) -> np.ndarray:
        """(9, 3) order-2 coefficients, see core.harmonics."""
        coefficients = harmonics.basis(sphere()).T @ self.environment * (4 * np.pi / len(self.environment))
        if len(self.sun_directions):
            coefficients = coefficients + np.pi * harmonics.basis(self.sun_directions).T @ self.sun_irradiance
        return coefficients

    def scaled(self, factor: np.ndarray) -> Light:
        """The same light times (3,)."""
        return Light(self.environment * factor, self.sun_directions, self.sun_irradiance * factor)


def estimate_light(mesh: Mesh, points: np.ndarray, normals: np.ndarray, link: Transfer, colour: np.ndarray,
                   relative_albedo: np.ndarray, weight: np.ndarray, rounds: int = 4) -> tuple[Light, np.ndarray]:
    """Light that turns `relative_albedo` (P, 3) into `colour` (P, 3), both linear; `weight` (P,).

    The product of light and albedo is all that is known: the light comes back for skin whose mean albedo is that of
    `relative_albedo`. Returns it and the robust weights (P,) the points ended with.
    """
    target = colour / relative_albedo
    usable = (weight > 0) & (colour.min(-1) > 1e-4)
    w0 = np.where(usable, weight, 0)
    level = np.array([np.average(target[:, c], weights=w0) for c in range(3)])
    grey = (target / level).mean(-1)
    # Light that comes back from the skin itself: blocked directions show skin as bright as the rest of it.
    bounce = link.blocked[:, None] * relative_albedo.mean(0)
    suns = _sun_columns(mesh, points, normals, np.zeros((0, 3)))
    directions = np.zeros((0, 3))
    robust = w0.copy()
    solution = np.zeros(0)
    for turn in range(rounds):
        if turn == 1:
            directions = _find_suns(mesh, points, normals, link, grey - bounce.mean(-1), robust, solution)
            suns = _sun_columns(mesh, points, normals, directions)
        matrix = np.concatenate([link.response, suns], 1)
        solution = _solve(matrix, grey - bounce.mean(-1), robust, len(directions), None, 0.0)
        shade = np.maximum(matrix @ solution + bounce.mean(-1), 0.02)
        residual = np.log(np.maximum(grey, 1e-4)) - np.log(shade)
        residual -= _median(residual, robust)
        # Strict from the start would throw away the very texels that show where the light stands.
        spread = np.where(residual > 0, SPREAD_HIGH, SPREAD_LOW) * LENIENT[min(turn, len(LENIENT) - 1)]
        robust = w0 / (1 + (residual / spread) ** 2) ** 2
    matrix = np.concatenate([link.response, suns], 1)
    channels = []
    for c in range(3):
        y = target[:, c] / level[c] - bounce[:, c]
        channels.append(_solve(matrix, y, robust, len(directions), solution, TINT) * level[c])
    every = np.stack(channels, -1)
    count = link.response.shape[1]
    light = Light(every[:count], directions, every[count:])
    return light, robust


def refine_light(link: Transfer, suns: np.ndarray, mirror: np.ndarray, colour: np.ndarray, albedo: np.ndarray,
                 weight: np.ndarray, start: Light, rounds: int = 3) -> Light:
    """The light once more, now that the skin's own colour is known well enough to tell what it mirrors.

    What skin mirrors is whiter than what it scatters, and comes from narrower parts of the environment: the three
    channels together say more of the light than their mean. `suns` (P, S) of the directions of `start`, `mirror`
    (P, D + S) what the skin mirrors of every direction and sun, over `link.response` and `suns` as radiance per unit of
    shading, `albedo` (P, 3) expected. Returns the light in absolute units.
    """
    some = slice(None, None, max(1, len(colour) // TELLING))
    mirror, colour, albedo, weight = mirror[some], colour[some], albedo[some], weight[some]
    usable = (weight > 0) & (colour.min(-1) > 1e-4)
    w0 = np.where(usable, weight, 0)
    response = np.concatenate([link.response[some], suns[some]], 1)
    mirror = response * mirror
    target = colour / albedo
    level = np.array([np.average(target[:, c], weights=w0) for c in range(3)])
    bounce = link.blocked[some, None] * albedo.mean(0)
    columns = [response + mirror / albedo[:, c, None] for c in range(3)]
    sparse = suns.shape[1]
    robust = w0.copy()
    solution = np.zeros(0)
    for turn in range(rounds):
        y = target / level - bounce
        solution = _solve(np.concatenate(columns), y.T.reshape(-1), np.tile(robust, 3), sparse, None, 0.0)
        residual = np.stack([np.log(np.maximum(target[:, c] / level[c], 1e-4))
                             - np.log(np.maximum(columns[c] @ solution + bounce[:, c], 0.02)) for c in range(3)], -1)
        residual = residual.mean(-1)
        residual -= _median(residual, robust)
        spread = np.where(residual > 0, SPREAD_HIGH, SPREAD_LOW) * LENIENT[min(turn + 1, len(LENIENT) - 1)]
        robust = w0 / (1 + (residual / spread) ** 2) ** 2
    channels = [_solve(columns[c], target[:, c] / level[c] - bounce[:, c], robust, sparse, solution, TINT) * level[c]
                for c in range(3)]
    every = np.stack(channels, -1)
    count = link.response.shape[1]
    return Light(every[:count], start.sun_directions, every[count:])


def shading(link: Transfer, light: Light, sun_response: np.ndarray, albedo: np.ndarray) -> np.ndarray:
    """(P, 3) shading of albedo 1. `sun_response` (P, S) from `sun_response()`; `albedo` (3,) tints the bounce."""
    direct = link.response @ light.environment + sun_response @ light.sun_irradiance
    level = direct.mean(0)
    return direct + link.blocked[:, None] * (albedo * level)


def sun_response(mesh: Mesh, points: np.ndarray, normals: np.ndarray, directions: np.ndarray,
                 samples: int = 7) -> np.ndarray:
    """(P, S) cosine times the visible share of small sources at `directions` (S, 3)."""
    response = np.zeros((len(points), len(directions)), np.float32)
    for index, direction in enumerate(directions):
        cosine = np.maximum(normals @ direction, 0)
        lit = np.flatnonzero(cosine > 0.005)
        if not len(lit):
            continue
        origin = points[lit] + LIFT * normals[lit]
        visible = np.zeros(len(lit))
        for one in _cone(direction, SUN_RADIUS, samples):
            visible += ~mesh.occluded(origin, np.broadcast_to(one, origin.shape))
        response[lit, index] = cosine[lit] * visible / samples
    return response


def _sun_columns(mesh: Mesh, points: np.ndarray, normals: np.ndarray, directions: np.ndarray) -> np.ndarray:
    return sun_response(mesh, points, normals, directions)


def _find_suns(mesh: Mesh, points: np.ndarray, normals: np.ndarray, link: Transfer, target: np.ndarray,
               weight: np.ndarray, environment: np.ndarray) -> np.ndarray:
    """(S, 3) directions of at most two small sources that explain clearly more than a smooth environment does."""
    count = link.response.shape[1]
    matrix = np.concatenate([link.response, link.response * (count / 4)], 1)
    both = _solve(matrix, target, weight, count, None, 0.0)
    before = _error(link.response, environment, target, weight)
    after = _error(matrix, both, target, weight)
    strength = both[count:]
    if after > 0.93 * before or strength.max() < 0.08:
        return np.zeros((0, 3))
    found: list[np.ndarray] = []
    directions = sphere()
    for _ in range(2):
        peak = int(np.argmax(strength))
        if strength[peak] < 0.08:
            break
        near = directions @ directions[peak] > np.cos(np.radians(30))
        middle = (directions[near] * strength[near, None]).sum(0)
        found.append(_refine(mesh, points, normals, link, target, weight, middle / np.linalg.norm(middle)))
        strength = np.where(near, 0, strength)
    return np.array(found)


def _refine(mesh: Mesh, points: np.ndarray, normals: np.ndarray, link: Transfer, target: np.ndarray,
            weight: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Better direction (3,) of one source near `start`, by trying out shadows."""
    some = np.flatnonzero(weight > 0)[:: max(1, int((weight > 0).sum()) // 2500)]
    best = start
    for reach in (np.radians(14), np.radians(6)):
        tried = np.concatenate([best[None], _cone(best, reach, 9)[1:]])
        errors = []
        for direction in tried:
            column = sun_response(mesh, points[some], normals[some], direction[None], 1)
            matrix = np.concatenate([link.response[some], column], 1)
            answer = _solve(matrix, target[some], weight[some], 1, None, 0.0)
            errors.append(_error(matrix, answer, target[some], weight[some]))
        best = tried[int(np.argmin(errors))]
    return best


def _error(matrix: np.ndarray, solution: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    shade = np.maximum(matrix @ solution, 0.02)
    return float(np.average((target - shade) ** 2 / (shade + 0.2) ** 2, weights=weight))


def _solve(matrix: np.ndarray, target: np.ndarray, weight: np.ndarray, sparse: int, pattern: np.ndarray | None,
           tint: float) -> np.ndarray:
    """Non-negative x (D + sparse,) for matrix x = target; relative errors, smooth first D, cheap last `sparse`.

    `pattern` with weight `tint` pulls x towards a solution already known (up to scale 1).
    """
    count = matrix.shape[1] - sparse
    # Errors of skin are relative: a texel in shadow is as telling as one in light, down to a floor.
    w = weight / (np.maximum(target, 0) + 0.2) ** 2
    w = w / w.sum()
    scaled = matrix * w[:, None].astype(np.float32)
    form = (matrix.T @ scaled).astype(np.float64)
    right = (scaled.T @ target).astype(np.float64)
    form[:count, :count] += SMOOTH * _roughness_form(count) + 1e-4 * np.eye(count) / count
    if sparse:
        right[count:] -= SPARSE * (1 if sparse > 2 else 0.2)
        form[count:, count:] += 1e-4 * np.eye(sparse)
    if pattern is not None:
        form += tint * np.eye(len(form)) / len(form)
        right += tint * pattern / len(form)
    root = np.linalg.cholesky(form + 1e-9 * np.eye(len(form)))
    answer, _ = nnls(root.T, np.linalg.solve(root, right), maxiter=30 * len(form))
    return answer


def _cone(direction: np.ndarray, radius: float, count: int) -> np.ndarray:
    """(count, 3) unit directions: the axis, then a ring at `radius`."""
    helper = np.array([1.0, 0, 0]) if abs(direction[0]) < 0.8 else np.array([0, 1.0, 0])
    side = np.cross(direction, helper)
    side /= np.linalg.norm(side)
    other = np.cross(direction, side)
    angle = np.arange(count - 1) * 2 * np.pi / max(1, count - 1)
    around = np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * other
    return np.concatenate([direction[None], direction * np.cos(radius) + np.sin(radius) * around])


def _median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(total, 0.5 * total[-1])]])
