"""Per-vertex refinement: what it may and may not do to a surface."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from backend.core.rays import vertex_normals
from backend.fit import FitConfig, fit_head
from backend.fit.refine import MIRROR, divided, extended
from tests.fit.conftest import photograph
from tests.fit.test_truth import WHITE

EAGER = replace(FitConfig(), refine=replace(FitConfig().refine, sigma=0.003))
"""Takes the model for one that expresses real faces to no better than 3 mm."""


@pytest.fixture(scope="module")
def bumped(head):
    """A head with one corner of the jaw 4 mm wider than any identity explains, and its photo."""
    shift = np.zeros_like(head.template)
    corner = head.landmark_points(head.template)[397]
    near = np.exp(-((head.template - corner) ** 2).sum(1) / (2 * 0.012**2))
    shift[:, 0] = 0.004 * near
    beta = np.zeros(len(head.shape_basis))
    return shift, photograph(replace(head, template=head.template + shift), seed=20, beta=beta, noise=0.002)


def test_refinement_brings_the_surface_nearer_to_what_the_model_lacks(head, bumped):
    shift, truth = bumped
    stiff = replace(head, shape_basis=head.shape_basis[:3])  # a model that spans nearly nobody
    on = replace(EAGER, pixels=replace(EAGER.pixels, enabled=False))  # the picture is blank: it speaks for no bump
    off = replace(on, refine=replace(on.refine, enabled=False))
    without = fit_head([truth.observation], stiff, noise=WHITE, config=off)
    with_it = fit_head([truth.observation], stiff, noise=WHITE, config=on)
    assert with_it.shape.shape == (3,)
    corner = np.argmax(np.linalg.norm(shift, axis=1))
    assert with_it.vertex_offsets[corner, 0] > 0.0005
    assert with_it.landmark_rmse[0] < 0.9 * without.landmark_rmse[0]
    moved = np.linalg.norm(shift, axis=1) > 0.002
    true = (head.template + shift)[moved]
    error = [np.linalg.norm(fit.neutral[moved] - true, axis=1).mean() for fit in (with_it, without)]
    assert error[0] < 0.9 * error[1]  # robust landmarks half doubt a lone bump


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


def test_the_field_stands_behind_the_models_components_and_comes_off_again(head):
    settings = FitConfig().refine
    freer, count = extended(head, settings), len(head.shape_basis)
    assert np.array_equal(freer.shape_basis[:count], head.shape_basis)
    beta = np.random.default_rng(0).standard_normal(len(freer.shape_basis))
    own, offsets = divided(freer.shape_basis, beta, count, settings)
    whole = np.tensordot(beta, freer.shape_basis.astype(float), 1)
    # The soft limit takes off half the square of offset per amplitude: of 0.4 mm in 3 mm, a hundredth.
    np.testing.assert_allclose(np.tensordot(own, head.shape_basis.astype(float), 1) + offsets, whole, atol=5e-6)


def test_a_drawn_field_is_as_strong_as_the_settings_say_and_alike_on_both_sides(head):
    settings = FitConfig().refine
    modes = extended(head, settings).shape_basis[len(head.shape_basis):]
    face = head.region("face_front") > 0.5
    spread = np.sqrt((modes**2).sum((0, 2)))[face]
    assert 0.7 * settings.sigma < np.sqrt((spread**2).mean()) < 1.2 * settings.sigma
    other = cKDTree(head.template * MIRROR).query(head.template)[1]
    image = modes[:, other] * MIRROR
    odd = np.abs(modes + image).max((1, 2)) < 1e-7
    even = np.abs(modes - image).max((1, 2)) < 1e-7
    assert (odd ^ even).all()
    assert (modes[even] ** 2).sum() > 1.5 * (modes[odd] ** 2).sum()


def test_on_the_default_head_it_changes_little(head):
    """What the model cannot express of real faces is a tenth of a millimetre at this length: no photo shows more."""
    truth = photograph(head, seed=24, noise=0.03)
    fit = fit_head([truth.observation], head, noise=WHITE)
    assert 0 < np.linalg.norm(fit.vertex_offsets, axis=1).max() < 4 * FitConfig().refine.sigma
