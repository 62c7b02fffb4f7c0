"""A plain half-edge collapse, for making test heads of an exact number of vertices. Slow and obvious."""

import heapq
import math

import numpy as np

_FLIP = 0.3  # cosine between a face before and after a collapse, below which the collapse is refused


def quadrupled(points: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every triangle cut into four: points, faces and the ends (N, 2) of the edge that each point is the middle of."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1)
    unique, where = np.unique(edges, axis=0, return_inverse=True)
    a, b, c = faces.T
    ab, bc, ca = (len(points) + where.reshape(-1, 3)).T
    cut = np.stack([np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))], 1).reshape(-1, 3)
    ends = np.concatenate([np.repeat(np.arange(len(points))[:, None], 2, 1), unique])
    return points[ends].mean(1), cut, ends


def decimated(points: np.ndarray, faces: np.ndarray, target: int, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Collapse the shortest edges, measured in units of `size` (N,), until `target` points are left.

    Returns the indices of the points that stay, and faces among them. Borders keep their line.
    """
    place = [tuple(p) for p in points.tolist()]
    around: list[set[int]] = [set() for _ in place]
    corner = [list(f) for f in faces.tolist()]
    for number, face in enumerate(corner):
        for vertex in face:
            around[vertex].add(number)

    def neighbours(vertex: int) -> set[int]:
        return {other for number in around[vertex] for other in corner[number]} - {vertex}

    def shared(a: int, b: int) -> set[int]:
        return around[a] & around[b]

    def is_border(a: int) -> bool:
        return any(len(shared(a, other)) == 1 for other in neighbours(a))

    border = [is_border(vertex) for vertex in range(len(place))]

    def length(a: int, b: int) -> float:
        return sum((x - y) ** 2 for x, y in zip(place[a], place[b], strict=True)) ** 0.5 / min(size[a], size[b])

    def cost(gone: int, stays: int) -> float:
        """Of a collapse that leaves a surface; infinite for one that does not."""
        common = shared(gone, stays)
        if border[gone] and not (border[stays] and len(common) == 1):
            return math.inf
        if len(neighbours(gone) & neighbours(stays)) != len(common):  # would pinch the surface
            return math.inf
        worst = 1.0
        for number in around[gone] - common:
            old = [place[v] for v in corner[number]]
            new = [place[stays] if v == gone else place[v] for v in corner[number]]
            before, after = _normal(*old), _normal(*new)
            area = _dot(after, after) ** 0.5
            turn = _dot(before, after) / max(_dot(before, before) ** 0.5 * area, 1e-30)
            if turn < _FLIP:
                return math.inf
            sides = sum(_dot(side, side) for side in (_minus(new[i], new[i - 1]) for i in range(3)))
            worst = min(worst, turn**4 * area / sides)
        return length(gone, stays) / max(worst, 1e-9) ** 0.5

    alive = [True] * len(place)
    left = len(place)
    heap = [(length(a, b), a, b) for a in range(len(place)) for b in neighbours(a)]
    heapq.heapify(heap)
    while left > target:
        promised, gone, stays = heapq.heappop(heap)
        if not (alive[gone] and alive[stays]) or not shared(gone, stays):
            continue
        true = cost(gone, stays)
        if true > promised * 1.001:  # the length alone is a lower bound
            if true < math.inf:
                heapq.heappush(heap, (true, gone, stays))
            continue
        for number in list(around[gone]):
            face = corner[number]
            if stays in face:
                for vertex in face:
                    around[vertex].discard(number)
            else:
                face[face.index(gone)] = stays
                around[stays].add(number)
        alive[gone] = False
        around[gone] = set()
        left -= 1
        for other in neighbours(stays):
            heapq.heappush(heap, (length(other, stays), other, stays))
            heapq.heappush(heap, (length(stays, other), stays, other))
    kept = np.flatnonzero(alive)
    renumber = np.full(len(place), -1)
    renumber[kept] = np.arange(len(kept))
    numbers = sorted({number for vertex in kept for number in around[vertex]})
    return kept, renumber[np.array([corner[number] for number in numbers])]


def _normal(a: tuple, b: tuple, c: tuple) -> tuple[float, float, float]:
    (x, y, z), (u, v, w) = _minus(b, a), _minus(c, a)
    return y * w - z * v, z * u - x * w, x * v - y * u


def _minus(a: tuple, b: tuple) -> tuple[float, float, float]:
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def _dot(a: tuple, b: tuple) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
