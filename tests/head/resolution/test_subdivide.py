"""The dense mesh on surfaces whose right answer is known, and on the default head."""

import numpy as np
import pytest

from backend.head.model import HeadModel
from backend.head.resolution.subdivide import MATERIALS, Dense, subdivide, subdivide_faces


def fine(vertices: np.ndarray, faces: np.ndarray) -> Dense:
    every = np.ones(len(faces), bool)
    return subdivide_faces(len(vertices), faces, np.zeros((len(faces), 4, 2)), np.zeros(len(faces), int), every)


def quad_grid(count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` x `count` vertices at whole numbers in the xy plane."""
    index = np.arange(count * count).reshape(count, count)
    faces = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    row, column = np.divmod(np.arange(count * count), count)
    return np.stack([column, row, 0 * row], 1).astype(float), faces


def triangle_grid(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Equilateral triangles; valence 6 inside."""
    vertices, quads = quad_grid(count)
    vertices = vertices @ np.array([[1, 0, 0], [0.5, np.sqrt(0.75), 0], [0, 0, 1]])
    triangles = np.concatenate([quads[:, [0, 1, 3]], quads[:, [1, 2, 3]]])
    return vertices, np.column_stack([triangles, np.full(len(triangles), -1)])


def sphere(count: int) -> tuple[np.ndarray, np.ndarray]:
    """A cube of `count` x `count` quads a side blown up to the unit sphere: eight vertices of valence 3."""
    line = np.tan(np.linspace(-np.pi / 4, np.pi / 4, count + 1))
    a, b = (axis.ravel() for axis in np.meshgrid(line, line))
    _, faces = quad_grid(count + 1)
    points: list[np.ndarray] = []
    cells: list[np.ndarray] = []
    for axis in range(3):
        for side in (-1, 1):
            point = np.stack([np.full(a.size, float(side)), a, b], 1)
            cells.append((faces if side > 0 else faces[:, ::-1]) + len(points) * a.size)
            points.append(np.roll(point, axis, 1))
    place = np.concatenate(points)
    place /= np.linalg.norm(place, axis=1, keepdims=True)
    _, first, welded = np.unique(place.round(9), axis=0, return_index=True, return_inverse=True)
    return place[first], welded.reshape(-1)[np.concatenate(cells)]


@pytest.mark.parametrize("grid", [quad_grid, triangle_grid])
def test_a_plane_stays_a_plane_with_evenly_spaced_points(grid: object) -> None:
    vertices, faces = grid(6)  # type: ignore[operator]
    dense = fine(vertices, faces)
    place = dense.apply(vertices)
    np.testing.assert_array_equal(place[:len(vertices)], vertices)
    assert np.abs(place[:, 2]).max() == 0
    assert len(dense.faces) == 4 * len(faces)
    middle = np.abs(vertices - vertices.mean(0)).max(1) < 1.1  # away from the rim, where spacing is even
    corners = place[dense.faces[:, :3]]
    length = np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)[middle[np.minimum(dense.faces[:, 0], 35)]
                                                                  & (dense.faces[:, 0] < 36)]
    np.testing.assert_allclose(length, 0.5, atol=1e-6)


def test_along_a_curve_it_is_the_four_point_scheme() -> None:
    """A ridge that runs along y: the new points have weights -1/16, 9/16, 9/16, -1/16 of the heights around."""
    vertices, faces = quad_grid(9)
    height = np.random.default_rng(1).normal(size=9)
    vertices[:, 2] = height[vertices[:, 0].astype(int)]
    place = fine(vertices, faces).apply(vertices)
    middle = place[(np.abs(place[:, 0] - 4.5) < 1e-6) & (np.abs(place[:, 1] - 4) < 0.6)]
    assert len(middle) == 3
    expected = (9 * (height[4] + height[5]) - height[3] - height[6]) / 16
    np.testing.assert_allclose(middle[:, 2], expected, atol=1e-6)


def test_new_points_of_a_sphere_lie_on_the_sphere() -> None:
    vertices, faces = sphere(6)
    dense = fine(vertices, faces)
    place = dense.apply(vertices)[len(vertices):]
    linear = subdivide_faces(len(vertices), faces, np.zeros((len(faces), 4, 2)), np.zeros(len(faces), int),
                             np.ones(len(faces), bool), steps=0).apply(vertices)[len(vertices):]
    error, drawn_in = 1 - np.linalg.norm(place, axis=1), 1 - np.linalg.norm(linear, axis=1)
    assert np.abs(error).max() < 0.25 * np.abs(drawn_in).max()
    assert np.abs(error).mean() < 0.1 * np.abs(drawn_in).mean()


def test_an_open_rim_depends_on_the_rim_alone() -> None:
    """Lids and the neck's end: what lies inside may move without moving the rim."""
    vertices, faces = triangle_grid(6)
    dense = fine(vertices, faces)
    moved = vertices.copy()
    rim = (vertices[:, 1] < 0.01)
    moved[~rim, 2] += 1
    moved[(vertices[:, 1] > 0.01) & ~rim, 2] += np.arange((~rim).sum())
    change = dense.apply(moved) - dense.apply(vertices)
    on_rim = dense.apply(vertices)[:, 1] < 1e-6
    inner = on_rim & (dense.apply(vertices)[:, 0] > 1) & (dense.apply(vertices)[:, 0] < 4)
    assert inner.sum() >= 5
    assert np.abs(change[inner]).max() < 1e-6


@pytest.fixture(scope="module")
def dense(head: HeadModel) -> Dense:
    return subdivide(head)


def test_the_operator_is_local_and_its_rows_sum_to_one(head: HeadModel, dense: Dense) -> None:
    sums = np.add.reduceat(dense.weight.astype(np.float64), dense.start[:-1])
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    assert np.diff(dense.start).max() <= 40
    count = len(head.template)
    np.testing.assert_array_equal(dense.index[:count], np.arange(count))
    np.testing.assert_array_equal(dense.apply(head.template)[:count], head.template)


def test_skin_mouth_and_tongue_are_finer_and_the_rest_is_as_it_was(head: HeadModel, dense: Dense) -> None:
    for index, name in enumerate(head.material_names):
        factor = 4 if name in MATERIALS else 1
        assert (dense.material == index).sum() == factor * (head.material == index).sum()
        if factor == 1:
            np.testing.assert_array_equal(dense.faces[dense.material == index], head.faces[head.material == index])
    used = np.unique(dense.faces[dense.faces >= 0])
    assert len(used) == len(dense.start) - 1


def test_texture_is_the_base_s_own(head: HeadModel, dense: Dense) -> None:
    """Every fine face lies in the UV face it came from: areas add up, with no face turned over."""
    def area(uvs: np.ndarray) -> np.ndarray:
        a, b = uvs[:, 2] - uvs[:, 0], uvs[:, 3] - uvs[:, 1]
        return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2

    base = (head.material == head.material_index("skin")) & (head.faces[:, 3] >= 0)
    skin = dense.material == head.material_index("skin")
    np.testing.assert_allclose(area(dense.uvs[skin]).reshape(-1, 4).sum(1), area(head.uvs[base]), atol=1e-8)
    low, high = head.uvs[base].min(1), head.uvs[base].max(1)
    inside = dense.uvs[skin].reshape(-1, 16, 2)
    assert (inside >= low[:, None] - 1e-6).all()
    assert (inside <= high[:, None] + 1e-6).all()


def test_the_dense_head_is_smoother_symmetric_and_near(head: HeadModel, dense: Dense) -> None:
    place = dense.apply(head.template)
    skin = head.material_index("skin")
    before = bends(head.template, head.faces[head.material == skin])
    after = bends(place, dense.faces[dense.material == skin])
    assert np.median(after) < 0.6 * np.median(before)
    assert np.percentile(after, 90) < 0.6 * np.percentile(before, 90)
    points = np.round(place * [-1, 1, 1], 6) + 0.0
    assert {tuple(point) for point in points} == {tuple(point) for point in np.round(place, 6) + 0.0}
    corners = dense.faces[dense.material == skin].reshape(-1, 4, 4)  # four fine faces of each quad: here, next, ...
    here, new = place[corners[..., 0]], place[corners[..., 1]]
    assert np.linalg.norm(new - (here + np.roll(here, -1, 1)) / 2, axis=-1).max() < 2e-3


def test_lids_and_lips_move_as_smoothly_as_they_lie(head: HeadModel, dense: Dense) -> None:
    """A shape key through the operator equals the operator on the shaped face: one matrix for all."""
    key = head.arkit_deltas[0]
    np.testing.assert_allclose(dense.apply(head.template + key), dense.apply(head.template) + dense.apply(key),
                               atol=1e-6)


def bends(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Degrees between the two sides of every inner edge."""
    triangles = np.concatenate([faces[:, :3], faces[faces[:, 3] >= 0][:, [0, 2, 3]]])
    corners = vertices[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    edge = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    order = np.lexsort(edge.T)
    edge, owner = edge[order], np.tile(np.arange(len(triangles)), 3)[order]
    inner = (edge[1:] == edge[:-1]).all(1)
    cosine = (normal[owner[:-1][inner]] * normal[owner[1:][inner]]).sum(1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))
