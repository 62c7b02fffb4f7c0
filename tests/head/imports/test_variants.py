"""Other shapes of the same thing: other units, axes, splits, layouts, numbers of vertices and joints."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from backend.arkit import ARKIT_NAMES
from backend.head.imports import fingerprint, read_head
from backend.head.model import JOINTS
from backend.head.raw import RawHead
from tests.head.imports.flame_file import VERTICES, flame_arrays


def small(components: int = 12) -> dict[str, Any]:
    """FLAME's arrays with the first few components only."""
    return {name: value[..., :components] if name == "shapedirs" else value for name, value in flame_arrays(0).items()}


def read(folder: Path, **arrays: Any) -> RawHead:
    np.savez(folder / "studio.npz", **arrays)
    return read_head(folder / "studio.npz").raw


@pytest.mark.parametrize(("have", "identity", "expression", "said"), [
    (400, 300, 100, False), (150, 100, 50, True), (20, 10, 10, True), (350, 300, 50, True), (12, 12, 0, True)])
def test_components_are_split_as_their_number_tells(tmp_path: Path, have: int, identity: int, expression: int,
                                                    said: bool) -> None:
    raw = read(tmp_path, **small(have))
    assert len(raw.shape_basis) == identity
    assert len(raw.expression_basis) == len(raw.expression_names) == expression
    assert [f"{have} components: {identity} were read as identity" in note for note in raw.notes] == [True] * said


def test_separate_expressions_need_no_split(tmp_path: Path) -> None:
    arrays = small(400)
    both = arrays.pop("shapedirs")
    raw = read(tmp_path, **arrays, shapedirs=both[..., :300], exprdirs=both[..., 300:],
               expression_names=[f"move {i}" for i in range(100)])
    whole = read(tmp_path, **arrays, shapedirs=both)
    np.testing.assert_array_equal(raw.expression_basis, whole.expression_basis)
    assert raw.expression_names[3] == "move 3"
    assert raw.notes == ()


def test_other_layouts_of_the_components_are_turned(tmp_path: Path) -> None:
    arrays = small()
    basis = arrays.pop("shapedirs")
    expected = read(tmp_path, **arrays, shapedirs=basis).shape_basis
    for other in (basis.transpose(2, 0, 1), basis.reshape(3 * VERTICES, -1)):
        np.testing.assert_array_equal(read(tmp_path, **arrays, shapedirs=other).shape_basis, expected)


@pytest.mark.parametrize(("scale", "unit"), [(100.0, "cm"), (1000.0, "mm")])
def test_other_units_are_guessed_and_said(tmp_path: Path, scale: float, unit: str) -> None:
    expected = read(tmp_path, **small())
    larger = {name: scale * value if name in ("v_template", "shapedirs", "posedirs", "J") else value
              for name, value in small().items()}
    raw = read(tmp_path, **larger)
    for name in ("template", "shape_basis", "pose_basis"):
        np.testing.assert_allclose(getattr(raw, name), getattr(expected, name), atol=1e-7)
    assert any(f"seems to be in {unit}" in note for note in raw.notes)
    stated = read(tmp_path, **larger, units=unit)
    assert not any("seems" in note for note in stated.notes)


def test_other_axes_are_turned_when_they_are_named(tmp_path: Path) -> None:
    expected = read(tmp_path, **small())
    turn = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # to +Z up, face along -Y
    arrays = small()
    turned = {**arrays, "v_template": arrays["v_template"] @ turn.T,
              "shapedirs": np.einsum("ab,vbk->vak", turn, arrays["shapedirs"])}
    del turned["posedirs"]
    raw = read(tmp_path, **turned, axes="+x +z -y")
    np.testing.assert_allclose(raw.template, expected.template, atol=1e-9)
    np.testing.assert_allclose(raw.shape_basis, expected.shape_basis, atol=1e-9)
    assert raw.pose_basis.shape == (0, VERTICES, 3)
    assert raw.kind == "plain"


