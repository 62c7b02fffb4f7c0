"""The skin's UV layout: one chart that fills the square, mirror-symmetric, with the face enlarged.

The left half of the head (x >= 0) is cut along the back of the skull and the nape and laid into the right half of the
square: the midline of face and throat on u = 0.5, the neck's border on v = 0, the cut along v = 1 and u = 1. It starts
as a Tutte embedding (valid for sure) and is then made as nearly isometric as it can be to a head whose faces
were scaled by the wanted magnification, by scalable locally injective mappings (SLIM; Rabinovich, Poranne, Panozzo
and Sorkine-Hornung 2017) on the symmetric Dirichlet energy, so no triangle ever turns over. Border vertices slide
along their side of the square.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.linalg import splu

MARGIN = 0.004  # of the square, kept free around the chart so that texture filtering never leaves it
ITERATIONS = 200
CORNER = 0.12  # of the seam's length from the crown: what becomes the square's upper outer corner
MOUTH_GAP = 0.008  # metres between the lips' middles, as laid out
PLUG_WEIGHT = 0.02  # of the energy of the triangles that only fill a hole


@dataclass(frozen=True)
class HalfSheet:
    """The left half of the skin, to be flattened. N vertices of the half, in `vertices`' order."""

    vertices: np.ndarray  # (N,) index into the head
    positions: np.ndarray  # (N, 3) metres
    quads: np.ndarray  # (F, 4) into the half
    midline: np.ndarray  # front midline, neck's border to crown, in order; the mouth's gap is one step
    seam: np.ndarray  # crown to the nape's end, in order
    border: np.ndarray  # neck's border from the throat to the nape, in order, ends included


def half_sheet(template: np.ndarray, quads: np.ndarray, crown: float = np.deg2rad(35)) -> HalfSheet:
    """Cut out the half. `quads` (F, 4) are the skin's faces; `crown`: the seam starts so far behind the zenith."""
    half = quads[(template[quads][:, :, 0] >= -1e-7).all(1)]
    vertices = np.unique(half)
    local = np.full(len(template), -1)
    local[vertices] = np.arange(len(vertices))
    half, positions = local[half], template[vertices]
    edges = _boundary(half)
    on_axis = np.abs(positions[:, 0]) < 1e-7
    axis_edges = edges[on_axis[edges].all(1)]
    chains = _chains(axis_edges)
    # The midline has two chains: throat and chin up to the lower lip, and upper lip over the skull to the nape.
    lower = min(chains, key=lambda chain: positions[chain, 2].max())
    upper = next(chain for chain in chains if chain is not lower)
    lower = lower if positions[lower[0], 2] < positions[lower[-1], 2] else lower[::-1]
    upper = upper if positions[upper[0], 1] < positions[upper[-1], 1] else upper[::-1]
    centre = np.array([0.0, 0.0, positions[:, 2].max() - 0.10])
    angle = np.arctan2(positions[upper, 1] - centre[1], positions[upper, 2] - centre[2])
    start = int(np.argmax((angle > crown) & (positions[upper, 2] > centre[2])))
    other = [chain for chain in _chains(edges[~on_axis[edges].all(1)])]
    border = min(other, key=lambda chain: positions[chain, 2].min())
    border = border if border[0] == lower[0] else border[::-1]
    assert border[0] == lower[0]
    assert border[-1] == upper[-1]
    return HalfSheet(vertices, positions, half, np.concatenate([lower, upper[:start + 1]]), upper[start:], border)


def flatten(sheet: HalfSheet, magnification: np.ndarray, importance: np.ndarray,
            iterations: int = ITERATIONS) -> np.ndarray:
    """(N, 2) in the half square [0.5, 1] x [0, 1].

    `magnification` (N,) wanted relative scale, linear; `importance` (N,) how much distortion costs there.
    """
    triangles = np.concatenate([sheet.quads[:, c] for c in ((0, 1, 2), (0, 2, 3), (0, 1, 3), (1, 2, 3))])
    fixed = _sides(sheet)
    plugs, hub_positions, hub_on_axis = _plugs(sheet)
    positions = np.concatenate([sheet.positions, hub_positions])
    positions = positions + _parted(sheet, positions)
    rest = _rest_frames(positions, np.concatenate([triangles, plugs]))
    scale = np.r_[magnification[triangles].mean(1), np.full(len(plugs), magnification.max())]
    rest = rest * scale[:, None, None]
    area = np.abs(np.linalg.det(rest)) / 2
    rest *= np.sqrt(0.5 / (area[:len(triangles)].sum() / 2 + area[len(triangles):].sum()))  # quads are there twice
    start = _tutte(sheet, fixed)
    hubs = len(sheet.positions) + np.flatnonzero(hub_on_axis)
    fixed = {**fixed, "left": np.concatenate([fixed["left"], hubs])}
    weight = np.r_[importance[triangles].mean(1), np.full(len(plugs), PLUG_WEIGHT)]
    answer = _slim(start, np.concatenate([triangles, plugs]), rest, weight, fixed, iterations)
    return answer[:len(sheet.positions)]


