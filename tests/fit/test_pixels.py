"""The photometric term: exact derivatives, and pixels that pull a wrongly landmarked face to where it is."""

from dataclasses import replace

import numpy as np
import pytest

from backend.fit.appearance import measured_appearance
from backend.fit.config import FitConfig
from backend.fit.pixels import pixel_term
from backend.fit.start import HeadPoints, first_view
from backend.fit.state import rotation
from backend.fit.surface import Surface
from tests.fit.conftest import photograph
from tests.fit.heads import like_flame
from tests.fit.test_derivatives import differences

STEP = 1e-6


def ramps(picture):
    """The picture's colours rise evenly: what is read between pixels is then exact, and so are the slopes."""
    height, width = picture.colours.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    by_x, by_y = np.array([0.01, -0.02, 0.015]), np.array([-0.02, 0.005, 0.01])
    colours = x[..., None] * by_x + y[..., None] * by_y
    slopes = np.broadcast_to(np.concatenate([by_x, by_y]), (height, width, 6))
    return replace(picture, colours=colours, slopes=slopes)


@pytest.fixture(scope="module", params=["default", "flame"])
def setting(request, head):
    """A term a little away from the state that it was set up for."""
    head = head if request.param == "default" else like_flame(head)
    random = np.random.default_rng(3)
    points = HeadPoints.of(head)
    truth = photograph(head, seed=1, yaw=0.2, pitch=0.1)
    view = first_view(truth.observation, points, 4)
    view = replace(view, turns=np.stack([rotation(random.normal(0, 0.1, 3)) for _ in view.turns]),
                   psi=random.uniform(0.2, 0.5, len(view.psi)))
    table = measured_appearance()
    few = slice(None, None, 9)
    table = replace(table, uvs=table.uvs[few], mean=table.mean[few], modes=table.modes[few], sigma=table.sigma[few])
    term = pixel_term(truth.observation, points.head, Surface.of(points.head, table.uvs), view, truth.beta, table,
                      replace(FitConfig().pixels, fewest=50))
    term = replace(term, picture=ramps(term.picture), lit=random.normal(0, 0.3, (9, 3)))
    return term, truth.beta + random.normal(0, 0.1, len(truth.beta)), view


def test_derivative_by_the_view_is_exact(setting):
    term, beta, view = setting
    numeric = differences(lambda moved: term.rows(beta, moved).residual, view, view.size)
    exact = term.rows(beta, view).by_view
    for name, _ in view.blocks:
        place = view.slice(name)
        assert np.abs(numeric[:, place] - exact[:, place]).max() < 1e-4 * max(np.abs(exact[:, place]).max(), 1e-3), name
    assert np.abs(exact[:, view.slice("expression")]).max() > 0.1


def test_derivative_by_identity_is_exact(setting):
    term, beta, view = setting
    exact = term.rows(beta, view).by_beta
    some = np.r_[:12, 60, 140, len(beta) - 1]
    numeric = np.stack([(term.rows(beta + step, view).residual - term.rows(beta - step, view).residual) / (2 * STEP)
                        for step in STEP * np.eye(len(beta))[some]], 1)
    assert np.abs(numeric - exact[:, some]).max() < 1e-4 * np.abs(exact).max()


def test_cost_is_the_rows_sum_of_squares(setting):
    term, beta, view = setting
    assert np.isclose(term.cost(beta, view), (term.rows(beta, view).residual ** 2).sum())


def test_light_and_known_looks_cost_little(setting):
    """Rows are whitened: what a mode or a light does costs as its score does, however many pixels show it."""
    term, beta, view = setting
    count = len(term.root)
    one_mode = term.nuisance[:, 0] / term.root.ravel()
    spread = 1 / (1 - term.shrink[0])  # sqrt(1 + s^2)
    moved = replace(term, expected=term.expected - spread * one_mode.reshape(count, 3))
    plain, other = term.rows(beta, view).residual, moved.rows(beta, view).residual
    assert np.isclose(np.linalg.norm(other - plain), 1.0)
