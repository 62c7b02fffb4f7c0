"""From statistics of mode coefficients to an identity basis: mean head, and components of unit variance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.errors import ModelError
from backend.head.register.smooth import cotangent_laplacian
from backend.training.head.source import Source
from backend.training.identity.generator import Generator, read_generator
from backend.training.identity.modes import Modes, make_modes
from backend.training.identity.register import EXPOSED, exposure
from backend.training.identity.statistics import (
    ATTRIBUTION,
    BODY_WEIGHT,
    EYE_AREA,
    FACE_RADIUS,
    INNER_WEIGHT,
    ODD_SPREAD,
    IdentityStatistics,
    load_statistics,
)

COMPONENTS = 200

_OTHER_MESH = "The identity statistics belong to another mesh than the head generator's."
_MEASURE_AGAIN = "Measure them again: python -m backend.training.identity measure."


@dataclass(frozen=True)
class IdentityBasis:
    """Heads are mean + sum_k beta_k basis_k with beta ~ N(0, 1). V vertices of the generator, K components.

    Both eyes' vertices only shift: take their mean where the eyes are built anew. Frame: the generator's axes, with
    the middle of the mean adult's eyes where the source template has it.
    """

    mean: np.ndarray  # (V, 3) float64 metres, mirror-symmetric
    basis: np.ndarray  # (K, V, 3) float32 metres per unit, by falling variance; each even or odd under the mirror
    symmetric: np.ndarray  # (K,) bool
    variance: np.ndarray  # (K,) share of the whole weighted variance
    coefficients: np.ndarray  # (K, M) mode coefficients of each component
    attribution: str


def identity_basis(source: Source, components: int = COMPONENTS,
                   statistics: IdentityStatistics | None = None) -> IdentityBasis:
    """The mean real head and its `components` main variations, on the vertices of `source`."""
    known = statistics or load_statistics()
    generator = read_generator(source)
    if generator.fingerprint != known.mesh:
        raise ModelError(_OTHER_MESH, _MEASURE_AGAIN)
    modes = make_modes(generator, exposure(generator.base, generator.quads, generator.skin) > EXPOSED, known.recipe)
    if modes.names != known.mode_names:
        raise ModelError(_OTHER_MESH, _MEASURE_AGAIN)
    return combine(generator, modes, known, components)


def combine(generator: Generator, modes: Modes, known: IdentityStatistics, components: int) -> IdentityBasis:
    """Principal components of measured and assumed variation together, in weighted square metres."""
    weight = np.repeat(_weights(generator), 3)
    flat = modes.fields.reshape(len(modes.fields), -1)
    gram = _gram(flat, weight)
    pieces = []
    for parity in (1.0, -1.0):
        columns = np.concatenate([known.factor.T, _spread_columns(known)])
        # Half of a column and its image: what of it is even, or odd.
        columns = (columns + parity * known.mirror_sign * columns[:, known.mirror]) / 2
        columns = columns[np.linalg.norm(columns, axis=1) > 1e-9].T
        value, vector = np.linalg.eigh(columns.T @ gram @ columns)
        keep = value > value[-1] * 1e-10
        pieces += [(v, columns @ u, parity) for v, u in zip(value[keep], vector.T[keep], strict=True)]
    total = sum(value for value, _, _ in pieces)
    pieces.sort(key=lambda piece: -piece[0])
    chosen = pieces[:components]
    coefficients = np.array([vector for _, vector, _ in chosen])
    sign = np.sign(np.take_along_axis(coefficients, np.abs(coefficients).argmax(1)[:, None], 1))
    coefficients = coefficients * sign
    basis = (coefficients.astype(np.float32) @ flat).reshape(len(chosen), -1, 3)
    mean = generator.base + np.tensordot(known.mean, modes.fields.astype(np.float64), 1)
    return IdentityBasis(
        mean=mean, basis=basis, symmetric=np.array([parity > 0 for _, _, parity in chosen]),
        variance=np.array([value for value, _, _ in chosen]) / total, coefficients=coefficients,
        attribution=ATTRIBUTION)


def _weights(generator: Generator) -> np.ndarray:
    """(V,) square metres by which a vertex counts when components are ranked."""
    base = generator.base[generator.skin]
    _, areas = cotangent_laplacian(base, generator.skin_triangles)
    seen = exposure(generator.base, generator.quads, generator.skin) > EXPOSED
    near = np.linalg.norm(base - base[np.argmin(base[:, 1])], axis=1) < FACE_RADIUS
    answer = np.zeros(len(generator.base))
    answer[generator.skin] = areas * np.where(seen, np.where(near, 1.0, BODY_WEIGHT), INNER_WEIGHT)
    for eye in generator.eyes:
        answer[eye] = EYE_AREA / len(eye)
    return answer


def _spread_columns(known: IdentityStatistics) -> np.ndarray:
    """Rows (R, M) of coefficients for the assumed spread: even ones whole, odd ones by `ODD_SPREAD`."""
    rows = []
    for index, (partner, sign) in enumerate(zip(known.mirror, known.mirror_sign, strict=True)):
        unit = np.zeros(len(known.mean))
        if partner == index:
            unit[index] = known.spread[index] * (1.0 if sign > 0 else ODD_SPREAD)
            rows.append(unit)
        elif partner > index:
            for parity, share in ((1.0, 1.0), (-1.0, ODD_SPREAD)):
                both = unit.copy()
                both[index], both[partner] = known.spread[index], parity * sign * known.spread[partner]
                rows.append(both * share)
    return np.array(rows)


def _gram(flat: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(M, M) weighted inner products of fields (M, 3V)."""
    scaled = flat * np.sqrt(weight).astype(np.float32)
    return (scaled @ scaled.T).astype(np.float64)
