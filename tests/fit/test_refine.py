"""Per-vertex refinement: what it may and may not do to a surface."""

from dataclasses import replace

import numpy as np
import pytest

from backend.core.rays import vertex_normals
from backend.fit import FitConfig, fit_head
from tests.fit.conftest import photograph
from tests.fit.test_truth import WHITE

EAGER = replace(FitConfig(), refine=replace(FitConfig().refine, sigma=0.003))
"""Trusts the landmarks over the model far more than the default does."""


@pytest.fixture(scope="module")
def bumped(head):
    """A head with a chin 4 mm longer than any identity explains, and its photo."""
    shift = np.zeros_like(head.template)
    chin = head.landmark_points(head.template)[152]
    near = np.exp(-((head.template - chin) ** 2).sum(1) / (2 * 0.012**2))
    shift[:, 2] = -0.004 * near
    beta = np.zeros(len(head.shape_basis))
    return shift, photograph(replace(head, template=head.template + shift), seed=20, beta=beta, noise=0.002)


def test_refinement_brings_the_surface_nearer_to_what_the_model_lacks(head, bumped):
    shift, truth = bumped
    stiff = replace(FitConfig(), priors=replace(FitConfig().priors, shape_sigma=0.02),
                    refine=replace(EAGER.refine, enabled=False))
    free = replace(stiff, refine=EAGER.refine)
    without = fit_head([truth.observation], head, noise=WHITE, config=stiff)
    with_it = fit_head([truth.observation], head, noise=WHITE, config=free)
    chin = np.argmax(np.linalg.norm(shift, axis=1))
    assert with_it.vertex_offsets[chin, 2] < -0.0015
    assert with_it.landmark_rmse[0] < 0.8 * without.landmark_rmse[0]
    moved = np.linalg.norm(shift, axis=1) > 0.002
    true = (head.template + shift)[moved]
    error = [np.linalg.norm(fit.neutral[moved] - true, axis=1).mean() for fit in (with_it, without)]
    assert error[0] < 0.8 * error[1]


def test_offsets_stay_small_and_turn_no_face_over(head):
    truth = photograph(head, seed=21, noise=0.06)
    fit = fit_head([truth.observation], head, noise=WHITE, config=EAGER)
    assert np.linalg.norm(fit.vertex_offsets, axis=1).max() < EAGER.refine.amplitude
    before = vertex_normals((fit.neutral - fit.vertex_offsets).astype(np.float64), head.triangles)
    after = vertex_normals(fit.neutral.astype(np.float64), head.triangles)
    skin = head.material_vertices("skin")
    assert (before * after).sum(1)[skin].min() > 0.5


def test_eyes_move_as_wholes(head):
    truth = photograph(head, seed=22, noise=0.05)
    fit = fit_head([truth.observation], head, noise=WHITE, config=EAGER)
    for name in ("eye_left", "eye_right"):
        ball = head.skin_weights[:, head.joint(name)] > 0.5
        assert np.ptp(fit.vertex_offsets[ball], axis=0).max() < 1e-6


def test_switched_off_it_leaves_the_model_alone(head):
    truth = photograph(head, seed=23, noise=0.02)
    off = replace(FitConfig(), refine=replace(FitConfig().refine, enabled=False))
    assert not fit_head([truth.observation], head, noise=WHITE, config=off).vertex_offsets.any()
