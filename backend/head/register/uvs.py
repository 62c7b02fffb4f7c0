"""The reference's texture coordinates on another head's faces: per corner, cut at the seam, nothing turned over.

Trusted vertices take the coordinates of their counterpart. The rest (rims behind lids, inner lips, what the reference
has not) is flattened on from them conformally (least squares conformal maps; Levy et al. 2002), and so is what turned
over. Faces across the seam belong to the side that their middle is on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import splu

from backend.head.register.fitting import Laid
from backend.head.register.match import Match
from backend.head.register.parts import components
from backend.head.register.reference import Reference
from backend.head.register.surface import Surface

MARGIN = 0.002
"""Of the square, kept free around what is laid out."""

BELOW = 0.15
"""Height of the strip of the square in which a neck longer than the reference's is squeezed together."""

ON_BORDER = 0.02
"""Largest weight of an inner corner for a nearest point that counts as lying on the sheet's border."""

UNTURNING_ROUNDS = 8
LEAST_AREA = 1e-4
"""Of the area that a triangle has in the square by the typical scale, below which it counts as turned over."""


@dataclass(frozen=True)
class SkinUvs:
    """Corner coordinates of K skin faces."""

    uvs: np.ndarray  # (K, 4, 2), zeros for a triangle's last corner
    turned: float  # share of the laid out triangles that face the wrong way


def skin_uvs(reference: Reference, laid: Laid, match: Match, faces: np.ndarray, mirror: np.ndarray | None) -> SkinUvs:
    """Coordinates of the skin faces `faces` (K, 4) of the other head, into `match.vertices`, -1 last for a triangle.

    `mirror` (n,): the partner of each of the match's vertices where the head is symmetric, -1 for none.
    """
    side, across, seam = _sides(reference, match, faces)
    corner = np.maximum(faces, 0)
    # A corner on the other side of the seam than its face becomes a vertex of its own.
    foreign = seam[:, None] & (across[corner] * side[:, None] <= 0) & (faces >= 0)
    own_side = np.where(across >= 0, 1, -1)
    foreign &= own_side[corner] != side[:, None]
    count = len(match.vertices)
    extra, inverse = np.unique(corner[foreign], return_inverse=True)
    index = corner.copy()
    index[foreign] = count + inverse
    on_seam = np.zeros(count, bool)
    on_seam[corner[seam & (faces >= 0).any(1)][faces[seam] >= 0]] = True
    uv, fixed = _placed(reference, laid, match, on_seam, own_side)
    if len(extra):
        other = _half_uv(reference, laid, match.points[extra], -own_side[extra])
        uv, fixed = np.concatenate([uv, other]), np.r_[fixed, np.ones(len(extra), bool)]
    points = np.concatenate([match.points, match.points[extra]])
    quads = np.flatnonzero(faces[:, 3] >= 0)
    triangles = np.concatenate([index[:, :3], index[quads][:, [0, 2, 3]]])
    uv, turned = _unturned(points, triangles, uv, fixed)
    if mirror is not None:
        uv = _even(uv, count, extra, mirror, match.points)
    uv = _squeezed(uv)
    answer = uv[index]
    answer[faces < 0] = 0
    return SkinUvs(answer, float(turned))


def _vertex_uv(reference: Reference) -> tuple[np.ndarray, np.ndarray]:
    """Corner coordinates of the sheet's skin triangles (K, 3, 2), and which vertices (N,) lie on the seam."""
    uv = reference.head.triangle_uvs[reference.triangle_ids[reference.skin]].astype(np.float64)
    triangles = reference.triangles[reference.skin]
    low, high = np.full((len(reference.sheet), 2), np.inf), np.full((len(reference.sheet), 2), -np.inf)
    np.minimum.at(low, triangles, uv)
    np.maximum.at(high, triangles, uv)
    return uv, (high - low).max(1) > 1e-4


