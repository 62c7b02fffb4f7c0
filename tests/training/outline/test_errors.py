"""The measurement of outlines: known errors come out as the figures that say so."""

import numpy as np

from backend.training.outline.errors import Errors, figures


def drawn(random, bias, local, together):
    """A photo whose edges, three millimetres apart on a line, err by a bias, alone and together."""
    place = np.zeros((60, 3))
    place[:, 0] = 0.003 * np.arange(60)
    shared = together * np.exp(-np.abs(place[:, :1] - place[:, 0]) / 0.01)
    offset = bias + random.normal(0, local, 60) + np.linalg.cholesky(together * shared + 1e-12 * np.eye(60)) @ (
        random.normal(0, 1, 60))
    return Errors(np.zeros(60, int), offset / 1000, place)


def test_bias_and_spreads_are_found_again():
    random = np.random.default_rng(0)
    table = figures([drawn(random, -0.3, 0.2, 0.6) for _ in range(80)])
    assert list(table) == [0]
    row = table[0]
    assert (row["photos"], row["edges"]) == (80, 4800)
    assert abs(row["bias"] + 0.3) < 0.05
    assert 0.2 < row["local"] < 0.4  # the median of five neighbours errs too
    assert abs(row["together"] - 0.6 * np.exp(-0.4)) < 0.1  # of neighbours that are 3 and 6 mm apart


def test_kinds_that_few_photos_show_have_no_figures():
    assert figures([drawn(np.random.default_rng(1), 0, 0.2, 0.5)]) == {}
