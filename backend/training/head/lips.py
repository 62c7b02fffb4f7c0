"""Lips that meet at rest in every identity, and that no expression pushes through one another.

People's neutral scans, and linear modes, leave lips a little apart or push one into the other; then a fit explains a
closed mouth by identity and a smile never closes. Columns of skin cross the lips from the mouth bag outwards; upper
and lower columns are moved up or down until the lips touch as the mean head's should, and the skin around follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix

from backend.training.head.lids import biharmonic, neighbours
from backend.training.head.source import Source
from backend.training.head.topology import mouth_and_sockets

CONTACT_RINGS = 6  # rings of edges from the mouth bag's border within which lips may touch
HELD_RINGS = 3  # rings that move as a whole
FOLLOW_RINGS = 12  # rings over which the skin follows
OVERLAP = 0.0002  # metres by which touching lips press into one another
OUTLINE_POWER = 0.7
"""An open lip's outline between the corners (-1 and 1) is (1 - x^2) to this power: ICT-FaceKit's jawOpen has 0.95 at
x = 0.27 and 0.75 at 0.54 on the scans' finer lips; a little rounder makes even corners of our few columns."""

OUTLINE_LEAST = 0.003  # metres from corner to middle, under which an outline counts as a line
BEFORE_TEETH, THICKNESS, SOFT = 0.0006, 0.0034, 0.0006
"""Metres that the lips' inner border keeps from the front of the teeth, how much more their outside does (a lip that
is rolled in stays a fold of skin), and within which either begins."""

LINING = 0.4  # of that, by which the mouth's lining behind the lips gives way, so as not to come through their skin
ARCH_SAMPLES, ARCH_REACH = 24, 0.002  # places on half an arch where its front is measured; metres to either side
OUTLINE_CORNER = 0.25  # of half the mouth's width, over which that ends towards the corner
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
    inside: np.ndarray  # source vertices of the mouth bag next to the lips
    graph: csr_matrix  # (U, U) neighbours in skin and mouth bag

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
        return cls(table, upper, corner, held, held_column, free, biharmonic(both, held, free),
                   np.concatenate(inner[1:]), both)

    def fit(self, shape: np.ndarray) -> np.ndarray:
        """A source shape (U, 3) with its lips closed."""
        return self._settled(shape, closed=True)

    def express(self, rest: np.ndarray, displacement: np.ndarray, rule: LipRule) -> np.ndarray:
        """A displacement (U, 3) of `rest` in which the lips follow `rule`."""
        if rule == "free" or np.abs(displacement[self.columns]).max() < MOVES:
            return displacement
        return self._settled(rest + displacement, closed=rule == "closed") - rest

    def rounded(self, rest: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """A displacement (U, 3) of the closed `rest` whose open or pursed lips have outlines without a point.

        MakeHuman's lower lip has a column only every 6 mm: an outline that is a little too straight shows as a V.
        """
        inner, outer = (self._rounding(rest + displacement, ring) for ring in (HELD_RINGS - 1, CONTACT_RINGS))
        share = np.clip((np.arange(CONTACT_RINGS + 1) - HELD_RINGS + 1) / (CONTACT_RINGS - HELD_RINGS + 1), 0, 1)
        shift = np.zeros_like(displacement)
        lip, around, follow = self._whole
        shift[lip, 2] = (inner[:, None] * (1 - share) + outer[:, None] * share).reshape(-1)
        shift[around, 2] = follow @ shift[lip, 2]
        return displacement + shift

    def before(self, rest: np.ndarray, displacement: np.ndarray, teeth: np.ndarray) -> np.ndarray:
        """A displacement (U, 3) of the closed `rest` that leaves lips in front of closed `teeth` (N, 3) metres."""
        across = np.linspace(-1, 1, 2 * ARCH_SAMPLES + 1) * np.abs(teeth[:, 0]).max()
        apart = np.abs(teeth[None, :, 0] - across[:, None])
        front = np.where(apart < ARCH_REACH, teeth[None, :, 1], np.inf).min(1)
        lip, around, follow = self._whole
        moved = (rest + displacement)[lip]
        thick = np.tile(BEFORE_TEETH + THICKNESS * np.arange(CONTACT_RINGS + 1) / CONTACT_RINGS, len(self.columns))
        deep = moved[:, 1] - np.interp(moved[:, 0], across, front) + thick
        # A soft stop: near the teeth it begins to hold, so that no crease is pressed into the lip.
        push = np.maximum(deep + SOFT, 0) ** 2 / (4 * SOFT)
        push = np.where(deep > SOFT, deep, push) * (np.abs(moved[:, 0]) < across[-1])
        if push.max() < MOVES:
            return displacement
        shift = np.zeros_like(displacement)
        shift[lip, 1] = -push
        shift[around, 1] = follow @ shift[lip, 1]
        shift[self.inside, 1] *= -LINING
        return displacement + shift

    def _rounding(self, shape: np.ndarray, ring: int) -> np.ndarray:
        """(C,) metres by which columns must rise for a ring's outline to be round."""
        moved = shape[self.columns[:, ring]]
        across = np.abs(moved[:, 0]) / np.abs(moved[self.corner, 0]).mean()
        level = moved[self.corner, 2].mean()
        lift = np.zeros(len(moved))
        for of in (self.upper & ~self.corner, ~self.upper & ~self.corner):
            top = moved[of][across[of].argmin(), 2] - level
            outline = level + top * (1 - np.minimum(across[of], 1) ** 2) ** OUTLINE_POWER
            # In the corners the outline stays, and what is already round keeps its place.
            share = np.clip((1 - across[of]) / OUTLINE_CORNER, 0, 1)
            wanted = (outline - moved[of, 2]) * np.sign(top)
            lift[of] = share * np.maximum(wanted, 0) * np.sign(top) * (abs(top) > OUTLINE_LEAST)
        return lift

    @cached_property
    def _whole(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The lips' vertices, column by column; those around that follow them; how they follow."""
        lip = self.columns.reshape(-1)
        around = np.setdiff1d(np.concatenate([self.held, self.free]), lip)
        return lip, around, biharmonic(self.graph, lip, around)

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
