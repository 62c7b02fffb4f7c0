"""The identity basis: what real people's heads vary in, then what the generator's heads need beyond it."""

from __future__ import annotations

import numpy as np

from backend.training.head.shape import Shaper, symmetric
from backend.training.head.source import Source
from backend.training.identity import IdentityBasis
from backend.training.identity.draws import aligned, beyond, draw_heads

REAL_COMPONENTS = 150
"""Components with the statistics of real people; they span scans to 0.28 mm."""

EXTRA_COMPONENTS = 140
"""Components after them that only the generator's own heads need."""

EXTRA_SPREAD = 1 / 16
"""Standard deviation of those in the prior, as a share of theirs over the draws that they were made from: together
0.1 mm on a random head, less than what the real components leave of real heads."""

DRAWS = 600

GRAIN, EXTRA_GRAIN = 2.0**-19, 2.0**-21
"""Metres to which real and extra components are rounded: powers of two leave half-precision numbers short, which packs
them to half. A random head is 7 micrometres off by it, a fitted one of the generator's 30."""


def head_basis(source: Source, shaper: Shaper, real: IdentityBasis) -> tuple[np.ndarray, np.ndarray]:
    """Template (V, 3) and basis (K, V, 3) float32 of the head; beta ~ N(0, 1)."""
    template = symmetric(shaper.head(real.mean), shaper.topology.mirror)
    basis = real_components(shaper, real)
    extra = EXTRA_SPREAD * extra_components(source, shaper, real.mean, template, basis)
    return template, np.concatenate([rounded(basis, GRAIN), rounded(extra, EXTRA_GRAIN)])


def real_components(shaper: Shaper, real: IdentityBasis) -> np.ndarray:
    """(K, V, 3) float32: the shaper's rules linearised about the mean.

    Central differences one standard deviation to either side keep the components and their variances.
    """
    basis = np.zeros((len(real.basis), len(shaper.topology.source_index), 3), np.float32)
    for number, field in enumerate(real.basis.astype(np.float64)):
        basis[number] = (shaper.head(real.mean + field) - shaper.head(real.mean - field)) / 2
    return basis


def extra_components(source: Source, shaper: Shaper, mean: np.ndarray, template: np.ndarray,
                     basis: np.ndarray) -> np.ndarray:
    """(EXTRA_COMPONENTS, V, 3) float32 that the generator's heads need beyond `basis`; `mean` (U, 3) is the source's.

    Every head is there twice: with its lips closed and its lids on our eyes, as the shaper makes it, and with its skin
    as the generator left it, so that either is reached.
    """
    rng = np.random.default_rng(20)
    topology = shaper.topology
    skin = topology.skin
    body = np.unique(topology.source_index[skin])
    wide = rng.uniform(0, 1, DRAWS) ** 0.5  # most of them far out
    drawn = [aligned(head.astype(np.float64), mean, body) for head in draw_heads(source, wide, rng)]
    heads = np.empty((2 * DRAWS, *template.shape), np.float32)
    for number, head in enumerate(drawn):
        heads[[number, DRAWS + number]] = shaper.head(head)
        heads[DRAWS + number, skin] = head[topology.source_index[skin]]
    return beyond(heads, template, basis, topology.mirror, skin, EXTRA_COMPONENTS)


def rounded(values: np.ndarray, grain: float) -> np.ndarray:
    """Values to whole multiples of `grain`, float32."""
    return (np.round(values / grain) * grain).astype(np.float32)
