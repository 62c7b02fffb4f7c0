"""Hair curves: where they grow, what carries them, what they leave behind when they go."""

import json
import shutil
from dataclasses import replace as replaced

import bpy
import numpy as np
import pytest
from mathutils.bvhtree import BVHTree

from blender_addon.export import looks
from blender_addon.hair import coat, cover, curves, growth, look, maps, tree
from blender_addon.hair.ground import skin_of
from blender_addon.hair.kinds import BEARD, BROWS, KINDS, LASHES, SCALP
from blender_addon.scene import avatar as avatars
from blender_addon.scene import replace, skin, textures

STORES = ("objects", "meshes", "materials", "images", "collections", "hair_curves")


def census(body: bpy.types.Object | None = None) -> dict[str, object]:
    counted: dict[str, object] = {store: len(getattr(bpy.data, store)) for store in STORES}
    if body is not None:
        counted |= {"layers": body.data.uv_layers.keys(), "modifiers": body.modifiers.keys(),
                    "groups": body.vertex_groups.keys(), "active": body.data.uv_layers.active.name,
                    "nodes": [len(item.node_tree.nodes) for item in body.data.materials],
                    "links": [len(item.node_tree.links) for item in body.data.materials]}
    return counted


def points(owner: bpy.types.Object) -> np.ndarray:
    """(N, 3) world places of the roots as they are shown."""
    graph = bpy.context.evaluated_depsgraph_get()
    shown = owner.evaluated_get(graph).data
    places = np.empty(len(shown.points) * 3, np.float32)
    shown.attributes["position"].data.foreach_get("vector", places)
    along = len(shown.points) // max(len(shown.curves), 1)
    return places.reshape(-1, along, 3).astype(np.float64)


def off_skin(body: bpy.types.Object, places: np.ndarray) -> np.ndarray:
    """Distance (N,) in metres of world places from the mesh as it is shown."""
    graph = bpy.context.evaluated_depsgraph_get()
    mesh = body.evaluated_get(graph).to_mesh()
    found = BVHTree.FromPolygons([body.matrix_world @ vertex.co for vertex in mesh.vertices],
                                 [tuple(face.vertices) for face in mesh.polygons])
    body.evaluated_get(graph).to_mesh_clear()
    return np.array([found.find_nearest(place)[3] for place in places.tolist()])


@pytest.fixture
def hairy(avatar):
    assert bpy.ops.likeness.add_hair(amount=0.2) == {"FINISHED"}
    for owner in coat.of(avatar).values():
        tree.set_value(owner.modifiers[curves.MODIFIER], "Viewport Amount", 1.0)
    bpy.context.view_layer.update()
    return avatar


def test_each_part_is_an_object_of_the_avatar_that_hangs_on_its_mesh(hairy):
    found = coat.of(hairy)
    assert set(found) == {BROWS, LASHES, BEARD, SCALP}
    for owner in found.values():
        assert owner.name in hairy.collection.objects
        assert owner.parent == owner.data.surface == hairy.mesh
        assert avatars.of(owner).id == hairy.id
        assert len(owner.data.curves) > 50
        assert len(points(owner)) == len(owner.data.curves), "every hair found its triangle"
    assert hairy.mesh.data.uv_layers.active.name == "UVMap"


