"""`head import` and everything after it, with real processes: one FLAME-like file that is registered once."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from backend.errors import InputError
from backend.head import deform, library, shelf
from backend.head.model import HeadModel, default_head
from tests.head.imports.flame_file import VERTICES, flame_arrays
from tests.head.imports.reference import flame as published
from tests.process.conftest import Finished, Wire, run

SHAPES, MOVES = 10, 10
PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A library of our own, in this process and in those it starts."""
    place, before = tmp_path_factory.mktemp("data") / "heads", os.environ.get("LIKENESS_HEADS")
    os.environ["LIKENESS_HEADS"] = str(place)
    yield place
    if before is None:
        del os.environ["LIKENESS_HEADS"]
    else:
        os.environ["LIKENESS_HEADS"] = before


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 + 10 components, so that it is quick to write."""
    arrays = flame_arrays(0)
    few = np.concatenate([arrays["shapedirs"][..., :SHAPES], arrays["shapedirs"][..., 300:300 + MOVES]], 2)
    path = tmp_path_factory.mktemp("downloads") / "generic_model.npz"
    np.savez(path, **{**arrays, "shapedirs": few})
    return path


@pytest.fixture(scope="module")
def on_the_fly(place: Path, file: Path) -> HeadModel:
    """The file used without importing it: the one registration of this module."""
    return library.find_head(str(file))


@pytest.fixture(scope="module")
def imported(on_the_fly: HeadModel, file: Path) -> dict[str, Any]:
    done = run("head", "import", file, "--name", "Ada Ü", "--licence", "CC-BY-4.0", "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_file_that_is_named_instead_of_a_head_is_read_once(on_the_fly: HeadModel, file: Path) -> None:
    assert on_the_fly.id == "generic_model"
    assert on_the_fly.licence == "not stated"
    started = time.perf_counter()
    again = library.find_head(str(file))
    assert time.perf_counter() - started < 5
    np.testing.assert_array_equal(again.template, on_the_fly.template)


def test_an_avatar_on_a_strangers_head_keeps_its_topology_its_numbers_and_its_licence(
        on_the_fly: HeadModel, file: Path, tmp_path: Path) -> None:
    avatar = tmp_path / "avatar"
    made = run("create", PORTRAIT, "--head", file, "--resolution", "1024", "--out", avatar)
    assert made.returncode == 0, made.stderr
    assert f"Note: {library.UNSURE}" in made.stderr
    head = json.loads((avatar / "avatar.json").read_text("utf-8"))["head"]
    assert (head["licence"], head["source"]["sha256"]) == ("not stated", library.fingerprint(file))
    with np.load(avatar / "geometry.npz") as geometry, np.load(avatar / "fit.npz") as fit:
        assert geometry["vertices"].shape == (VERTICES, 3)
        np.testing.assert_array_equal(geometry["faces"], on_the_fly.faces[(on_the_fly.faces < VERTICES).all(1)])
        assert geometry["faces"].max() < VERTICES
        assert fit["posed_vertices"].shape == (1, VERTICES, 3)
        assert np.abs(geometry["key_deltas"][:52]).max((1, 2)).min() > 5e-4, "all 52 shapes move something"
    with np.load(avatar / "flame_params.npz") as numbers:
        assert (numbers["shape"].shape, numbers["expr"].shape) == ((SHAPES,), (1, MOVES))
    again = tmp_path / "again.npz"
    rebuilt = run("head", "rebuild", avatar / "parameters.npz", "--head", file, "--out", again)
    assert rebuilt.returncode == 0, rebuilt.stderr
    with np.load(avatar / "geometry.npz") as geometry, np.load(again) as other:
        for name in geometry.files:
            np.testing.assert_array_equal(geometry[name], other[name])


def test_an_import_says_what_it_made(imported: dict[str, Any], place: Path, file: Path) -> None:
    assert (imported["name"], imported["kind"], imported["licence"]) == ("Ada Ü", "flame", "CC-BY-4.0")
    assert imported["source"] == "generic_model.npz"
    assert imported["sha256"] == library.fingerprint(file)
    assert imported["vertices"] == VERTICES
    assert "Tianye Li" in imported["attribution"]
    assert 0 < imported["report"]["face_mm"]["median"] < 1
    with Image.open(imported["picture"]) as picture:
        assert picture.size[0] > 400
    if os.name == "posix":
        modes = {path: path.stat().st_mode & 0o777 for path in [place, *place.rglob("*")]}
        assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
        assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert not list(place.glob(".*likeness*")), "nothing half-made is left"
    record = json.loads((place / "Ada Ü" / shelf.RECORD).read_text("utf-8"))
    assert str(file.parent) not in json.dumps(record), "a file's folder is nobody's business"


def test_the_imported_head_moves_as_the_paper_says(imported: dict[str, Any], file: Path) -> None:
    head = library.find_head("ada ü")
    assert (head.id, head.licence, head.own_vertices) == ("Ada Ü", "CC-BY-4.0", VERTICES)
    tensors = deform.HeadTensors.of(head, torch.float64)
    random = np.random.default_rng(5)
    arrays = flame_arrays(0)
    beta, psi, theta = np.zeros(300), np.zeros(100), random.uniform(-0.5, 0.5, (5, 3))
    beta[:SHAPES], psi[:MOVES] = random.standard_normal(SHAPES), random.standard_normal(MOVES)

    def ours(points: np.ndarray) -> np.ndarray:
        return np.stack([points[..., 0], -points[..., 2], points[..., 1]], -1)

    ours_beta, ours_psi = torch.zeros(len(head.shape_basis)).double(), torch.zeros(len(head.expression_basis)).double()
    ours_beta[:SHAPES], ours_psi[:MOVES] = torch.tensor(beta[:SHAPES]), torch.tensor(psi[:MOVES])
    neutral = deform.neutral_vertices(tensors, ours_beta)
    pose = torch.zeros(len(head.joint_names), 3).double()
    pose[:5] = torch.tensor(ours(theta))
    posed = deform.posed_vertices(tensors, neutral, ours_psi, pose).numpy()[:VERTICES]
    expected = ours(published(arrays, beta, psi, theta))
    origin = ours(arrays["v_template"]).mean(0) - head.template[:VERTICES].mean(0)
    assert np.abs(posed + origin - expected).max() < 1e-6
    np.testing.assert_array_equal(head.faces[:len(arrays["f"]), :3], arrays["f"])


def test_heads_are_listed_and_the_doctor_knows_them(imported: dict[str, Any]) -> None:
    lines = run("head", "list").stdout.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["default", "Ada Ü"]
    assert "5,023 vertices, CC-BY-4.0, from generic_model.npz on 20" in lines[1]
    found = json.loads(run("head", "list", "--json").stdout)["heads"]
    assert found[1] == imported
    record = Path(imported["folder"], shelf.RECORD)
    content = record.read_text("utf-8")
    record.write_text(content.replace(library.reference(), "0" * 64), "utf-8")
    assert "older default head" in run("head", "list").stdout.splitlines()[1]
    record.write_text(content, "utf-8")
    doctor = {finding["name"]: finding["text"] for finding in json.loads(run("doctor", "--json").stdout)["findings"]}
    assert doctor["imported heads"] == "Ada Ü, 5023 vertices, CC-BY-4.0"


def test_the_backend_greets_with_its_heads_and_imports_as_a_job(imported: dict[str, Any], file: Path, wire: Wire,
                                                                tmp_path: Path) -> None:
    wire.hello()
    assert [head["name"] for head in wire.next("hello")["heads"]] == ["default", "Ada Ü"]

    def submit(job: str, **parameters: Any) -> dict[str, Any]:
        wire.send({"type": "submit", "id": job, "kind": "import_head", "folder": str(tmp_path),
                   "parameters": parameters})
        return wire.next("result", "error")

    made = submit("a", file=str(file), name="Grace")
    assert made["result"]["heads"] == ["default", "Ada Ü", "Grace"]
    assert made["result"]["head"]["licence"] == "not stated"
    assert any("non-commercial" in note for note in made["result"]["head"]["notes"])
    assert "already" in submit("b", file=str(file), name="grace")["message"]
    assert submit("c", file=str(file), name="Grace", licence="MIT", replace=True)["result"]["head"]["licence"] == "MIT"
    assert submit("d", file=str(tmp_path / "no.pkl"), name="No")["kind"] == "input"
    assert "name" in submit("e", file=str(file))["message"]
    assert "colour" in submit("f", file=str(file), name="Hue", colour="red")["message"]
    library.remove_head("Grace")


def test_a_name_that_is_taken_is_not_given_again(imported: dict[str, Any], file: Path) -> None:
    before = Path(imported["folder"], shelf.RECORD).read_bytes()
    done = run("head", "import", file, "--name", "ADA ü")
    assert done.returncode == 2
    assert "already" in done.stderr
    assert Path(imported["folder"], shelf.RECORD).read_bytes() == before


@pytest.mark.parametrize("name", ["", "  ", "../up", "a/b", "a\\b", "C:x", ".hidden", "-x", "con", "NUL.txt", "x\ny",
                                  "tab\there", "end.", "default", "Default", "x" * 65, "語" * 67, "what?", "a\0b"])
def test_names_that_no_folder_may_have_are_refused(place: Path, file: Path, name: str) -> None:
    with pytest.raises(InputError):
        library.import_head(file, name, licence=None)
    assert not (place.parent / "up").exists()


@pytest.mark.parametrize("name", ["ghost", "", "   ", "../generic_model", "ghost.pkl", "/nowhere/x.npz"])
def test_an_unknown_head_is_refused_with_those_there_are(imported: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match="Heads are: default, Ada Ü"):
        library.find_head(name)


def test_bad_files_leave_no_trace(place: Path, tmp_path: Path) -> None:
    before = sorted(place.rglob("*")) if place.exists() else []
    (tmp_path / "evil.pkl").write_bytes(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.")
    (tmp_path / "empty.npz").touch()
    for name, words in (("evil.pkl", "Nothing in it was run"), ("empty.npz", "is empty"), ("ghost.pkl", "no file")):
        done = run("head", "import", tmp_path / name, "--name", "Evil", "--json")
        assert done.returncode == 2
        assert words in json.loads(done.stdout)["error"]["message"]
        assert len([line for line in done.stderr.splitlines() if "%" not in line]) == 1
        with pytest.raises(InputError):
            library.find_head(str(tmp_path / name))
    assert (sorted(place.rglob("*")) if place.exists() else []) == before


def test_a_library_that_cannot_be_written_is_known_before_the_work(file: Path, tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").write_text("mine")
    monkeypatch.setenv("LIKENESS_HEADS", str(tmp_path / "taken"))
    started = time.perf_counter()
    with pytest.raises(InputError, match="library of heads cannot be written"):
        library.import_head(file, "Ada", licence=None)
    assert time.perf_counter() - started < 5
    assert (tmp_path / "taken").read_text() == "mine"


def test_a_damaged_entry_is_said_and_can_be_imported_again(imported: dict[str, Any], file: Path) -> None:
    library.import_head(file, "Worn", licence="MIT")
    entry = next(entry for entry in library.heads() if entry.name == "Worn")
    assert entry.folder is not None
    path = entry.folder / shelf.HEAD
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="damaged") as caught:
        library.find_head("Worn")
    assert "--replace" in caught.value.remedy
    library.import_head(file, "Worn", licence="MIT", replace=True)
    assert library.find_head("Worn").own_vertices == VERTICES
    (entry.folder / shelf.RECORD).write_text("{")
    assert "Worn" not in [entry.name for entry in library.heads()]


def test_removing_takes_only_what_is_ours(imported: dict[str, Any], file: Path) -> None:
    entry = library.import_head(file, "Gone", licence="MIT")
    assert entry.folder is not None
    (entry.folder / "thoughts.txt").write_text("mine")
    done = run("head", "remove", "gone", "--json")
    assert json.loads(done.stdout) == {"removed": "gone"}
    assert [path.name for path in entry.folder.iterdir()] == ["thoughts.txt"]
    again = run("head", "remove", "gone")
    assert again.returncode == 2
    assert "Imported are: Ada Ü" in again.stderr
    assert run("head", "remove", "default").returncode == 2
    assert library.find_head("default").id == default_head().id


def test_words_of_an_import_are_for_a_person(imported: dict[str, Any], file: Path) -> None:
    done = run("head", "import", file, "--name", "Talk")
    assert done.returncode == 0, done.stderr
    assert "Talk: 5,023 vertices, licence: not stated" in done.stdout
    assert "Registered: face to 0." in done.stdout
    assert "registration.png" in done.stdout
    assert "Note: The licence of this head was not stated" in done.stderr
    library.remove_head("Talk")


def test_geometry_is_made_again_from_parameters_bit_for_bit(finished: Finished, tmp_path: Path) -> None:
    out = tmp_path / "geometry.npz"
    done = run("head", "rebuild", finished.bundle / "parameters.npz", "--out", out)
    assert done.returncode == 0, done.stderr
    with np.load(out) as again, np.load(finished.bundle / "geometry.npz") as first:
        assert again.files == first.files
        for name in first.files:
            np.testing.assert_array_equal(again[name], first[name])
    for arguments, words in ((("nowhere.npz",), "nowhere.npz"), ((finished.bundle / "geometry.npz",), "which head"),
                             ((finished.bundle, "--head", "ghost"), "no head 'ghost'")):
        bad = run("head", "rebuild", *arguments, "--out", tmp_path / "none.npz")
        assert bad.returncode == 2, bad.stderr
        assert words in bad.stderr
        assert not (tmp_path / "none.npz").exists()
    assert run("head", "rebuild", finished.bundle, "--out", tmp_path).returncode == 2
