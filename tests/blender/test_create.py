"""The create operator against a real backend process, in the plain loop that background mode uses."""

import json
import os

import bpy
import pytest

from blender_addon import jobs
from blender_addon.scene import avatar as avatars

from .conftest import ROOT, backend_python


@pytest.fixture(autouse=True)
def backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))


def test_a_photo_becomes_an_avatar_and_another_without_doing_everything_again(tmp_path):
    photo = ROOT / "samples" / "nasa_portrait.png"
    out = tmp_path / "avatar of the photo"
    assert bpy.ops.likeness.create(photo=str(photo), out=str(out), resolution="1024", name="Ada", keep=True) == {
        "FINISHED"}
    (avatar,) = avatars.in_scene(bpy.context.scene)
    assert avatar.name == "Ada"
    assert (out / "avatar.json").is_file()
    assert len(avatar.mesh.data.shape_keys.key_blocks) >= 53
    assert jobs.running() is None
    avatar.mesh.data.shape_keys.key_blocks["jawOpen"].value = 0.5
    assert bpy.ops.likeness.redo(resolution="1024", level="lod1") == {"FINISHED"}
    (again,) = avatars.in_scene(bpy.context.scene)
    assert again.id != avatar.id
    assert again.name == "Ada"
    assert again.mesh.data["likeness_level"] == "lod1"
    assert again.mesh.data.shape_keys.key_blocks["jawOpen"].value == 0.5
    stages = {stage["name"]: stage["cached"] for stage in json.loads((out / "avatar.json").read_text())["stages"]}
    assert [name for name, cached in stages.items() if cached] == ["capture", "fit", "unwrap", "reflectance"]


def test_a_file_that_is_no_photo_is_told_in_a_sentence(tmp_path):
    photo = tmp_path / "letter.jpg"
    photo.write_text("Dear Ada")
    with pytest.raises(RuntimeError, match=r"letter\.jpg") as caught:
        bpy.ops.likeness.create(photo=str(photo), out=str(tmp_path / "out"), resolution="1024")
    assert "Traceback" not in str(caught.value).split("Error:", 1)[1].split("Location:")[0]
    assert not (tmp_path / "out").exists()
    assert jobs.running() is None
    assert not bpy.data.objects


def poll_for_ever(job: jobs.RunningJob) -> None:
    while True:
        job.poll()
        job.wait(0.05)


def test_a_cancelled_job_leaves_nothing_behind(tmp_path):
    photo = ROOT / "samples" / "nasa_portrait.png"
    job = jobs.create(bpy.context, [photo], str(tmp_path / "out"), 1024)
    job.cancel()
    with pytest.raises(jobs.Cancelled):
        poll_for_ever(job)
    assert jobs.running() is None
    assert not (tmp_path / "out").exists()


def test_without_a_backend_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv(jobs.PYTHON_VARIABLE)
    photo = tmp_path / "a.png"
    photo.touch()
    with pytest.raises(RuntimeError, match="preferences"):
        bpy.ops.likeness.create(photo=str(photo), out=str(tmp_path / "out"))
    assert jobs.PYTHON_VARIABLE not in os.environ


def test_disabling_the_add_on_ends_the_backend(tmp_path):
    import blender_addon

    job = jobs.create(bpy.context, [ROOT / "samples" / "nasa_portrait.png"], str(tmp_path / "out"), 1024)
    process = job._client._process
    blender_addon.unregister()
    try:
        assert process.poll() is not None
        assert jobs.running() is None
    finally:
        blender_addon.register()
