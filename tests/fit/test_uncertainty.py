"""What the fit says of its own certainty, region by region."""

import numpy as np
import pytest

from backend.capture import observe
from backend.fit import fit_head
from backend.fit.state import rotation
from backend.fit.uncertainty import region_sigmas, similarities
from benchmarks.fit_sigma import normal_errors
from tests.fit.conftest import photograph
from tests.fit.test_truth import WHITE


@pytest.fixture(scope="module")
def sigma(head):
    """Name of region -> sigma, from one photo and from three."""
    views = [photograph(head, seed=31, beta=np.zeros(len(head.shape_basis)), yaw=yaw, noise=0.01)
             for yaw in (0.0, 0.5, -0.5)]
    fits = [fit_head([view.observation for view in views[:count]], head, noise=WHITE) for count in (1, 3)]
    assert all(fit.region_names == head.region_names for fit in fits)
    return [dict(zip(fit.region_names, fit.region_sigma, strict=True)) for fit in fits]


def test_the_face_is_surer_than_what_no_landmark_touches(sigma):
    one, _ = sigma
    for name in ("nose", "lips", "eye_socket_left"):
        assert 0.0003 < one[name] < 0.002
        assert one[name] < 0.7 * one["scalp"]
    assert one["scalp"] > 0.002


def test_three_photos_are_surer_than_one(sigma):
    one, three = sigma
    for name in ("nose", "cheek_left", "cheek_right", "chin", "jaw"):
        assert three[name] < 0.98 * one[name]  # not more: the landmarker errs alike on all three


def test_the_sides_of_a_face_seen_straight_are_equally_sure(sigma):
    one, _ = sigma
    assert abs(np.log(one["cheek_left"] / one["cheek_right"])) < 0.05


def test_every_vertex_of_the_skin_has_a_sigma_and_nothing_else(head):
    view = photograph(head, seed=32, noise=0.01)
    fit = fit_head([view.observation], head)
    skin = head.material_vertices("skin")
    assert np.array_equal(np.isfinite(fit.surface_sigma), skin)
    assert 0.0015 < fit.surface_spread < 0.003  # metres
    np.testing.assert_allclose(region_sigmas(head, fit.surface_sigma), fit.region_sigma, rtol=1e-5)


def test_errors_are_as_large_as_stated(head, truth_sample, dark_truth_sample, tmp_path):
    """Two people whose photos no number was made on; they differ from the mean by 0.7 of what people do."""
    ratios = []
    for sample in (truth_sample, dark_truth_sample):
        photo = tmp_path / sample.name
        photo.write_bytes(sample.file)
        fit = fit_head([observe(photo)], head)
        error = region_sigmas(head, normal_errors(head, fit.neutral, sample.neutral))
        ratios.append(error / fit.region_sigma)
    squared = np.nanmean(np.array(ratios) ** 2)
    assert 0.4 < np.sqrt(squared) < 1.6
    assert np.nanmax(ratios) < 3.5


def test_size_and_place_are_no_doubt_about_shape():
    random = np.random.default_rng(0)
    points = random.normal(0, 0.05, (40, 3))
    turn = rotation(np.array([2e-6, -1e-6, 3e-6]))
    moved = (1 + 2e-6) * points @ turn.T + [1e-6, 0, -2e-6] - points
    field = similarities(points)
    left = moved.ravel() - field @ np.linalg.lstsq(field, moved.ravel(), rcond=None)[0]
    assert np.abs(left).max() < 1e-3 * np.abs(moved).max()
