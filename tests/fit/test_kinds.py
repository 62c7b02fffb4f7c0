"""Heads whose psi is not ARKit, heads with correctives, heads without psi: the same person comes out of each."""

import numpy as np
import pytest
import torch

from backend.arkit import ARKIT_NAMES
from backend.fit import fit_head
from backend.fit.points import corrective_slopes, corrective_weights
from backend.head import deform
from tests.fit.conftest import face_error, photograph
from tests.fit.heads import like_flame, with_correctives, without_expressions
from tests.fit.test_truth import WHITE

SMILE = {"mouthSmileLeft": 0.7, "mouthSmileRight": 0.7, "jawOpen": 0.35}


@pytest.fixture(scope="module")
def laughing(head):
    """A calm photo and a laughing one of the same person."""
    calm = photograph(head, seed=7, noise=0.003)
    return calm, photograph(head, seed=7, beta=calm.beta, noise=0.003, expression=SMILE)


@pytest.fixture(scope="module")
def own(head):
    return like_flame(head)


@pytest.fixture(scope="module")
def own_fit(own, laughing):
    return fit_head([laughing[1].observation], own, noise=WHITE)


def test_a_smile_in_own_components_is_expression_and_not_identity(head, own, own_fit, laughing):
    calm = fit_head([laughing[0].observation], own, noise=WHITE)
    assert face_error(own, own_fit.neutral, laughing[1].vertices) < 0.5
    assert face_error(own, own_fit.neutral, calm.neutral) < 0.5
    assert np.sqrt((calm.expression**2).mean()) < 0.5 * np.sqrt((own_fit.expression**2).mean())


def test_the_jaws_joint_opens_the_mouth(own, own_fit):
    turned = own_fit.pose[0, own.joint("jaw")]
    assert 0.05 < turned[0] < 0.25  # radians, opening
    assert np.abs(turned[1:]).max() < 0.02


def test_the_rig_plays_the_smile_back(own_fit):
    for name, value in SMILE.items():
        assert abs(own_fit.arkit[0, ARKIT_NAMES.index(name)] - value) < 0.12
    told = [name for name in ARKIT_NAMES if name not in SMILE]
    assert max(own_fit.arkit[0, ARKIT_NAMES.index(name)] for name in told) < 0.25
    assert own_fit.arkit.min() >= 0
    assert own_fit.arkit.max() <= 1


def test_parameters_give_the_posed_head_back(own, own_fit):
    tensors = deform.HeadTensors.of(own, torch.float64)
    neutral = deform.neutral_vertices(tensors, torch.as_tensor(own_fit.shape, dtype=torch.float64),
                                      torch.as_tensor(own_fit.vertex_offsets))
    posed = deform.posed_vertices(tensors, neutral, torch.as_tensor(own_fit.expression[0], dtype=torch.float64),
                                  torch.as_tensor(own_fit.pose[0], dtype=torch.float64))
    assert np.abs(posed.numpy() - own_fit.posed[0]).max() < 1e-5


def test_a_head_without_psi_makes_faces_with_its_arkit_shapes(head, laughing):
    bare = without_expressions(head)
    fit, usual = (fit_head([laughing[1].observation], which, noise=WHITE) for which in (bare, head))
    assert fit.expression.shape == (1, 0)
    assert np.array_equal(fit.arkit, usual.arkit)
    assert np.array_equal(fit.posed, usual.posed)


def test_correctives_are_part_of_the_face_that_is_fitted(head, laughing):
    """The photo shows smile and jaw together with their correctives; a fit that knows them finds the weights."""
    knowing = with_correctives(head)
    tensors = deform.HeadTensors.of(knowing, torch.float64)
    psi = torch.zeros(len(ARKIT_NAMES), dtype=torch.float64)
    for name, value in SMILE.items():
        psi[ARKIT_NAMES.index(name)] = value
    extra = torch.tensordot(deform.corrective_weights(psi, tensors.corrective_drivers), tensors.corrective_deltas, 1)
    calm = laughing[0]
    shown = photograph(head, seed=7, beta=calm.beta, noise=0.003, expression=SMILE, extra=extra.numpy())
    errors = []
    for which in (knowing, head):
        fit = fit_head([shown.observation], which, noise=WHITE)
        weights = [fit.arkit[0, ARKIT_NAMES.index(name)] - value for name, value in SMILE.items()]
        errors.append(np.abs(weights).max())
    assert errors[0] < 0.08
    assert errors[0] < 0.6 * errors[1]


def test_corrective_weights_are_those_of_the_deformation():
    random = np.random.default_rng(2)
    drivers = np.array([[0, 3, -1], [1, -1, -1], [2, 4, 0]])
    psi = random.uniform(-0.5, 1.5, 5)
    slow = deform.corrective_weights(torch.as_tensor(psi), torch.as_tensor(drivers)).numpy()
    assert np.allclose(corrective_weights(psi, drivers), slow)
    inside = random.uniform(0.1, 0.9, 5)
    step = 1e-6
    ahead, behind = (np.stack([corrective_weights(inside + way * e, drivers) for e in np.eye(5)], 1)
                     for way in (step, -step))
    assert np.abs((ahead - behind) / (2 * step) - corrective_slopes(inside, drivers)).max() < 1e-8
