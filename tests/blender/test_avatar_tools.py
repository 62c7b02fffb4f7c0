"""What can be done with an avatar that is there: its report, what was guessed, skin, assets, making it again; other
files that append or link it. And every panel, drawn."""

import json
from pathlib import Path

import bpy
import numpy as np
import pytest

from blender_addon import compat, jobs, panels, pictures, strings, verdicts
from blender_addon.bundle import read_bundle
from blender_addon.scene import avatar as avatars
from blender_addon.scene import confidence, drivers, expression, replace, skin, textures
from blender_addon.scene import report as reports

from .conftest import ROOT, backend_python
from .panel_check import draw

PORTRAIT = ROOT / "samples" / "nasa_portrait.png"
QUALITY = {"verdict": "usable", "confidence": {"seen_share": 0.25, "regions": {"nose": 0.9, "back": 0.0, "odd": 0.5}},
           "surface_sigma_mm": {"face_front": 0.8}, "warnings": ["The size is guessed."],
           "findings": [{"text": "Hair covers the brow."}],
           "photos": [{"input": "a.png", "used": True}, {"input": "b.png", "used": False}]}


@pytest.fixture
def reported(avatar):
    avatar.mesh[avatars.REPORT_TAG] = json.dumps({
        "quality": QUALITY, "inputs": [{"name": "a.png"}, {"name": "b.png"}], "stages": [{"seconds": 3.5}]})
    return avatar


def test_the_report_says_what_was_seen_and_what_was_left_out(reported):
    told = reports.of(reported)
    assert (told.verdict, told.seen, told.sigma_mm, told.seconds) == ("usable", 0.25, 0.8, 3.5)
    assert told.regions == (("nose", 0.9), ("odd", 0.5), ("back", 0.0))
    assert told.sentences == ("The size is guessed.", "Hair covers the brow.")
    assert (told.photos, told.left_out) == (("a.png", "b.png"), ("b.png",))
    assert told.views == (reports.View("a.png", "a.png"),), "what was left out has no camera"
    for broken in ("{", "[]", '{"quality": {"verdict": 1, "confidence": []}}', '{"quality": {"findings": [{}]}}'):
        reported.mesh[avatars.REPORT_TAG] = broken
        assert reports.of(reported) is None or not reports.of(reported).photos
    del reported.mesh[avatars.REPORT_TAG]
    assert reports.of(reported) is None


def test_every_key_frame_of_a_film_can_be_matched_before_its_own_picture(reported, tmp_path):
    film = tmp_path / "clip é at 2.00 s.mp4"
    frames = [{"input": f"{film.name} at {moment:.2f} s", "used": moment < 1} for moment in (0.52, 0.0, 1.6)]
    reported.mesh[avatars.REPORT_TAG] = json.dumps({
        "quality": {**QUALITY, "photos": frames, "video": {"rate": 25.0}}, "inputs": [{"name": film.name}]})
    views = reports.of(reported).views
    assert [(view.file, view.frame) for view in views] == [(film.name, 13), (film.name, 0)]
    scene = bpy.context.scene
    scene.render.engine, scene.render.resolution_x, scene.render.resolution_y = compat.CYCLES, 32, 32
    scene.cycles.samples, scene.cycles.use_denoising, scene.frame_end = 1, False, 2
    reported.mesh.hide_render = True
    if not compat.set_video(scene):
        pytest.skip("this Blender writes no video")
    scene.render.filepath, scene.render.use_file_extension = str(film), False
    scene.camera = bpy.data.objects.new("eye", bpy.data.cameras.new("eye"))
    scene.collection.objects.link(scene.camera)
    bpy.ops.render.render(animation=True, scene=scene.name)
    assert bpy.ops.likeness.photo_match(view=0, photo=str(film)) == {"FINISHED"}
    (background,) = scene.camera.data.background_images
    user = background.image_user
    assert background.image.source == "MOVIE"
    assert (user.frame_duration, user.frame_offset) == (1, 13), "this frame, whatever the scene's is"
    assert user.frame_start <= 1


