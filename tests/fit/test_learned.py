"""Evidence from pixels: mirrored photos mirror it, blank ones give none, and switched off the fit is what it was."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from backend.assets import asset_path
from backend.capture.landmark_mirror import mirror_order
from backend.errors import ModelError
from backend.fit import fit_head
from backend.fit.config import FitConfig, LearnedConfig, RefineConfig
from backend.fit.fitting import solve_parameters
from backend.fit.learned.evidence import (
    WEIGHTS,
    Evidence,
    believed,
    load_evidence,
    save_evidence,
    scores,
    shipped_evidence,
)
from backend.fit.learned.sheet import COUNT, layout_of
from backend.fit.learned.sheetnet import SheetNet
from backend.fit.noise import measured_noise
from backend.fit.solver import Belief, Problem, normal_equations, solve, total_cost
from backend.fit.start import HeadPoints, first_view, view_problem
from backend.fit.state import State
from tests.fit.conftest import face_error, photograph
from tests.fit.heads import like_flame

ON = FitConfig(refine=RefineConfig(enabled=False))
OFF = replace(ON, learned=LearnedConfig(enabled=False))


@pytest.fixture(scope="module")
def points(head):
    return HeadPoints.of(head)


@pytest.fixture(scope="module")
def evidence(points):
    """A network that was never trained, but says something, and modes of which half turn over in a mirror."""
    torch.manual_seed(3)
    net = SheetNet(6)
    torch.nn.init.normal_(net.head[-1].weight, 0, 0.1)
    random = np.random.default_rng(3)
    sign = np.array([1.0, 1, 1, -1, -1, -1])
    modes = random.normal(0, 1, (6, COUNT, 3))
    other = modes[:, mirror_order()[:COUNT]] * [-1, 1, 1]
    mean = points.points.mean[np.searchsorted(points.used, np.arange(COUNT))]
    return Evidence(net.eval(), layout_of(mean), modes + sign[:, None, None] * other, sign, np.full(6, 0.5))


def seen(head, **settings):
    """A photo with something on it."""
    truth = photograph(head, **settings)
    width, height = truth.observation.size
    y, x = np.mgrid[:height, :width] / 40.0
    image = np.stack([0.4 + 0.2 * np.sin(x + y * y / 9), 0.4 + 0.2 * np.cos(y + x), 0.3 + 0.1 * np.sin(x * y / 5)], 2)
    return replace(truth, observation=replace(truth.observation, image=image.astype(np.float32)))


def mirrored(observation):
    width = observation.size[0]
    landmarks = observation.landmarks[mirror_order()] * [-1, 1, 1] + [width, 0, 0]
    return replace(observation, image=np.ascontiguousarray(observation.image[:, ::-1]),
                   landmarks=landmarks.astype(np.float32))


def test_a_mirrored_photo_gives_mirrored_scores(head, points, evidence):
    observation = seen(head, seed=2, yaw=0.3).observation
    symmetric = replace(points.points, mean=_even(points))
    even = replace(points, points=symmetric)
    state = State(np.zeros(len(head.shape_basis)), (first_view(observation, even, 4),))
    view = state.views[0]
    flip = np.diag([-1.0, 1, 1])
    other = replace(view, rotation=flip @ view.rotation @ flip, pivot=flip @ view.pivot, centre=flip @ view.centre)
    found, spread = scores(evidence, observation, even, state, view)
    turned, same = scores(evidence, mirrored(observation), even, state, other)
    assert np.abs(found).max() > 0.05
    np.testing.assert_allclose(turned, evidence.sign * found, atol=2e-4)
    np.testing.assert_allclose(same, spread, atol=2e-4)


def _even(points):
    """Landmarks that are exactly their own mirror image."""
    order = np.searchsorted(points.used, mirror_order()[points.used])
    return (points.points.mean + points.points.mean[order] * [-1, 1, 1]) / 2


def test_evidence_is_the_same_twice_and_a_blank_photo_gives_none(head, points, evidence):
    observation = seen(head, seed=2).observation
    state = State(np.zeros(len(head.shape_basis)), (first_view(observation, points, 4),))
    once, twice = (believed([observation], points, state, LearnedConfig(), evidence) for _ in range(2))
    np.testing.assert_array_equal(once.matrix, twice.matrix)
    np.testing.assert_array_equal(once.value, twice.value)
    assert len(once.value) == 6
    blank = replace(observation, image=np.full_like(observation.image, 0.3))
    assert believed([blank], points, state, LearnedConfig(), evidence) is None


def test_a_belief_moves_the_fit_by_its_weight(head, points):
    """Half-way where the belief is as sure as all else together; and the cost's slope is the gradient."""
    truth = photograph(head, seed=4)
    view = first_view(truth.observation, points, measured_noise().modes.shape[2])
    terms = view_problem(truth.observation, points, view, measured_noise(), FitConfig())
    problem = Problem((terms,), 1.0, 3.0)
    state = solve(problem, State(np.zeros(len(truth.beta)), (view,)), ("shape",), 20)
    hessian, _ = normal_equations(problem, state)
    count = len(truth.beta)
    row = np.zeros(count)
    row[0] = 1
    sigma = np.sqrt(np.linalg.inv(hessian[:count, :count])[0, 0])
    held = replace(problem, beliefs=(Belief(row[None] / sigma, np.array([state.beta[0] / sigma + 0.1])),))
    moved = solve(held, state, ("shape",), 20)
    assert (moved.beta[0] - state.beta[0]) / sigma == pytest.approx(0.05, rel=0.1)
    _, gradient = normal_equations(held, state)
    step = 1e-4 * np.eye(count)[0]
    ahead, behind = (total_cost(held, State(state.beta + sign * step, state.views)) for sign in (1, -1))
    plain_ahead, plain_behind = (total_cost(problem, State(state.beta + sign * step, state.views)) for sign in (1, -1))
    _, plain = normal_equations(problem, state)
    slope = ((ahead - behind) - (plain_ahead - plain_behind)) / (4 * 1e-4)
    assert slope == pytest.approx((gradient - plain)[0], rel=1e-3)