def test_a_hairline_is_uneven_soft_and_fine(avatar, bundle):
    read, kind = maps.read(bundle), KINDS[SCALP]
    soft = np.tile(np.linspace(0, 1, 512, dtype=np.float32)[:, None], (1, 512))
    frayed = growth.frayed(soft, kind.frayed, np.random.default_rng(1))
    assert frayed[0] == pytest.approx(np.zeros(512)), "no hair comes where there is none"
    assert frayed[-1] == pytest.approx(np.ones(512)), "dense hair stays dense"
    line = (frayed > 0.5).argmax(0)  # how far down the border lies, of each column
    assert 8 < np.std(line) < 80
    assert growth.frayed(soft, 0.0, np.random.default_rng(1)) is soft
    strands = growth.grown(skin_of(avatar.mesh), replaced(read, density=np.stack([soft] * 3, -1)), kind, 0.2, 0)
    here = maps.sampled(soft[..., None], strands.uv)[:, 0]
    border, inside = here < 0.4, here > 0.9
    assert min(border.sum(), inside.sum()) > 30
    length = np.linalg.norm(np.diff(strands.points, axis=1), axis=2).sum(1)
    assert np.median(strands.radius[border, 0]) < 0.85 * np.median(strands.radius[inside, 0])
    assert np.median(length[border]) < 0.85 * np.median(length[inside])


def test_the_painted_border_gives_way_to_skin_and_comes_back(avatar):
    material = avatar.mesh.data.materials[0]
    source = skin.controls(material).inputs["Albedo"].links[0].from_socket
    assert bpy.ops.likeness.add_hair(brows=False, lashes=False, beard=False, amount=0.1) == {"FINISHED"}
    mix = skin.controls(material).inputs["Albedo"].links[0].from_node
    assert mix.get(cover.MARK) == SCALP
    assert cover.through(mix) == source
    red, green, blue, _alpha = next(socket for socket in mix.inputs if socket.identifier == "B_Color").default_value
    assert red > green > blue > 0.02, "the colour of skin"
    assert bpy.ops.likeness.remove_hair() == {"FINISHED"}
    assert skin.controls(material).inputs["Albedo"].links[0].from_socket == source


def test_roots_are_on_the_skin_where_the_map_says_and_hairs_stay_near_it(hairy, bundle):
    read = maps.read(bundle)
    for part, owner in coat.of(hairy).items():
        at = points(owner)
        off = off_skin(hairy.mesh, at[:, 0])
        assert np.percentile(off, 99) < 0.0008
        assert off.max() < 0.002
        length = np.linalg.norm(at[:, -1] - at[:, 0], axis=1)
        if part == LASHES:
            assert 0.003 < np.median(length) < 0.015
            continue
        assert 0.3 < np.median(length) / KINDS[part].length < 1.1
        uvs = np.empty(len(owner.data.curves) * 2, np.float32)
        owner.data.attributes["surface_uv_coordinate"].data.foreach_get("vector", uvs)
        here = maps.sampled(read.density, uvs.reshape(-1, 2) % 2)[:, KINDS[part].channel]
        assert here.min() > 0
    tips = points(coat.of(hairy)[BROWS])
    for side in (-1, 1):
        brow = tips[np.sign(tips[:, 0, 0]) == side]
        assert np.median((brow[:, -1] - brow[:, 0])[:, 0] * side) > 0.001, "combed outwards"


@pytest.mark.parametrize(("part", "key", "least"), [(BROWS, "browInnerUp", 0.001), (BEARD, "jawOpen", 0.004),
                                                    (LASHES, "eyeBlinkLeft", 0.001)])
def test_hair_follows_shapes_and_bones(hairy, part, key, least):
    owner, body = coat.of(hairy)[part], hairy.mesh
    before = points(owner)[:, 0]
    body.data.shape_keys.key_blocks[key].value = 1.0
    bpy.context.view_layer.update()
    after = points(owner)[:, 0]
    assert np.linalg.norm(after - before, axis=1).max() > least
    assert off_skin(body, after).max() < 0.0015
    body.data.shape_keys.key_blocks[key].value = 0.0
    hairy.rig.pose.bones["head"].rotation_euler = (0.0, 0.5, 0.0)
    hairy.rig.location = (1.0, 0.0, 0.0)
    bpy.context.view_layer.update()
    moved = points(owner)[:, 0]
    world = np.array(owner.matrix_world)
    assert off_skin(body, moved @ world[:3, :3].T + world[:3, 3]).max() < 0.001


