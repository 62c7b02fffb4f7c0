"""Presets, wishes, bad input, the command line: what does not depend on a format."""

import os
import tomllib
from pathlib import Path
from types import SimpleNamespace

import bmesh
import bpy
import numpy as np
import pytest

from blender_addon import command as whole_command
from blender_addon.errors import InputError
from blender_addon.export import (
    budget,
    command,
    compress,
    formats,
    job,
    levels,
    looks,
    output,
    presets,
    source,
    wrinkles,
)
from blender_addon.export.naming import safe_name
from blender_addon.scene import avatar as avatars
from blender_addon.scene import nodes, resolution, skin, textures
from blender_addon.version import VERSION

from .conftest import ROOT
from .export_check import Glb


@pytest.mark.parametrize(("name", "safe"), [
    ("Ada", "Ada"), ("Åda / Lovelace", "Ada_Lovelace"), ("../../etc", "etc"), ("愛", "avatar"), ("", "avatar"),
    ("a" * 99, "a" * 48), ("con.001", "con_001"), ("CON", "CON_"), ("lpt1", "lpt1_"), ("Constance 😀", "Constance"),
    ("-rf *", "rf")])
def test_names_are_such_that_every_engine_takes_them(name, safe):
    assert safe_name(name) == safe


def test_every_preset_has_a_button_and_its_exporter():
    for key, preset in presets.PRESETS.items():
        assert hasattr(bpy.types, f"LIKENESS_OT_export_{key}"), key
        assert formats.available(preset.format), key
        assert not getattr(bpy.ops.likeness, f"export_{key}").poll(), "there is no avatar"


def test_a_missing_exporter_is_said_before(avatar, tmp_path):
    bpy.ops.preferences.addon_disable(module="io_scene_fbx")
    try:
        assert not bpy.ops.likeness.export_unity.poll()
        assert bpy.ops.likeness.export_web.poll()
        with pytest.raises(InputError, match="no FBX exporter enabled"):
            job.export(avatar, presets.PRESETS["unity"], tmp_path / "ada")
    finally:
        bpy.ops.preferences.addon_enable(module="io_scene_fbx")
    assert not list(tmp_path.iterdir())


def test_a_missing_compressor_is_said_before(avatar, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for what, program in (("meshopt", "gltfpack"), ("ktx2", "basisu")):
        with pytest.raises(InputError, match=f"needs the program {program}, which is not on PATH"):
            job.export(avatar, presets.chosen("web", compress=what), tmp_path / "ada")
    monkeypatch.setattr(compress, "_draco", lambda: False)
    with pytest.raises(InputError, match="built without Draco"):
        job.export(avatar, presets.chosen("web", compress="draco"), tmp_path / "ada")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not compress._draco(), reason="this Blender was built without Draco")
def test_draco_keeps_places_and_targets(avatar, tmp_path):
    def read(path: Path) -> tuple[list[str], np.ndarray]:
        before = set(bpy.data.objects)
        bpy.ops.import_scene.gltf(filepath=str(path))
        (body,) = [item for item in set(bpy.data.objects) - before if item.type == "MESH" and item.data.shape_keys]
        blocks = body.data.shape_keys.key_blocks
        places = np.empty((len(blocks), len(body.data.vertices), 3), np.float32)
        for block, row in zip(blocks, places, strict=True):
            block.data.foreach_get("co", row.reshape(-1))
        return [block.name for block in blocks], places

    files = {}
    for what in ("", "draco"):
        preset = presets.chosen("web", texture_size=256, lods=(3,), compress=what)
        files[what] = job.export(avatar, preset, tmp_path / f"ada{what}").files[0]
    assert "KHR_draco_mesh_compression" in Glb.read(files["draco"]).document["extensionsRequired"]
    (names, plain), (also, packed) = read(files[""]), read(files["draco"])
    assert names == also
    assert len(names) == 53
    assert np.abs(plain - packed).max() < 5e-5  # metres


