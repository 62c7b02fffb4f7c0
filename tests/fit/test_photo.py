"""A real person: the sample portrait."""

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.arkit import ARKIT_NAMES
from backend.capture import observe
from backend.core.rotation import matrix_from_axis_angle
from backend.fit import fit_head
from backend.head import parameters
from backend.head.adapt import adapted_deltas
from backend.head.deform import bone_transforms
from tests.head.test_expressions import both, expressed, eye_seen, turned_over

PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"


@pytest.fixture(scope="module")
def portrait(head):
    observation = observe(PORTRAIT)
    return observation, fit_head([observation], head)


def test_landmarks_lie_within_a_few_percent_of_the_eyes_distance(portrait):
    observation, fit = portrait
    between = np.linalg.norm(observation.landmarks[468, :2] - observation.landmarks[473, :2])
    assert fit.landmark_rmse[0] < 0.06 * between


def test_she_smiles_and_the_neutral_head_does_not(portrait, head):
    _, fit = portrait
    smile = fit.arkit[0, [ARKIT_NAMES.index("mouthSmileLeft"), ARKIT_NAMES.index("mouthSmileRight")]]
    assert smile.min() > 0.3
    corners = head.landmark_points(fit.posed[0])[[61, 291]], head.landmark_points(fit.neutral)[[61, 291]]
    wide = [np.linalg.norm(pair[0] - pair[1]) for pair in corners]
    assert wide[0] > wide[1] + 0.004


def test_the_head_is_of_human_size_and_shape(portrait, head):
    _, fit = portrait
    points = head.landmark_points(fit.neutral)
    assert 0.052 < np.linalg.norm(points[468] - points[473]) < 0.074
    assert np.sqrt((fit.shape**2).mean()) < 1.3
    assert 0.005 < fit.scale_sigma < 0.08


@pytest.mark.parametrize("weights", [{"eyeBlink": 1}, {"eyeBlink": 1, "eyeSquint": 1},
                                     {"eyeBlink": 1, "eyeLookDown": 1}], ids="+".join)
def test_her_lids_close_and_no_skin_of_them_is_turned_over(portrait, head, weights):
    neutral = portrait[1].neutral.astype(np.float64)
    deltas = adapted_deltas(head, portrait[1].neutral)
    closed = expressed(head, both(**weights), neutral, deltas)
    for side in ("left", "right"):
        assert turned_over(head, neutral, closed, side) == 0
        assert eye_seen(head, closed, side) == 0


def test_the_light_explains_the_skin(portrait):
    _, fit = portrait
    assert np.isfinite(fit.light_sh).all()
    assert fit.light_sh[0, 0].min() > 0


def test_a_rig_that_plays_the_shape_keys_shows_the_posed_head(portrait, head):
    """Keys as the bundle has them, correctives as Blender drives them, bones: numpy against what the fit posed."""
    _, fit = portrait
    geometry = parameters.geometry(head, fit.shape, fit.vertex_offsets)
    played = np.zeros(len(geometry["key_names"]))
    played[:52] = fit.expression[0]
    for number, drivers in enumerate(geometry["corrective_drivers"]):
        played[52 + number] = np.prod(np.clip(played[drivers[drivers >= 0]], 0, 1))
    shaped = geometry["vertices"] + np.tensordot(played, geometry["key_deltas"], 1)
    linear, shift = bone_transforms(torch.as_tensor(geometry["joint_positions"], dtype=torch.float64),
                                    matrix_from_axis_angle(torch.as_tensor(fit.pose[0], dtype=torch.float64)),
                                    tuple(int(parent) for parent in geometry["joint_parents"]))
    turned = np.einsum("jab,vb->vja", linear.numpy(), shaped) + shift.numpy()
    posed = np.einsum("vj,vja->va", geometry["skin_weights"], turned)
    assert np.linalg.norm(posed - fit.posed[0], axis=1).max() < 1e-5