def test_a_head_of_other_vertices_and_without_a_rig_is_plain(tmp_path: Path) -> None:
    arrays = small()
    keep = 4477  # without one eyeball
    faces = arrays["f"][(arrays["f"] < keep).all(1)]
    raw = read(tmp_path, v_template=arrays["v_template"][:keep], faces=faces, shapedirs=arrays["shapedirs"][:keep])
    assert raw.kind == "plain"
    assert raw.joint_names == ()
    assert raw.joint_regressor.shape == (0, keep)
    assert raw.skin_weights.shape == (keep, 0)
    assert any("no joints" in note for note in raw.notes)


def test_named_joints_in_any_order_become_ours_first(tmp_path: Path) -> None:
    arrays = small()
    order = [0, 2, 1, 4, 3]  # of FLAME's: root, jaw before its parent, neck, right eye, left eye
    parents = np.array([-1, 2, 0, 2, 2])
    changed = {**arrays, "J_regressor": arrays["J_regressor"][order], "weights": arrays["weights"][:, order],
               "posedirs": arrays["posedirs"].reshape(VERTICES, 3, 4, 9)[:, :, [o - 1 for o in order[1:]]].reshape(
                   VERTICES, 3, 36)}
    del changed["kintree_table"]
    raw = read(tmp_path, **changed, parents=parents, joint_names=["neck", "jaw", "head", "eye_right", "eye_left"])
    expected = read(tmp_path, **arrays)
    assert raw.joint_names == JOINTS
    for name in ("joint_parents", "joint_regressor", "skin_weights", "pose_basis"):
        np.testing.assert_array_equal(getattr(raw, name), getattr(expected, name))


def test_quads_and_apples_shapes_are_taken_over(tmp_path: Path) -> None:
    arrays = small()
    quads = np.concatenate([np.column_stack([arrays["f"].astype(int), np.full(len(arrays["f"]), -1)]), [[0, 1, 2, 3]]])
    jaw = np.zeros((2, VERTICES, 3))
    jaw[1, :, 1] = -0.01
    raw = read(tmp_path, **{**arrays, "f": quads}, arkit=jaw, arkit_names=["eyeBlinkLeft", "jawOpen"])
    assert raw.faces[-1].tolist() == [0, 1, 2, 3]
    assert raw.faces[0, 3] == -1
    assert raw.arkit_deltas is not None
    np.testing.assert_allclose(raw.arkit_deltas[ARKIT_NAMES.index("jawOpen")], [[0, 0, -0.01]] * VERTICES, atol=1e-9)
    assert any("will do nothing" in note for note in raw.notes)


def test_rounding_of_weights_is_mended(tmp_path: Path) -> None:
    arrays = small()
    raw = read(tmp_path, **{**arrays, "weights": (arrays["weights"] * 1.0005).astype(np.float16)})
    assert np.abs(raw.skin_weights.sum(1) - 1).max() < 1e-6


def test_flat_faces_are_left_out_and_said(tmp_path: Path) -> None:
    arrays = small()
    raw = read(tmp_path, **{**arrays, "f": np.concatenate([arrays["f"], [[4, 4, 5]]]).astype(np.uint32)})
    assert len(raw.faces) == len(arrays["f"])
    assert "1 faces without area were left out." in raw.notes


def test_an_npz_and_an_npy_with_objects_inside_read(tmp_path: Path) -> None:
    arrays: dict[str, Any] = small()
    expected = read(tmp_path, **arrays)
    boxed = {**arrays, "J_regressor": np.array(sparse.csc_matrix(arrays["J_regressor"]), object)}
    np.testing.assert_array_equal(read(tmp_path, **boxed).joint_regressor, expected.joint_regressor)
    np.save(tmp_path / "studio.npy", np.array(arrays, object), allow_pickle=True)
    np.testing.assert_array_equal(read_head(tmp_path / "studio.npy").raw.template, expected.template)


def test_licence_and_credit_come_from_the_file_or_the_model(tmp_path: Path) -> None:
    path = tmp_path / "studio.npz"
    np.savez(path, **small(), licence="house\nrules", attribution="Ada's studio")
    reading = read_head(path)
    assert (reading.licence, reading.attribution, reading.file) == ("house rules", "Ada's studio", "studio.npz")
    assert reading.sha256 == fingerprint(path)
    path.write_bytes(pickle.dumps(small()))
    assert read_head(path).licence is None
    assert "Tianye Li" in read_head(path).attribution
