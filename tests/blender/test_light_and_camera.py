"""The photo's camera and light in Blender against the backend's own mathematics; pictures that show skin."""

import ctypes.util
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

from backend.core import harmonics
from backend.core.camera import project
from blender_addon import compat
from blender_addon.scene import avatar as avatars
from blender_addon.scene import camera as cameras
from blender_addon.scene import photo, relight, render

SMALL = 48


def pixels_of(scene, path: Path, size: tuple[int, int] = (SMALL, SMALL), engine: str = compat.CYCLES,
              view_transform: str = "Raw", samples: int = 8) -> np.ndarray:
    """A render as stored, (H, W, 4), row 0 at the top."""
    look = render.Look(engine, *size, samples, view_transform, transparent=True)
    return render.read_png(render.still(scene, path, look))


def linear(encoded: np.ndarray) -> np.ndarray:
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


@pytest.fixture
def sphere(scene) -> bpy.types.Object:
    """A white Lambertian unit sphere, seen from the front (-Y) by an orthographic camera that it fills."""
    bpy.ops.mesh.primitive_uv_sphere_add(radius=1.0, segments=96, ring_count=48)
    ball = bpy.context.object
    ball.data.shade_smooth()
    material = bpy.data.materials.new("white")
    tree = compat.node_tree(material)
    diffuse = tree.nodes.new("ShaderNodeBsdfDiffuse")
    diffuse.inputs["Color"].default_value = (1, 1, 1, 1)
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(diffuse.outputs[0], output.inputs["Surface"])
    ball.data.materials.append(material)
    eye = cameras.portrait("front", np.zeros(3), 5.0)
    eye.data.type, eye.data.ortho_scale = "ORTHO", 2.0
    scene.collection.objects.link(eye)
    scene.camera = eye
    return ball


@pytest.mark.parametrize(("direction", "axis", "sign"), [
    ((1, 0, 0), 1, 1), ((-1, 0, 0), 1, -1), ((0, 0, 1), 0, -1), ((0, 0, -1), 0, 1)])
def test_a_bright_spot_lights_the_side_it_stands_on(scene, sphere, tmp_path, direction, axis, sign):
    directions, _ = harmonics.equirectangular_directions(32, 64)
    spot = (directions @ np.array(direction, float) > 0.9)[..., None] * np.full(3, 3.0)
    textures_path = tmp_path / "spot.exr"
    relight.textures.write_exr(textures_path, spot.astype(np.float32))
    relight.light_with_hdri(scene, str(textures_path))
    image = pixels_of(scene, tmp_path / "ball.png")
    grey = image[..., :3].mean(-1) * (image[..., 3] > 0.99)
    centre = (np.indices(grey.shape)[axis] * grey).sum() / grey.sum() - (SMALL - 1) / 2
    assert sign * centre > SMALL * 0.12  # image columns grow towards +X, rows downwards


def test_the_photos_light_shades_a_white_ball_as_the_harmonics_say(scene, sphere, tmp_path):
    random = np.random.default_rng(3)
    light = np.zeros((9, 3))
    light[0] = (1.3, 1.1, 1.0)
    light[1:4] = random.normal(0, 0.12, (3, 3))
    light[4:] = random.normal(0, 0.04, (5, 3))
    assert relight.sh_image(light).min() > 0.0, "no clamping in this case, so the formula is exact"
    relight.light_of_photo(scene, light, tmp_path / "light.exr", "0" * 32, "ball")
    image = pixels_of(scene, tmp_path / "ball.png", view_transform="Standard", samples=64)
    rows, columns = (np.indices((SMALL, SMALL)) + 0.5) / SMALL * 2 - 1
    inside = rows**2 + columns**2 < 0.8
    depth = np.sqrt(np.clip(1 - rows**2 - columns**2, 0, 1))
    normals = np.stack([columns, -depth, -rows], -1)
    expected = harmonics.shading(normals, light)
    wanted, found = expected[inside], linear(image[..., :3])[inside]
    shown = (wanted < 0.95).all(-1)  # an 8-bit picture ends at 1
    assert shown.sum() > 300
    assert np.abs(found[shown] - wanted[shown]).mean() < 0.02
    assert np.corrcoef(found[shown].ravel(), wanted[shown].ravel())[0, 1] > 0.98


def test_the_equirectangular_image_is_the_backends(bundle):
    light = bundle.fit["light_sh"][0]
    directions, _ = harmonics.equirectangular_directions(*relight.SH_SIZE)
    assert np.allclose(relight.sh_image(light), np.maximum(harmonics.basis(directions) @ light, 0), atol=1e-5)


