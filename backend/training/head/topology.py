"""Which vertices and faces the default head has, and how displacements of the source carry over to them.

Vertices: those of the source that are kept, in the source's order, then our own eyes (left and right eyeball, left and
right cornea), our own lashes (left, right), our own teeth (upper, lower), which replace MakeHuman's, the caruncles
(left, right) in the eyes' inner corners, the brows and the tear lines (left, right).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.head import eyes
from backend.head.model import MATERIALS
from backend.training.head import brows, caruncle, hairs, lashes, tearline, teeth
from backend.training.head.source import Source

SIDES = ("left", "right")
PARTS = (*(f"{name}_{side}" for name in ("eye", "cornea", "lash") for side in SIDES), "teeth_upper", "teeth_lower",
         *(f"{name}_{side}" for name in ("caruncle", "brow", "tear") for side in SIDES))
"""Parts of our own, in the order of their vertices; gums belong to the teeth."""


@dataclass(frozen=True)
class Topology:
    """V vertices, F faces of the default head."""

    source_index: np.ndarray  # (V,) vertex of the source, -1 for our own parts
    faces: np.ndarray  # (F, 4) int32, -1 last for a triangle
    material: np.ndarray  # (F,) int32 into MATERIALS
    own_uvs: np.ndarray  # (F, 4, 2): MakeHuman's coordinates, the parts' own squares
    mirror: np.ndarray  # (V,) int32
    part: np.ndarray  # (V,) int8 into PARTS, -1 on what comes from the source
    eye_unit: np.ndarray  # (V, 3) point in units of the eyeball's radius about its centre; 0 outside the eyes
    arches: tuple[teeth.Arch, teeth.Arch]  # upper, lower, in place on the source's template

    @property
    def kept(self) -> np.ndarray:
        """(V,) bool: vertices that come from the source."""
        return self.source_index >= 0

    @property
    def skin(self) -> np.ndarray:
        """Sorted indices of the skin's vertices."""
        return np.unique(self.faces[self.material == MATERIALS.index("skin")])

    def of(self, *names: str) -> np.ndarray:
        """(V,) bool: vertices of these of our own PARTS."""
        return np.isin(self.part, [PARTS.index(name) for name in names])

    @property
    def eye_part(self) -> np.ndarray:
        """(V,) int8: -1 no eye, 0 left eyeball, 1 right eyeball, 2 left cornea, 3 right cornea."""
        return np.where(self.part < 4, self.part, np.int8(-1))


def islands(source: Source) -> np.ndarray:
    """(F,) island of MakeHuman's own UV layout per face: body's islands by size, -1 for everything else.

    The layout is cut along the lid margins and the lips' inner border, so its islands tell skin, mouth bag and
    the two eye sockets apart.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    body = np.flatnonzero(source.groups == "body")
    corner = np.column_stack([source.quads[body].reshape(-1, 1), np.round(source.uvs[body].reshape(-1, 2) * 1e5)])
    _, inverse = np.unique(corner, axis=0, return_inverse=True)
    inverse = inverse.reshape(-1, 4)
    edges = np.concatenate([inverse[:, [k, k + 1]] for k in range(3)])
    count = inverse.max() + 1
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(count, count))
    label = connected_components(graph, directed=False)[1][inverse[:, 0]]
    answer = np.full(len(source.quads), -1)
    answer[body] = label
    return answer


def mouth_and_sockets(source: Source) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces (F,) bool of the skin, of the mouth bag and of the eye sockets."""
    label = islands(source)
    centre = source.template[source.quads].mean(1)
    body = label >= 0
    mouth, socket = np.zeros(len(label), bool), np.zeros(len(label), bool)
    for island in range(label.max() + 1):
        of = label == island
        low, high = centre[of].min(0), centre[of].max(0)
        if high[2] < -0.02 and high[2] - low[2] < 0.09 and abs(low[0] + high[0]) < 1e-6 and low[1] > -0.1 \
                and high[1] < 0.005:
            mouth |= of
        elif high[0] - low[0] < 0.04:
            socket |= of
    return body & ~mouth & ~socket, mouth, socket


