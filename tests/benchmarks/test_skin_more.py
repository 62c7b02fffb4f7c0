"""What is hidden is hidden, and scores rise with what is better."""

import dataclasses

import numpy as np
import pytest

from backend.unwrap.observed import EyeSample, ObservedTexture
from benchmarks.skin_more import DISC, DISCS, finer, hidden, hide, whole

SIZE = 96
TEXEL = 0.002


@pytest.fixture
def observed() -> ObservedTexture:
    """A flat square of skin, 19 cm wide, all of it seen."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] * TEXEL
    eye = EyeSample(np.full(3, np.nan), np.full(3, np.nan), np.zeros((4, 4, 3)), np.zeros((4, 4)))
    colour = np.full((SIZE, SIZE, 3), (0.5, 0.3, 0.2), np.float32)
    return ObservedTexture(
        colour, np.ones((SIZE, SIZE), np.float32), np.zeros((SIZE, SIZE, 3), np.float32),
        np.stack([columns, rows, 0 * rows], -1).astype(np.float32), np.ones((SIZE, SIZE), bool), np.zeros((1, 3)),
        np.zeros((SIZE, SIZE), np.int16), np.ones((SIZE, SIZE), np.float32), (eye, eye))


def test_discs_of_the_right_size_are_taken_away_and_nothing_else(observed):
    mask = np.zeros((SIZE, SIZE), bool)
    mask[20:-20, 20:-20] = True
    less, gone = hide(observed, mask, np.random.default_rng(1))
    one = np.pi * (DISC / TEXEL) ** 2
    assert 0.5 * one < gone.sum() < 1.1 * DISCS * one
    assert not gone[~mask].any()
    assert not less.weight[gone].any()
    assert not less.colour[gone].any()
    assert (less.best_view[gone] == -1).all()
    kept = mask & ~gone
    assert (less.weight[kept] == 1).all()
    assert (less.colour[kept] == observed.colour[kept]).all()


def test_completion_is_scored_where_it_was_hidden_whatever_the_tone(observed):
    """An estimate that is right but for its exposure scores as if it were right; one that leaves holes does not."""
    mask = np.ones((SIZE, SIZE), bool)
    truth = np.random.default_rng(0).uniform(0.2, 0.4, (SIZE, SIZE, 3)).astype(np.float32)

    def score(holes: float) -> float:
        def estimate(less: ObservedTexture):
            albedo = np.where(less.weight[..., None] > 0, truth, truth * holes) * 0.5
            return dataclasses.make_dataclass("Maps", ["diffuse_albedo"])(albedo)

        return hidden(observed, mask, truth, np.random.default_rng(2), estimate).decibels

    assert score(1.0) > 60
    assert score(0.5) < 20


def test_what_is_finer_than_the_small_map_counts():
    rng = np.random.default_rng(3)
    truth = (0.3 * np.exp(rng.normal(0, 0.1, (SIZE, SIZE, 1))) * np.ones(3)).astype(np.float32)
    small = truth.reshape(SIZE // 2, 2, SIZE // 2, 2, 3).mean((1, 3))
    mask, texel = np.ones((SIZE, SIZE), bool), np.full((SIZE, SIZE), 0.0002, np.float32)
    found = finer(small, 1.4 * truth, truth, mask, texel)
    assert found.decibels > found.enlarged + 10
    assert found.energy == pytest.approx(1, abs=0.01)
    assert found.enlarged_energy < 0.6


def test_a_photo_as_albedo_has_no_holes(observed):
    half = dataclasses.replace(observed, weight=observed.weight * (np.arange(SIZE) < 40),
                               colour=observed.colour * (np.arange(SIZE) < 40)[:, None])
    filled = whole(half, half.weight > 0.3)
    assert filled == pytest.approx(observed.colour, abs=1e-5)
