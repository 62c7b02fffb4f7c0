"""Head models of the user's own: the operator that imports them, the list in the panel, licences that stay visible."""

import json
import struct

import bpy
import pytest

from blender_addon import heads, jobs, strings
from blender_addon.scene import avatar as avatars

from .conftest import ROOT, backend_python
from .test_create import poll_for_ever


@pytest.fixture(autouse=True)
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))
    monkeypatch.setenv("LIKENESS_HEADS", str(tmp_path / "library"))


def names() -> list[str]:
    return [head["name"] for head in heads.known(bpy.context)]


def test_a_model_is_imported_named_and_chosen(bundles, tmp_path):
    assert bpy.ops.likeness.import_head(filepath=str(bundles / "nobody.npz"), name="Nobody's", licence="OWN") == {
        "FINISHED"}
    assert names() == ["default", "Nobody's"]
    assert bpy.context.scene.likeness.head == "Nobody's"
    known = heads.one(bpy.context, "Nobody's")
    assert known["licence"] == strings.LICENCE["OWN"].label
    assert known["vertices"] == 5023
    assert (tmp_path / "library" / "Nobody's" / "registration.png").samefile(known["picture"])
    assert jobs.running() is None
    with pytest.raises(RuntimeError, match="There is a head named Nobody's already"):
        bpy.ops.likeness.import_head(filepath=str(bundles / "nobody.npz"), name="Nobody's", licence="OWN")
    bpy.context.window_manager.likeness_session.heads = ""
    assert bpy.ops.likeness.list_heads() == {"FINISHED"}
    assert names() == ["default", "Nobody's"], "the backend told"


def test_without_a_licence_nothing_is_read(bundles):
    for licence, said in (("ASK", ""), ("OTHER", "  ")):
        with pytest.raises(RuntimeError, match=r"not said under which licence you have nobody\.npz"):
            bpy.ops.likeness.import_head(filepath=str(bundles / "nobody.npz"), licence=licence, licence_text=said)
    assert jobs.running() is None


def test_a_file_that_is_no_model_is_refused_in_a_sentence(tmp_path):
    letter = tmp_path / "letter.pkl"
    letter.write_text("Dear Ada")
    with pytest.raises(RuntimeError, match=r"letter\.pkl") as caught:
        bpy.ops.likeness.import_head(filepath=str(letter), licence="OTHER", licence_text="None")
    assert "Traceback" not in str(caught.value).split("Error:", 1)[1].split("Location:")[0]
    assert names() == ["default"]
    assert not list((tmp_path / "library").glob("[!.]*")) if (tmp_path / "library").exists() else True
    with pytest.raises(RuntimeError, match=r"There is no head model nowhere\.pkl there"):
        bpy.ops.likeness.import_head(filepath=str(tmp_path / "nowhere.pkl"), licence="OWN")


def test_a_cancelled_import_leaves_nothing(bundles, tmp_path):
    job = jobs.import_head(bpy.context, bundles / "nobody.npz", "Nobody", "mine")
    while job.poll().fraction == 0:
        job.wait(0.05)
    job.cancel()
    with pytest.raises(jobs.Cancelled):
        poll_for_ever(job)
    assert jobs.running() is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_avatar_can_be_asked_for_with_a_head_by_name(tmp_path):
    photo = ROOT / "samples" / "nasa_portrait.png"
    with pytest.raises(RuntimeError, match="There is no head 'Somebody'"):
        bpy.ops.likeness.create(photo=str(photo), out=str(tmp_path / "out"), head="Somebody")


def test_the_panels_list_keeps_its_choice_when_it_grows():
    settings = bpy.context.scene.likeness
    assert settings.head == "default"
    heads.remember(bpy.context, [{"name": name, "licence": "CC0", "vertices": 5023} for name in ("default", "B")])
    settings.head = "B"
    heads.remember(bpy.context, [{"name": name, "licence": "CC0", "vertices": 5023} for name in ("default", "A", "B")])
    assert settings.head == "B"
    assert names() == ["default", "A", "B"]


def test_an_avatar_says_whose_head_it_wears(borrowed, tmp_path):
    assert bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Ada") == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    avatar = avatars.active(bpy.context)
    assert avatar.head == avatars.Head("borrowed", "For research only", "Nobody, 2020")
    assert avatar.collection["likeness_licence"] == "For research only"


def test_the_licence_travels_in_the_glb(borrowed, tmp_path):
    assert bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Ada") == {"FINISHED"}
    path = tmp_path / "a.glb"
    assert bpy.ops.likeness.export_glb(filepath=str(path)) == {"FINISHED"}
    data = path.read_bytes()
    asset = json.loads(data[20:20 + struct.unpack("<I", data[12:16])[0]])["asset"]
    assert asset["copyright"] == "Head model: Nobody, 2020. Licence: For research only"
