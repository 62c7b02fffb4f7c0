"""Correctives and the drivers that call them up, held against numpy; in files that were saved, appended, copied."""

import dataclasses
import json
import struct
from pathlib import Path

import bpy
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon.scene import avatar as avatars
from blender_addon.scene import drivers, expression, gaze, keys, mesh

MADE_UP = (("mouthSmileLeft", "jawOpen"), ("mouthPucker", "mouthFunnel", "jawOpen"),
           ("eyeBlinkLeft", "eyeLookDownLeft"))


@pytest.fixture
def made(bundle):
    """The bundle with three correctives and five expressions of the head's own, as a FLAME head has them."""
    random, geometry = np.random.default_rng(3), bundle.geometry
    names = ["__".join(parts) for parts in MADE_UP]
    rows = [[ARKIT_NAMES.index(part) for part in parts] + [-1] * (3 - len(parts)) for parts in MADE_UP]
    own = [f"expression_{index:03d}" for index in range(5)]
    extra = random.normal(0, 0.002, (len(names) + len(own), *geometry["vertices"].shape)).astype(np.float32)
    return dataclasses.replace(bundle, geometry={
        **geometry, "key_names": np.array([*ARKIT_NAMES, *names, *own]),
        "key_deltas": np.concatenate([geometry["key_deltas"][:52], extra]),
        "corrective_names": np.array(names), "corrective_drivers": np.array(rows, np.int32)})


@pytest.fixture
def avatar(made):
    return avatars.assemble(bpy.context.scene, made, "Ada")


def expected(made, weights: dict[str, float]) -> np.ndarray:
    """(V, 3): the head model's formula, shape by shape."""
    geometry = made.geometry
    known = geometry["key_names"].tolist()
    vertices = geometry["vertices"].astype(float)
    for name, value in weights.items():
        vertices = vertices + value * geometry["key_deltas"][known.index(name)]
    for parts in MADE_UP:
        product = np.prod([weights.get(part, 0.0) for part in parts])
        vertices = vertices + product * geometry["key_deltas"][known.index("__".join(parts))]
    return vertices


def shown(avatar) -> np.ndarray:
    """(V, 3) as Blender shows it, with the bones at rest."""
    bpy.context.view_layer.update()
    return mesh.evaluated_vertices(avatar.mesh)


def straight(avatar) -> None:
    """Nothing but shapes moves anything."""
    from blender_addon.scene import rig

    rig.rest(avatar.rig)
    gaze.use(avatar.rig, 0.0, 0.0)


CASES = [{"mouthSmileLeft": 0.8, "jawOpen": 0.5}, {"mouthSmileLeft": 1.0},
         {"mouthPucker": 0.7, "mouthFunnel": 0.6, "jawOpen": 0.9, "expression_003": -1.5},
         {"eyeBlinkLeft": 0.4, "eyeLookDownLeft": 1.0, "browInnerUp": 0.3}]


@pytest.mark.parametrize("weights", CASES)
def test_a_corrective_is_on_by_the_product_of_its_drivers(avatar, made, weights):
    straight(avatar)
    expression.apply(avatar.mesh, weights)
    assert np.abs(shown(avatar) - expected(made, weights)).max() < 2e-6


def test_drivers_run_where_python_may_not(avatar):
    assert not bpy.context.preferences.filepaths.use_scripts_auto_execute
    curves = [*avatar.mesh.data.shape_keys.animation_data.drivers, *avatar.rig.animation_data.drivers]
    assert len(curves) == len(MADE_UP) + 24 + 4
    assert all(curve.driver.is_simple_expression and curve.driver.is_valid for curve in curves)


def test_an_expression_that_needs_python_is_refused(avatar):
    with pytest.raises(ValueError, match="everywhere"):
        drivers.drive(avatar.mesh.data.shape_keys.key_blocks["jawOpen"], "value", "sum([a])",
                      {"a": drivers.Property(avatar.rig, gaze.AIM)})


def test_presets_and_reset_leave_driven_keys_alone(avatar):
    assert bpy.ops.likeness.expression(expression="laugh") == {"FINISHED"}
    bpy.context.view_layer.update()
    blocks = avatar.mesh.data.shape_keys.key_blocks
    both = expression.PRESETS["laugh"]["mouthSmileLeft"] * expression.PRESETS["laugh"]["jawOpen"]
    assert blocks["mouthSmileLeft__jawOpen"].value == pytest.approx(both, abs=1e-6)
    assert expression.current(avatar.mesh) == pytest.approx(expression.PRESETS["laugh"])
    assert bpy.ops.likeness.reset() == {"FINISHED"}
    bpy.context.view_layer.update()
    assert expression.current(avatar.mesh) == {}
    assert blocks["mouthSmileLeft__jawOpen"].value == 0.0


def test_the_kinds_of_keys_are_known_without_the_bundle(avatar):
    kinds = keys.kinds(avatar.mesh)
    assert kinds.arkit == ARKIT_NAMES
    assert kinds.correctives == tuple("__".join(parts) for parts in MADE_UP)
    assert kinds.components == tuple(f"expression_{index:03d}" for index in range(5))
    assert len(kinds.hidden) == 24