def test_only_a_glb_can_be_compressed():
    with pytest.raises(InputError, match="FBX files cannot be compressed by draco"):
        presets.chosen("unity", compress="draco")
    with pytest.raises(InputError, match="viewer page cannot read"):
        presets.chosen("web", compress="draco", viewer=True)


@pytest.mark.parametrize("wish", [{"texture_size": 1000}, {"gaze": "magic"}, {"lods": ()}, {"lods": (0, 7)}])
def test_impossible_wishes_are_sentences(wish):
    with pytest.raises(InputError, match=r"cannot|no such"):
        presets.chosen("glb", **wish)


def test_levels_in_files_of_their_own_have_smaller_pictures(avatar, tmp_path):
    report = job.export(avatar, presets.chosen("web", texture_size=256, lods=(0, 3)), tmp_path / "ada.glb")
    assert [path.name for path in report.files] == ["ada.glb", "ada_LOD3.glb"]
    for path, level in zip(report.files, (0, 3), strict=True):
        glb = Glb.read(path)
        count = sum(len(glb.accessor(part["indices"])) for part in glb.document["meshes"][0]["primitives"])
        assert count == 3 * report.triangles[level]
        assert len(glb.document["meshes"][0]["extras"]["targetNames"]) == 52
    assert report.files[1].stat().st_size * 3 < report.files[0].stat().st_size


def test_a_level_is_the_surface_with_fewer_faces(avatar, bundle):
    whole = source.surface(avatar, presets.PRESETS["glb"])
    made = levels.made(avatar, whole, (0, 2))[2]
    known = resolution.geometry_at(bundle, "lod2")
    assert np.allclose(made.vertices, known["vertices"], atol=1e-6)
    assert np.array_equal(made.faces, known["faces"])
    assert np.allclose(made.weights, known["skin_weights"], atol=1e-6)
    jaw = known["key_names"].tolist().index("jawOpen")
    assert np.allclose(made.key_deltas[jaw], known["key_deltas"][jaw], atol=1e-6)


def test_no_level_can_be_made_of_a_level(avatar, tmp_path):
    assert bpy.ops.likeness.set_resolution(level="lod2") == {"FINISHED"}
    with pytest.raises(InputError, match=r"wears LOD 2.*Set its mesh to Base"):
        job.export(avatar, presets.chosen("unity", lods=(0, 1)), tmp_path / "ada")
    assert not list(tmp_path.iterdir())


def test_an_imported_head_brings_its_own_expressions_to_every_level(borrowed, tmp_path):
    """Triangles, parts that it was given, expressions of its own."""
    assert bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Ada") == {"FINISHED"}
    avatar = avatars.active(bpy.context)
    wanted = presets.chosen("unity", components=True, texture_size=256)
    report = job.export(avatar, wanted, tmp_path / "ada")
    assert list(report.triangles) == [0, 1, 2, 3]
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(report.files[0]))
    for body in (item for item in bpy.data.objects if item.type == "MESH"):
        names = [key.name for key in body.data.shape_keys.key_blocks[1:]]
        assert len(names) == 52 + 5
        assert names[-1] == "expression_004"


def test_levels_that_nobody_asked_for_are_left_out_with_a_note(avatar, tmp_path):
    avatar.mesh[avatars.BUNDLE_TAG] = "gone"
    (avatars.notes() / f"{avatar.id}.json").unlink()
    with pytest.raises(InputError, match=r"The folder gone that this avatar was made from is not known"):
        levels.of(avatar, source.surface(avatar, presets.PRESETS["unity"]), presets.chosen("unity", lods=(1,)))
    report = job.export(avatar, presets.chosen("unity", texture_size=256), tmp_path / "ada")
    assert list(report.triangles) == [0]
    assert report.notes == (
        "Without levels of detail: The folder gone that this avatar was made from is not known on this computer.",)