@pytest.mark.parametrize("view", [0, 1])
def test_blenders_camera_projects_as_the_photos(scene, avatar, bundle, view):
    camera = photo.match(scene, avatar, bundle, view)
    bpy.context.view_layer.update()
    points = bundle.geometry["vertices"][::97].astype(float)
    wanted, _depth = project(points, bundle.fit["intrinsics"][view], bundle.fit["world_to_camera"][view])
    width, height = bundle.fit["image_size"][view]
    assert (scene.render.resolution_x, scene.render.resolution_y) == (width, height)
    for point, pixel in zip(points, wanted, strict=True):
        seen = world_to_camera_view(scene, camera, Vector(point))
        assert (seen.x * width, (1 - seen.y) * height) == pytest.approx(pixel, abs=0.02)


@pytest.mark.parametrize("aspect", [0.8, 1.25])
def test_pixels_that_are_not_square_keep_their_shape(scene, aspect):
    k = np.array([[900.0, 0, 300], [0, 900.0 / aspect, 260], [0, 0, 1]])
    pose = np.eye(4)
    pose[2, 3] = 1.0
    camera = cameras.build_camera("camera", k, pose, (640, 480), bpy.data.objects.new("anchor", None).matrix_world)
    scene.collection.objects.link(camera)
    cameras.look_through(scene, camera, k, (640, 480))
    bpy.context.view_layer.update()
    points = np.random.default_rng(0).uniform(-0.2, 0.2, (20, 3))
    wanted, _ = project(points, k, pose)
    for point, pixel in zip(points, wanted, strict=True):
        seen = world_to_camera_view(scene, camera, Vector(point))
        assert (seen.x * 640, (1 - seen.y) * 480) == pytest.approx(pixel, abs=0.02)


def test_a_moved_avatar_is_matched_where_it_stands(scene, avatar, bundle):
    here = photo.match(scene, avatar, bundle, 0).matrix_world.translation.copy()
    avatar.rig.location = (1.0, 0.0, 0.5)
    bpy.context.view_layer.update()
    there = photo.match(scene, avatar, bundle, 0).matrix_world.translation
    assert tuple(there - here) == pytest.approx((1.0, 0.0, 0.5), abs=1e-5)


def test_a_match_wears_the_photos_face_and_matching_again_leaves_one_camera(scene, avatar, bundle):
    photo.match(scene, avatar, bundle, 1)
    photo.match(scene, avatar, bundle, 1)
    bpy.context.view_layer.update()
    assert len([item for item in avatar.collection.objects if item.type == "CAMERA"]) == 1
    from blender_addon.scene import mesh

    assert np.abs(mesh.evaluated_vertices(avatar.mesh) - bundle.fit["posed_vertices"][1]).max() < 1e-5


def test_the_match_is_seen_where_the_fit_saw_it(scene, avatar, bundle, tmp_path):
    photo.match(scene, avatar, bundle, 0, longest=160)
    size = scene.render.resolution_x, scene.render.resolution_y
    avatar.mesh.modifiers["Subdivision"].show_render = False
    alpha = pixels_of(scene, tmp_path / "match.png", size, samples=4)[..., 3] > 0.5
    pixels, _ = project(bundle.fit["posed_vertices"][0].astype(float), bundle.fit["intrinsics"][0],
                        bundle.fit["world_to_camera"][0])
    pixels = pixels * size[0] / bundle.fit["image_size"][0][0]
    rows, columns = np.nonzero(alpha)
    found = columns.min(), columns.max() + 1, rows.min(), rows.max() + 1
    wanted = pixels[:, 0].min(), pixels[:, 0].max(), pixels[:, 1].min(), pixels[:, 1].max()
    assert found == pytest.approx(np.clip(wanted, 0, [size[0], size[0], size[1], size[1]]), abs=2.0)


def skin_of(image: np.ndarray) -> np.ndarray:
    """Mean encoded colour of the cheeks' height, where the head is."""
    middle = image[int(image.shape[0] * 0.5):int(image.shape[0] * 0.62)]
    return middle[middle[..., 3] > 0.99][:, :3].mean(0)


