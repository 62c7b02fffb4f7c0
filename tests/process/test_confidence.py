"""The confidence map: a place is believed as far as its skin was seen and its shape is known."""

from types import SimpleNamespace

import numpy as np
import pytest

from backend.confidence import confidence_map, shape_certainty
from backend.head.model import default_head
from backend.head.uvspace import rasterise
from backend.report import back_of_head, region_confidence

SPREAD = 0.002  # metres by which people differ
SIZE = 256


@pytest.fixture(scope="module")
def head():
    return default_head()


@pytest.fixture(scope="module")
def fit(head):
    """Surest at the nose, unsure behind; nothing is said of eyes and teeth."""
    sigma = np.where(back_of_head(head, head.template) > 0.5, 3 * SPREAD, SPREAD)
    sigma[~head.material_vertices("skin")] = np.nan
    return SimpleNamespace(neutral=head.template, surface_sigma=sigma, surface_spread=SPREAD)


def test_certainty_is_one_half_where_the_surface_may_be_off_as_far_as_people_differ(head, fit):
    certain = shape_certainty(fit)
    behind, skin = back_of_head(head, head.template) > 0.5, head.material_vertices("skin")
    np.testing.assert_allclose(certain[skin & ~behind], 0.5, atol=1e-6)
    np.testing.assert_allclose(certain[skin & behind], 0.1, atol=1e-6)  # 1 / (1 + 3^2)
    assert (certain[~skin] == 1).all()


def test_both_what_was_seen_and_what_is_known_count(head, fit):
    seen = np.zeros((SIZE, SIZE), np.float32)
    seen[:, SIZE // 2:] = 0.8  # the person's left
    found = region_confidence(head, head.template, confidence_map(SimpleNamespace(confidence=seen), fit, head))
    assert found["cheek_left"] == pytest.approx(0.8 * 0.5, abs=0.01)
    assert found["cheek_right"] == pytest.approx(0, abs=0.01)
    assert found["back"] == pytest.approx(0.5 * 0.8 * 0.1, abs=0.02)


def test_a_fit_that_says_nothing_of_its_sureness_leaves_what_was_seen(head, fit):
    seen = np.random.default_rng(0).random((SIZE, SIZE)).astype(np.float32)
    silent = SimpleNamespace(**{**vars(fit), "surface_sigma": np.zeros(0)})
    assert confidence_map(SimpleNamespace(confidence=seen), silent, head) is seen


def test_islands_of_the_layout_keep_their_value_up_to_the_border(head, fit):
    flat = SimpleNamespace(neutral=head.template, surface_spread=SPREAD,
                           surface_sigma=np.full(len(head.template), SPREAD / 2))
    found = confidence_map(SimpleNamespace(confidence=np.ones((1024, 1024), np.float32)), flat, head)
    np.testing.assert_allclose(found[rasterise(head, 1024).inside], 0.8, atol=1e-4)