def test_a_picture_that_is_gone_is_named_and_nothing_is_written(avatar, tmp_path):
    picture = next(item for item in textures.ours() if "diffuse" in item.filepath)
    picture.filepath = str(tmp_path / "gone" / "diffuse_albedo.png")
    picture.reload()
    with pytest.raises(RuntimeError, match=r"diffuse_albedo\.png of this avatar is missing"):
        bpy.ops.likeness.export_glb(filepath=str(tmp_path / "ada.glb"))
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_a_sentence(avatar, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"ada\.glb cannot be written"):
        job.export(avatar, presets.PRESETS["web"], tmp_path / "ada.glb")


def test_a_target_that_cannot_be_written_is_a_sentence(avatar, tmp_path):
    (tmp_path / "letter").write_text("Dear Ada")
    with pytest.raises(InputError, match=r"ada\.glb cannot be written: .*\. Choose a folder"):
        job.export(avatar, presets.PRESETS["web"], tmp_path / "letter" / "ada.glb")
    with pytest.raises(InputError, match=r"x\.glb cannot be written: file name too long"):
        job.export(avatar, presets.PRESETS["web"], tmp_path / f"{'x' * 300}.glb")
    (tmp_path / "ada.glb").mkdir()
    with pytest.raises(InputError, match=r"ada\.glb is a folder"):
        job.export(avatar, presets.PRESETS["web"], tmp_path / "ada.glb")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["ada.glb", "letter"]


def test_a_full_disk_is_said_before_anything_is_written(tmp_path):
    output.room(tmp_path / "new" / "ada.glb", 1)
    with pytest.raises(InputError, match=r"ada\.glb needs about 1000000000000\.0 MB; .* are free there\. Make room"):
        output.room(tmp_path / "new" / "ada.glb", 10**18)


def test_an_avatar_that_is_being_edited_is_exported_with_the_edits(avatar, tmp_path):
    bpy.context.view_layer.objects.active = avatar.mesh
    highest = max(avatar.mesh.data.vertices, key=lambda vertex: vertex.co.z)
    wanted, number = highest.co.z + 0.02, highest.index
    bpy.ops.object.mode_set(mode="EDIT")
    work = bmesh.from_edit_mesh(avatar.mesh.data)
    work.verts.ensure_lookup_table()
    work.verts[number].co.z = wanted
    report = job.export(avatar, presets.chosen("web", texture_size=256, lods=(0,)), tmp_path / "ada")
    assert bpy.context.mode == "EDIT_MESH"
    assert np.isclose(Glb.read(report.files[0]).attribute("POSITION")[:, 1].max(), wanted, atol=1e-5)


def test_a_mesh_without_materials_is_exported_plain(avatar, tmp_path):
    avatar.mesh.data.materials.clear()
    report = job.export(avatar, presets.chosen("web", texture_size=256, lods=(3,)), tmp_path / "ada")
    assert [material["name"] for material in Glb.read(report.files[0]).document["materials"]] == ["Ada_Plain"]


