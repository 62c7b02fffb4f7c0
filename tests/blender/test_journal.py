"""Jobs that Blender's end cut off: what is remembered, gone on with, forgotten. The command that needs no window."""

import json
import subprocess
import sys
from pathlib import Path

import bpy
import pytest

from blender_addon import command, jobs, journal, strings
from blender_addon.errors import BackendError, InputError
from blender_addon.scene import avatar as avatars

from .conftest import ROOT, backend_python
from .test_create import poll_for_ever

PORTRAIT = ROOT / "samples" / "nasa_portrait.png"


@pytest.fixture(autouse=True)
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))
    monkeypatch.setattr(jobs, "notes", lambda: tmp_path / "notes")


def begin(tmp_path: Path) -> jobs.RunningJob:
    return jobs.create(bpy.context, [PORTRAIT], str(tmp_path / "out"), 1024, name="Ada")


def test_a_job_that_was_cut_off_goes_on_from_its_last_finished_stage(tmp_path):
    job = begin(tmp_path)
    folder = jobs.job_folder(tmp_path / "out")
    while not list(folder.glob("fit-*.npz")):
        job.poll()
        job.wait(0.05)
    assert journal.left(jobs.notes()) == [], "somebody works on it"
    assert job.snapshot.preview.name.startswith("glimpse-")
    job.close()  # as Blender's end does
    (note,) = journal.left(jobs.notes())
    assert (note.name, note.bundle) == ("Ada", "")
    for file in jobs.notes().glob("*"):
        assert file.stat().st_mode & 0o077 == 0
    assert bpy.ops.likeness.resume(note=note.id) == {"FINISHED"}
    (avatar,) = avatars.in_scene(bpy.context.scene)
    assert avatar.name == "Ada"
    assert avatars.photos(avatar) == [PORTRAIT]
    stages = {stage["name"]: stage["cached"] for stage in
              json.loads((tmp_path / "out" / "avatar.json").read_text())["stages"]}
    assert stages["fit"]
    assert journal.left(jobs.notes()) == []
    assert not folder.exists()


def test_a_backend_that_dies_leaves_a_job_to_go_on_with(tmp_path):
    job = begin(tmp_path)
    job._client._process.kill()
    with pytest.raises(BackendError, match="stopped by itself"):
        poll_for_ever(job)
    assert [note.name for note in journal.left(jobs.notes())] == ["Ada"]
    assert jobs.running() is None


def test_what_was_finished_without_a_scene_waits_for_one(tmp_path, known):
    note = journal.Note(str(tmp_path / "job"), {"photos": [str(PORTRAIT)]}, "Grace", "lod2", str(known.folder))
    journal.write(jobs.notes(), note)
    jobs.look_again()
    assert [item.id for item in jobs.left_behind()] == [note.id]
    assert bpy.ops.likeness.resume(note=note.id) == {"FINISHED"}
    (avatar,) = avatars.in_scene(bpy.context.scene)
    assert avatar.name == "Grace"
    assert avatar.mesh.data["likeness_level"] == "lod2"
    assert jobs.left_behind() == []
    with pytest.raises(RuntimeError, match="no avatar to go on with"):
        bpy.ops.likeness.resume(note=note.id)


def test_forgetting_takes_the_kept_stages_and_nothing_else(tmp_path):
    folder = tmp_path / "job"
    folder.mkdir()
    for name in (journal.MARK, "fit-abc.npz", "glimpse-1.png", "letter.txt"):
        (folder / name).write_text("x")
    note = journal.Note(str(folder), {}, "Ada")
    journal.write(jobs.notes(), note)
    assert bpy.ops.likeness.forget_job(note=note.id) == {"FINISHED"}
    assert [item.name for item in folder.iterdir()] == ["letter.txt"]
    assert journal.left(jobs.notes()) == []


def test_notes_that_do_not_read_are_passed_over(tmp_path):
    jobs.notes().mkdir()
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"folder": 1}'), ("d", '{"folder": "x", "parameters": {}, '
                                                                              '"name": "x", "id": "other"}')):
        (jobs.notes() / f"{name}.json").write_text(text)
    assert journal.left(jobs.notes()) == []


def test_a_folder_in_which_another_blender_works_is_refused(tmp_path):
    folder = jobs.job_folder(tmp_path / "out")
    program = """import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from blender_addon import journal
with journal.claimed(Path(sys.argv[2]), 'x'):
    print('held', flush=True)
    sys.stdin.read()
"""
    addon = Path(journal.__file__).parents[1]
    other = subprocess.Popen([sys.executable, "-c", program, addon, folder], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(InputError, match="Another Blender is making the avatar Ada"):
        begin(tmp_path)
    assert jobs.running() is None
    other.kill()
    other.wait()
    job = begin(tmp_path)
    job.cancel()
    with pytest.raises(jobs.Cancelled):
        poll_for_ever(job)
    assert journal.left(jobs.notes()) == [], "who cancels wants it no more"


def test_time_that_is_left_is_said_once_something_is_known():
    assert jobs.time_left(1.0, 0.5) is None
    assert jobs.time_left(60.0, 0.01) is None
    assert jobs.time_left(10.0, 0.25) == pytest.approx(30.0)


def test_the_command_makes_a_file_that_can_be_rendered(tmp_path, capsys):
    bpy.ops.mesh.primitive_cube_add()  # what Blender's own start-up file has
    out = tmp_path / "Grüße 顔" / "ada.blend"
    assert command.run(["create", str(PORTRAIT), "--out", str(out)]) == 2
    assert "There is no folder Grüße 顔 there." in capsys.readouterr().err
    out.parent.mkdir()
    assert command.run(["create", str(PORTRAIT), "--out", str(out), "--resolution", "1024", "--level", "lod1"]) == 0
    said = capsys.readouterr()
    assert "ada.blend saved" in said.out
    of_photos = [text for stage, text in strings.STAGE.items() if stage not in ("track", "wrinkles")]
    assert [line.split()[1] for line in said.err.splitlines()][-5:] == of_photos
    bpy.ops.wm.open_mainfile(filepath=str(out))
    (avatar,) = avatars.in_scene(bpy.context.scene)
    assert avatar.name == "ada"
    assert {item.type for item in bpy.context.scene.objects} == {"MESH", "ARMATURE", "CAMERA"}
    assert len([item for item in bpy.context.scene.objects if item.type == "MESH"]) == 1
    assert bpy.context.scene.camera is not None
    assert (out.parent / "ada avatar" / "avatar.json").is_file()
    assert (out.parent / "textures").is_dir()


@pytest.mark.parametrize(("words", "said", "code"), [
    ([], "create", 2), (["fly"], "create|setup|export", 2), (["--help"], "usage", 0),
    (["create", "nowhere.jpg", "--out", "a.blend"], "no photo nowhere.jpg", 2),
    (["create", str(PORTRAIT), "--out", "a.glb"], "no .blend file", 2),
    (["create", str(ROOT / "LICENSE"), "--out", "a.blend", "--resolution", "1024"], "LICENSE", 2),
    (["create", str(PORTRAIT), "--out", "a.blend", "--resolution", "7"], "--resolution", 2)])
def test_the_command_says_what_is_wrong(words, said, code, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command.run(words) == code
    assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("*.blend"))


def test_without_a_backend_the_command_says_so(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv(jobs.PYTHON_VARIABLE)
    assert command.run(["create", str(PORTRAIT), "--out", str(tmp_path / "a.blend")]) == 1
    assert "No backend environment is set up." in capsys.readouterr().err
