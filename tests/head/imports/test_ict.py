"""ICT-FaceKit's folder of meshes, written here in the published layout: centimetres, +Y up, face along +Z."""

from pathlib import Path

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.core.progress import silent
from backend.errors import Cancelled, InputError
from backend.head.imports import fingerprint, ict, read_head
from tests.head.imports.flame_file import flame_arrays

NAMES = ("browInnerUp_L", "browInnerUp_R", "cheekPuff_L", "cheekPuff_R", "jawOpen", "mouthSmile_L", "mouthSmile_R",
         "eyeBlink_L", "cheekRaiser_L", "jawLeft")


def obj(points: np.ndarray, faces: np.ndarray | None = None) -> str:
    lines = ["mtllib ICTFaceModelMaterial.mtl", *(f"v {x:.12f} {y:.12f} {z:.12f}" for x, y, z in points)]
    if faces is not None:
        lines += ["usemtl M_Face", *("f " + " ".join(f"{i + 1}/{i + 1}/{i + 1}" for i in face) for face in faces)]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def shapes() -> dict[str, np.ndarray]:
    """(V, 3) deltas in metres and FLAME's axes, which are ICT's."""
    moves = flame_arrays(0)["shapedirs"]
    names = ["identity000", "identity001", *NAMES]
    return {name: moves[:, :, 300 + index if index > 1 else index] for index, name in enumerate(names)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shapes: dict[str, np.ndarray]) -> Path:
    place = tmp_path_factory.mktemp("ICT-FaceKit") / "FaceXModel"
    place.mkdir()
    arrays = flame_arrays(0)
    neutral = 100 * arrays["v_template"]
    (place / "generic_neutral_mesh.obj").write_text(obj(neutral, arrays["f"]))
    for name, delta in shapes.items():
        (place / f"{name}.obj").write_text(obj(neutral + 100 * delta))
    (place / "vertex_indices.json").write_text("{}")
    (place.parent / "LICENSE").write_text("MIT License\n\nCopyright (c) 2020 USC Institute for Creative Technologies\n")
    return place


def ours(points: np.ndarray) -> np.ndarray:
    return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)


def test_the_published_layout_reads(folder: Path, shapes: dict[str, np.ndarray]) -> None:
    reading = read_head(folder.parent)
    raw = reading.raw
    assert (raw.kind, reading.licence, reading.file) == ("ict", "MIT", folder.parent.name)
    assert "USC" in reading.attribution
    np.testing.assert_allclose(raw.template, ours(flame_arrays(0)["v_template"]), atol=1e-7)
    np.testing.assert_array_equal(raw.faces[:, :3], flame_arrays(0)["f"])
    assert raw.shape_basis.shape[0] == 2
    np.testing.assert_allclose(raw.shape_basis[1], ours(shapes["identity001"]), atol=1e-7)
    assert raw.arkit_deltas is not None
    assert raw.expression_names == ARKIT_NAMES

    def apple(name: str) -> np.ndarray:
        return raw.arkit_deltas[ARKIT_NAMES.index(name)]  # type: ignore[index]

    for name, expected in (("mouthSmileLeft", shapes["mouthSmile_L"]), ("jawLeft", shapes["jawLeft"]),
                           ("browInnerUp", shapes["browInnerUp_L"] + shapes["browInnerUp_R"]),
                           ("cheekPuff", shapes["cheekPuff_L"] + shapes["cheekPuff_R"])):
        np.testing.assert_allclose(apple(name), ours(expected), atol=1e-7)
    assert not apple("tongueOut").any()
    assert any("tongueOut" in note for note in raw.notes)
    assert raw.joint_names == ()


def test_a_fingerprint_tells_whether_any_file_changed(folder: Path) -> None:
    before = fingerprint(folder)
    assert before == read_head(folder).sha256 == fingerprint(folder.parent)
    path = folder / "jawOpen.obj"
    content = path.read_text()
    path.write_text(content.replace("1", "2", 1))
    changed = fingerprint(folder)
    path.write_text(content)
    assert changed != before == fingerprint(folder)


def test_of_the_published_topology_skin_and_eyeballs_are_kept() -> None:
    faces = np.array([[0, 1, 2, 3], [9408, 9409, 11247, -1], [11247, 11248, 1, 2], [15000, 15001, 15002, -1],
                      [21451, 24590, 24589, -1], [26000, 26001, 26002, -1]], np.int32)
    kept, left = ict._skin_and_eyes(26719, faces)
    assert len(kept) == 11248 + 3140
    assert left.tolist() == [[0, 1, 2, 3], [9408, 9409, 11247, -1], [11248, 11248 + 3139, 11248 + 3138, -1]]


@pytest.mark.parametrize(("name", "change", "words"), [
    ("jawOpen.obj", lambda text: "\n".join(text.splitlines()[:99]), "98 vertices"),
    ("jawOpen.obj", lambda text: text[:text.rindex(" ")], "cut short"),
    ("identity001.obj", lambda text: text.replace("v ", "v x", 1), "no numbers"),
    ("identity000.obj", lambda text: "", "is empty"),
    ("identity000.obj", lambda text: "# nothing\n", "holds no vertices"),
    ("identity000.obj", lambda text: text.replace(" 0.", " nan0.", 1), "no numbers"),
    ("generic_neutral_mesh.obj", lambda text: text.replace("f ", "f 99999999/1 ", 1), "do not exist"),
    ("generic_neutral_mesh.obj", lambda text: "\n".join(text.splitlines()[:5023]), "no faces")])
def test_a_file_at_fault_is_named(folder: Path, name: str, change: object, words: str) -> None:
    import re

    path = folder / name
    content = path.read_text()
    path.write_text(change(content))  # type: ignore[operator]
    try:
        with pytest.raises(InputError) as caught:
            read_head(folder)
    finally:
        path.write_text(content)
    assert name in caught.value.message
    assert re.search(words, caught.value.message), caught.value.message


def test_a_folder_without_components_is_refused(tmp_path: Path) -> None:
    arrays = flame_arrays(0)
    (tmp_path / "generic_neutral_mesh.obj").write_text(obj(100 * arrays["v_template"], arrays["f"]))
    with pytest.raises(InputError, match="no identity components"):
        read_head(tmp_path)


def test_reading_a_folder_can_be_cancelled(folder: Path) -> None:
    def stop(fraction: float, text: str) -> None:
        if fraction > 0:
            raise Cancelled

    with pytest.raises(Cancelled):
        ict.read(folder, stop)
    assert ict.read(folder, silent)[0].kind == "ict"
