"""One person through the benchmark of the fit, from observations whose truth is known exactly."""

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.head.model import HeadModel, default_head
from benchmarks.fit import measure
from benchmarks.fit_cache import Photographed, known_focal
from benchmarks.fit_metrics import Ruler
from tests.fit.conftest import photograph


def somebody(head: HeadModel) -> tuple[Photographed, np.ndarray]:
    """Calm, then with the jaw open; the photos from the sides were refused."""
    beta = np.random.default_rng(3).standard_normal(len(head.shape_basis))
    truths = [photograph(head, seed=seed, beta=beta, noise=0.002, focal_guess=1100, focal_sigma=0.3,
                         expression={"jawOpen": 0.5} if seed else None) for seed in range(2)]
    weights = np.zeros((4, 52))
    weights[3, ARKIT_NAMES.index("jawOpen")] = 0.5
    intrinsics, matrix = truths[0].intrinsics, truths[0].world_to_camera
    return Photographed(0, 0.2, 3, False, (truths[0].observation, None, None, truths[1].observation),
                        ("photo 1 is dark.", "photo 2 is dark."), truths[0].vertices, weights,
                        np.array([0, 0.5, -0.5, 0]), np.full(4, 50.0), np.stack([intrinsics] * 4),
                        np.stack([matrix] * 4)), truths[0].vertices


def test_a_person_is_fitted_every_way_that_their_photos_allow():
    head = default_head()
    person, neutral = somebody(head)
    result = measure(person, Ruler.of(head, neutral), head, None)
    mean = result.heads["mean head"].similarity.mean()
    assert "three photos" not in result.heads
    assert set(result.photos) == set(result.arkit) == {0, 3}
    for way in ("one photo, landmarks only", "one photo, focal length known", "one photo", "one photo, making a face"):
        assert result.heads[way].similarity.mean() < 0.7 * mean
    assert result.arkit[3][ARKIT_NAMES.index("jawOpen")] > 0.3 > result.arkit[0][ARKIT_NAMES.index("jawOpen")]
    assert result.refused == ("photo 1 is dark.", "photo 2 is dark.")
    assert not result.looks
    assert not result.person.observations  # pictures do not travel between processes


def test_a_known_focal_length_is_the_true_one():
    person, _ = somebody(default_head())
    known = known_focal(person, 0)
    assert known is not None
    assert known.focal.pixels == person.intrinsics[0, 0, 0]
    assert known.focal.sigma < 0.05
    assert known_focal(person, 2) is None
