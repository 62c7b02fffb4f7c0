"""What a .blend or an exported file that is given to others says of the computer it was made on: nothing.

Files are searched as they lie on the disk, byte by byte, for the name of the folder that the photos came from.
"""

import shutil
from pathlib import Path

import bpy
import pytest

from blender_addon import avatar_operators, preferences, whereabouts
from blender_addon.errors import InputError
from blender_addon.export import formats, presets
from blender_addon.scene import avatar as avatars
from blender_addon.scene import privacy, textures

from .conftest import ROOT

SECRET = "Anna Geheimrat"
PHOTO = "portrait.png"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder whose name is nobody's business, with a photo in it."""
    folder = tmp_path / SECRET
    folder.mkdir()
    shutil.copyfile(ROOT / "samples" / "nasa_portrait.png", folder / PHOTO)
    return folder


@pytest.fixture
def mine(home, known):
    """An avatar whose bundle and photo lie in that folder."""
    shutil.copytree(known.folder, home / "portrait avatar")
    assert bpy.ops.likeness.assemble(directory=str(home / "portrait avatar"), name="Ada") == {"FINISHED"}
    avatar = avatars.active(bpy.context)
    avatars.remember_photos(avatar, [home / PHOTO])
    return avatar


def says(path: Path, word: str) -> bool:
    content = path.read_bytes()
    return any(word.encode(code) in content for code in ("utf-8", "utf-16-le"))


def saved(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False) == {"FINISHED"}
    return path


def background() -> bpy.types.Image:
    (camera,) = [item for item in bpy.data.objects if item.type == "CAMERA" and item.data.background_images]
    return camera.data.background_images[0].image


def test_a_saved_file_names_no_folder_and_all_is_as_it_was_afterwards(mine, home, tmp_path, monkeypatch):
    textures.write_exr(home / "kitchen.exr", textures.read_pixels(textures.ours()[0])[:8, :16, :3])
    monkeypatch.setattr(preferences, "get", lambda _context: type("P", (), {"hdri_folder": str(home)}))
    settings = bpy.context.scene.likeness
    settings.photo, settings.out = str(home / PHOTO), str(home / "out")
    settings.more_photos.add().name = str(home / "second.png")
    assert bpy.ops.likeness.photo_match(view=0, photo=str(home / PHOTO)) == {"FINISHED"}
    assert bpy.ops.likeness.hdri(hdri="own:kitchen.exr") == {"FINISHED"}
    for name in ("one", "two"):  # the second time paths are made relative to the first place
        file = saved(tmp_path / name / "shared.blend")
        assert says(file, "likeness_licence"), "it can be read"
        assert not says(file, SECRET)
        assert (settings.photo, settings.out) == (str(home / PHOTO), str(home / "out"))
        assert [photo.name for photo in settings.more_photos] == [str(home / "second.png")]
        assert Path(bpy.path.abspath(background().filepath)) == home / PHOTO


def test_the_file_opened_again_here_knows_its_photos(mine, home, tmp_path):
    bpy.ops.likeness.photo_match(view=0, photo=str(home / PHOTO))
    file = saved(tmp_path / "shared.blend")
    bpy.ops.wm.open_mainfile(filepath=str(file))
    again = avatars.active(bpy.context)
    assert (again.bundle, avatars.photos(again)) == (home / "portrait avatar", [home / PHOTO])
    again.mesh[avatars.REPORT_TAG] = '{"inputs": [{"name": "portrait.png"}]}'
    assert avatar_operators.photos_of(bpy.context, again) == [home / PHOTO]
    assert Path(background().filepath) == home / PHOTO
    assert background()[privacy.PICTURE_TAG] == again.id


def test_elsewhere_it_says_what_it_does_not_know_and_finds_a_bundle_beside_it(mine, home, tmp_path):
    bpy.ops.likeness.photo_match(view=0, photo=str(home / PHOTO))
    file = saved(tmp_path / "shared.blend")
    (avatars.notes() / f"{mine.id}.json").unlink()
    bpy.ops.wm.open_mainfile(filepath=str(file))
    again = avatars.active(bpy.context)
    assert background().filepath == ""
    with pytest.raises(InputError, match=r"does not know where the photos of this avatar are: made-up\.png"):
        avatar_operators.photos_of(bpy.context, again)
    with pytest.raises(RuntimeError, match=r"portrait avatar that this avatar was made from is not known.*beside"):
        bpy.ops.likeness.set_resolution(level="lod2")
    shutil.move(home / "portrait avatar", tmp_path / "portrait avatar")
    assert bpy.ops.likeness.set_resolution(level="lod2") == {"FINISHED"}


def test_notes_of_where_things_are_belong_to_their_owner_and_bad_ones_are_passed_over(tmp_path):
    place, name = tmp_path / "avatars", "0" * 32
    files = whereabouts.Files(tmp_path / "b", (tmp_path / "Größe 顔.png",))
    whereabouts.keep(place, name, files)
    assert whereabouts.of(place, name) == files
    assert all(path.stat().st_mode & 0o077 == 0 for path in (place, *place.iterdir()))
    for text in ("{", "[]", '{"bundle": 1, "photos": []}', '{"bundle": "", "photos": [2]}'):
        (place / f"{name}.json").write_text(text)
        assert whereabouts.of(place, name) == whereabouts.Files()
    for odd in ("../../etc/passwd", "", "0" * 31, "x" * 32):
        assert whereabouts.of(place, odd) == whereabouts.Files()



@pytest.mark.parametrize("preset", ["glb", "unreal", "vrm", "usd", "obj", "abc"])  # one of each format
def test_an_exported_file_names_no_folder(mine, tmp_path, preset):
    if formats.missing(presets.PRESETS[preset].format):
        pytest.skip(formats.missing(presets.PRESETS[preset].format))
    saved(tmp_path / "Atelier" / "scene.blend")
    out = tmp_path / "Kundschaft"
    out.mkdir()
    file = out / f"ada{presets.PRESETS[preset].suffix}"
    options = {"viewer": True} if preset == "glb" else {}
    export = getattr(bpy.ops.likeness, f"export_{preset}")
    assert export(filepath=str(file), texture_size="512", **options) == {"FINISHED"}
    written = [path for path in out.rglob("*") if path.is_file()]
    assert file in written
    for path in written:
        for word in (SECRET, "Atelier", "Kundschaft", tmp_path.name, Path.home().as_posix() + "/"):
            assert not says(path, word), f"{path.name}: {word}"