def skin_uvs(half: np.ndarray, sheet: HalfSheet, template: np.ndarray, faces: np.ndarray,
             mirror: np.ndarray) -> np.ndarray:
    """(F, 4, 2) corner coordinates of the whole skin, both halves, with MARGIN around."""
    of_left = np.full((len(template), 2), np.nan)
    of_left[sheet.vertices] = half
    centre = template[faces][:, :, 0].mean(1)
    left = of_left[faces]
    right = of_left[mirror[faces]] * [-1, 1] + [1, 0]
    uvs = np.where((centre > 0)[:, None, None], left, right)
    assert np.isfinite(uvs).all()
    return MARGIN + (1 - 2 * MARGIN) * uvs


def _sides(sheet: HalfSheet) -> dict[str, np.ndarray]:
    """Which vertices slide on which side; corners are on two sides and so do not move."""
    length = np.r_[0, np.linalg.norm(np.diff(sheet.positions[sheet.seam], axis=0), axis=1).cumsum()]
    corner = int(np.argmin(np.abs(length / length[-1] - CORNER)))
    return {"left": sheet.midline, "top": sheet.seam[:corner + 1], "right": sheet.seam[corner:], "bottom": sheet.border}


def _tutte(sheet: HalfSheet, sides: dict[str, np.ndarray]) -> np.ndarray:
    """Uniform-weight embedding with the outer border on the half square; eye and mouth holes closed by a hub each."""
    count = len(sheet.positions)

    def spread(chain: np.ndarray) -> np.ndarray:
        steps = np.linalg.norm(np.diff(sheet.positions[chain], axis=0), axis=1).cumsum()
        return np.r_[0, steps / steps[-1]]

    target = np.full((count, 2), np.nan)
    target[sides["bottom"]] = np.stack([0.5 + 0.5 * spread(sides["bottom"]), 0 * spread(sides["bottom"])], 1)
    target[sides["left"]] = np.stack([0.5 + 0 * spread(sides["left"]), spread(sides["left"])], 1)
    target[sides["top"]] = np.stack([0.5 + 0.5 * spread(sides["top"]), 1 + 0 * spread(sides["top"])], 1)
    target[sides["right"]] = np.stack([1 + 0 * spread(sides["right"]), 1 - spread(sides["right"])], 1)
    edges = np.unique(np.sort(np.concatenate([sheet.quads[:, [k, (k + 1) % 4]] for k in range(4)]
                                             + [sheet.quads[:, [0, 2]], sheet.quads[:, [1, 3]]]), 1), axis=0)
    pinned = np.isfinite(target[:, 0])
    hubs = [np.unique(chain) for chain in _holes(sheet)]
    links = [np.stack([np.full(len(rim), count + number), rim], 1) for number, rim in enumerate(hubs)]
    total = count + len(hubs)
    target = np.concatenate([target, np.full((len(hubs), 2), np.nan)])
    for number, rim in enumerate(hubs):
        if pinned[rim].any():  # the mouth: its hub lies on the midline between the lips
            target[count + number] = np.nanmean(target[rim], 0)
    pinned = np.isfinite(target[:, 0])
    pairs = np.concatenate([edges, *links])
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), shape=(total, total))
    graph = (graph + graph.T).tocsr()
    laplacian = csr_matrix((np.asarray(graph.sum(1)).ravel(), (range(total), range(total))), (total, total)) - graph
    answer = target.copy()
    right = -laplacian[~pinned][:, pinned] @ target[pinned]
    answer[~pinned] = splu(laplacian[~pinned][:, ~pinned].tocsc()).solve(right)
    return answer


def _holes(sheet: HalfSheet) -> list[np.ndarray]:
    """Borders of the eye and of the mouth, as chains; the mouth's starts and ends on the midline."""
    on_side = np.zeros(len(sheet.positions), bool)
    for chain in (sheet.midline, sheet.seam, sheet.border):
        on_side[chain] = True
    boundary = _boundary(sheet.quads)
    return _chains(boundary[~on_side[boundary].all(1)])


