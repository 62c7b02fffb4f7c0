"""Nearest points against a slow search, and the smooth carrying-over of fields."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from backend.head.register.smooth import Smooth, similarity
from backend.head.register.surface import Surface, barycentric_of_closest
from backend.training.identity.register import purify


def test_nearest_point_of_a_triangle_agrees_with_a_fine_search():
    random = np.random.default_rng(1)
    corners = random.standard_normal((60, 3, 3))
    points = random.standard_normal((60, 3)) * 2
    weights = barycentric_of_closest(points, corners)
    assert weights.min() > -1e-9
    np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-12)
    grid = np.array([(i, j, 200 - i - j) for i in range(201) for j in range(201 - i)]) / 200
    for point, corner, weight in zip(points, corners, weights, strict=True):
        slow = np.linalg.norm(grid @ corner - point, axis=1).min()
        fast = np.linalg.norm(weight @ corner - point)
        assert slow - 0.02 < fast <= slow + 1e-9


def test_surface_finds_the_foot_on_a_sphere_and_minds_normals():
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=1.0)
    surface = Surface(np.asarray(mesh.vertices), np.asarray(mesh.faces))
    points = np.random.default_rng(2).standard_normal((50, 3))
    length = np.linalg.norm(points, axis=1)
    triangle, barycentric, distance = surface.closest(points)
    np.testing.assert_allclose(distance, np.abs(length - 1), atol=0.01)
    foot = np.einsum("nc,ncx->nx", barycentric, surface.corners[triangle])
    np.testing.assert_allclose(foot, points / length[:, None], atol=0.06)
    assert np.isinf(surface.closest(points * 1.5, -points / length[:, None])[2]).all()


def test_similarity_returns_the_transform_that_was_applied():
    points = np.random.default_rng(3).standard_normal((30, 3))
    angle = 0.3  # about x, as a mirror-symmetric head can only nod
    turn = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    scale, rotation, shift = similarity(points, 1.2 * points @ turn.T + [0, 0.1, -0.2], scaled=True)
    assert scale == pytest.approx(1.2)
    np.testing.assert_allclose(rotation, turn, atol=1e-12)
    np.testing.assert_allclose(shift, [0, 0.1, -0.2], atol=1e-12)


def test_purified_fields_are_even_or_odd():
    mirror = np.array([1, 0, 2])
    field = np.array([[[1.0, 2, 3], [-1, 2, 3.02], [0, 1, 0]], [[1.0, 2, 3], [1, -2, -3], [1, 0, 0]]])
    pure = purify(field, mirror)
    image = pure[:, mirror] * [-1, 1, 1]
    np.testing.assert_allclose(image[0], pure[0], atol=1e-12)
    np.testing.assert_allclose(image[1], -pure[1], atol=1e-12)


def test_a_field_is_kept_where_known_and_continued_where_not():
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    known = (vertices[:, 1] < 0.05).astype(float)
    field = np.repeat(vertices[None, :, [0]] * 0.1, 3, 2)  # smooth: a tenth of x, at most 10 mm
    elsewhere = field.copy()
    answer = Smooth(vertices, triangles).continued(0.0015, known, field * known[:, None], elsewhere)
    assert np.abs(answer - field)[:, known > 0].max() < 2e-4
    assert np.abs(answer - field).max() < 1e-3