def build_topology(source: Source) -> Topology:
    """Pick faces and vertices of the source, add our own parts."""
    skin, mouth, socket = mouth_and_sockets(source)
    groups = source.groups
    socket = _rim(source.quads, skin, socket)
    material = np.full(len(groups), -1)
    material[skin] = MATERIALS.index("skin")
    material[mouth | socket] = MATERIALS.index("mouth")
    material[np.char.find(groups, "tongue") >= 0] = MATERIALS.index("tongue")
    faces, material, uvs = source.quads[material >= 0], material[material >= 0], source.uvs[material >= 0]
    kept = np.unique(faces)
    place = np.full(len(source.template), -1)
    place[kept] = np.arange(len(kept))
    build = _Parts(len(kept), place[faces], material, uvs, place[source.mirror[kept]])
    for name, shape in (("eye", eyes.eyeball()), ("cornea", eyes.cornea())):
        # Left and right have the same points; the partner of a vertex is the one at the mirrored angle.
        for side in (0, 1):
            build.add(f"{name}_{SIDES[side]}", name, shape.quads, shape.uvs, _flip(shape.points), 1 - 2 * side,
                      shape.points)
    _add_hairs(build, "lash", lashes.COUNT)
    strips = [np.unique(source.quads[groups == f"helper-{name}-teeth"]) for name in ("upper", "lower")]
    arches = [teeth.build_arch(source.template, strip, strips[0], upper=number == 0)
              for number, strip in enumerate(strips)]
    for name, arch in zip(("teeth_upper", "teeth_lower"), arches, strict=True):
        # Gums share the mouth's square: a strip along its lower border, which the mouth bag leaves free.
        build.add(name, np.where(arch.gum, "mouth", "teeth"), arch.quads,
                  np.where(arch.gum[:, None, None], arch.uvs * [1, 0.036], arch.uvs), arch.mirror)
    for side in (0, 1):
        quads, square = caruncle.faces(mirrored=side == 1)
        # In the mouth's square, a corner that bag and gums leave free.
        build.add(f"caruncle_{SIDES[side]}", "mouth", quads, 0.002 + 0.014 * square,
                  np.arange(len(caruncle.unit_points())), 1 - 2 * side)
    _add_hairs(build, "brow", brows.COUNT)
    for side in (0, 1):
        quads, square = tearline.faces(mirrored=side == 1)
        build.add(f"tear_{SIDES[side]}", "tear", quads, square, np.arange(tearline.AROUND * tearline.ROWS),
                  1 - 2 * side)
    return build.finished(kept, (arches[0], arches[1]))


def _add_hairs(build: _Parts, material: str, count: int) -> None:
    """A row of hairs on either side, all in one square."""
    for side in (0, 1):
        quads, square = hairs.faces(count, side * count, 2 * count, mirrored=side == 1)
        build.add(f"{material}_{SIDES[side]}", material, quads, square, np.arange(count * hairs.POINTS), 1 - 2 * side)


class _Parts:
    """The head as it grows, part after part."""

    def __init__(self, count: int, faces: np.ndarray, material: np.ndarray, uvs: np.ndarray,
                 mirror: np.ndarray) -> None:
        self._count = count
        self._faces, self._material, self._uvs, self._mirror = [faces], [material], [uvs], [mirror]
        self._part, self._unit = [np.full(count, -1)], [np.zeros((count, 3))]

    def add(self, name: str, material: str | np.ndarray, quads: np.ndarray, uvs: np.ndarray, partner: np.ndarray,
            other: int = 0, unit: np.ndarray | None = None) -> None:
        """A part of N vertices: `quads` (F, 4) with -1 last for a triangle, material of each of the F faces or of all.

        `partner` (N,) is the mirrored vertex within the part `other` parts of this size on; `unit` as in Topology.
        """
        count = len(partner)
        self._faces.append(np.where(quads >= 0, quads + self._count, -1))
        names = np.broadcast_to(material, len(quads))
        self._material.append(np.array([MATERIALS.index(str(which)) for which in names]))
        self._uvs.append(uvs)
        self._mirror.append(partner + self._count + other * count)
        self._part.append(np.full(count, PARTS.index(name)))
        self._unit.append(np.zeros((count, 3)) if unit is None else unit)
        self._count += count

    def finished(self, kept: np.ndarray, arches: tuple[teeth.Arch, teeth.Arch]) -> Topology:
        """All of it as one."""
        return Topology(
            source_index=np.concatenate([kept, np.full(self._count - len(kept), -1)]),
            faces=np.concatenate(self._faces).astype(np.int32),
            material=np.concatenate(self._material).astype(np.int32), own_uvs=np.concatenate(self._uvs),
            mirror=np.concatenate(self._mirror).astype(np.int32), part=np.concatenate(self._part).astype(np.int8),
            eye_unit=np.concatenate(self._unit), arches=arches)


LID_RINGS = 2
"""Rings of the eye sockets that stay, as the thickness of the lids; our closed eyeball hides the rest."""


def _rim(quads: np.ndarray, skin: np.ndarray, socket: np.ndarray) -> np.ndarray:
    """(F,) bool: the socket faces within LID_RINGS rings of the lid margin."""
    near = np.zeros(len(quads), bool)
    reached = np.intersect1d(quads[skin], quads[socket])
    for _ in range(LID_RINGS):
        near |= socket & np.isin(quads, reached).any(1)
        reached = np.unique(quads[near])
    return near


def _flip(points: np.ndarray) -> np.ndarray:
    """(N,) index of the point mirrored in x."""
    from scipy.spatial import cKDTree

    distance, index = cKDTree(points).query(points * [-1, 1, 1])
    assert distance.max() < 1e-9, distance.max()
    return index
