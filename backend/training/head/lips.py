"""Lips that meet at rest in every identity, and that no expression pushes through one another.

People's neutral scans, and linear modes, leave lips a little apart or push one into the other; then a fit explains a
closed mouth by identity and a smile never closes. Columns of skin cross the lips from the mouth bag outwards; upper
and lower columns are moved up or down until the lips touch as the mean head's should, and the skin around follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from backend.training.head.lids import biharmonic, neighbours
from backend.training.head.source import Source
from backend.training.head.topology import mouth_and_sockets

CONTACT_RINGS = 6  # rings of edges from the mouth bag's border within which lips may touch
HELD_RINGS = 3  # rings that move as a whole
FOLLOW_RINGS = 12  # rings over which the skin follows
OVERLAP = 0.0002  # metres by which touching lips press into one another
MOVES = 1e-4  # metres; what moves the lips less than this is no shape of the mouth


LipRule = Literal["closed", "apart", "free"]
"""Lips that touch all along, that may open but not cross, or that may do anything."""


@dataclass(frozen=True)
class LipFitter:
    """Closes lips of source shapes. C columns of the mouth's rings."""

    columns: np.ndarray  # (C, CONTACT_RINGS + 1) source vertices from the bag's border outwards
    upper: np.ndarray  # (C,) bool
    corner: np.ndarray  # (C,) bool, the two corners of the mouth, which stay
    held: np.ndarray  # (H,) source vertices that move with a column
    held_column: np.ndarray  # (H,)
    free: np.ndarray  # (N,) source vertices that follow
    follow: np.ndarray  # (N, H)

    @classmethod
    def of(cls, source: Source) -> LipFitter:
        """Find the columns of the source's mouth."""
        skin, mouth, _ = mouth_and_sockets(source)
        count = len(source.template)
        outside = neighbours(source.quads[skin], count)
        loop = np.intersect1d(source.quads[skin], source.quads[mouth])
        rings, ring_of = [loop], np.full(count, -1)
        ring_of[loop] = 0
        for ring in range(1, FOLLOW_RINGS + 1):
            reached = np.flatnonzero(np.asarray(outside[rings[-1]].sum(0)).ravel())
            rings.append(reached[ring_of[reached] < 0])
            ring_of[rings[-1]] = ring
        columns = [loop]
        for ring in range(1, CONTACT_RINGS + 1):
            step = outside[columns[-1]][:, rings[ring]].toarray()
            assert np.all(step.sum(1) == 1), "the lips' rings are not quads side by side"
            columns.append(rings[ring][step.argmax(1)])
        table = np.stack(columns, 1)
        place = source.template
        line = place[table[:, 3]]
        corner = np.isin(np.arange(len(loop)), [line[:, 0].argmin(), line[:, 0].argmax()])
        upper = line[:, 2] > line[corner, 2].mean()
        bag = neighbours(source.quads[mouth], count)
        inner = [loop]
        seen = set(loop.tolist())
        for _ in range(4):
            reached = np.flatnonzero(np.asarray(bag[inner[-1]].sum(0)).ravel())
            inner.append(np.array([v for v in reached if v not in seen], int))
            seen |= set(inner[-1].tolist())
        held = table[:, :HELD_RINGS + 1].reshape(-1)
        held_column = np.repeat(np.arange(len(loop)), HELD_RINGS + 1)
        free = np.concatenate([*rings[HELD_RINGS + 1:], *inner[1:]])
        both = neighbours(source.quads[skin | mouth], count)
        return cls(table, upper, corner, held, held_column, free, biharmonic(both, held, free))

    def fit(self, shape: np.ndarray) -> np.ndarray:
        """A source shape (U, 3) with its lips closed."""
        return self._settled(shape, closed=True)

    def express(self, rest: np.ndarray, displacement: np.ndarray, rule: LipRule) -> np.ndarray:
        """A displacement (U, 3) of `rest` in which the lips follow `rule`."""
        if rule == "free" or np.abs(displacement[self.columns]).max() < MOVES:
            return displacement
        return self._settled(rest + displacement, closed=rule == "closed") - rest

    def _settled(self, shape: np.ndarray, *, closed: bool) -> np.ndarray:
        shape = shape.copy()
        # Raising one lip changes which part of it is nearest; a few rounds settle it.
        for _ in range(3):
            shift = np.zeros_like(shape)
            shift[self.held, 2] = self._lift(shape, closed)[self.held_column]
            shift[self.free, 2] = self.follow @ shift[self.held, 2]
            shape += shift
        return shape

    def _lift(self, shape: np.ndarray, closed: bool) -> np.ndarray:
        """(C,) metres by which each column must rise for the lips to touch, or else no longer to cross."""
        height = shape[self.columns, 2]
        across = shape[self.columns[:, 2], 0]
        edge = np.where(self.upper, height.min(1), height.max(1))
        lift = np.zeros(len(edge))
        for mine, other, sign in ((self.upper, ~self.upper, 1), (~self.upper, self.upper, -1)):
            mine, other = mine & ~self.corner, (other & ~self.corner)
            order = np.flatnonzero(other)[np.argsort(across[other])]
            facing = np.interp(across[mine], across[order], edge[order])
            gap = sign * (edge[mine] - facing) + OVERLAP
            lift[mine] = -sign * (gap if closed else np.minimum(gap, 0)) / 2
        return lift
