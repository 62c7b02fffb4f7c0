"""Errors of expressions, on made numbers whose answers are known."""

import numpy as np

from backend.arkit import ARKIT_NAMES
from benchmarks.fit_expression import expression_table, shape_errors


def test_moving_and_resting_shapes_are_told_apart():
    true = np.array([[0.5, 0.0], [1.0, 0.0], [0.2, 0.0], [0.0, 0.8]])
    found = np.array([[0.4, 0.1], [0.9, 0.3], [0.1, 0.2], [0.4, 0.8]])
    errors = shape_errors(true, found)
    assert errors.photos.tolist() == [3, 1]
    assert np.allclose(errors.moving, [0.1, 0.0])
    assert np.allclose(errors.still, [0.4, 0.2])
    assert np.isclose(errors.moving_mean, 0.3 / 4)


def test_correlation_needs_three_photos_and_something_that_moves():
    true = np.array([[0.2, 0.2, 0.2], [0.5, 0.5, 0.5], [0.9, 0.0, 0.9]])
    found = np.array([[0.1, 0.1, 0.3], [0.25, 0.2, 0.3], [0.45, 0.2, 0.3]])
    correlation = shape_errors(true, found).correlation
    assert np.isclose(correlation[0], 1)  # half of the truth is perfectly correlated with it
    assert np.isnan(correlation[1])  # two photos
    assert np.isnan(correlation[2])  # always the same answer


def test_the_table_has_every_shape_and_the_means():
    random = np.random.default_rng(0)
    true = random.uniform(0, 1, (30, 52)) * (random.random((30, 52)) < 0.3)
    text = expression_table(true, np.zeros_like(true), true)
    rows = text.splitlines()
    assert all(any(row.startswith(f"| {name} |") for row in rows) for name in ARKIT_NAMES)
    mean = true[true > 0].mean()
    assert f"| mean absolute error of shapes that move | {mean:.3f} | 0.000 |" in rows
    assert "| cross-talk: mean weight of shapes that rest | 0.000 | 0.000 |" in rows
    assert "| correlation, median over shapes | – | 1.000 |" in rows