def test_confidence_is_the_maps_at_every_corner_of_the_skin_and_goes_again(avatar, tmp_path, monkeypatch):
    ramp = np.repeat(np.linspace(0, 1, 64, dtype=np.float32)[None, :, None], 64, 0).repeat(3, 2)  # grows with u
    textures.write_png(tmp_path / "confidence.png", ramp)
    bundle = read_bundle(avatar.bundle)
    for entry in bundle.metadata["maps"]:
        if entry["name"] == "confidence":
            entry["file"] = str(tmp_path / "confidence.png")
    before = len(avatar.mesh.data.color_attributes)
    confidence.show(avatar, bundle)
    body = avatar.mesh.data
    layer = body.color_attributes[confidence.LAYER]
    colours = np.empty(len(body.loops) * 4, np.float32)
    layer.data.foreach_get("color", colours)
    uvs = np.empty(len(body.loops) * 2, np.float32)
    body.uv_layers["UVMap"].uv.foreach_get("vector", uvs)
    share = (colours.reshape(-1, 4)[:, 2] - confidence.GUESSED[2]) / (confidence.SEEN[2] - confidence.GUESSED[2])
    slot = np.repeat([face.material_index for face in body.polygons], [face.loop_total for face in body.polygons])
    on_skin = slot == [material[avatars.MATERIAL_TAG] for material in body.materials].index("skin")
    assert np.abs(share - uvs.reshape(-1, 2)[:, 0])[on_skin].max() < 0.05
    assert np.allclose(colours.reshape(-1, 4)[~on_skin, :3], confidence.OTHER, atol=0.02)
    assert bpy.ops.likeness.show_confidence() == {"FINISHED"}
    assert len(body.color_attributes) == before
    assert bpy.ops.likeness.show_confidence() == {"FINISHED"}
    assert confidence.shown(avatar)


def test_resetting_the_skin_brings_the_photos_back(avatar):
    node = next(filter(None, map(skin.controls, avatar.mesh.data.materials)))
    before = {socket.name: socket.default_value for socket in node.inputs if socket.name in strings.SKIN_INPUT}
    for name in before:
        node.inputs[name].default_value = 0.9
    assert bpy.ops.likeness.skin_reset() == {"FINISHED"}
    assert {name: node.inputs[name].default_value for name in before} == pytest.approx(before)


def test_another_avatar_in_ones_place_keeps_what_an_artist_did(avatar, known):
    scene = bpy.context.scene
    home = bpy.data.collections.new("People")
    scene.collection.children.link(home)
    scene.collection.children.unlink(avatar.collection)
    home.children.link(avatar.collection)
    avatar.rig.location = (1.0, 2.0, 3.0)
    expression.apply(avatar.mesh, {"jawOpen": 0.5})
    avatar.mesh.data.shape_keys.key_blocks["browInnerUp"].value = 0.25
    avatar.mesh.data.shape_keys.key_blocks["browInnerUp"].keyframe_insert("value", frame=1)
    avatar.rig.pose.bones["head"].rotation_euler = (0.1, 0.2, 0.0)
    node = next(filter(None, map(skin.controls, avatar.mesh.data.materials)))
    node.inputs["Melanin"].default_value = 1.5
    avatars.remember_photos(avatar, [Path("/a/b.png")])
    bpy.context.view_layer.update()
    new = replace.replace(scene, avatar, read_bundle(known.folder), "dense")
    bpy.context.view_layer.update()
    assert [item.name for item in avatars.in_scene(scene)] == ["Ada"]
    assert tuple(new.rig.matrix_world.translation) == (1.0, 2.0, 3.0)
    assert expression.current(new.mesh)["jawOpen"] == 0.5
    assert tuple(new.rig.pose.bones["head"].rotation_euler) == pytest.approx((0.1, 0.2, 0.0), abs=1e-6)
    assert new.mesh.data.shape_keys.animation_data.action is not None
    new.mesh.data.shape_keys.key_blocks["browInnerUp"].value = 0.0
    scene.frame_set(1)
    assert new.mesh.data.shape_keys.key_blocks["browInnerUp"].value == 0.25, "the animation goes on"
    node = next(filter(None, map(skin.controls, new.mesh.data.materials)))
    assert node.inputs["Melanin"].default_value == 1.5
    assert [item.name for item in home.children] == ["Ada"]
    assert "Ada" not in scene.collection.children
    assert avatars.photos(new) == [Path("/a/b.png")]
    assert new.mesh.data["likeness_level"] == "dense"


