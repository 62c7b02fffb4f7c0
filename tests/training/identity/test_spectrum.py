"""Harmonics of a surface against what is known of a sphere."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from backend.head.register.smooth import cotangent_laplacian
from backend.training.identity.spectrum import spectrum


@pytest.fixture(scope="module")
def sphere() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=1.0)
    vertices, triangles = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    mirror = cKDTree(vertices * [-1, 1, 1]).query(vertices)[1]
    return vertices, triangles, mirror


def test_laplacian_of_a_constant_is_zero_and_areas_add_up(sphere):
    vertices, triangles, _ = sphere
    stiffness, areas = cotangent_laplacian(vertices, triangles)
    assert np.abs(stiffness @ np.ones(len(vertices))).max() < 1e-12
    assert areas.sum() == pytest.approx(4 * np.pi, rel=0.01)
    assert np.linalg.eigvalsh(stiffness.toarray()).min() > -1e-10


def test_eigenvalues_of_a_sphere_are_l_times_l_plus_one_with_their_multiplicities(sphere):
    found = spectrum(*sphere, count=16)
    expected = np.repeat([0.0, 2.0, 6.0, 12.0], [1, 3, 5, 7])
    np.testing.assert_allclose(found.values, expected, rtol=0.02, atol=1e-6)
    assert (np.diff(found.values) >= -1e-9).all()
    # Of each degree l, l + 1 functions are even in x and l are odd.
    assert [int(found.symmetric[start:stop].sum()) for start, stop in ((0, 1), (1, 4), (4, 9), (9, 16))] == [1, 2, 3, 4]


def test_functions_are_orthonormal_in_the_mass_and_even_or_odd_in_the_mirror(sphere):
    _, _, mirror = sphere
    found = spectrum(*sphere, count=16)
    gram = (found.functions * found.mass) @ found.functions.T
    np.testing.assert_allclose(gram, np.eye(16), atol=1e-8)
    parity = np.where(found.symmetric, 1.0, -1.0)[:, None]
    np.testing.assert_allclose(found.functions[:, mirror], parity * found.functions, atol=1e-8)


def test_a_dense_place_gets_the_finer_waves(sphere):
    vertices, triangles, mirror = sphere
    front = vertices[:, 1] < -0.5
    plain = spectrum(vertices, triangles, mirror, 40)
    dense = spectrum(vertices, triangles, mirror, 40, np.where(front, 20.0, 1.0))
    _, areas = cotangent_laplacian(vertices, triangles)

    def share_in_front(found):
        energy = (found.functions**2 * areas).sum(0)
        return energy[front].sum() / energy.sum()

    assert share_in_front(plain) == pytest.approx(0.25, abs=0.03)
    # Mass-normalised functions are smaller where the density is high; count sign changes instead of energy.
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), 1)
    edges = edges[front[edges].all(1)]

    def crossings(found):
        return (np.sign(found.functions[:, edges[:, 0]]) != np.sign(found.functions[:, edges[:, 1]])).sum()

    assert crossings(dense) > 1.5 * crossings(plain)
