import numpy as np
import pytest

from backend.core import rays

SQUARE = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float64)
HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def test_a_ray_finds_triangle_place_and_distance():
    hits = rays.Mesh(SQUARE, HALVES).cast(np.array([[0.7, 0.2, 2.0]]), np.array([[0, 0, -1.0]]))
    assert hits.triangle.tolist() == [0]
    assert hits.distance == pytest.approx([2.0], abs=1e-5)
    assert hits.barycentric[0] @ SQUARE[HALVES[0]] == pytest.approx([0.7, 0.2, 0], abs=1e-5)


def test_a_ray_that_misses_says_so():
    hits = rays.Mesh(SQUARE, HALVES).cast(np.array([[1.5, 0.2, 2.0]]), np.array([[0, 0, -1.0]]))
    assert not hits.hit.any()
    assert np.isinf(hits.distance).all()


def test_occlusion_counts_only_within_reach():
    mesh = rays.Mesh(SQUARE, HALVES)
    start, down = np.array([[0.5, 0.4, 2.0]]), np.array([[0, 0, -1.0]])
    assert mesh.occluded(start, down).all()
    assert not mesh.occluded(start, down, reach=1.5).any()


def test_normals_of_a_flat_square_point_along_its_winding():
    assert rays.vertex_normals(SQUARE, HALVES) == pytest.approx(np.tile([0, 0, 1.0], (4, 1)))