def _sides(reference: Reference, match: Match, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Side (+1 left, -1 right) of each face (K,), signed place across the middle plane of each vertex (n,), and
    which faces (K,) touch the plane where it is the seam."""
    rest = match.at(reference, reference.template)
    across = np.where(np.abs(rest[:, 0]) < 1e-4, 0.0, rest[:, 0])
    plane = np.flatnonzero(reference.mirror == np.arange(len(reference.mirror)))
    on_seam = _vertex_uv(reference)[1][plane]
    used = (faces >= 0)[..., None]
    corner = np.maximum(faces, 0)
    middle = (rest[corner] * used).sum(1) / used.sum(1)
    side = np.where(middle[:, 0] >= 0, 1, -1)
    low = np.where(used[..., 0], across[corner], np.inf).min(1)
    high = np.where(used[..., 0], across[corner], -np.inf).max(1)
    touching = (low <= 0) & (high >= 0)
    flat = middle * [0, 1, 1]
    seam = np.zeros(len(faces), bool)
    if on_seam.any() and touching.any():
        distance = np.linalg.norm(flat[touching][:, None] - reference.template[plane][None], axis=2)
        seam[touching] = on_seam[distance.argmin(1)]
    return side, across, seam


def _placed(reference: Reference, laid: Laid, match: Match, on_seam: np.ndarray,
            own_side: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First coordinates (n, 2) and which of them are to be kept (n,)."""
    corner_uv, _ = _vertex_uv(reference)
    skin = np.flatnonzero(reference.skin)
    surface = Surface(laid.points, reference.triangles[skin])
    place = np.full(len(reference.skin), -1)
    place[skin] = np.arange(len(skin))
    triangle, weights = place[match.triangle], match.barycentric.copy()
    off = np.flatnonzero(triangle < 0)
    triangle[off], weights[off], _ = surface.closest(match.points[off])
    uv = np.einsum("nc,ncx->nx", weights, corner_uv[triangle])
    fixed = match.trusted & reference.skin[match.triangle]
    uv[on_seam] = _half_uv(reference, laid, match.points[on_seam], own_side[on_seam])
    below, depth, border_uv = _below(reference, laid, match, triangle, weights, corner_uv, skin)
    uv[below] = border_uv[below] - np.stack([np.zeros(below.sum()), depth[below]], 1)
    return uv, fixed | on_seam & (match.distance < 0.004) | below


def _half_uv(reference: Reference, laid: Laid, points: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Coordinates (m, 2) of points (m, 3) on the chart of one side each, (m,) +1 or -1."""
    corner_uv, _ = _vertex_uv(reference)
    triangles = reference.triangles[reference.skin]
    centre = reference.template[triangles][..., 0].mean(1)
    answer = np.zeros((len(points), 2))
    for side in (1, -1):
        chosen = np.flatnonzero(centre * side > 0)
        wanted = np.flatnonzero(sides == side)
        if len(wanted):
            found, weights, _ = Surface(laid.points, triangles[chosen]).closest(points[wanted])
            answer[wanted] = np.einsum("nc,ncx->nx", weights, corner_uv[chosen[found]])
    return answer


def _below(reference: Reference, laid: Laid, match: Match, triangle: np.ndarray, weights: np.ndarray,
           corner_uv: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vertices (n,) beyond the sheet's lower border, how far below it they belong (n,) in v, and the border's uv."""
    triangles = reference.triangles[skin]
    lowest = corner_uv[..., 1] < corner_uv[..., 1].min() + 0.01
    inner = np.where(lowest[triangle], 0, weights).sum(1)
    below = ~match.trusted & (inner < ON_BORDER) & (match.distance > 0.002)
    touching = lowest.any(1)
    corners = laid.points[triangles[touching]]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    flat = corner_uv[touching]
    one, two = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    scale = np.sqrt(np.median(np.abs(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / np.maximum(area, 1e-12)))
    return below, match.distance * scale, np.einsum("nc,ncx->nx", weights, corner_uv[triangle])


def conformal(points: np.ndarray, triangles: np.ndarray, uv: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Coordinates (m, 2) with the `free` (m,) ones laid out conformally beside the others (Levy et al. 2002)."""
    triangles = triangles[free[triangles].any(1)]
    if not len(triangles):
        return uv
    used = np.unique(triangles)
    local = np.searchsorted(used, triangles)
    a, b, c = (points[triangles[:, k]] for k in range(3))
    one, two = b - a, c - a
    length = np.maximum(np.linalg.norm(one, axis=1), 1e-9)
    along = (one * two).sum(1) / length
    height = np.maximum(np.linalg.norm(np.cross(one, two), axis=1) / length, 1e-3 * length)
    place = np.stack([np.zeros_like(length) + 0j, length + 0j, along + 1j * height], 1)
    # One complex equation per triangle: sum of opposite edge times corner vanishes for a conformal map.
    edge = np.stack([place[:, 2] - place[:, 1], place[:, 0] - place[:, 2], place[:, 1] - place[:, 0]], 1)
    edge /= np.sqrt(length * height)[:, None]
    rows = np.repeat(np.arange(len(triangles)), 3)
    system = coo_matrix((edge.ravel(), (rows, local.ravel())), shape=(len(triangles), len(used))).tocsc()
    loose = free[used]
    known = uv[used, 0] + 1j * uv[used, 1]
    inner = system[:, loose]
    matrix = (inner.conj().T @ inner).tocsc()
    matrix = matrix + diags(np.full(matrix.shape[0], 1e-9 * np.abs(matrix.diagonal()).mean()))
    right = -(inner.conj().T @ (system[:, ~loose] @ known[~loose]))
    right = right + 1e-9 * np.abs(matrix.diagonal()).mean() * known[loose]
    answer = splu(matrix.tocsc()).solve(right)
    out = uv.copy()
    out[used[loose]] = np.stack([answer.real, answer.imag], 1)
    return out


def pocketed(triangles: np.ndarray, uv: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Coordinates (m, 2) with each of the `free` (m,) ones amid its neighbours (Tutte 1963)."""
    if not free.any():
        return uv
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(uv), len(uv))).tocsr()
    graph.data[:] = 1
    rows = graph[free]
    degree = np.asarray(rows.sum(1)).ravel()
    answer = uv.copy()
    system = diags(np.maximum(degree, 1)) - rows[:, free]
    answer[free] = splu(system.tocsc()).solve(rows[:, ~free] @ uv[~free])
    return answer


def _unturned(points: np.ndarray, triangles: np.ndarray, uv: np.ndarray,
              fixed: np.ndarray) -> tuple[np.ndarray, float]:
    """Lay out what is free, then free what turned over, and a little more each time, until it faces the right way.

    Patches that end in the open (rims of lids, inner lips) go on conformally, pockets are spread amid what is around.
    """
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    unique, times = np.unique(edges, axis=0, return_counts=True)
    border = np.zeros(len(points), bool)
    border[unique[times == 1]] = True
    label = components(triangles[(~fixed)[triangles].all(1)], len(points))
    ends = np.isin(label, label[border & ~fixed]) & ~fixed
    uv = pocketed(triangles, uv, ~fixed & ~ends)
    uv = conformal(points, triangles, uv, ends)
    for rings in range(1, UNTURNING_ROUNDS):
        bad = _turned(points, triangles, uv)
        if not bad.any():
            break
        reach = np.zeros(len(points), bool)
        reach[triangles[bad]] = True
        for _ in range(rings):
            reach[triangles[reach[triangles].any(1)]] = True
        spread = pocketed(triangles, uv, reach & ~border)
        # Each patch by itself: keep it where fewer of its triangles are turned than were.
        patch = components(triangles[reach[triangles].all(1)], len(points))[triangles]
        owner = np.where(reach[triangles], patch, -1).max(1)
        after = _turned(points, triangles, spread)
        count = [np.bincount(owner[(owner >= 0) & some], minlength=len(points)) for some in (bad, after)]
        better = count[1] < count[0]
        vertex_patch = components(triangles[reach[triangles].all(1)], len(points))
        uv = np.where((reach & better[vertex_patch])[:, None], spread, uv)
    return uv, _turned(points, triangles, uv).mean()


def _turned(points: np.ndarray, triangles: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """(T,) bool: triangles whose area in the square is negative or next to nothing."""
    corners, flat = points[triangles], uv[triangles]
    solid = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    one, two = flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0]
    area = one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
    typical = np.median(area / np.maximum(solid, 1e-12))
    return area < LEAST_AREA * typical * solid


def _even(uv: np.ndarray, count: int, extra: np.ndarray, mirror: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Coordinates symmetric about u = 0.5 where vertices have partners; `extra` are copies across the seam."""
    out = uv.copy()
    paired = np.flatnonzero(mirror >= 0)
    partner = mirror[paired]
    twins = partner != paired
    one, two = paired[twins], partner[twins]
    out[one] = (uv[one] + (uv[two] * [-1, 1] + [1, 0])) / 2
    middle = paired[~twins]
    copies = {int(vertex): count + number for number, vertex in enumerate(extra)}
    for vertex in middle.tolist():
        if vertex in copies:  # on the seam: both charts hold it, as mirror images
            other = copies[vertex]
            out[vertex] = (uv[vertex] + (uv[other] * [-1, 1] + [1, 0])) / 2
            out[other] = out[vertex] * [-1, 1] + [1, 0]
        elif abs(uv[vertex, 0] - 0.5) < 0.05:
            out[vertex, 0] = 0.5
    return out


def _squeezed(uv: np.ndarray) -> np.ndarray:
    """Everything inside the square; a neck that reaches below it is squeezed into the square's lowest strip."""
    low = uv[:, 1].min()
    if low < MARGIN:
        strip = uv[:, 1] < BELOW
        uv = uv.copy()
        uv[strip, 1] = MARGIN + (uv[strip, 1] - low) * (BELOW - MARGIN) / (BELOW - low)
    return np.clip(uv, MARGIN, 1 - MARGIN)
