"""Photos dropped into the viewport: what Blender calls when files are let go over it."""

from pathlib import Path

import bpy
import pytest

from .conftest import ROOT

PORTRAIT = ROOT / "samples" / "nasa_portrait.png"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three copies of the portrait and a letter, in a folder as artists have them."""
    folder = tmp_path / "Bäume 顔 🙂"
    folder.mkdir()
    for name in ("links.PNG", "vorne.png", "右.png"):
        (folder / name).write_bytes(PORTRAIT.read_bytes())
    (folder / "letter.txt").write_text("Dear Ada")
    return folder


def drop(folder: Path, *names: str) -> set[str]:
    return bpy.ops.likeness.drop_photos(directory=str(folder), files=[{"name": name} for name in names])


def chosen(scene: bpy.types.Scene) -> list[str]:
    settings = scene.likeness
    return [Path(path).name for path in (settings.photo, *(photo.name for photo in settings.more_photos))]


def test_blender_knows_the_handler_and_its_operator_takes_what_a_drop_gives():
    handler = bpy.types.FileHandler.bl_rna_get_subclass_py("LIKENESS_FH_photos")
    assert handler.bl_import_operator == "likeness.drop_photos"
    assert {".jpg", ".png", ".heic", ".webp", ".mp4", ".mov"} <= set(handler.bl_file_extensions.split(";"))
    options = bpy.ops.likeness.drop_photos.get_rna_type().properties
    assert {"directory", "files"} <= set(options.keys())
    assert not handler.poll_drop(bpy.context)  # there is no viewport without a window


def test_several_files_become_the_photos_of_one_person_and_the_next_drop_replaces_them(scene, photos):
    assert drop(photos, "links.PNG", "letter.txt", "vorne.png", "右.png") == {"FINISHED"}
    assert chosen(scene) == ["links.PNG", "vorne.png", "右.png"]
    assert Path(scene.likeness.photo) == photos / "links.PNG"
    assert bpy.ops.likeness.remove_photo(index=0) == {"FINISHED"}
    assert chosen(scene) == ["vorne.png", "右.png"]
    assert bpy.ops.likeness.remove_photo(index=1) == {"FINISHED"}
    assert chosen(scene) == ["vorne.png"]
    assert drop(photos, "links.PNG") == {"FINISHED"}
    assert chosen(scene) == ["links.PNG"]


def test_a_drop_without_a_photo_is_told_and_changes_nothing(scene, photos):
    drop(photos, "vorne.png")
    with pytest.raises(RuntimeError, match=r"letter\.txt is no photo and no video"):
        drop(photos, "letter.txt")
    assert chosen(scene) == ["vorne.png"]


def test_a_film_is_taken_as_a_photo_is_and_a_second_one_is_refused(scene, photos):
    for name in ("film.MP4", "other.mov"):
        (photos / name).write_bytes(b"no film, but called one")
    assert drop(photos, "film.MP4") == {"FINISHED"}
    assert chosen(scene) == ["film.MP4"]
    with pytest.raises(RuntimeError, match=r"other\.mov is a second video"):
        drop(photos, "film.MP4", "other.mov")
    assert chosen(scene) == ["film.MP4"]


def test_films_are_called_as_the_backend_calls_them():
    from backend.video.container import SUFFIXES as FILMS
    from blender_addon.drop import FILMS as OURS

    assert set(OURS) == FILMS


def test_every_photo_reaches_the_job(photos, monkeypatch):
    from blender_addon import jobs

    from .conftest import backend_python

    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))
    more = [{"name": str(photos / "右.png")}, {"name": str(photos / "gone.png")}]
    with pytest.raises(RuntimeError, match=r"no photo gone\.png"):
        bpy.ops.likeness.create(photo=str(photos / "vorne.png"), more_photos=more)
    job = jobs.create(bpy.context, [photos / "vorne.png", photos / "右.png"], "", 1024)
    try:
        (message,) = job._client._held
        assert [Path(path).name for path in message["parameters"]["photos"]] == ["vorne.png", "右.png"]
        assert message["parameters"]["out"] == str(photos / "vorne avatar")
    finally:
        job.close()


def test_the_list_outlasts_a_save_and_does_not_go_into_the_file(scene, photos, tmp_path):
    """A .blend is given to others; where the photos are is nobody else's business (`test_privacy`)."""
    drop(photos, "vorne.png", "右.png")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    assert chosen(bpy.context.scene) == ["vorne.png", "右.png"]
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    assert chosen(bpy.context.scene) in ([], [""])