def _plugs(sheet: HalfSheet) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A fan of triangles in every hole, so that lids and lips cannot overlap.

    Fans (P, 3), positions of their hubs (H, 3), and which hubs lie on the midline (H,).
    """
    fans: list[np.ndarray] = []
    hubs: list[np.ndarray] = []
    axis: list[bool] = []
    for chain in _holes(sheet):
        rim = sheet.positions[chain]
        open_chain = abs(rim[0, 0]) < 1e-7 and abs(rim[-1, 0]) < 1e-7
        hub = (rim[0] + rim[-1]) / 2 if open_chain else rim.mean(0)
        pairs = np.stack([chain, np.roll(chain, -1)], 1)[:len(chain) - open_chain]
        fan = np.column_stack([np.full(len(pairs), len(sheet.positions) + len(hubs)), pairs])
        # Same sense as the surface: an edge of the rim runs the other way round in the face beside it.
        directed = {tuple(edge) for k in range(4) for edge in sheet.quads[:, [k, (k + 1) % 4]].tolist()}
        if tuple(pairs[0].tolist()) in directed:
            fan = fan[:, [0, 2, 1]]
        fans.append(fan)
        hubs.append(hub)
        axis.append(open_chain)
    return (np.concatenate([np.zeros((0, 3), int), *fans]), np.reshape(hubs, (-1, 3)), np.array(axis, bool))


def _parted(sheet: HalfSheet, positions: np.ndarray) -> np.ndarray:
    """Displacement that opens the lips by MOUTH_GAP, so that the mouth's plug has a shape to keep."""
    shift = np.zeros_like(positions)
    for chain in _holes(sheet):
        rim = positions[chain]
        if abs(rim[0, 0]) < 1e-7 and abs(rim[-1, 0]) < 1e-7:
            corner = int(rim[:, 0].argmax())
            sign = np.where(np.arange(len(chain)) < corner, -1, 1) * (1 if rim[0, 2] < rim[-1, 2] else -1)
            lens = 1 - (rim[:, 0] / rim[corner, 0]) ** 2
            shift[chain, 2] = MOUTH_GAP / 2 * sign * lens
    return shift


def _slim(start: np.ndarray, triangles: np.ndarray, rest: np.ndarray, weights: np.ndarray, sides: dict[str, np.ndarray],
          iterations: int) -> np.ndarray:
    """Lower the symmetric Dirichlet energy without ever turning a triangle over."""
    count = len(start)
    inverse = np.linalg.inv(rest)  # (T, 2, 2) columns of `rest` are the triangle's two edges
    area = np.abs(np.linalg.det(rest)) / 2 * weights
    frozen = np.zeros((count, 2), bool)
    for name, axis in (("left", 0), ("right", 0), ("top", 1), ("bottom", 1)):
        frozen[sides[name], axis] = True
    free = np.flatnonzero(~frozen.ravel())
    gradient = _gradient_operator(triangles, inverse, count)
    uv = start.copy()
    energy = _energy(gradient, uv, area)
    for _ in range(iterations):
        jacobian = (gradient @ uv).reshape(len(triangles), 2, 2).transpose(0, 2, 1)
        u, sigma, vt = np.linalg.svd(jacobian)
        rotation = u @ vt
        factor = np.sqrt(np.where(np.abs(sigma - 1) < 1e-4, 4.0, (sigma - sigma**-3) / (sigma - 1 + 1e-12)))
        weight = u @ (factor[:, :, None] * u.transpose(0, 2, 1))
        step = _solve(gradient, weight, rotation, area, uv, free) - uv
        uv, energy, moved = _line_search(uv, step, triangles, gradient, area, energy)
        if moved < 1e-7:
            break
    return uv


def _gradient_operator(triangles: np.ndarray, inverse: np.ndarray, count: int) -> csr_matrix:
    """(2T, N): rows 2t, 2t+1 of (operator @ uv) are the transposed Jacobian of triangle t."""
    number = np.arange(len(triangles))
    rows, columns, values = [], [], []
    for axis in range(2):
        first, second = inverse[:, 0, axis], inverse[:, 1, axis]
        for corner, value in ((0, -first - second), (1, first), (2, second)):
            rows.append(2 * number + axis)
            columns.append(triangles[:, corner])
            values.append(value)
    return csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
                      (2 * len(triangles), count))