def test_making_again_wants_the_photos(avatar, monkeypatch):
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))
    with pytest.raises(RuntimeError, match=r"where the photos of this avatar are: made-up\.png, made-up\.png"):
        bpy.ops.likeness.redo(resolution="1024")
    assert jobs.running() is None


def marked(avatar, path: Path) -> None:
    assert bpy.ops.likeness.mark_asset() == {"FINISHED"}
    bpy.ops.wm.save_as_mainfile(filepath=str(path))


def test_an_asset_has_a_picture_a_licence_and_can_be_appended_with_images_and_drivers(avatar, tmp_path):
    library, target = tmp_path / "Bibliothek 顔" / "ada.blend", tmp_path / "film" / "shot.blend"
    library.parent.mkdir()
    target.parent.mkdir()
    objects = len(bpy.data.objects)
    marked(avatar, library)
    assert len(bpy.data.objects) == objects, "the studio is gone"
    data = avatar.collection.asset_data
    assert data.license == avatar.head.licence
    assert {"ARKit", "rigged"} <= {tag.name for tag in data.tags}
    picture = np.array(avatar.collection.preview.image_pixels_float).reshape(256, 256, 4)
    assert picture[..., :3].std() > 0.05, "there is a face in it"

    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(library), link=False) as (source, into):
        assert source.collections == ["Ada"]
        into.collections = ["Ada"]
    bpy.context.scene.collection.children.link(into.collections[0])
    (found,) = avatars.in_scene(bpy.context.scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(target))
    bpy.ops.wm.open_mainfile(filepath=str(target))
    (found,) = avatars.in_scene(bpy.context.scene)
    assert textures.ours()
    for image in textures.ours():
        assert target.parent in textures.file_of(image).parents
        assert textures.file_of(image).is_file()
        assert image.size[0] > 0
    assert drivers.driven_keys(found.mesh.data.shape_keys)
    assert all(driver.driver.is_valid for driver in found.mesh.data.shape_keys.animation_data.drivers)
    blocks = found.mesh.data.shape_keys.key_blocks
    blocks["eyeBlinkLeft"].value = blocks["eyeSquintLeft"].value = 1.0
    bpy.context.view_layer.update()
    corrective = next(name for name in drivers.driven_keys(found.mesh.data.shape_keys)
                      if "__" in name and {"eyeBlinkLeft", "eyeSquintLeft"} >= set(name.split("__")))
    evaluated = found.mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    assert evaluated.data.shape_keys.key_blocks[corrective].value == pytest.approx(1.0)


def test_a_linked_avatar_can_be_overridden_and_posed(avatar, tmp_path):
    library = tmp_path / "ada.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (_source, into):
        into.collections = ["Ada"]
    scene = bpy.context.scene
    scene.collection.children.link(into.collections[0])
    into.collections[0].override_hierarchy_create(scene, bpy.context.view_layer, do_fully_editable=True)
    found = [item for item in avatars.in_scene(scene) if item.mesh.override_library]
    assert len(found) == 1
    for image in {node.image for material in found[0].mesh.data.materials for node in material.node_tree.nodes
                  if node.type == "TEX_IMAGE"}:
        assert Path(bpy.path.abspath(image.filepath, library=image.library)).is_file()
    expression.apply(found[0].mesh, {"jawOpen": 0.5})
    found[0].rig.pose.bones["head"].rotation_euler.x = 0.2
    bpy.context.view_layer.update()
    assert found[0].mesh.data.shape_keys.key_blocks["jawOpen"].value == 0.5