def test_length_and_amount_are_live(hairy):
    owner = coat.of(hairy)[SCALP]
    modifier, before = owner.modifiers[curves.MODIFIER], points(owner)
    tree.set_value(modifier, "Length", 0.5)
    bpy.context.view_layer.update()
    after = points(owner)
    assert np.allclose(after[:, 0], before[:, 0], atol=1e-6)
    assert np.allclose(np.linalg.norm(after[:, -1] - after[:, 0], axis=1),
                       0.5 * np.linalg.norm(before[:, -1] - before[:, 0], axis=1), rtol=1e-3)
    tree.set_value(modifier, "Viewport Amount", 0.25)
    bpy.context.view_layer.update()
    assert 0.2 < len(points(owner)) / len(before) < 0.3


def test_removal_leaves_no_trace_and_growing_again_no_second_coat(avatar):
    before = census(avatar.mesh)
    assert bpy.ops.likeness.add_hair(amount=0.1) == {"FINISHED"}
    with_hair = census(avatar.mesh)
    assert with_hair != before
    tree.set_value(coat.of(avatar)[BROWS].modifiers[curves.MODIFIER], "Length", 1.5)
    assert bpy.ops.likeness.add_hair(amount=0.1) == {"FINISHED"}
    assert census(avatar.mesh) == with_hair
    assert tree.value(coat.of(avatar)[BROWS].modifiers[curves.MODIFIER], "Length") == pytest.approx(1.5)
    assert bpy.ops.likeness.remove_hair() == {"FINISHED"}
    assert census(avatar.mesh) == before
    assert not bpy.ops.likeness.remove_hair.poll()


def test_painted_brows_fade_under_curves_and_exports_still_see_them(avatar):
    group = next(filter(None, map(skin.controls, avatar.mesh.data.materials)))
    plain = {item.kind: sorted(item.maps) for item in looks.everything(avatar)}
    bpy.ops.likeness.add_hair(lashes=False, scalp=False, amount=0.1)
    fades = [node for node in group.id_data.nodes if node.get(cover.MARK) and node.type == "MIX"]
    assert {node[cover.MARK] for node in fades} == {BROWS, BEARD}
    assert group.inputs["Albedo"].links[0].from_node in fades
    assert {item.kind: sorted(item.maps) for item in looks.everything(avatar)} == plain
    bpy.ops.likeness.remove_hair()
    assert group.inputs["Albedo"].links[0].from_node.type == "TEX_IMAGE"


def test_undo_takes_hair_off(avatar):
    bpy.ops.ed.undo_push(message="assembled")
    before = census()
    bpy.ops.likeness.add_hair(amount=0.1)
    bpy.ops.ed.undo_push(message="hair")
    assert census() != before
    bpy.ops.ed.undo()
    assert census() == before


def test_hair_goes_with_its_avatar_and_only_with_that(known, scene):
    for name in ("Ada", "Grace"):
        bpy.ops.likeness.assemble(directory=str(known.folder), name=name)
        bpy.ops.likeness.add_hair(amount=0.05)
    assert len(bpy.data.hair_curves) == 8
    assert len([group for group in bpy.data.node_groups if group.name.startswith(tree.GROUP)]) == 1
    bpy.ops.likeness.remove()
    assert len(bpy.data.hair_curves) == 4
    (left,) = avatars.in_scene(scene)
    assert len(coat.of(left)) == 4


def test_saved_opened_and_appended_hair_still_hangs_on_its_head(hairy, tmp_path):
    place = tmp_path / "Bärte 例" / "a.blend"
    place.parent.mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(place))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(str(place)) as (source, target):
        target.collections = [name for name in source.collections if name == "Ada"]
    bpy.context.scene.collection.children.link(target.collections[0])
    bpy.context.view_layer.update()
    (found,) = avatars.in_scene(bpy.context.scene)
    assert set(coat.of(found)) == {BROWS, LASHES, BEARD, SCALP}
    found.mesh.data.shape_keys.key_blocks["jawOpen"].value = 1.0
    bpy.context.view_layer.update()
    assert off_skin(found.mesh, points(coat.of(found)[BEARD])[:, 0]).max() < 0.0015
    pictures = [item for item in textures.ours() if "hair_" in item.name]
    assert len(pictures) == 2
    assert all(textures.file_of(item).is_file() and place.parent in textures.file_of(item).parents for item in pictures)


