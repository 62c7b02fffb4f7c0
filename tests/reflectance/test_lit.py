"""Several photos, one light: what the texture is lit with, and what that says of every photo's own light."""

from dataclasses import replace

import numpy as np
import pytest

from backend.core import harmonics
from backend.head.model import default_head
from backend.reflectance.beard import beard_of
from backend.reflectance.light import Light, sphere
from backend.reflectance.lit import harmonics_of, stages
from backend.reflectance.regions import SkinSpace
from backend.unwrap import ObservedTexture, unwrap
from tests.unwrap.studio import Light as Lamp
from tests.unwrap.studio import fit_of, paint, photograph, sky


@pytest.fixture(scope="module")
def two():
    """A fit and a texture of two photos, the second a third as bright and lit from the left."""
    head = default_head()
    albedo = paint(head)
    shots = [photograph(head, albedo, Lamp(light), yaw=yaw, pixels=300, directions=16)
             for light, yaw in ((sky(0.9), 0.0), (sky(0.3, left=0.5), 0.4))]
    fit = fit_of(head, shots)
    return head, fit, unwrap([shot.observation for shot in shots], fit, head, 512)


def lights(level: float) -> list[Light]:
    environment = np.maximum(harmonics.basis(sphere()) @ sky(level), 0)
    return [Light(environment, np.zeros((0, 3)), np.zeros((0, 3)))] * 2


def test_one_stage_holds_all_that_was_seen(two):
    head, fit, texture = two
    space = SkinSpace.of(head, fit.neutral)
    weight = texture.weight
    on = stages(texture, fit, head, space, weight, beard_of(space, texture.colour, weight))
    assert [stage is None for stage in on] == [number != texture.lit_by for number in range(2)]
    stage = on[texture.lit_by]
    assert stage is not None
    views = texture.best_view[1::2, 1::2][stage.mine]
    assert {int(view) for view in np.unique(views)} == {0, 1}
    # Every texel is looked at from the camera that read it.
    toward = texture.camera[views] - stage.points
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    assert np.einsum("nk,nk->n", toward, stage.to_eye).min() > 0.999


def test_the_light_of_each_photo_follows_from_the_common_one(two):
    _, _, texture = two
    found = harmonics_of(lights(0.9), texture)
    shade = [harmonics.shading(np.array([[0.0, -1, 0], [1, 0, 0], [-1, 0, 0]]), light)[:, 1] for light in found]
    assert shade[0][0] / shade[1][0] == pytest.approx(3.0, rel=0.2), "a third as bright in front"
    assert shade[1][1] / shade[1][2] > 1.3 * shade[0][1] / shade[0][2], "and lit from the left"


def test_without_a_ratio_every_light_is_its_own():
    plain = lights(0.5)
    shape = (4, 4)
    texture = ObservedTexture(
        np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32), np.zeros((*shape, 3), np.float32),
        np.zeros((*shape, 3), np.float32), np.ones(shape, bool), np.zeros((1, 3)), np.zeros(shape, np.int16),
        np.ones(shape, np.float32), eyes=(None, None))  # type: ignore[arg-type]
    np.testing.assert_allclose(harmonics_of(plain, texture), np.stack([light.light_sh for light in plain]))
    doubled = np.zeros((2, 9, 3))
    doubled[1, 0] = np.log(2) / 0.28209479
    raised = harmonics_of(plain, replace(texture, light_ratio=doubled))
    np.testing.assert_allclose(raised[0], 2 * raised[1], atol=1e-6)
    np.testing.assert_allclose(raised[0], plain[0].light_sh, atol=0.02)
