"""FLAME files as people have them become heads that move as the paper says."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.arkit import ARKIT_NAMES
from backend.head import deform
from backend.head.imports import read_head
from backend.head.model import JOINTS, HeadModel
from backend.head.raw import RawHead
from tests.head.imports import old_pickle
from tests.head.imports.flame_file import VERTICES, Flavour, as_python_2, flame_arrays
from tests.head.imports.reference import flame as published

File = Callable[[Flavour], Path]


def ours(points: np.ndarray) -> np.ndarray:
    """FLAME's axes (+Y up, face +Z) -> ours (+Z up, face -Y)."""
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


def as_head(raw: RawHead) -> HeadModel:
    """The raw head without UVs, landmarks and regions: what deforms."""
    count = len(raw.template)
    nothing = np.zeros((0, count), np.float32)
    return HeadModel(
        "raw", "", "", raw.template, raw.faces, np.zeros((len(raw.faces), 4, 2), np.float32),
        np.zeros(len(raw.faces), np.int32), ("skin",), raw.shape_basis, raw.expression_names, raw.expression_basis,
        np.zeros((len(ARKIT_NAMES), count, 3), np.float32), raw.joint_names, raw.joint_parents, raw.joint_regressor,
        raw.pose_basis, raw.skin_weights, (), nothing, np.full(478, -1, np.int32), np.zeros((478, 3), np.float32),
        np.arange(count, dtype=np.int32))


@pytest.mark.parametrize("flavour", ["2016", "2020", "2023", "npz"])
def test_every_published_flavour_reads_as_the_same_head(flame: File, flavour: Flavour) -> None:
    raw = read_head(flame(flavour)).raw
    arrays = flame_arrays(0)
    assert raw.kind == "flame"
    assert raw.joint_names == JOINTS
    assert raw.joint_parents.tolist() == [-1, 0, 1, 1, 1]
    assert raw.shape_basis.shape == (300, VERTICES, 3)
    assert raw.expression_basis.shape == (100, VERTICES, 3)
    assert raw.notes == ()
    np.testing.assert_allclose(raw.template, ours(arrays["v_template"]), atol=1e-8)
    np.testing.assert_array_equal(raw.faces[:, :3], arrays["f"])
    np.testing.assert_allclose(raw.expression_basis[7], ours(arrays["shapedirs"][:, :, 307]), atol=1e-8)
    place = raw.joint_regressor @ raw.template
    assert place[JOINTS.index("eye_left"), 0] > 0.02
    assert place[JOINTS.index("jaw"), 1] < place[0, 1], "the face looks along -Y"


@pytest.mark.parametrize("right_eye_first", [False, True])
def test_a_head_moves_as_the_paper_says_to_a_micrometre(tmp_path: Path, right_eye_first: bool) -> None:
    arrays = flame_arrays(0, right_eye_first=right_eye_first)
    path = tmp_path / "generic_model.pkl"
    path.write_bytes(old_pickle.dumps(as_python_2(arrays)))
    tensors = deform.HeadTensors.of(as_head(read_head(path).raw), torch.float64)
    random = np.random.default_rng(7)
    eyes = [4, 3] if right_eye_first else [3, 4]
    for _ in range(4):
        beta, psi = random.standard_normal(300), random.standard_normal(100)
        theta = random.uniform(-0.6, 0.6, (5, 3))  # root, neck, jaw, left eye, right eye, in FLAME's axes
        expected = published(arrays, beta, psi, theta[[0, 1, 2, *eyes]])
        neutral = deform.neutral_vertices(tensors, torch.tensor(beta))
        posed = deform.posed_vertices(tensors, neutral, torch.tensor(psi), torch.tensor(ours(theta)))
        assert np.abs(posed.numpy() - ours(expected)).max() < 1e-6
        still = deform.posed_vertices(tensors, neutral, torch.tensor(psi), torch.zeros(5, 3, dtype=torch.float64))
        assert np.abs(posed.numpy() - still.numpy()).max() > 0.01, "the pose does something"
    no_correctives = published({**arrays, "posedirs": 0 * arrays["posedirs"]}, beta, psi, theta[[0, 1, 2, *eyes]])
    assert np.abs(no_correctives - expected).max() > 1e-4, "the correctives do something"