def _solve(gradient: csr_matrix, weight: np.ndarray, rotation: np.ndarray, area: np.ndarray, uv: np.ndarray,
           free: np.ndarray) -> np.ndarray:
    """Minimise sum area |W (J - R)|^2 over the free coordinates."""
    from scipy.sparse import bmat, diags

    metric = np.einsum("tki,tkj,t->tij", weight, weight, area)  # W^T W, symmetric
    spread = np.repeat(metric, 2, axis=0)  # one per Jacobian column
    blocks = [[gradient.T @ diags(spread[:, a, b]) @ gradient for b in range(2)] for a in range(2)]
    wanted = rotation.transpose(0, 2, 1).reshape(-1, 2)  # rows follow the operator's
    right = [gradient.T @ (spread[:, a, 0] * wanted[:, 0] + spread[:, a, 1] * wanted[:, 1]) for a in range(2)]
    count = len(uv)
    order = np.arange(2 * count).reshape(2, count).T.ravel()  # to interleaved u, v per vertex
    system = bmat(blocks).tocsr()[order][:, order]
    vector = np.concatenate(right)[order]
    flat = uv.ravel().copy()
    held = np.setdiff1d(np.arange(2 * count), free)
    inner = system[free][:, free] + diags(np.full(len(free), 1e-9))
    flat[free] = splu(inner.tocsc()).solve(vector[free] - system[free][:, held] @ flat[held] + 1e-9 * flat[free])
    return flat.reshape(-1, 2)


def _energy(gradient: csr_matrix, uv: np.ndarray, area: np.ndarray) -> float:
    """Symmetric Dirichlet: sum area (|J|^2 + |J^-1|^2); infinite when a triangle is turned over."""
    jacobian = (gradient @ uv).reshape(-1, 2, 2)
    determinant = np.linalg.det(jacobian)
    if (determinant <= 0).any():
        return np.inf
    squared = (jacobian**2).sum((1, 2))
    return float((area * (squared + squared / determinant**2)).sum())


def _line_search(uv: np.ndarray, step: np.ndarray, triangles: np.ndarray, gradient: csr_matrix, area: np.ndarray,
                 energy: float) -> tuple[np.ndarray, float, float]:
    """The longest of the halved steps that lowers the energy, starting below the first turned triangle."""
    p, d = uv[triangles], step[triangles]
    e1, e2, f1, f2 = p[:, 1] - p[:, 0], p[:, 2] - p[:, 0], d[:, 1] - d[:, 0], d[:, 2] - d[:, 0]

    def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]

    c, b, a = cross(e1, e2), cross(e1, f2) + cross(f1, e2), cross(f1, f2)
    with np.errstate(all="ignore"):
        root = np.sqrt(b * b - 4 * a * c)
        times = np.stack([-2 * c / (b + root), -2 * c / (b - root)])
    times = times[np.isfinite(times) & (times > 0)]
    length = min(1.0, 0.8 * times.min()) if len(times) else 1.0
    for _ in range(40):
        candidate = uv + length * step
        value = _energy(gradient, candidate, area)
        if value < energy:
            return candidate, value, (energy - value) / value
        length /= 2
    return uv, energy, 0.0


def _rest_frames(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """(T, 2, 2): columns are the triangle's edges in an orthonormal frame of its plane."""
    a, b, c = (positions[triangles[:, k]] for k in range(3))
    e1, e2 = b - a, c - a
    length = np.linalg.norm(e1, axis=1)
    along = (e1 * e2).sum(1) / length
    height = np.linalg.norm(np.cross(e1, e2), axis=1) / length
    return np.stack([np.stack([length, along], 1), np.stack([0 * length, np.maximum(height, 1e-6)], 1)], 1)


def _boundary(quads: np.ndarray) -> np.ndarray:
    edges = np.sort(np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


def _chains(edges: np.ndarray) -> list[np.ndarray]:
    """Connected chains of vertices, each in walking order; a closed chain starts anywhere."""
    neighbours: dict[int, list[int]] = {}
    for a, b in edges.tolist():
        neighbours.setdefault(a, []).append(b)
        neighbours.setdefault(b, []).append(a)
    chains: list[np.ndarray] = []
    seen: set[int] = set()
    for start in sorted(neighbours, key=lambda vertex: (len(neighbours[vertex]) != 1, vertex)):
        if start in seen:
            continue
        chain = [start]
        seen.add(start)
        while ahead := [n for n in neighbours[chain[-1]] if n not in seen]:
            chain.append(ahead[0])
            seen.add(ahead[0])
        chains.append(np.array(chain))
    return chains
