"""Several avatars, undo, removal; textures that follow the .blend."""

from pathlib import Path

import bpy
import pytest

from blender_addon.scene import avatar as avatars
from blender_addon.scene import textures

STORES = ("objects", "meshes", "armatures", "cameras", "materials", "images", "collections", "shape_keys", "worlds")


def census() -> dict[str, int]:
    return {store: len(getattr(bpy.data, store)) for store in STORES}


def assemble(known, name: str) -> None:
    assert bpy.ops.likeness.assemble(directory=str(known.folder), name=name) == {"FINISHED"}


def test_undo_removes_an_avatar_whole(known):
    bpy.ops.ed.undo_push(message="empty")
    before = census()
    assemble(known, "Ada")
    bpy.ops.ed.undo_push(message="assembled")  # a script's operators push no step of their own
    assert census() != before
    bpy.ops.ed.undo()
    assert census() == before


def test_undo_takes_the_photos_camera_and_light_back_too(known):
    bpy.ops.ed.undo_push(message="empty")
    before = census()
    assemble(known, "Ada")
    bpy.ops.ed.undo_push(message="assembled")
    with_avatar = census()
    assert bpy.ops.likeness.photo_match(view=0) == {"FINISHED"}
    bpy.ops.ed.undo_push(message="matched")
    assert bpy.context.scene.world is not None
    bpy.ops.ed.undo()
    assert census() == with_avatar
    assert bpy.context.scene.world is None
    bpy.ops.ed.undo()
    assert census() == before


STEPS = (  # every operator that changes the scene and needs no file, in an order in which each has something to do
    ("add_hair", {"amount": 0.1}), ("remove_hair", {}), ("expression", {"expression": "smile"}), ("mirror", {}),
    ("reset", {}), ("photo_match", {"view": 1}), ("photo_light", {"view": 0}), ("hdri", {"hdri": "city"}),
    ("studio", {}), ("remove_studio", {}), ("portrait", {}), ("look", {"at": "CAMERA"}), ("turntable", {}),
    ("suggest_look", {}), ("show_confidence", {}), ("set_resolution", {"level": "lod1"}), ("new_performance", {}),
    ("rest_performance", {}), ("remove", {}))


def state() -> dict[str, object]:
    scene, found = bpy.context.scene, avatars.active(bpy.context)
    told: dict[str, object] = {**census(), "hair": len(bpy.data.hair_curves), "actions": len(bpy.data.actions),
                               "lights": len(bpy.data.lights), "camera": scene.camera and scene.camera.name,
                               "world": scene.world and scene.world.name, "view": scene.view_settings.view_transform}
    if found is not None:
        body = found.mesh.data
        told |= {"vertices": len(body.vertices), "layers": body.uv_layers.keys(),
                 "colours": body.color_attributes.keys(),
                 "keys": {key.name: round(key.value, 4) for key in body.shape_keys.key_blocks if key.value},
                 "pose": [round(value, 3) + 0.0 for bone in found.rig.pose.bones
                          for value in (*bone.matrix_basis.to_euler(), *bone.location)],
                 "nodes": [len(material.node_tree.nodes) for material in body.materials]}
    return told


def test_every_step_can_be_undone_and_done_again(known):
    bpy.ops.ed.undo_push(message="empty")
    bpy.ops.likeness.assemble("EXEC_DEFAULT", True, directory=str(known.folder), name="Ada")
    changed = set()
    for name, settings in STEPS:
        before = state()
        assert getattr(bpy.ops.likeness, name)("EXEC_DEFAULT", True, **settings) == {"FINISHED"}, name
        after = state()
        changed |= {name} if after != before else set()
        bpy.ops.ed.undo()
        assert state() == before, name
        bpy.ops.ed.redo()
        assert state() == after, name
    assert {name for name, _settings in STEPS} - changed <= {"mirror", "look", "suggest_look", "photo_light"}


def test_the_photos_light_outlives_its_avatar_while_it_shines(known):
    assemble(known, "Ada")
    bpy.ops.likeness.photo_light(view=0)
    assert bpy.ops.likeness.remove() == {"FINISHED"}
    (light,) = [node.image for node in bpy.context.scene.world.node_tree.nodes if node.type == "TEX_ENVIRONMENT"]
    assert light is not None
    assert light.size[0] > 0, "its pixels can be read"
    assert not bpy.data.objects


def test_undo_of_the_second_avatar_leaves_the_first(known):
    assemble(known, "Ada")
    bpy.ops.ed.undo_push(message="first")
    before = census()
    assemble(known, "Grace")
    bpy.ops.ed.undo_push(message="second")
    bpy.ops.ed.undo()
    assert census() == before
    assert [avatar.name for avatar in avatars.in_scene(bpy.context.scene)] == ["Ada"]


def test_two_avatars_share_the_skin_group_and_nothing_else(known):
    assemble(known, "Ada")
    assemble(known, "Ada")
    first, second = avatars.in_scene(bpy.context.scene)
    assert {first.name, second.name} == {"Ada", "Ada.001"}
    assert not set(first.mesh.data.materials) & set(second.mesh.data.materials)
    assert len([group for group in bpy.data.node_groups if group.name.startswith("Likeness Skin")]) == 1
    first.mesh.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    assert second.mesh.data.shape_keys.key_blocks["jawOpen"].value == 0.0