def test_files_are_swapped_all_or_none(tmp_path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").mkdir()  # a file cannot take a folder's place
    (tmp_path / "b" / "kept").write_text("old")


    def write() -> None:
        with output.staged(tmp_path / "a") as folder:
            for name in "abc":
                (folder / name).write_text("new")

    with pytest.raises(InputError, match=r"a cannot be written"):
        write()
    assert (tmp_path / "a").read_text() == "old"
    assert (tmp_path / "b" / "kept").read_text() == "old"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a", "b"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    (tmp_path / "a").write_text("old")

    def write() -> None:
        with output.staged(tmp_path / "a") as folder:
            (folder / "a").write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert (tmp_path / "a").read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["a"]


def test_what_a_killed_export_left_is_cleared_away_and_old_files_come_back(tmp_path):
    """A folder that nobody holds; one that is still being written into stays, and one that nobody marked."""
    left, fresh = tmp_path / f"{output.PREFIX}left", tmp_path / f"{output.PREFIX}fresh"
    (left / "old").mkdir(parents=True)
    (left / "old" / "lost").write_text("old")
    (left / "old" / "a").write_text("older than a")
    (tmp_path / "a").write_text("a")
    (left / output.HELD).touch()
    fresh.mkdir()
    with output.staged(tmp_path / "c") as busy:
        (busy / "c").write_text("late")
        with output.staged(tmp_path / "b") as folder:
            (folder / "b").write_text("new")
        assert busy.exists()
    assert {item.name: item.read_text() for item in tmp_path.iterdir() if item.is_file()} == {
        "lost": "old", "a": "a", "b": "new", "c": "late"}
    assert [item.name for item in tmp_path.iterdir() if item.is_dir()] == [fresh.name]


def test_the_skins_controls_are_in_the_pictures(avatar):
    group = next(filter(None, map(skin.controls, avatar.mesh.data.materials)))
    whole = {0: source.surface(avatar, presets.PRESETS["glb"])}

    def maps() -> dict[str, np.ndarray]:
        look = next(look for look in looks.of(avatar, whole)[0] if look.kind == "Skin")
        return {name: maker(64) for name, maker in look.maps.items()}

    before = maps()
    group.inputs["Melanin"].default_value, group.inputs["Oiliness"].default_value = 1.0, 1.0
    after = maps()
    ratio = (textures_linear(after["base_color"]) / textures_linear(before["base_color"])).mean((0, 1))
    assert np.allclose(ratio, skin.MELANIN, atol=0.01)
    assert np.allclose(after["roughness"], before["roughness"] * 0.55, atol=1e-3)


def test_wrinkles_that_are_turned_down_leave_the_normal_map(avatar, tmp_path):
    """Relief that rises by a millimetre over the square: at half strength, half of its slope is taken off."""
    group = next(filter(None, map(skin.controls, avatar.mesh.data.materials)))
    picture = group.inputs["Wrinkle Height"].links[0].from_node.image
    ramp = np.broadcast_to(np.linspace(0, 1e-3, 64, dtype=np.float32)[None, :, None], (64, 64, 3))
    textures.write_exr(tmp_path / "ramp.exr", ramp)
    picture.filepath = str(tmp_path / "ramp.exr")
    picture.reload()
    whole = source.surface(avatar, presets.PRESETS["glb"])

    def normal() -> np.ndarray:
        found, shown = looks.of(avatar, {0: whole})
        number = [look.kind for look in found].index("Skin")
        return wrinkles.with_relief(found, shown[0])[number].maps["normal"](64) * 2 - 1

    assert np.abs(normal()[..., :2]).max() < 0.01, "the bundle's own is flat, and the controls are as it was made"
    group.inputs["Wrinkles"].default_value = 0.5
    across, _shear, _up = wrinkles.metric(whole, 0)
    wanted = 0.5 * (1e-3 / 63) / (across[128, 128] * wrinkles.METRIC / 64)
    middle = normal()[32, 32]
    assert np.isclose(middle[0] / middle[2], wanted, rtol=0.2), "texels differ by so much from one to the next"


def textures_linear(encoded: np.ndarray) -> np.ndarray:
    return ((encoded + 0.055) / 1.055) ** 2.4


def test_eyes_of_two_colours_are_two_materials(avatar, tmp_path):
    """As `eyes` builds them where the bundle has a picture of each."""
    from blender_addon.scene import eyes

    slot = next(index for index, material in enumerate(avatar.mesh.data.materials) if material.name == "Ada Eye")
    pictures = {}
    for name, colour in (("eye_albedo", (0, 0, 1)), ("eye_albedo_right", (0, 1, 0))):
        path = tmp_path / f"{name}.png"
        textures.write_png(path, np.broadcast_to(np.array(colour, np.float32), (32, 32, 3)))
        pictures[name] = bpy.data.images.load(str(path))
    made = eyes.eye_material("Two Eye", pictures)
    avatar.mesh.data.materials[slot] = made
    found, surfaces = looks.of(avatar, {0: source.surface(avatar, presets.PRESETS["glb"])})
    shape = surfaces[0]
    for kind, side, colour in (("EyeLeft", 1, 2), ("EyeRight", -1, 1)):
        number = [look.kind for look in found].index(kind)
        across = shape.vertices[shape.faces[shape.material == number][:, :3], 0]
        assert (np.sign(across) == side).all()
        assert found[number].maps["base_color"](32)[..., colour].max() > 0.5
    assert nodes.find(made.node_tree.nodes["Principled BSDF"].inputs, "Base Color").is_linked


def test_a_limit_picks_textures_then_levels(avatar, tmp_path):
    whole = job.export(avatar, presets.PRESETS["unity"], tmp_path / "whole")
    counts = job._vertices(avatar, presets.PRESETS["unity"])
    guess = budget.estimate(presets.PRESETS["unity"], looks.everything(avatar), counts, targets=52)
    assert 0.75 < whole.size / guess < 1.15
    limit = whole.size // 3
    small = job.export(avatar, presets.PRESETS["unity"], tmp_path / "small", max_size=limit)
    assert small.size <= limit
    assert set(small.triangles) < set(whole.triangles)
    with pytest.raises(InputError, match=r"cannot be made as small as 0\.0 MB"):
        job.export(avatar, presets.PRESETS["unity"], tmp_path / "none", max_size=1000)


def test_a_modifier_that_somebody_added_is_named(avatar, tmp_path):
    avatar.mesh.modifiers.new("Mine", "SMOOTH")
    report = job.export(avatar, presets.PRESETS["web"], tmp_path / "ada")
    assert report.notes == ("These modifiers are not in the file: Mine",)
    glb = Glb.read(report.files[0])
    assert len(glb.document["meshes"][0]["extras"]["targetNames"]) == 52


@pytest.fixture
def out(tmp_path) -> SimpleNamespace:
    return SimpleNamespace(folder=tmp_path, words=["export", "--preset", "web", "--texture-size", "256", "--out"])


def test_the_command_writes_the_files_avatar_or_a_bundles(known, out, capsys):
    assert command.run([*out.words, str(out.folder / "a.glb")]) == 2
    assert "This file has no avatar." in capsys.readouterr().err
    assert command.run([*out.words, str(out.folder / "a.glb"), "--bundle", str(known.folder), "--lods", "3"]) == 0
    assert "a.glb written" in capsys.readouterr().out
    assert command.run([*out.words, str(out.folder / "b.glb"), "--avatar", "Nobody"]) == 2
    assert "There is no avatar of that name" in capsys.readouterr().err
    assert [item.name for item in out.folder.iterdir()] == ["a.glb"]


def test_the_command_refuses_words_it_does_not_know(out, capsys):
    assert command.run([*out.words, "x.glb", "--lods", "many"]) == 2
    for size in ("nan", "inf", "-5", "0"):
        assert command.run([*out.words, "x.glb", f"--max-size={size}"]) == 2
    assert command.run(["bake"]) == 2
    assert command.run([]) == 2
    assert "usage" in capsys.readouterr().err


def test_the_version_is_the_manifests():
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text("utf-8"))
    assert manifest["version"] == VERSION


def test_pictures_packed_into_the_file_are_written_too(avatar, tmp_path):
    """FBX would lose them: they have no file that it could name."""
    for picture in textures.ours():
        picture.pack()
        picture.filepath = str(tmp_path / "gone" / Path(picture.filepath).name)
    report = job.export(avatar, presets.chosen("unity", texture_size=256, lods=(3,)), tmp_path / "ada")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.import_scene.fbx(filepath=str(report.files[0]))
    skin_picture = next(item for item in bpy.data.images if "Skin_BaseColor" in item.name)
    assert tuple(skin_picture.size) == (256, 256)
    assert np.array(skin_picture.pixels[:64]).reshape(-1, 4)[:, 0].mean() > 0.5


def test_the_command_exports_where_blender_gives_it_no_window(avatar, tmp_path):
    """As `blender -b FILE --command likeness export` does; a script's context has one."""
    file = tmp_path / "ada.glb"
    with bpy.context.temp_override(window=None):
        assert bpy.context.window is None
        assert whole_command.run(["export", "--preset", "web", "--out", str(file), "--texture-size", "256"]) == 0
    assert Glb.read(file).document["meshes"]
