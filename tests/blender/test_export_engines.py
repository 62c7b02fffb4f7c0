"""FBX, USD and OBJ: read back by Blender's importers, OBJ by trimesh too, and held against the avatar's arrays."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from blender_addon.export import formats, job, levels, presets, source

from .conftest import backend_python
from .export_check import TOLERANCE, avatar_of, in_world, largest_error, matched, y_up

USD_CHECK = Path(__file__).parent / "usd_check.py"
TRIMESH = "import sys, trimesh; m = trimesh.load(sys.argv[1], force='mesh', process=False); print(*m.bounds.ravel())"


@pytest.fixture(scope="module")
def made(known, tmp_path_factory) -> SimpleNamespace:
    """Every format once; surfaces by preset and level."""
    folder, reports, shapes = tmp_path_factory.mktemp("engines"), {}, {}
    with avatar_of(known, "Åda / Lovelace") as avatar:
        for key in ("unreal", "unity", "usd", "obj"):
            preset = presets.PRESETS[key]
            shapes[key] = levels.made(avatar, source.surface(avatar, preset), preset.lods,
                                      fine=preset.fine)
            reports[key] = job.export(avatar, preset, folder / key / "Åda v1.0")
    return SimpleNamespace(folder=folder, reports=reports, shapes=shapes)


def importers() -> list:
    """Both of Blender's readers of FBX where there are two: the second is ufbx, and knows nothing of the writer."""
    found = [bpy.ops.import_scene.fbx]
    return [*found, bpy.ops.wm.fbx_import] if "fbx_import" in dir(bpy.ops.wm) else found


def bodies() -> dict[int, bpy.types.Object]:
    """Imported meshes by level."""
    return {int(item.name.split("LOD")[-1][0]) if "LOD" in item.name else 0: item
            for item in bpy.data.objects if item.type == "MESH"}


@pytest.mark.parametrize("key", ["unreal", "unity"])
def test_fbx_brings_every_level_with_every_target_in_metres(made, key):
    for reader in importers():
        bpy.ops.wm.read_factory_settings(use_empty=True)
        reader(filepath=str(made.reports[key].files[0]))
        found = bodies()
        assert sorted(found) == [0, 1, 2, 3]
        for level, shape in made.shapes[key].items():
            base, deltas, names = in_world(found[level])
            assert tuple(names) == ARKIT_NAMES
            assert largest_error(shape.vertices, shape.key_deltas, base, deltas) < TOLERANCE, (reader, level)