@pytest.mark.parametrize("engine", ["Cycles", "EEVEE"])
def test_a_portrait_shows_skin(scene, avatar, tmp_path, engine):
    if engine == "EEVEE" and ctypes.util.find_library("EGL") is None:
        pytest.skip("EEVEE needs libEGL, and without it Blender would abort the process")
    relight.light_with_hdri(scene, "city")  # grey: what has colour is skin
    avatar.mesh.modifiers["Subdivision"].show_render = False
    with render.kept(scene), render.portrait(scene, avatar):
        name = compat.CYCLES if engine == "Cycles" else compat.eevee()
        image = pixels_of(scene, tmp_path / "portrait.png", (48, 48), name, "Standard", samples=4)
    assert 0.1 < (image[..., 3] > 0.5).mean() < 0.7, "a head, and air around it"
    red, green, blue = skin_of(image)
    assert 0.15 < red < 0.98
    assert red > green > blue
    assert 0.2 < (green - blue) / (red - blue) < 0.8, "between orange and pink"


def test_the_collar_sits_on_the_necks_border_and_is_gone_afterwards(scene, avatar):
    from blender_addon.scene import mesh, stage

    ring = stage.neck_border(avatar)
    points = mesh.rest_vertices(avatar.mesh)
    assert points[ring, 2].min() == points[:, 2].min()
    assert points[ring, 2].max() < points[:, 2].min() + 0.1
    assert np.abs(points[ring, 0]).max() > 0.06, "about as wide as a neck"
    neck = avatar.mesh.vertex_groups["neck"].index
    assert all(any(entry.group == neck for entry in avatar.mesh.data.vertices[index].groups) for index in ring.tolist())
    before = {store: len(getattr(bpy.data, store)) for store in ("objects", "meshes", "materials", "worlds", "lights")}
    with stage.dressed(scene, avatar), stage.studio(scene, avatar):
        assert len(bpy.data.meshes) == before["meshes"] + 1
        assert len(bpy.data.lights) == 3
    assert before == {store: len(getattr(bpy.data, store)) for store in before}


def test_displacement_reaches_cycles_and_the_normal_map_does_not(avatar):
    tree = avatar.mesh.data.materials[0].node_tree
    outputs = {node.target: node for node in tree.nodes if node.type == "OUTPUT_MATERIAL"}
    assert set(outputs) == {"CYCLES", "EEVEE"}
    assert outputs["CYCLES"].inputs["Displacement"].is_linked
    assert not outputs["EEVEE"].inputs["Displacement"].is_linked
    group = next(node for node in tree.nodes if node.type == "GROUP").node_tree
    shaders = [node for node in group.nodes if node.type == "BSDF_PRINCIPLED"]
    normals = {link.to_socket.name: link.from_node.inputs["Normal"].is_linked
               for link in group.links if link.from_node in shaders}
    assert normals == {"Cycles": False, "EEVEE": True}
    assert avatar.mesh.data.materials[0].displacement_method == "BOTH"


def test_subsurface_is_millimetres(avatar):
    group = next(node for node in avatar.mesh.data.materials[0].node_tree.nodes if node.type == "GROUP")
    free_path = group.inputs["Subsurface Scale"].default_value / (4 * np.pi)  # as Blender reads it, in red
    assert 0.0005 < free_path < 0.002


def test_relighting_turns_and_dims_what_is_there(scene):
    assert bpy.ops.likeness.hdri(hdri="studio", rotation=1.0, strength=2.0) == {"FINISHED"}
    tree = scene.world.node_tree
    assert tree.nodes[relight.ROTATION_NODE].inputs["Rotation"].default_value[2] == pytest.approx(1.0)
    relight.turn_light(scene, 0.5, 0.25)
    assert tree.nodes[relight.STRENGTH_NODE].inputs["Strength"].default_value == pytest.approx(0.25)
    assert scene.world.sun_threshold == 0.0
    assert len(relight.hdri_items()) >= 8


def test_a_sheet_shows_eight_different_faces_and_gives_the_scene_back(scene, avatar, tmp_path):
    relight.light_with_hdri(scene, "courtyard")
    before = scene.render.engine, scene.render.resolution_x, scene.camera, scene.cycles.samples
    path = tmp_path / "sheet.png"
    assert bpy.ops.likeness.sheet(filepath=str(path), size=64, samples=2) == {"FINISHED"}
    image = render.read_png(path)
    assert image.shape[:2] == (128, 256)
    faces = [image[64 * (i // 4):64 * (i // 4) + 64, 64 * (i % 4):64 * (i % 4) + 64] for i in range(8)]
    differences = [np.abs(faces[0] - face).mean() for face in faces[1:]]
    assert min(differences) > 1e-3
    assert before == (scene.render.engine, scene.render.resolution_x, scene.camera, scene.cycles.samples)
    assert not avatars.expression.current(avatar.mesh)
