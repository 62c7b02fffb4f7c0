"""Occlusion and the normals of coarser levels, held against what is obvious and against the files themselves."""


import numpy as np
import pytest

from blender_addon.export import bake, job, levels, looks, presets, source
from blender_addon.scene import render

from .export_check import Glb


def slow_raster(uvs: np.ndarray, side: int) -> np.ndarray:
    """(S, S) the last triangle that holds a texel's middle: by signs of areas, texel by texel."""
    found = np.full((side, side), -1)
    for row in range(side):
        for column in range(side):
            point = np.array([(column + 0.5) / side, 1 - (row + 0.5) / side])
            for number, triangle in enumerate(uvs):
                edges, away = np.roll(triangle, -1, 0) - triangle, point - triangle
                turns = edges[:, 0] * away[:, 1] - edges[:, 1] * away[:, 0]
                if (turns >= 0).all() or (turns <= 0).all():
                    found[row, column] = number
    return found


def test_a_texel_belongs_to_the_triangle_around_its_middle():
    uvs = np.random.default_rng(3).uniform(-0.1, 1.1, (12, 3, 2))
    index, weight = bake.raster(uvs, 24)
    assert np.array_equal(index, slow_raster(uvs, 24))
    rows, columns = np.nonzero(index >= 0)
    place = (uvs[index[rows, columns]] * weight[rows, columns][..., None]).sum(1)
    assert np.allclose(place, np.stack([(columns + 0.5) / 24, 1 - (rows + 0.5) / 24], 1), atol=1e-6)


def test_the_open_sees_all_the_enclosed_nothing_and_the_foot_of_a_wall_half():
    """A floor of 2 cm squares; a lid close above its left end; a wall at the right end, 5 cm away from the lid."""
    steps = np.arange(12) * 0.02
    floor = np.array([[x, y, 0] for x in steps for y in steps])
    cell = [[12 * i + j, 12 * (i + 1) + j, 12 * (i + 1) + j + 1, 12 * i + j + 1] for i in range(11) for j in range(11)]
    lid = np.array([[-1, -1, 0.005], [0.05, -1, 0.005], [0.05, 1, 0.005], [-1, 1, 0.005]])
    wall = np.array([[0.22, -1, -1], [0.22, 1, -1], [0.22, 1, 1], [0.22, -1, 1]])
    vertices = np.concatenate([floor, lid, wall]).astype(np.float32)
    faces = np.array([*cell, [144, 145, 146, 147], [148, 149, 150, 151]], np.int32)
    shape = source.Surface(vertices, faces, np.zeros((len(faces), 4, 2), np.float32), np.zeros(len(faces), np.int32),
                           (), np.zeros((0, len(vertices), 3), np.float32), np.ones((len(vertices), 1), np.float32))
    seen = bake.visible(shape, np.arange(144), np.ones(len(faces), bool))[:144].reshape(12, 12)
    assert seen[:2].max() < 0.05
    assert seen[6:9].min() > 0.9
    assert np.abs(seen[11, 2:-2] - 0.5).max() < 0.1


@pytest.fixture
def made(avatar):
    preset = presets.chosen("glb", lods=(0, 3))
    whole = source.surface(avatar, preset)
    surfaces, _why = levels.of(avatar, whole, preset)
    return looks.of(avatar, surfaces)


def test_ears_lips_and_lids_are_darker_than_the_brow(made, bundle):
    found, surfaces = made
    slot = next(index for index, look in enumerate(found) if look.kind == "Skin")
    corners = np.unique(surfaces[0].faces[surfaces[0].material == slot][:, :3])
    clear = [index for index, look in enumerate(found) if look.kind in bake.CLEAR]
    seen = bake.visible(surfaces[0], corners, ~np.isin(surfaces[0].material, clear))
    mean = {name: np.average(seen[corners], weights=weight[corners]) for name, weight in zip(
        bundle.geometry["region_names"].tolist(), bundle.geometry["regions"], strict=True) if weight[corners].sum() > 1}
    assert mean["forehead"] > 0.97
    assert max(value for name, value in mean.items() if "ear" in name and "beard" not in name) < mean["forehead"] - 0.1
    assert np.isfinite(seen).all()


def test_a_level_keeps_the_whole_heads_normals_by_its_map(avatar, tmp_path):
    """At the level's own vertices: its normal bent by the map is nearer to the whole head's than the bare one."""
    report = job.export(avatar, presets.chosen("web", texture_size=2048, lods=(0, 3)), tmp_path / "ada.glb")
    fine, coarse = (skin_of(Glb.read(path)) for path in report.files)
    apart = np.linalg.norm(coarse["POSITION"][:, None] - fine["POSITION"][None], axis=2)
    nearest = apart.argmin(1)
    same = apart.min(1) < 1e-6
    wanted = fine["NORMAL"][nearest]
    glb = Glb.read(report.files[1])
    material = next(item for item in glb.document["materials"] if item["name"] == "Ada_Skin")
    path = tmp_path / "normal.png"
    path.write_bytes(glb.image(glb.document["textures"][material["normalTexture"]["index"]]["source"]))
    picture = render.read_png(path)[..., :3]
    side = len(picture)
    columns, rows = np.clip((coarse["TEXCOORD_0"] * side).astype(int), 0, side - 1).T
    local = picture[rows, columns] * 2 - 1
    normal, tangent = coarse["NORMAL"], coarse["TANGENT"]
    bent = (local[:, :1] * tangent[:, :3] + local[:, 1:2] * np.cross(normal, tangent[:, :3]) * tangent[:, 3:]
            + local[:, 2:] * normal)
    bent /= np.linalg.norm(bent, axis=1, keepdims=True)
    before = np.degrees(np.arccos(np.clip((normal * wanted).sum(1), -1, 1)))[same]
    after = np.degrees(np.arccos(np.clip((bent * wanted).sum(1), -1, 1)))[same]
    assert same.mean() > 0.9
    assert np.median(before) > 3
    assert np.median(after) < np.median(before) / 2


def skin_of(glb: Glb) -> dict[str, np.ndarray]:
    part = next(part for part in glb.document["meshes"][0]["primitives"]
                if glb.document["materials"][part["material"]]["name"] == "Ada_Skin")
    return {name: glb.accessor(index) for name, index in part["attributes"].items()}