def test_fbx_weights_follow_the_joints_in_the_engines_words(made):
    for key, bones in (("unreal", ["neck_01", "head", "jaw", "eye_l", "eye_r"]),
                       ("unity", ["Neck", "Head", "Jaw", "LeftEye", "RightEye"])):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.import_scene.fbx(filepath=str(made.reports[key].files[0]))
        shape, body = made.shapes[key][3], bodies()[3]
        base, deltas, _names = in_world(body)
        at = matched(shape.vertices, shape.key_deltas, base, deltas)
        (rig,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
        assert [bone.name for bone in rig.data.bones] == bones
        found = np.zeros((len(base), len(bones)))
        for vertex in body.data.vertices:
            for entry in vertex.groups:
                found[vertex.index, bones.index(body.vertex_groups[entry.group].name)] = entry.weight
        assert np.abs(found - shape.weights[at]).max() < 1e-3


def test_fbx_nodes_are_neither_turned_nor_scaled(made):
    """Read by ufbx where it is there, else by Blender's own: what an engine shows in its outliner."""
    for key in ("unreal", "unity"):
        nodes = fbx_transforms(made.reports[key].files[0])
        assert len(nodes) >= 9
        for name, (turn, scale) in nodes.items():
            assert np.allclose(turn, 0, atol=1e-4), (key, name, turn)
            assert np.allclose(scale, 1, atol=1e-6), (key, name, scale)


def fbx_transforms(path: Path) -> dict[str, tuple[tuple, tuple]]:
    """Turn in degrees and scale of every node, as the file has them."""
    from io_scene_fbx import parse_fbx

    root, _version = parse_fbx.parse(str(path))
    objects = next(element for element in root.elems if element.id == b"Objects")
    found = {}
    for node in (element for element in objects.elems if element.id == b"Model"):
        values = {b"Lcl Rotation": (0, 0, 0), b"Lcl Scaling": (1, 1, 1)}
        for entry in next(part for part in node.elems if part.id == b"Properties70").elems:
            if entry.props[0] in values:
                values[entry.props[0]] = tuple(entry.props[4:7])
        found[node.props[1].split(b"\x00")[0].decode()] = tuple(values.values())
    return found


def test_unreal_finds_a_lod_group_and_unity_names(made):
    data = made.reports["unreal"].files[0].read_bytes()
    assert b"LodGroup" in data
    assert b"root\x00\x01Model" in data
    unity = made.reports["unity"].files[0].read_bytes()
    assert all(f"Ada_Lovelace_LOD{level}\x00\x01Model".encode() in unity for level in range(4))


def test_pictures_stand_beside_the_fbx_and_are_found_again(made):
    for key, maps in (("unreal", {"BaseColor", "Normal", "Roughness", "Specular", "Occlusion"}),
                      ("unity", {"BaseColor", "Normal", "MaskMap"})):
        report = made.reports[key]
        assert {f"Ada_v1_0_Skin_{name}.png" for name in maps} <= {path.name for path in report.files}
        assert all(path.is_file() for path in report.files)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.import_scene.fbx(filepath=str(report.files[0]))
        linked = [picture for picture in bpy.data.images if picture.filepath]
        assert linked
        assert all(Path(bpy.path.abspath(picture.filepath)).is_file() for picture in linked)


def test_levels_in_one_file_have_normals_of_their_own_and_share_the_rest(made):
    for key in ("unreal", "unity"):
        names = {path.name for path in made.reports[key].files}
        assert {f"Ada_v1_0_Skin_LOD{level}_Normal.png" for level in (1, 2, 3)} <= names
        assert sum("BaseColor" in name and "Skin" in name for name in names) == 1
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.import_scene.fbx(filepath=str(made.reports[key].files[0]))
        skin = next(item.material for item in bodies()[3].material_slots if "Skin" in item.material.name)
        shown = {node.image.name.split(".")[0] for node in skin.node_tree.nodes if node.type == "TEX_IMAGE"}
        assert {"Ada_v1_0_Skin_LOD3_Normal", "Ada_v1_0_Skin_BaseColor"} <= shown


def test_smoothness_is_in_the_alpha_of_unitys_mask(made):
    from blender_addon.scene import render

    unity = render.read_png(made.folder / "unity" / "Ada_v1_0_Skin_MaskMap.png")
    assert np.abs(unity[..., [0, 2, 3]] - [0, 0, 0.55]).max() < 0.004
    assert unity[..., 1].min() < 0.3 < 0.9 < np.median(unity[..., 1]), "occlusion"


def test_no_path_of_this_machine_is_in_any_file(made):
    for report in made.reports.values():
        for path in report.files:
            if path.suffix in {".fbx", ".obj", ".mtl"}:
                assert str(made.folder).encode() not in path.read_bytes(), path.name
                assert b".likeness-export" not in path.read_bytes(), path.name
        assert not [item for item in report.files[0].parent.iterdir() if item.name.startswith(".")]


@pytest.mark.skipif(not formats.available("USD"), reason="this Blender was built without USD")
def test_usd_brings_skeleton_and_targets(made):
    bpy.ops.wm.usd_import(filepath=str(made.reports["usd"].files[0]))
    (body,) = (item for item in bpy.data.objects if item.type == "MESH")
    base, deltas, names = in_world(body)
    order = [names.index(name) for name in ARKIT_NAMES]
    shape = made.shapes["usd"][0]
    assert largest_error(shape.vertices, shape.key_deltas, base, deltas[order]) < TOLERANCE
    (rig,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
    assert {"neck", "head", "jaw", "eye_left", "eye_right"} <= {bone.name for bone in rig.data.bones}


@pytest.mark.skipif(not formats.available("USD"), reason="this Blender was built without USD")
def test_pixars_own_library_reads_the_usd_and_has_no_complaint(made, tmp_path):
    """Every validator of `usdchecker`; the root alone turns Z up to Y up."""
    done = subprocess.run([backend_python(), "-I", USD_CHECK, made.reports["usd"].files[0], tmp_path / "usd.npz"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "usd.npz") as file:
        found = {name: file[name] for name in file.files}
    assert found["problems"].tolist() == []
    assert (str(found["up"]), float(found["metres"]), int(found["turned"])) == ("Y", 1.0, 1)
    names, shape = found["names"].tolist(), made.shapes["usd"][0]
    order = [names.index(name) for name in ARKIT_NAMES]
    assert largest_error(y_up(shape.vertices), y_up(shape.key_deltas), found["points"],
                         found["targets"][order]) < TOLERANCE
    at = matched(y_up(shape.vertices), y_up(shape.key_deltas), found["points"], found["targets"][order])
    columns = [found["joints"].tolist().index(name) for name in ("neck", "head", "jaw", "eye_left", "eye_right")]
    assert np.abs(found["weights"][:, columns] - shape.weights[at]).max() < 1e-3
    assert {f"Ada_v1_0_Skin_{name}.png" for name in ("BaseColor", "Normal", "Roughness", "Specular")} <= set(
        found["pictures"].tolist())


def test_obj_is_the_neutral_head_as_quads_for_blender_and_for_trimesh(made):
    path, shape = made.reports["obj"].files[0], made.shapes["obj"][0]
    bpy.ops.wm.obj_import(filepath=str(path))
    (body,) = (item for item in bpy.data.objects if item.type == "MESH")
    base, deltas, _names = in_world(body)
    assert not len(deltas)
    assert largest_error(shape.vertices, shape.key_deltas, base, deltas) < TOLERANCE
    assert sum(polygon.loop_total == 4 for polygon in body.data.polygons) == (shape.faces[:, 3] >= 0).sum()
    done = subprocess.run([backend_python(), "-c", TRIMESH, path], capture_output=True, text=True, check=True)
    low, high = np.array(done.stdout.split(), float).reshape(2, 3)
    least, most = shape.vertices.min(0), shape.vertices.max(0)  # Z up, where the file has Y up
    assert np.allclose([low[0], low[1], -high[2]], [least[0], least[2], least[1]], atol=TOLERANCE)
    assert np.allclose([high[0], high[1], -low[2]], [most[0], most[2], most[1]], atol=TOLERANCE)


def test_obj_says_what_it_is_and_brings_relief_in_metres(made):
    lines = made.reports["obj"].files[0].read_text("utf-8").splitlines()
    assert "# content: Synthetic likeness made from photos" in lines
    (relief,) = (path for path in made.reports["obj"].files if path.suffix == ".exr")
    picture = bpy.data.images.load(str(relief))
    values = np.array(picture.pixels[:4000]).reshape(-1, 4)[:, 0]
    assert 1e-5 < values.std() < 4e-5, "the bundle's relief is noise of 20 micrometres"
