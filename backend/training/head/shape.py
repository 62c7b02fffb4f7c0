"""From a shape of the source to the head's vertices: lips closed, lids on eyes, and our own parts in their places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.head import eyes
from backend.training.head import brows, caruncle, lashes, tearline, teeth
from backend.training.head.lids import LidFitter, around
from backend.training.head.lips import LipFitter, LipRule
from backend.training.head.source import Source
from backend.training.head.topology import SIDES, Topology, mouth_and_sockets

LASH_SEED, BROW_SEED = 7, 11  # of the small irregularities of hairs


@dataclass(frozen=True)
class Shaper:
    """Turns source shapes (U, 3) into heads (V, 3), for identities and for expressions alike."""

    topology: Topology
    lids: LidFitter
    lips: LipFitter
    roots: lashes.LashRoots
    brow: tuple[brows.BrowRoots, brows.BrowRoots]
    corner: caruncle.Corner
    rim: tearline.Rim
    template: np.ndarray  # (U, 3) the source's, on which the teeth were built
    right_edge: np.ndarray  # the left edge ring's partners, in its order

    @classmethod
    def of(cls, source: Source, topology: Topology, mean: np.ndarray) -> Shaper:
        """`mean` (U, 3): the mean head, on which our eyes are placed once."""
        fitter, lips = LidFitter.of(source, mean), LipFitter.of(source)
        edge = fitter.fit(mean)[fitter.rings[0].edge]
        roots = lashes.plant(edge, np.random.default_rng(LASH_SEED))
        order = around(source, fitter.rings[0].edge)
        corner, rim = caruncle.find_corner(edge, order), tearline.find_rim(edge, order)
        skin, _, _ = mouth_and_sockets(source)
        brow = brows.plant(source.template, source.quads[skin], np.random.default_rng(BROW_SEED))
        return cls(topology, fitter, lips, roots, (brow, brow.mirrored(source.mirror)), corner, rim,
                   source.template, source.mirror[fitter.rings[0].edge])

    def head(self, shape: np.ndarray) -> np.ndarray:
        """(V, 3) of an identity given as a source shape (U, 3)."""
        fitted = self.lids.fit(self.lips.fit(shape))
        return self._assemble(fitted, self.lids.centres(shape))

    def expression(self, shape: np.ndarray, displacement: np.ndarray, *, blink: bool = False,
                   lips: LipRule = "apart", after: np.ndarray | None = None) -> np.ndarray:
        """(V, 3) displacement of an expression given on the source (U, 3), for the identity `shape`; eyes stay.

        With `blink` the lids meet; with `after` (U, 3) the lips meet when that displacement is added.
        """
        closed, centres = self.lips.fit(shape), self.lids.centres(shape)
        if after is None:
            displacement = self.lips.express(closed, displacement, lips)
        else:
            displacement = self.lips.express(closed, after + displacement, "closed") - after
        fitted = self.lids.fit(closed)
        moved = self.lids.express(fitted, displacement, close=blink)
        return self._assemble(fitted + moved, centres) - self._assemble(fitted, centres)

    def _assemble(self, fitted: np.ndarray, centres: np.ndarray) -> np.ndarray:
        topology = self.topology
        out = np.zeros((len(topology.source_index), 3))
        out[topology.kept] = fitted[topology.source_index[topology.kept]]
        for side, centre in enumerate(centres):
            of_eye = (topology.eye_part == side) | (topology.eye_part == side + 2)
            out[of_eye] = centre + topology.eye_unit[of_eye] * eyes.EYEBALL_RADIUS
            edge = fitted[self.lids.rings[0].edge if side == 0 else self.right_edge]
            name, sign = SIDES[side], 1 - 2 * side
            out[topology.of(f"lash_{name}")] = lashes.grow(self.roots, edge, centre, sign)
            out[topology.of(f"caruncle_{name}")] = caruncle.points(self.corner, edge, centre)
            out[topology.of(f"tear_{name}")] = tearline.points(self.rim, edge, centre, sign)
            out[topology.of(f"brow_{name}")] = brows.grow(self.brow[side], fitted, sign)
        for name, arch in zip(("upper", "lower"), topology.arches, strict=True):
            out[topology.of(f"teeth_{name}")] = teeth.follow(arch, self.template, fitted)
        return out


def symmetric(positions: np.ndarray, mirror: np.ndarray) -> np.ndarray:
    """The mean of positions or displacements (V, 3) and their mirror image."""
    return (positions + positions[mirror] * [-1, 1, 1]) / 2
