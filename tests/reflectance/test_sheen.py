"""What skin mirrors: its amount, its place, and that it does not stay on the skin."""

import numpy as np
import pytest

from backend.reflectance.clipping import ratio_of, recovered
from backend.reflectance.curve import curve_of
from backend.reflectance.light import Light, Transfer, refine_light, sphere
from backend.reflectance.sheen import kept, mirrored, mirroring

NONE = np.zeros((0, 3))


def everywhere(radiance: float) -> Light:
    return Light(np.full((len(sphere()), 3), radiance), NONE, NONE)


def plate(normal: np.ndarray, count: int = 1) -> tuple[np.ndarray, Transfer]:
    normals = np.repeat(normal[None] / np.linalg.norm(normal), count, 0).astype(np.float32)
    response = (np.maximum(normals @ sphere().T, 0) * (4 / len(sphere()))).astype(np.float32)
    return normals, Transfer(response, np.zeros(count, np.float32))


def test_straight_on_skin_mirrors_three_percent_of_an_even_light_and_more_at_a_slant():
    light, eye = everywhere(1.0), np.array([[0, -1.0, 0]], np.float32)
    shares = []
    for slant in (0, 75):
        turn = np.radians(slant)
        normals, link = plate(np.array([np.sin(turn), -np.cos(turn), 0]))
        rough = np.full(1, 0.5, np.float32)
        shares.append(mirrored(link, light, np.zeros((1, 0), np.float32), mirroring(light, normals, eye, rough))[0, 0])
    # F0 is 0.028; a rough surface sends some of it into itself, and Fresnel's term adds at slanting directions.
    assert 0.022 < shares[0] < 0.040
    assert shares[1] > 2 * shares[0]


def test_a_small_source_is_mirrored_where_the_angle_is_right():
    eye = np.array([0, -1.0, 0])
    sun = np.array([np.sin(1.0), -np.cos(1.0), 0])
    light = Light(np.zeros((len(sphere()), 3)), sun[None], np.ones((1, 3)))
    angles = np.radians(np.arange(-40, 75, 2.0))
    normals = np.stack([np.sin(angles), -np.cos(angles), 0 * angles], -1).astype(np.float32)
    suns = np.maximum(normals @ sun, 0)[:, None].astype(np.float32)
    link = Transfer(np.zeros((len(angles), len(sphere())), np.float32), np.zeros(len(angles), np.float32))
    mirror = mirroring(light, normals, np.repeat(eye[None], len(angles), 0).astype(np.float32),
                       np.full(len(angles), 0.4, np.float32))
    shine = mirrored(link, light, suns, mirror)[:, 1]
    assert np.degrees(angles[shine.argmax()]) == pytest.approx(np.degrees(0.5), abs=6)


def test_light_and_mirrored_light_are_told_apart_on_dark_skin():
    rng = np.random.default_rng(0)
    normals = rng.normal(size=(1500, 3)) + np.array([0, -1.5, 0])
    normals = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).astype(np.float32)
    normals = normals[normals[:, 1] < -0.35]  # what a camera sees well enough to unwrap
    response = (np.maximum(normals @ sphere().T, 0) * (4 / len(sphere()))).astype(np.float32)
    link = Transfer(response, np.zeros(len(normals), np.float32))
    eye = np.repeat(np.array([[0, -1.0, 0]], np.float32), len(normals), 0)
    true = Light((0.3 + 4 * np.maximum(sphere() @ [0.7, -0.6, 0.4], 0)[:, None] ** 30) * [1.0, 0.9, 0.8], NONE, NONE)
    mirror = mirroring(true, normals, eye, np.full(len(normals), 0.5, np.float32))
    none = np.zeros((len(normals), 0), np.float32)
    albedo = np.broadcast_to(np.array([0.09, 0.05, 0.035]), normals.shape)
    sheen = mirrored(link, true, none, mirror)
    photo = albedo * (response @ true.environment) + sheen
    found = refine_light(link, none, mirror, photo, albedo, np.ones(len(normals)), everywhere(1.0))
    again = mirrored(link, found, none, mirror)
    assert np.abs(again - sheen).mean() < 0.2 * sheen.mean()
    skin = (photo - np.minimum(again, 0.6 * photo)) / (response @ found.environment)
    assert np.log(skin / albedo).std() < 0.5 * np.log(photo / (response @ true.environment) / albedo).std()


def test_noise_in_the_shade_is_no_larger_without_what_is_mirrored():
    rng = np.random.default_rng(3)
    photo = (0.02 * np.exp(rng.normal(0, 0.3, (96, 96, 3)))).astype(np.float32)
    weight = np.ones((96, 96), np.float32)
    left = photo * kept(photo, weight, np.full_like(photo, 0.011), 0.0008)
    assert np.log(left).std() < 1.1 * np.log(photo).std()
    assert left.mean() == pytest.approx(photo.mean() - 0.011, rel=0.05)
    swamped = photo * kept(photo, weight, np.full_like(photo, 0.2), 0.0008)
    assert (swamped > 0.3 * photo).all()
    np.testing.assert_allclose(photo * kept(photo, weight, 0 * photo, 0.0008), photo)


def test_a_camera_that_makes_shadows_colourful_is_undone():
    rng = np.random.default_rng(1)
    light = np.exp(rng.uniform(-2, 0, (64, 64, 1)))
    skin = np.array([0.45, 0.28, 0.20])
    contrast = 1.3  # a gamma on every channel widens ratios; a shoulder narrows them again
    photo = ((skin * light) ** contrast / (1 + 0.8 * (skin * light) ** contrast)).astype(np.float32)
    residual = np.log(photo) - np.log(light)
    where = np.ones((64, 64), bool)
    left = curve_of(photo, residual, where).undone(photo)

    def spread(image: np.ndarray) -> float:
        return float(np.log(image[..., 0] / image[..., 2]).std())

    assert spread(left) < 0.35 * spread(photo)
    luminance = [0.2126, 0.7152, 0.0722]
    np.testing.assert_allclose(left @ luminance, photo @ luminance, rtol=1e-4)


def test_clipped_red_comes_back_from_green():
    light = np.linspace(0.3, 1.6, 4096).reshape(64, 64, 1)
    true = light * np.array([0.75, 0.48, 0.38])
    photo = np.minimum(true, 1).astype(np.float32)
    ratio = ratio_of(photo, np.ones((64, 64), bool))
    assert ratio is not None
    back = recovered(photo, ratio)
    clipped = true[..., 0] > 1.02
    assert clipped.any()
    assert np.abs(back - true)[clipped].max() < 0.03
    np.testing.assert_allclose(back[true[..., 0] < 0.7], photo[true[..., 0] < 0.7], rtol=1e-6)
