"""Parameters make the geometry again, bit for bit; FLAME's own formulas make it from what we write for other tools."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from backend.errors import InputError, ModelError
from backend.head.deform import HeadTensors, posed_vertices
from backend.head.flame_parameters import TO_FLAME, flame_parameters
from backend.head.imports import read_head
from backend.head.model import HeadModel
from backend.head.parameters import digest, geometry, geometry_digest, kind, neutral, rebuild, split
from backend.npz import write_arrays
from tests.head.imports.flame_file import flame_arrays, write_flame
from tests.head.imports.reference import flame


@pytest.fixture(scope="module")
def parted(head: HeadModel) -> HeadModel:
    return replace(head, id="parted", own_vertices=4000)


@pytest.fixture
def stored(parted: HeadModel, tmp_path: Path) -> Path:
    """The parameters of a random identity, as a bundle has them."""
    random = np.random.default_rng(2)
    offsets = random.normal(0, 1e-3, parted.template.shape).astype(np.float32)
    write_arrays(tmp_path / "parameters.npz", {
        "head_id": np.array("parted"), "head_sha256": np.array(geometry_digest(parted)),
        "shape": random.normal(size=len(parted.shape_basis)).astype(np.float32),
        "vertex_offsets": offsets[:4000], "part_offsets": offsets[4000:]})
    return tmp_path / "parameters.npz"


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_the_geometry_comes_back_bit_for_bit(parted: HeadModel, stored: Path, tmp_path: Path) -> None:
    given = arrays(stored)
    whole = np.concatenate([given["vertex_offsets"], given["part_offsets"]])
    first, rest = split(geometry(parted, given["shape"].astype(np.float64), whole.astype(np.float64)), 4000)
    asked: list[str] = []

    def find(name: str) -> HeadModel:
        asked.append(name)
        return parted

    rebuild(stored, tmp_path / "again.npz", find)
    again = arrays(tmp_path / "again.npz")
    assert asked == ["parted"]
    assert set(again) == set(first)
    for name, array in again.items():
        assert array.dtype == first[name].dtype
        assert array.tobytes() == first[name].tobytes(), name
    assert len(again["vertices"]) == 4000
    assert again["faces"].max() < 4000
    assert len(rest["vertices"]) == len(parted.template) - 4000
    assert len(again["faces"]) + len(rest["faces"]) == len(parted.faces)


def test_the_identity_is_the_sum_it_says(head: HeadModel, rng: np.random.Generator) -> None:
    shape = rng.normal(size=len(head.shape_basis)).astype(np.float32)
    offsets = rng.normal(0, 1e-3, head.template.shape).astype(np.float32)
    expected = head.template.astype(np.float64) + np.tensordot(shape.astype(np.float64), head.shape_basis, 1) + offsets
    np.testing.assert_allclose(neutral(head, shape, offsets), expected, atol=1e-8, rtol=1e-7)
    made = geometry(head, shape, offsets)
    np.testing.assert_allclose(made["joint_positions"], head.joint_regressor.astype(np.float64) @ made["vertices"],
                               atol=1e-7)


def test_a_digest_knows_every_number_and_geometry_s_own_only_what_it_is_made_of(head: HeadModel) -> None:
    moved = head.template.copy()
    moved[17, 1] = np.nextafter(moved[17, 1], 1)
    elsewhere = replace(head, lod_level=np.ones(1, np.int32))
    assert len({digest(head), digest(replace(head, template=moved)), digest(elsewhere)}) == 3
    assert geometry_digest(elsewhere) == geometry_digest(head) != geometry_digest(replace(head, template=moved))


def test_another_version_of_the_head_is_refused(parted: HeadModel, stored: Path, tmp_path: Path) -> None:
    other = replace(parted, arkit_deltas=parted.arkit_deltas * np.float32(1.001))
    with pytest.raises(ModelError, match=r"parameters\.npz is for another version of the head parted"):
        rebuild(stored, tmp_path / "again.npz", lambda name: other)
    assert not (tmp_path / "again.npz").exists()


@pytest.mark.parametrize("change", [
    lambda values: values.pop("head_id"),
    lambda values: values.pop("part_offsets"),
    lambda values: values.update(shape=values["shape"][:-1]),
    lambda values: values.update(vertex_offsets=values["vertex_offsets"][:-1]),
    lambda values: values.update(shape=values["shape"].astype(np.int64)),
    lambda values: values.update(vertex_offsets=values["vertex_offsets"] * np.nan),
    lambda values: values.update(part_offsets=np.float32(1)),
])
def test_odd_parameters_are_a_sentence(parted: HeadModel, stored: Path, tmp_path: Path,
                                       change: Callable[[dict], object]) -> None:
    values = arrays(stored)
    change(values)
    np.savez(stored, allow_pickle=False, **values)
    with pytest.raises(InputError, match=r"parameters\.npz"):
        rebuild(stored, tmp_path / "again.npz", lambda name: parted)
    assert not (tmp_path / "again.npz").exists()


@pytest.fixture(scope="module")
def flame_head(head: HeadModel, tmp_path_factory: pytest.TempPathFactory) -> HeadModel:
    """What a FLAME file says, in a head model, with two more vertices as if it had been given parts.

    Registration would add UVs, landmarks and shapes, none of which has a say here.
    """
    raw = read_head(write_flame(tmp_path_factory.mktemp("flame") / "model.pkl")).raw

    def more(array: np.ndarray, axis: int) -> np.ndarray:
        return np.concatenate([array, np.take(array, [0, 1], axis)], axis).astype(np.float32)

    count = len(raw.template) + 2
    regressor = np.pad(raw.joint_regressor, ((0, 0), (0, 2)))
    return replace(
        head, id="flame", template=more(raw.template, 0), faces=raw.faces, uvs=np.zeros((len(raw.faces), 4, 2)),
        material=np.zeros(len(raw.faces), np.int32), shape_basis=more(raw.shape_basis, 1),
        expression_names=raw.expression_names, expression_basis=more(raw.expression_basis, 1),
        arkit_deltas=np.zeros((52, count, 3), np.float32), joint_names=raw.joint_names,
        joint_parents=raw.joint_parents, joint_regressor=regressor, pose_basis=more(raw.pose_basis, 1),
        skin_weights=more(raw.skin_weights, 0), regions=np.zeros((len(head.region_names), count), np.float32),
        own_vertices=count - 2, mirror_vertices=np.arange(count), corrective_names=(),
        corrective_drivers=np.zeros((0, 3), np.int32), lod_level=np.zeros(0, np.int32),
        lod_faces=np.zeros((0, 4), np.int32), lod_uvs=np.zeros((0, 4, 2), np.float32),
        lod_material=np.zeros(0, np.int32))


@pytest.mark.parametrize("moving", [False, True], ids=["photos", "video"])
def test_flame_parameters_make_the_same_vertices_in_flame_itself(flame_head: HeadModel, moving: bool) -> None:
    """Ours in torch, posed; theirs from the written file's arrays and the paper, in float64: 0.01 mm apart at most."""
    assert kind(flame_head) == "flame"
    random, frames = np.random.default_rng(4), 3
    shape = random.normal(0, 0.8, 300).astype(np.float32)
    expression = random.normal(0, 0.8, (frames, 100)).astype(np.float32)
    pose = random.normal(0, 0.2, (frames, 5, 3)).astype(np.float32)
    offsets = random.normal(0, 5e-4, flame_head.template.shape).astype(np.float32)
    motion = np.tile(np.eye(4), (frames, 1, 1))
    if moving:
        motion[:, :3, :3] = Rotation.from_rotvec(random.normal(0, 0.5, (frames, 3))).as_matrix()
        motion[:, :3, 3] = random.normal(0, 0.3, (frames, 3))
    tensors = HeadTensors.of(flame_head, torch.float64)
    rest = torch.as_tensor(neutral(flame_head, shape, offsets), dtype=torch.float64)
    ours = np.stack([posed_vertices(tensors, rest, *(torch.as_tensor(value, dtype=torch.float64) for value in pair))
                     .numpy() @ move[:3, :3].T + move[:3, 3] for *pair, move in
                     zip(expression, pose, motion, strict=True)])

    written = flame_parameters(flame_head, shape, expression, pose, offsets, motion if moving else None)
    assert {name: value.shape for name, value in written.items()} == {
        "timestep_id": (3,), "translation": (3, 3), "rotation": (3, 3), "neck_pose": (3, 3), "jaw_pose": (3, 3),
        "eyes_pose": (3, 6), "shape": (300,), "expr": (3, 100), "static_offset": (1, 5023, 3), "exp": (3, 100),
        "pose": (3, 6)}
    model = flame_arrays()
    model["v_template"] = model["v_template"] + written["static_offset"][0]
    for frame in range(frames):
        theta = np.stack([written["rotation"][frame], written["neck_pose"][frame], written["jaw_pose"][frame],
                          *written["eyes_pose"][frame].reshape(2, 3)])
        theirs = flame(model, written["shape"], written["expr"][frame], theta) + written["translation"][frame]
        assert np.abs(ours[frame, :5023] @ TO_FLAME.T - theirs).max() < 1e-5
        np.testing.assert_array_equal(written["pose"][frame], theta[[0, 2]].ravel())
