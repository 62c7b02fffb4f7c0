"""How far an identity basis spans the heads that it was measured from: distances in millimetres, scan to mesh."""

from __future__ import annotations

import numpy as np

from backend.head.register.surface import Surface
from backend.training.identity.basis import IdentityBasis
from backend.training.identity.generator import Generator
from backend.training.identity.modes import eye_middle
from backend.training.identity.register import Registration
from backend.training.identity.scan import Scan
from backend.training.identity.statistics import FACE_RADIUS, NOISE, vertex_weights

NECK = 0.10
"""Metres below the eyes where the head, as reported, ends."""


def span(generator: Generator, scan: Scan, registration: Registration, basis: IdentityBasis, counts: tuple[int, ...],
         draws: int, random: np.random.Generator) -> dict[str, dict[str, float]]:
    """Median and mean scan-to-mesh distance of random scan heads to their best fit with the first K components.

    The fit is least squares on corresponding vertices with the prior of beta; only the head's place is free.
    """
    weights = np.repeat(vertex_weights(generator, registration), 3)
    skin = generator.skin
    answer: dict[str, dict[str, float]] = {}
    targets = [random.standard_normal(len(scan.modes)) for _ in range(draws)]
    rigid = _motions(basis.mean[skin], eye_middle(generator))
    for count in counts:
        found: dict[str, list[np.ndarray]] = {}
        rows = np.concatenate([basis.basis[:count, skin].reshape(count, -1).astype(np.float64), rigid])
        prior = np.concatenate([np.full(count, NOISE**2), np.zeros(6)])
        normal = (rows * weights) @ rows.T / weights.mean() + np.diag(prior)
        for target in targets:
            goal = registration.mean + np.tensordot(target, registration.modes, 1)
            right = (rows * weights) @ (goal - basis.mean[skin]).ravel() / weights.mean()
            fitted = basis.mean[skin] + (np.linalg.solve(normal, right) @ rows).reshape(-1, 3)
            for region, distance in _distances(generator, scan, registration, fitted, target).items():
                found.setdefault(region, []).append(distance)
        answer[str(count)] = {
            f"{region} {name}": round(float(figure(np.concatenate(values))), 3)
            for region, values in found.items() for name, figure in (("median", np.median), ("mean", np.mean))}
    return answer


def _motions(points: np.ndarray, about: np.ndarray) -> np.ndarray:
    """(6, 3N) shifts and small turns."""
    axes = np.eye(3)
    moves = [np.broadcast_to(axis, points.shape) for axis in axes] + [np.cross(axis, points - about) for axis in axes]
    return np.stack(moves).reshape(6, -1)


def _distances(generator: Generator, scan: Scan, registration: Registration, fitted: np.ndarray,
               target: np.ndarray) -> dict[str, np.ndarray]:
    """Millimetres from the scan's exposed skin to the fitted skin, by region."""
    used = np.unique(registration.scan_triangles)
    head = scan.head(target) @ registration.scan_rotation.T + registration.scan_shift
    points = head[used]
    distance = Surface(fitted, generator.skin_triangles).closest(points)[2] * 1000
    tip = points[np.argmin(points[:, 1])]
    from_tip = np.linalg.norm(points - tip, axis=1)
    middle = points[:, 2] > eye_middle(generator)[2] - NECK
    ear = middle & (np.abs(points[:, 0]) > np.quantile(np.abs(points[middle, 0]), 0.90))
    to_eye = np.min([np.linalg.norm(points - head[ball].mean(0), axis=1) for ball in scan.eyeball_vertices], 0)
    below = (np.abs(points[:, 0]) < 0.035) & (points[:, 2] < tip[2] - 0.012) & (points[:, 2] > tip[2] - 0.055)
    return {"face": distance[from_tip < FACE_RADIUS], "nose": distance[from_tip < 0.028],
            "mouth": distance[below & (from_tip < FACE_RADIUS)], "lids": distance[to_eye < 0.024],
            "head": distance[middle], "ears": distance[ear]}
