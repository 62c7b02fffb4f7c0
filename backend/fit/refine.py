"""Per-vertex offsets beyond the model's span: a smooth field, heard by everything that the fit hears.

The field is Gaussian over space (not over the surface), along the smoothed normal: neighbours across the parting of the
lips or of the lids move together, and with an amplitude well below the field's length the map cannot fold, so the
surface stays free of spikes and of new intersections. Both sides of the face are correlated: what one side does
unseen, the other shows.

Its main modes, scaled to unit variance, stand behind the head's own identity components while a fit is solved; every
term then speaks of them with the derivatives that it has anyway. Afterwards `divided` takes them apart.

How strong it is was measured, not guessed: `python -m backend.training.identity beyond` says what the default head
cannot express of real ones. That has a length of 4 mm; of what a field can carry that photos could show, there is
little. So on the default head the field changes next to nothing, and is there for heads that span less.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.core.rays import vertex_normals
from backend.fit.config import RefineConfig
from backend.fit.start import IRIS_CENTRES, IRIS_RINGS
from backend.head.model import HeadModel

MIRROR = np.array([-1.0, 1.0, 1.0])


def extended(head: HeadModel, settings: RefineConfig) -> HeadModel:
    """The head with the field's modes behind its own identity components, the same head when it is switched off."""
    if not settings.enabled:
        return head
    return replace(head, shape_basis=np.concatenate([head.shape_basis, field_modes(head, settings)]))


def divided(basis: np.ndarray, beta: np.ndarray, count: int, settings: RefineConfig) -> tuple[np.ndarray, np.ndarray]:
    """The model's own part of `beta` (S + K,) and the offsets (V, 3), metres, of the rest.

    `basis` (S + K, V, 3) is that of the `extended` head, whose first `count` components are its own.
    """
    offsets = np.tensordot(beta[count:], basis[count:].astype(np.float64), 1)
    squared = (offsets * offsets).sum(1, keepdims=True)
    return beta[:count], offsets * settings.amplitude / np.sqrt(settings.amplitude**2 + squared)


def field_modes(head: HeadModel, settings: RefineConfig) -> np.ndarray:
    """(K, V, 3) float32 metres per unit, by falling variance; each even or odd under the mirror."""
    irises = [*IRIS_CENTRES, *(number for ring in IRIS_RINGS for number in ring)]
    numbers = np.setdiff1d(np.flatnonzero(head.landmarks_placed), irises)[::settings.every]
    template = head.template.astype(np.float64)
    places = head.landmark_points(template)[numbers]
    variance, columns = [], []
    own, mirrored = _kernel(places, places, settings.length), _kernel(places * MIRROR, places, settings.length)
    near, across = _kernel(template, places, settings.length), _kernel(template * MIRROR, places, settings.length)
    for parity in (1, -1):
        # An even field and an odd one, independent: their variances differ by what both sides have in common.
        share = (1 + parity * settings.symmetry) / 2
        value, vector = np.linalg.eigh(share * (own + parity * mirrored))
        keep = value > 1e-6 * value[-1]
        variance.append(value[keep])
        columns.append(share * (near + parity * across) @ (vector[:, keep] / np.sqrt(value[keep])))
    everything, order = np.concatenate(variance), np.argsort(-np.concatenate(variance))
    count = int(np.searchsorted(np.cumsum(everything[order]), settings.share * everything.sum())) + 1
    modes = settings.sigma * np.concatenate(columns, 1)[:, order[:count]]
    # The skin's normal, smooth over space: lids, lips and what lies behind them share one.
    skin = head.triangles[head.triangle_material == head.material_index("skin")]
    normals = vertex_normals(template, skin)[head.triangles[head.landmark_triangles[numbers], 0]]
    outwards = near @ normals + across @ normals * MIRROR
    outwards /= np.maximum(np.linalg.norm(outwards, axis=1, keepdims=True), 1e-12)
    field = modes.T[:, :, None] * outwards
    return np.stack([_carried(head, mode) for mode in field]).astype(np.float32)


def _kernel(a: np.ndarray, b: np.ndarray, length: float) -> np.ndarray:
    """(A, B) correlations of places (A, 3) and (B, 3)."""
    squared = (a * a).sum(1)[:, None] + (b * b).sum(1) - 2 * a @ b.T
    return np.exp(-squared / (2 * length**2))


def _carried(head: HeadModel, field: np.ndarray) -> np.ndarray:
    """Eyes and teeth are hard: they move as wholes with the flesh around them."""
    rigid = field.copy()
    for name in ("eye_left", "eye_right"):
        ball = head.skin_weights[:, head.joint(name)] > 0.5
        if ball.any():
            rigid[ball] = field[ball].mean(0)
    teeth = head.material_vertices("teeth")
    lower = teeth & (head.skin_weights[:, head.joint("jaw")] > 0.5)
    for part in (lower, teeth & ~lower):
        if part.any():
            rigid[part] = field[part].mean(0)
    return rigid
