"""The shipped figures: sound, symmetric, and the size of real people."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from backend.errors import ModelError
from backend.training.identity.statistics import STATISTICS_FILE, load_statistics, save_statistics


@pytest.fixture(scope="module")
def statistics():
    return load_statistics()


def test_arrays_fit_together(statistics):
    count = len(statistics.mode_names)
    assert statistics.mean.shape == statistics.spread.shape == (count,)
    assert statistics.factor.shape == (count, 100)
    assert statistics.eye_shift.shape == (count, 2, 3)
    assert len(set(statistics.mode_names)) == count
    assert STATISTICS_FILE.stat().st_size < 1_000_000


def test_covariance_is_positive(statistics):
    covariance = statistics.factor @ statistics.factor.T + np.diag(statistics.spread**2)
    assert (statistics.spread > 0).all()
    assert np.linalg.eigvalsh(covariance).min() > -1e-9


def test_the_mirror_of_modes_is_an_involution_and_the_mean_is_its_own_image(statistics):
    mirror, sign = statistics.mirror, statistics.mirror_sign
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    np.testing.assert_array_equal(sign[mirror], sign)
    np.testing.assert_allclose(sign * statistics.mean[mirror], statistics.mean, atol=1e-5)


def test_mean_eyes_are_symmetric_to_a_twentieth_of_a_millimetre(statistics):
    left, right = statistics.eye_base + np.tensordot(statistics.mean, statistics.eye_shift, 1)
    np.testing.assert_allclose(left, right * [-1, 1, 1], atol=5e-5)


def test_people_have_eyes_as_far_apart_as_people_do(statistics):
    # Adults: 63 mm, standard deviation 3.6 mm (Dodgson 2004, Variation and extrema of human interpupillary distance).
    assert statistics.interocular(statistics.mean) == pytest.approx(0.0625, abs=0.0015)
    distance = statistics.interocular(statistics.draw(4000, np.random.default_rng(0)))
    assert distance.std() == pytest.approx(0.0036, abs=0.0008)
    assert np.mean((distance > 0.054) & (distance < 0.074)) > 0.95


def test_each_measured_component_is_even_or_odd(statistics):
    image = statistics.mirror_sign[:, None] * statistics.factor[statistics.mirror]
    size = np.linalg.norm(statistics.factor, axis=0)
    even = np.linalg.norm(image - statistics.factor, axis=0) / size
    odd = np.linalg.norm(image + statistics.factor, axis=0) / size
    assert np.minimum(even, odd).max() < 0.02
    assert (even < odd).sum() > 60
    assert (odd < even).sum() > 15


def test_report_says_that_faces_are_spanned_to_a_third_of_a_millimetre(statistics):
    assert statistics.report["150"]["face median"] <= 0.3


def test_statistics_survive_a_file(tmp_path, statistics):
    save_statistics(statistics, tmp_path / "copy.npz")
    copy = load_statistics(tmp_path / "copy.npz")
    for field in dataclasses.fields(statistics):
        one, two = getattr(statistics, field.name), getattr(copy, field.name)
        if isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, two)
        else:
            assert one == two


def test_missing_and_damaged_files_are_named(tmp_path):
    with pytest.raises(ModelError, match=r"nowhere\.npz"):
        load_statistics(tmp_path / "nowhere.npz")
    (tmp_path / "damaged.npz").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(ModelError, match=r"damaged\.npz"):
        load_statistics(tmp_path / "damaged.npz")
