"""What is believed to be a person's own colour at large scale."""

import numpy as np
import pytest

from backend.core.colour import REC709_LUMINANCE
from backend.reflectance.albedo import BLUER, GREYER, PAST, _skinlike


def log_colour(red: float, blue: float) -> np.ndarray:
    """(1, 1, 3) of luminance 0 with those ln R/G and ln B/G."""
    green = -(REC709_LUMINANCE[0] * red + REC709_LUMINANCE[2] * blue)
    return np.array([[[green + red, green, green + blue]]], np.float32)


def ratios(colour: np.ndarray) -> tuple[float, float]:
    return float(colour[0, 0, 0] - colour[0, 0, 1]), float(colour[0, 0, 2] - colour[0, 0, 1])


@pytest.mark.parametrize(("red", "blue"), [(0.3, -0.3), (0.0, 0.0), (-0.8 * GREYER, 0.8 * BLUER)])
def test_blood_tan_and_a_little_of_anything_stay(red, blue):
    assert ratios(_skinlike(log_colour(red, blue), np.ones((1, 1)))) == pytest.approx((red, blue), abs=1e-6)


def test_grey_and_blue_patches_are_the_light_s():
    found = _skinlike(log_colour(-0.5, 0.6), np.ones((1, 1)))
    assert ratios(found) == pytest.approx((-GREYER - PAST * (0.5 - GREYER), BLUER + PAST * (0.6 - BLUER)), abs=1e-6)
    assert float(found[0, 0] @ REC709_LUMINANCE) == pytest.approx(0, abs=1e-6)


def test_stubble_may_be_greyer():
    skin, beard = (ratios(_skinlike(log_colour(-1.8 * GREYER, 0.0), np.full((1, 1), wide)))[0] for wide in (1.0, 2.0))
    assert skin > -1.2 * GREYER
    assert beard == pytest.approx(-1.8 * GREYER, abs=1e-6)