def test_other_kinds_of_heads_get_evidence_too(head, evidence):
    observation = seen(head, seed=2).observation
    points = HeadPoints.of(like_flame(head))
    state = State(np.zeros(points.head.shape_basis.shape[0]), (first_view(observation, points, 4),))
    found = believed([observation], points, state, LearnedConfig(), evidence)
    assert found.matrix.shape == (6, points.head.shape_basis.shape[0])


def test_weights_survive_their_file_and_damage_is_said(evidence, tmp_path):
    path = tmp_path / "evidence.safetensors"
    save_evidence(evidence, path, {"card": "{}"})
    again = load_evidence(path)
    np.testing.assert_allclose(again.modes, evidence.modes, rtol=1e-6)
    np.testing.assert_array_equal(again.layout.corners, evidence.layout.corners)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(ModelError, match=r"evidence\.safetensors cannot be read"):
        load_evidence(path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_evidence(tmp_path / "none.safetensors")


def test_a_face_with_both_eyes_closed_is_fitted(head):
    truth = photograph(head, seed=6, expression={"eyeBlinkLeft": 0.9, "eyeBlinkRight": 0.9})
    assert face_error(head, fit_head([truth.observation], head, config=OFF).neutral, truth.vertices) < 2.0


def test_switched_off_the_fit_is_the_landmarks_alone_and_switched_on_it_is_not(head, points):
    observation = seen(head, seed=7).observation
    state, _ = solve_parameters([observation], points, OFF, measured_noise())
    off, on = (fit_head([observation], head, config=config).shape for config in (OFF, ON))
    np.testing.assert_array_equal(off, state.beta.astype(np.float32))
    assert 0.02 < np.sqrt(((on - off) ** 2).mean()) < 0.5


def test_what_ships_has_a_card_and_modes_that_mirror():
    evidence = shipped_evidence()
    card = json.loads(asset_path(WEIGHTS).with_suffix(".json").read_text())
    assert {"data", "licence", "seed", "explained_on_unseen_people"} <= card.keys()
    turned = evidence.modes[:, mirror_order()[:COUNT]] * [-1, 1, 1]
    np.testing.assert_allclose(turned, evidence.sign[:, None, None] * evidence.modes,
                               atol=1e-3 * np.abs(evidence.modes).max())
    assert asset_path(WEIGHTS).stat().st_size < 15 << 20
