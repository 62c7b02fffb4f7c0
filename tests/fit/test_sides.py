"""Which way round photos show a real face: its skin tells, where landmarks cannot."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.capture import observe
from backend.fit import FitConfig
from backend.fit.fitting import compare
from backend.fit.noise import measured_noise
from backend.fit.start import HeadPoints

PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Three of one face: large, darker and from farther, and smaller, coarser and another part of the scene."""
    folder, random = tmp_path_factory.mktemp("sides"), np.random.default_rng(3)
    image = cv2.imread(str(PORTRAIT))
    height, width = image.shape[:2]
    dark = (255 * (image / 255.0) ** 1.3 * 0.8).astype(np.uint8)
    far = cv2.copyMakeBorder(dark, height // 5, 0, width // 4, width // 4, cv2.BORDER_REPLICATE)
    small = cv2.resize(image[:, width // 12:], None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA)
    small = np.clip(small + random.normal(0, 5, small.shape), 0, 255).astype(np.uint8)
    large = cv2.resize(image, None, fx=6, fy=6, interpolation=cv2.INTER_CUBIC)
    pictures = {"first": large, "far": far, "small": small}
    made = {}
    for name, picture in pictures.items():
        for turned in (False, True):
            path = folder / f"{name}{'_mirrored' * turned}.png"
            cv2.imwrite(str(path), picture[:, ::-1] if turned else picture)
            made[path.stem] = observe(path)
    return made


def compared(head, photos, *names):
    config = FitConfig()
    return compare([photos[name] for name in names], HeadPoints.of(head, config), config, measured_noise())


def test_nothing_is_turned_round_that_is_not_mirrored(head, photos):
    found = compared(head, photos, "first", "far", "small")
    assert not found.mirrored.any()
    assert not found.said


@pytest.mark.parametrize("odd", ["far", "small"])
def test_a_mirrored_selfie_among_photos_is_turned_round_and_named(head, photos, odd):
    names = ["first", *(f"{name}{'_mirrored' * (name == odd)}" for name in ("far", "small"))]
    found = compared(head, photos, *names)
    assert found.mirrored.tolist() == [name.endswith("_mirrored") for name in names]
    assert f"{odd}_mirrored.png is the mirror image of the other photos" in " ".join(found.said)


def test_of_two_photos_one_is_turned_round_and_the_doubt_said(head, photos):
    found = compared(head, photos, "first", "small_mirrored")
    assert found.mirrored.sum() == 1
    assert "or the other side is mirrored" in " ".join(found.said)