def test_sliders_are_grouped_by_the_part_of_the_face(avatar):
    groups = keys.grouped(keys.kinds(avatar.mesh).arkit)
    assert list(groups) == ["brow", "cheek", "eye", "jaw", "mouth", "nose", "tongue"]
    assert sum(map(len, groups.values())) == 52
    from blender_addon import panels

    assert panels.LIKENESS_PT_components.poll(bpy.context)
    assert panels.LIKENESS_PT_shapes.poll(bpy.context)


def test_psi_is_the_heads_own_expressions_where_it_has_some(made, bundle):
    assert keys.component_names(made.geometry, 5)[0] == "expression_000"
    assert tuple(keys.component_names(bundle.geometry, 52)) == ARKIT_NAMES


def check(avatar, made) -> None:
    straight(avatar)
    expression.apply(avatar.mesh, CASES[0])
    assert np.abs(shown(avatar) - expected(made, CASES[0])).max() < 2e-6
    gaze.rest(avatar.rig)
    before = shown(avatar)
    avatar.rig.pose.bones[gaze.TARGET].location.x += 0.3
    assert np.abs(shown(avatar) - before).max() > 0.002, "the aim turns the eyes"


def test_it_works_after_saving_and_opening(avatar, made, tmp_path):
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "a.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "a.blend"))
    check(avatars.active(bpy.context), made)


@pytest.mark.parametrize("instance", [False, True])
def test_it_works_when_appended_to_another_file(avatar, made, tmp_path, instance):
    path = str(tmp_path / "a.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.append(filepath=str(Path(path) / "Collection" / "Ada"), directory=str(Path(path) / "Collection"),
                      filename="Ada", instance_collections=instance)
    found = [item for item in bpy.data.objects if item.get(avatars.ROLE_TAG) == "mesh"]
    if instance:
        bpy.context.scene.collection.children.link(bpy.data.collections["Ada"])
    check(avatars.of(found[0]), made)


def test_a_linked_avatar_moves_by_its_shapes_drivers(avatar, made, tmp_path):
    straight(avatar)
    expression.apply(avatar.mesh, CASES[0])
    path = str(tmp_path / "a.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_there, here):
        here.collections = ["Ada"]
    bpy.context.scene.collection.children.link(bpy.data.collections["Ada"])
    linked = next(item for item in bpy.context.scene.objects if item.get(avatars.ROLE_TAG) == "mesh")
    assert linked.library is not None
    bpy.context.view_layer.update()
    assert np.abs(mesh.evaluated_vertices(linked) - expected(made, CASES[0])).max() < 2e-6


def test_a_duplicate_has_drivers_and_eyes_of_its_own(avatar, made):
    for item in (avatar.rig, avatar.mesh):
        item.select_set(True)
    bpy.ops.object.duplicate()
    first, second = avatars.in_scene(bpy.context.scene)
    assert {first.mesh, first.rig}.isdisjoint({second.mesh, second.rig})
    assert avatar.rig in (first.rig, second.rig)
    copy = second if first.rig == avatar.rig else first
    still = shown(avatar)
    check(copy, made)
    assert np.abs(shown(avatar) - still).max() == 0.0, "the original has not moved"


def test_undo_takes_a_change_of_the_aim_back(avatar, made):
    bpy.ops.ed.undo_push(message="assembled")
    gaze.use(avatar.rig, 0.25, 0.5)
    bpy.ops.ed.undo_push(message="aimed")
    bpy.ops.ed.undo()
    found = avatars.active(bpy.context)
    assert gaze.used(found.rig) == (1.0, 1.0)
    check(found, made)


def test_removing_a_duplicate_leaves_the_original_whole(avatar, made):
    stores = ("objects", "meshes", "armatures", "materials", "images")
    before = {store: len(getattr(bpy.data, store)) for store in stores}
    avatar.mesh.select_set(True)
    avatar.rig.select_set(True)
    bpy.ops.object.duplicate()
    copy = next(item for item in avatars.in_scene(bpy.context.scene) if item.mesh != avatar.mesh)
    avatars.remove(copy)
    assert {store: len(getattr(bpy.data, store)) for store in before} == before
    check(avatar, made)


def target_names(path: Path) -> list[str]:
    data = path.read_bytes()
    document = json.loads(data[20:20 + struct.unpack("<I", data[12:16])[0]])
    return document["meshes"][0]["extras"]["targetNames"]


def test_export_adds_correctives_and_components_only_when_asked(avatar, made, tmp_path):
    assert bpy.ops.likeness.export_glb(filepath=str(tmp_path / "a.glb")) == {"FINISHED"}
    assert target_names(tmp_path / "a.glb") == list(ARKIT_NAMES)
    whole = tmp_path / "b.glb"
    assert bpy.ops.likeness.export_glb(filepath=str(whole), correctives=True, components=True) == {"FINISHED"}
    assert target_names(whole) == made.geometry["key_names"].tolist()
