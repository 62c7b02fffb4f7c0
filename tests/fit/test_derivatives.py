"""Every residual's analytic derivative against central differences."""

from dataclasses import replace

import numpy as np
import pytest

from backend.fit.config import FitConfig
from backend.fit.contour import slide_contours
from backend.fit.noise import Follow, LandmarkNoise
from backend.fit.start import HeadPoints, first_view, view_problem
from backend.fit.state import rotation
from tests.fit.conftest import photograph
from tests.fit.heads import like_flame, with_correctives

STEP = 1e-6


@pytest.fixture(scope="module", params=["default", "correctives", "flame"])
def kind(request, head):
    made = {"default": lambda: head, "correctives": lambda: with_correctives(head), "flame": lambda: like_flame(head)}
    return made[request.param]()


@pytest.fixture(scope="module")
def setting(kind):
    head = kind
    random = np.random.default_rng(3)
    noise = LandmarkNoise(random.normal(0, 0.01, (478, 3, 5)), np.full((478, 3), 0.03),
                          random.normal(0, 0.01, (478, 3, 4)), by_face=random.normal(0, 0.01, (478, 3, 6)),
                          follow=Follow(np.zeros((478, 3)), random.normal(0, 5, (6, 478, 3))))
    points = HeadPoints.of(head)
    truth = photograph(head, seed=1, yaw=0.2, pitch=0.1)
    view = first_view(truth.observation, points, 4)
    turns = np.stack([rotation(random.normal(0, 0.1, 3)) for _ in view.turns])
    view = replace(view, turns=turns, noise=random.normal(0, 1, 4), depth=np.array([0.1, 0.05]),
                   psi=random.uniform(0.2, 0.5, len(view.psi)))
    terms = view_problem(truth.observation, points, view, noise, FitConfig())
    return points, view, truth.beta, slide_contours(terms, view, truth.beta, points, FitConfig())


def differences(residual, view, size):
    wide = np.full(len(view.psi), 10.0)
    columns = []
    for index in range(size):
        step = np.zeros(size)
        step[index] = STEP
        forward, backward = residual(view.moved(step, -wide, wide)), residual(view.moved(-step, -wide, wide))
        columns.append((forward - backward) / (2 * STEP))
    return np.stack(columns, 1)


def exact_by_view(term, beta, view):
    """A term's derivatives by the view's unknowns, which must be those of finite differences."""
    numeric = differences(lambda moved: term.rows(beta, moved).residual, view, view.size)
    exact = term.rows(beta, view).by_view
    for name, _ in view.blocks:
        place = view.slice(name)
        assert np.abs(numeric[:, place] - exact[:, place]).max() < 1e-4 * max(np.abs(exact[:, place]).max(), 1e-3), name
    return exact


def exact_by_identity(term, beta, view):
    exact = term.rows(beta, view).by_beta
    some = np.r_[:12, 60, 140, len(beta) - 1]
    numeric = np.stack([(term.rows(beta + step, view).residual - term.rows(beta - step, view).residual) / (2 * STEP)
                        for step in STEP * np.eye(len(beta))[some]], 1)
    assert np.abs(numeric - exact[:, some]).max() < 1e-4 * np.abs(exact).max()


@pytest.mark.parametrize("term", ["landmarks", "iris", "prior"])
def test_derivative_by_the_view_is_exact(setting, term):
    _, view, beta, terms = setting
    part = getattr(terms, term)

    def rows(v):
        return part.rows(v) if term == "prior" else part.rows(beta, v)

    numeric = differences(lambda v: rows(v).residual, view, view.size)
    exact = rows(view).by_view
    assert np.abs(numeric - exact).max() < 1e-4 * np.abs(exact).max()
    assert np.abs(exact).max() > 0.1


@pytest.mark.parametrize("term", ["landmarks", "iris"])
def test_derivative_by_identity_is_exact(setting, term):
    _, view, beta, terms = setting
    part = getattr(terms, term)
    numeric = np.stack([
        (part.rows(beta + STEP * e, view).residual - part.rows(beta - STEP * e, view).residual) / (2 * STEP)
        for e in np.eye(len(beta))], 1)
    exact = part.rows(beta, view).by_beta
    assert np.abs(numeric - exact).max() < 1e-4 * np.abs(exact).max()


def test_points_agree_with_the_heads_own_deformation(kind, setting):
    head = kind
    import torch

    from backend.fit.points import pose_of
    from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices

    points, view, beta, _ = setting
    tensors = HeadTensors.of(head, torch.float64)
    posed = posed_vertices(tensors, neutral_vertices(tensors, torch.as_tensor(beta)), torch.as_tensor(view.psi),
                           torch.as_tensor(pose_of(head, view.turns))).numpy()
    slow = head.landmark_points(posed)[points.used]
    assert np.abs(points.points.posed(beta, view.psi, view.turns) - slow).max() < 1e-6
