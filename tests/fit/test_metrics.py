"""The benchmark's ruler, against distances known in closed form."""

import numpy as np

from benchmarks.fit_metrics import compare, face_points, on_triangle, similarity
from tests.fit.conftest import photograph


def test_nearest_points_of_a_triangle():
    triangle = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
    points = np.array([[0.2, 0.2, 5.0], [2.0, 0, 1], [-1.0, -1, 0], [0.6, 0.6, 0]])
    expected = np.array([[0.2, 0.2, 0], [1, 0, 0], [0, 0, 0], [0.5, 0.5, 0]])
    assert np.allclose(on_triangle(points, np.broadcast_to(triangle, (4, 3, 3))), expected)


def test_similarity_gives_back_what_was_applied():
    random = np.random.default_rng(0)
    points = random.standard_normal((50, 3))
    turn = np.linalg.qr(random.standard_normal((3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    scale, found, shift = similarity(points, 1.3 * points @ turn.T + [1, 2, 3], True)
    assert np.isclose(scale, 1.3)
    assert np.allclose(found, turn)
    assert np.allclose(shift, [1, 2, 3])


def test_a_scaled_copy_is_zero_away_by_similarity_but_not_in_metres(head):
    true = photograph(head, seed=30).vertices
    found = true * 1.05
    marks = head.landmark_points(true)[:468], head.landmark_points(found)[:468]
    triangles = head.triangles[head.triangle_material == head.material_index("skin")]
    region = face_points(head, true)
    result = compare(true[region], found, triangles, *marks)
    assert np.median(result.similarity) < 0.02
    assert abs(result.scale - 1.05) < 0.002
    assert np.median(result.rigid) > 0.5
    assert 500 < len(region) < len(true)