def test_every_panel_draws_with_an_avatar_and_without(reported, monkeypatch, tmp_path):
    monkeypatch.setattr(jobs, "notes", lambda: tmp_path)
    settings = bpy.context.scene.likeness
    drawn = {cls.__name__: draw(cls) for cls in panels.CLASSES}
    assert "likeness.drop_photos" in drawn["LIKENESS_PT_create"].operators
    assert "The photos show 25% of the skin" in drawn["LIKENESS_PT_report"].texts
    assert "Not used: b.png" in " ".join(drawn["LIKENESS_PT_report"].texts)
    assert "likeness.redo" in drawn["LIKENESS_PT_redo"].operators
    assert len([text for text in drawn["LIKENESS_PT_shapes"].properties if text == "value"]) == 52
    assert drawn["LIKENESS_PT_skin"].properties.count("default_value") == len(strings.SKIN_INPUT)
    settings.search = "jaw"
    assert draw(panels.LIKENESS_PT_shapes).properties.count("value") == 4
    bpy.ops.likeness.studio()
    assert drawn["LIKENESS_PT_studio"].operators.count("likeness.studio") == 1
    assert "likeness.remove_studio" in draw(panels.relight.LIKENESS_PT_studio).operators
    bpy.ops.likeness.remove()
    without = {cls.__name__: draw(cls) for cls in panels.CLASSES}
    assert without["LIKENESS_PT_avatar"].texts == [strings.POLL["no_avatar"]]
    assert without["LIKENESS_PT_skin"] is None


def test_photos_are_judged_and_shown_with_their_verdict(scene, tmp_path, monkeypatch):
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))
    letter = tmp_path / "letter.jpg"
    letter.write_text("Dear Ada")
    assert not bpy.ops.likeness.check_photos.poll()
    scene.likeness.photo = str(PORTRAIT)
    scene.likeness.more_photos.add().name = str(letter)
    assert verdicts.unknown(verdicts.chosen(scene.likeness)) == [PORTRAIT, letter]
    assert bpy.ops.likeness.check_photos() == {"FINISHED"}
    assert verdicts.unknown(verdicts.chosen(scene.likeness)) == []
    assert verdicts.of(PORTRAIT).word == verdicts.USABLE
    assert verdicts.of(letter).word == verdicts.REFUSED
    assert pictures.size(verdicts.of(PORTRAIT).picture) == (256, 256)
    drawn = draw(panels.create.LIKENESS_PT_create)
    assert {"Usable", "Of no use", "nasa_portrait.png", "letter.jpg"} <= set(drawn.texts)
    letter.write_text("Dear Grace, this is longer")
    assert verdicts.of(letter) is None, "a file that has changed is another photo"


def test_a_running_job_is_drawn_and_a_look_at_photos_makes_way(scene, tmp_path, monkeypatch):
    monkeypatch.setenv(jobs.PYTHON_VARIABLE, str(backend_python()))
    monkeypatch.setattr(jobs, "notes", lambda: tmp_path / "notes")
    look = jobs.check(bpy.context, [PORTRAIT])
    assert not jobs.busy()
    job = jobs.create(bpy.context, [PORTRAIT], str(tmp_path / "out"), 1024)
    assert jobs.running() is job
    assert look._client._process is None
    while job.snapshot.preview is None:
        job.poll()
        job.wait(0.05)
    drawn = draw(panels.create.LIKENESS_PT_create)
    assert "likeness.cancel" in drawn.operators
    assert "likeness.create" not in drawn.operators
    job.close()
    jobs.look_again()
    drawn = draw(panels.create.LIKENESS_PT_create)
    assert "nasa_portrait was not finished when" in " ".join(drawn.texts)
    assert {"likeness.resume", "likeness.forget_job"} <= set(drawn.operators)


def test_quality_sets_resolution_and_mesh_and_says_what_they_come_to(scene):
    settings = scene.likeness
    assert settings.quality == "STANDARD"
    settings.quality = "CLOSE_UP"
    assert (settings.resolution, settings.level) == ("4096", "dense")
    settings.level = "lod1"
    assert settings.quality == "CUSTOM"
    settings.quality = "DRAFT"
    assert (settings.resolution, settings.level) == ("1024", "base")