def test_remove_takes_everything_of_one_avatar(known):
    before = census()
    assemble(known, "Ada")
    one = census()
    assemble(known, "Grace")
    assert bpy.ops.likeness.remove() == {"FINISHED"}
    assert census() == one
    assert bpy.ops.likeness.remove() == {"FINISHED"}
    assert census() == before


def test_the_active_avatar_is_the_one_whose_part_is_active(known):
    assemble(known, "Ada")
    assemble(known, "Grace")
    for avatar in avatars.in_scene(bpy.context.scene):
        bpy.context.view_layer.objects.active = avatar.rig
        assert avatars.active(bpy.context).id == avatar.id


def test_buttons_are_grey_without_an_avatar():
    for name in ("remove", "expression", "reset", "photo_match", "photo_light", "export_glb", "sheet"):
        assert not getattr(bpy.ops.likeness, name).poll(), name


def test_a_folder_that_is_no_bundle_is_refused_with_a_sentence(tmp_path):
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear Ada")
    for folder in (tmp_path, tmp_path / "nowhere", letter):
        with pytest.raises(RuntimeError, match=rf"{folder.name} is not an avatar.*avatar\.json"):
            bpy.ops.likeness.assemble(directory=str(folder))
    assert not bpy.data.objects


def image_paths() -> list[str]:
    return [picture.filepath for picture in textures.ours()]


def test_saving_copies_the_textures_beside_the_blend_and_links_them_relative(avatar, tmp_path):
    assert all(not path.startswith("//") for path in image_paths()), "unsaved: they stay in the bundle"
    folder = tmp_path / "Größe 例 😀"
    folder.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(folder / "a.blend"))
    assert image_paths()
    for picture in textures.ours():
        assert picture.filepath.startswith("//textures"), picture.filepath
        assert textures.file_of(picture).is_file()
        assert folder in textures.file_of(picture).parents
    assert len(set(image_paths())) == len(image_paths())


def test_saving_elsewhere_takes_the_textures_along(avatar, tmp_path):
    first, second = tmp_path / "one" / "a.blend", tmp_path / "two" / "deep" / "b.blend"
    for path in (first, second):
        path.parent.mkdir(parents=True)
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(second))
    for picture in textures.ours():
        assert picture.filepath.startswith("//textures"), picture.filepath
        assert second.parent in textures.file_of(picture).parents
        assert textures.file_of(picture).is_file()


def test_textures_that_cannot_be_copied_stay_where_they_are_and_the_file_is_saved(avatar, tmp_path, capfd):
    (tmp_path / "textures").write_text("a file where the folder should be")
    before = {picture.name: textures.file_of(picture).resolve() for picture in textures.ours()}
    assert bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend")) == {"FINISHED"}
    assert {picture.name: textures.file_of(picture).resolve() for picture in textures.ours()} == before
    said = capfd.readouterr().err
    assert "could not be copied beside the .blend file" in said
    assert "Traceback" not in said
    (tmp_path / "textures").unlink()
    assert bpy.ops.wm.save_mainfile() == {"FINISHED"}, "as the sentence says"
    assert all(textures.file_of(picture).is_relative_to(tmp_path) for picture in textures.ours())


def test_a_copy_that_is_cut_short_takes_no_older_ones_place(avatar, tmp_path, monkeypatch):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    picture = textures.ours()[0]
    target, kept = textures.file_of(picture), textures.file_of(picture).read_bytes()
    picture.filepath_raw = str(tmp_path / target.name)
    (tmp_path / target.name).write_bytes(b"x" * 100)

    def full(_source: Path, half: Path) -> None:
        half.write_bytes(b"x")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(textures.shutil, "copyfile", full)
    failed: list[OSError] = []
    textures.gather(tmp_path, failed)
    assert [error.errno for error in failed] == [28]
    assert target.read_bytes() == kept
    assert not list(target.parent.glob("*.half"))


def test_two_avatars_of_one_bundle_keep_their_own_files(known, tmp_path):
    assemble(known, "Ada")
    assemble(known, "Ada")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    paths = [textures.file_of(picture) for picture in textures.ours()]
    assert len(set(paths)) == len(paths) > 0


def test_a_moved_folder_opens_with_its_textures(avatar, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(home / "a.blend"))
    away = home.rename(tmp_path / "away")
    bpy.ops.wm.open_mainfile(filepath=str(away / "a.blend"))
    assert all(textures.file_of(picture).is_file() for picture in textures.ours())


def test_names_that_no_file_system_likes_become_folders_that_it_does(known, tmp_path):
    assemble(known, 'A/B:"C"?')
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    folders = [item.name for item in (tmp_path / textures.FOLDER).iterdir()]
    assert len(folders) == 1
    assert folders[0].startswith("A_B_C-")
    assert Path(folders[0]).name == folders[0]
