import numpy as np
import pytest

from backend.core import harmonics


def sphere(count: int) -> np.ndarray:
    """Nearly even directions (Fibonacci lattice)."""
    i = np.arange(count) + 0.5
    z = 1 - 2 * i / count
    angle = np.pi * (1 + 5**0.5) * i
    ring = np.sqrt(1 - z * z)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], -1)


def test_the_basis_is_orthonormal_over_the_sphere():
    values = harmonics.basis(sphere(20000))
    gram = values.T @ values * 4 * np.pi / len(values)
    assert gram == pytest.approx(np.eye(9), abs=1e-3)


def test_an_even_white_world_shades_every_side_of_a_white_ball_alike():
    light = harmonics.project_equirectangular(np.ones((64, 128, 3)))
    shaded = harmonics.shading(sphere(200), light)
    assert shaded == pytest.approx(np.ones((200, 3)), abs=1e-3)


def test_shading_equals_the_integral_over_the_environment():
    rng = np.random.default_rng(3)
    light = rng.normal(0, 0.2, (9, 3))
    light[0] = 4.0
    directions = sphere(40000)
    radiance = harmonics.basis(directions) @ light
    for normal in sphere(12):
        cosine = np.maximum(directions @ normal, 0)
        integral = (radiance * cosine[:, None]).mean(0) * 4
        assert harmonics.shading(normal, light) == pytest.approx(integral, abs=2e-3)


def test_the_middle_column_of_an_environment_looks_along_x_and_the_top_row_up():
    directions, solid_angle = harmonics.equirectangular_directions(180, 360)
    assert directions[0].mean(0)[2] == pytest.approx(1, abs=1e-3)
    assert directions[90, 180] == pytest.approx([1, 0, 0], abs=0.02)
    assert directions[90, 90] == pytest.approx([0, 1, 0], abs=0.02)
    assert solid_angle.sum() == pytest.approx(4 * np.pi, rel=1e-3)
