"""Which vertices and faces the default head has, and how displacements of the source carry over to them.

Vertices: those of the source that are kept, in the source's order, then our own eyes (left and right eyeball, left and
right cornea), our own lashes (left, right), our own teeth (upper, lower), which replace MakeHuman's, and the caruncles
(left, right) in the eyes' inner corners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.head import eyes
from backend.head.model import MATERIALS
from backend.training.head import caruncle, lashes, teeth
from backend.training.head.source import Source


@dataclass(frozen=True)
class Topology:
    """V vertices, F faces of the default head."""

    source_index: np.ndarray  # (V,) vertex of the source, -1 for our own eyes
    faces: np.ndarray  # (F, 4) int32, -1 last for a triangle
    material: np.ndarray  # (F,) int32 into MATERIALS
    own_uvs: np.ndarray  # (F, 4, 2): MakeHuman's coordinates, our eye square for eyes
    mirror: np.ndarray  # (V,) int32
    eye_part: np.ndarray  # (V,) int8: -1 no eye, 0 left eyeball, 1 right eyeball, 2 left cornea, 3 right cornea
    eye_unit: np.ndarray  # (V, 3) point in units of the eyeball's radius about its centre; 0 outside the eyes
    eye_ring: np.ndarray  # (V,) ring number on the eye's surface, -1 outside
    lash: np.ndarray  # (V,) int8: 0 on a left lash, 1 on a right one, -1 elsewhere
    tooth: np.ndarray  # (V,) int8: 0 on the upper arch, 1 on the lower one, gums included, -1 elsewhere
    caruncle: np.ndarray  # (V,) int8: 0 on the left one, 1 on the right one, -1 elsewhere
    arches: tuple[teeth.Arch, teeth.Arch]  # upper, lower, in place on the source's template

    @property
    def kept(self) -> np.ndarray:
        """(V,) bool: vertices that come from the source."""
        return self.source_index >= 0


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
    """Pick faces and vertices, add our eyes."""
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
    faces = place[faces]
    mirror = place[source.mirror[kept]]

    own_faces, own_material, own_uvs, own_mirror = [faces], [material], [uvs], [mirror]
    unit, ring, part = [np.zeros((len(kept), 3))], [np.full(len(kept), -1)], [np.full(len(kept), -1)]
    start = len(kept)
    for name, shape in (("eye", eyes.eyeball()), ("cornea", eyes.cornea())):
        # Left and right have the same points; the partner of a vertex is the one at the mirrored angle.
        flipped = _flip(shape.points)
        for side in (0, 1):
            other = start + (len(shape.points) if side == 0 else -len(shape.points))
            own_faces.append(np.where(shape.quads >= 0, shape.quads + start, -1))
            own_material.append(np.full(len(shape.quads), MATERIALS.index(name)))
            own_uvs.append(shape.uvs)
            own_mirror.append(flipped + other)
            unit.append(shape.points)
            ring.append(shape.rings)
            part.append(np.full(len(shape.points), side + (2 if name == "cornea" else 0)))
            start += len(shape.points)
    lash = [np.full(start, -1)]
    count = lashes.UPPER + lashes.LOWER
    hairs, hair_uvs = lashes.faces(count)
    for side in (0, 1):
        own_faces.append(np.where(hairs >= 0, hairs + start, -1))
        own_material.append(np.full(len(hairs), MATERIALS.index("lash")))
        own_uvs.append(hair_uvs)
        own_mirror.append(np.arange(count * lashes.POINTS) + start + (1 - 2 * side) * count * lashes.POINTS)
        lash.append(np.full(count * lashes.POINTS, side))
        start += count * lashes.POINTS
    tooth = [np.full(start, -1)]
    strips = [np.unique(source.quads[groups == f"helper-{name}-teeth"]) for name in ("upper", "lower")]
    arches = [teeth.build_arch(source.template, strip, strips[0], upper=number == 0)
              for number, strip in enumerate(strips)]
    for number, arch in enumerate(arches):
        own_faces.append(arch.quads + start)
        own_material.append(np.where(arch.gum, MATERIALS.index("mouth"), MATERIALS.index("teeth")))
        # Gums share the mouth's square: a strip along its lower border, which the mouth bag leaves free.
        own_uvs.append(np.where(arch.gum[:, None, None], arch.uvs * [1, 0.036], arch.uvs))
        own_mirror.append(arch.mirror + start)
        tooth.append(np.full(len(arch.points), number))
        start += len(arch.points)
    bead = [np.full(start, -1)]
    quads, square = caruncle.faces()
    size = len(caruncle.unit_points())
    for side in (0, 1):
        # The right one is the left one mirrored, which turns its faces inside out.
        order = np.where(quads[:, 3:] >= 0, [[0, 3, 2, 1]], [[0, 2, 1, 3]]) if side else np.arange(4)[None]
        turned = np.take_along_axis(quads, np.broadcast_to(order, quads.shape), 1)
        own_faces.append(np.where(turned >= 0, turned + start, -1))
        own_material.append(np.full(len(quads), MATERIALS.index("mouth")))
        # In the mouth's square, a corner that bag and gums leave free.
        own_uvs.append(0.002 + 0.014 * np.take_along_axis(square, np.broadcast_to(order, quads.shape)[..., None], 1))
        own_mirror.append(np.arange(size) + start + (1 - 2 * side) * size)
        bead.append(np.full(size, side))
        start += size
    others = start - sum(len(column) for column in unit)
    unit.append(np.zeros((others, 3)))
    for column in (ring, part):
        column.append(np.full(others, -1))
    for column in (lash, tooth):
        column.append(np.full(start - sum(len(part) for part in column), -1))
    return Topology(
        source_index=np.concatenate([kept, np.full(start - len(kept), -1)]),
        faces=np.concatenate(own_faces).astype(np.int32), material=np.concatenate(own_material).astype(np.int32),
        own_uvs=np.concatenate(own_uvs), mirror=np.concatenate(own_mirror).astype(np.int32),
        eye_part=np.concatenate(part).astype(np.int8), eye_unit=np.concatenate(unit), eye_ring=np.concatenate(ring),
        lash=np.concatenate(lash).astype(np.int8), tooth=np.concatenate(tooth).astype(np.int8),
        caruncle=np.concatenate(bead).astype(np.int8), arches=(arches[0], arches[1]))


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