@pytest.mark.parametrize("level", ["dense", "lod3"])
def test_another_resolution_grows_the_hair_anew(hairy, level):
    assert bpy.ops.likeness.set_resolution(level=level) == {"FINISHED"}
    found = coat.of(hairy)
    assert set(found) == ({BROWS, BEARD, SCALP} if level == "lod3" else {BROWS, LASHES, BEARD, SCALP})
    bpy.context.view_layer.update()
    assert off_skin(hairy.mesh, points(found[BROWS])[:, 0]).max() < 0.001


def test_an_avatar_made_again_has_its_hair_again_as_it_was_set(hairy, scene, bundle):
    before = {part: len(owner.data.curves) for part, owner in coat.of(hairy).items()}
    tree.set_value(coat.of(hairy)[BEARD].modifiers[curves.MODIFIER], "Length", 1.4)
    new = replace.replace(scene, hairy, bundle)
    assert {part: len(owner.data.curves) for part, owner in coat.of(new).items()} == before
    assert tree.value(coat.of(new)[BEARD].modifiers[curves.MODIFIER], "Length") == pytest.approx(1.4)
    assert len(bpy.data.hair_curves) == len(before)


def test_a_bundle_from_before_is_told_and_nothing_changes(known, scene, tmp_path):
    old = tmp_path / "old"
    shutil.copytree(known.folder, old)
    told = json.loads((old / "avatar.json").read_text())
    told["maps"] = [entry for entry in told["maps"] if not entry["name"].startswith("hair_")]
    (old / "avatar.json").write_text(json.dumps(told))
    bpy.ops.likeness.assemble(directory=str(old), name="Ada")
    before = census(avatars.active(bpy.context).mesh)
    with pytest.raises(RuntimeError, match=r"old was made before hair could be grown"):
        bpy.ops.likeness.add_hair()
    with pytest.raises(RuntimeError, match=r"No part is chosen"):
        bpy.ops.likeness.add_hair(brows=False, lashes=False, beard=False, scalp=False)
    assert census(avatars.active(bpy.context).mesh) == before


def test_pigments_go_by_the_colour_of_hair():
    black, brown, red, blond = np.array([[0.012, 0.01, 0.009], [0.05, 0.03, 0.02], [0.22, 0.07, 0.025],
                                         [0.40, 0.28, 0.15]])
    melanin, redness = look.pigments(np.array([black, brown, red, blond]), 1.0)
    assert melanin[0] > melanin[1] > melanin[3]
    assert redness[2] > redness[1] >= 0
    assert (look.pigments(np.array([brown]), 4.0)[0] > melanin[1]).all()


def test_a_map_without_hair_grows_none(avatar, bundle):
    read = maps.read(bundle)
    bare = maps.HairMaps(0 * read.density, read.colour, read.direction, read.files)
    assert len(growth.grown(skin_of(avatar.mesh), bare, KINDS[BROWS], 1.0, 0)) == 0


def test_imported_heads_have_hair_too(borrowed, scene):
    bpy.ops.likeness.assemble(directory=str(borrowed.folder), name="Ada")
    assert bpy.ops.likeness.add_hair(amount=0.1) == {"FINISHED"}
    avatar = avatars.active(bpy.context)
    found = coat.of(avatar)
    assert {BROWS, BEARD, SCALP} <= set(found)
    bpy.context.view_layer.update()
    assert off_skin(avatar.mesh, points(found[BROWS])[:, 0]).max() < 0.001


