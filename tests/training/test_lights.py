"""Environments, and the directional lights they are cut into."""

from __future__ import annotations

import numpy as np
import pytest

from backend.core.colour import luminance
from backend.core.harmonics import basis, equirectangular_directions, project_equirectangular, shading
from backend.training.render import lights


def test_cutting_a_light_keeps_its_power() -> None:
    environment = lights.named("studio")
    _, solid_angle = equirectangular_directions(*environment.shape[:2])
    whole = (environment * solid_angle[..., None]).sum((0, 1))
    np.testing.assert_allclose(lights.directional(environment, 64).power.sum(0), whole, rtol=1e-4)


@pytest.mark.parametrize("name", ["overcast", "studio", "window"])
def test_directional_lights_shade_like_the_environment(name: str) -> None:
    environment = lights.named(name)
    directions, solid_angle = equirectangular_directions(*environment.shape[:2])
    normals = lights.directional(lights.constant(), 50).direction
    cut = lights.directional(environment, 128)
    rough = np.clip(normals @ cut.direction.T, 0, None) @ cut.power
    exact = np.einsum("nhw,hwc->nc", np.clip(np.einsum("nx,hwx->nhw", normals, directions), 0, None),
                      environment * solid_angle[..., None])
    assert np.abs(rough - exact).max() < 0.03 * exact.max()


def test_a_panel_shines_from_where_it_was_asked_for() -> None:
    environment = lights.panel(-70, 20, 20, 20, np.ones(3), 1)
    directions, solid_angle = equirectangular_directions(*environment.shape[:2])
    centre = (directions * (luminance(environment) * solid_angle)[..., None]).sum((0, 1))
    centre /= np.linalg.norm(centre)
    assert centre @ lights.unit(-70, 20) > 0.999
    assert centre[0] < -0.8  # the person's right
    assert centre[1] < 0  # before the face


def test_the_sun_gives_the_irradiance_it_promises() -> None:
    environment = lights.sun(30, 40, np.array([3.0, 2.0, 1.0]))
    _, solid_angle = equirectangular_directions(*environment.shape[:2])
    np.testing.assert_allclose((environment * solid_angle[..., None]).sum((0, 1)), [3, 2, 1], rtol=1e-4)


@pytest.mark.parametrize("name", lights.NAMES)
def test_named_lights_expose_a_white_face_about_one(name: str) -> None:
    environment = lights.named(name)
    directions, solid_angle = equirectangular_directions(*environment.shape[:2])
    seen = []
    for azimuth in (-60, 0, 60):
        facing = np.clip(directions @ lights.unit(azimuth, 0), 0, None) * solid_angle
        seen.append((luminance(environment) * facing).sum() / np.pi)
    assert (seen[1] + max(seen)) / 2 == pytest.approx(1, rel=1e-3)
    assert max(seen) < 2


def test_turning_a_light_by_ninety_degrees_moves_the_front_to_the_left() -> None:
    turned = lights.turned(lights.panel(0, 0, 20, 20, np.ones(3)), 90)
    first_order = project_equirectangular(turned)[1:4, 1]  # y, z, x
    assert first_order[2] > 5 * abs(first_order[0])


def test_a_picture_of_harmonics_has_those_harmonics() -> None:
    light_sh = np.random.default_rng(0).normal(size=(9, 3))
    back = project_equirectangular(lights.from_harmonics(light_sh, (64, 128)))
    np.testing.assert_allclose(back, light_sh, atol=0.01)


def test_cut_harmonics_shade_like_the_closed_form() -> None:
    light_sh = np.zeros((9, 3))
    light_sh[0], light_sh[1], light_sh[3] = 3.0, -1.0, 0.6
    cut = lights.directional(lights.from_harmonics(light_sh), 128)
    normals = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1], [0.6, -0.8, 0]])
    found = np.clip(normals @ cut.direction.T, 0, None) @ cut.power / np.pi
    np.testing.assert_allclose(found, shading(normals, light_sh), rtol=0.02)


def test_warm_light_is_red_and_cold_light_is_blue() -> None:
    warm, cold = lights.kelvin(2700), lights.kelvin(12000)
    assert warm[0] > 2 * warm[2]
    assert cold[2] > 1.3 * cold[0]
    assert luminance(warm) == pytest.approx(1)


def test_random_lights_depend_on_the_generator_alone() -> None:
    one, two = (lights.random(np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - lights.random(np.random.default_rng(5))).max() > 0.1


def test_basis_is_orthonormal_on_the_cut_of_a_constant() -> None:
    cut = lights.directional(lights.constant(), 512)
    values = basis(cut.direction)
    gram = np.einsum("lk,lm,l->km", values, values, cut.power[:, 0])
    np.testing.assert_allclose(gram, np.eye(9), atol=0.03)
