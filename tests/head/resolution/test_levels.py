"""Levels of detail of the default head: as many triangles as promised, on the same vertices, still a head."""

import numpy as np
import pytest

from backend.core.rays import Mesh
from backend.head.model import HeadModel
from backend.head.resolution.levels import SKIN_TRIANGLES, levels_of

Levels = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def levels(head: HeadModel) -> Levels:
    return levels_of(head)


def test_every_level_has_its_number_of_triangles_and_every_part_it_needs(head: HeadModel, levels: Levels) -> None:
    level, faces, uvs, material = levels
    assert len(level) == len(faces) == len(uvs) == len(material)
    assert level.tolist() == sorted(level.tolist())
    for index, count in enumerate(SKIN_TRIANGLES, 1):
        chosen = material[level == index]
        skin = (chosen == head.material_index("skin")).sum()
        assert 0.97 * count <= skin <= count
        for name in ("mouth", "eye", "teeth", "tongue"):
            assert (chosen == head.material_index(name)).sum() >= 40, f"{name} is missing at level {index}"
    assert (material[level == 1] == head.material_index("lash")).sum() == (
        head.material == head.material_index("lash")).sum()
    assert not (material[level > 1] == head.material_index("lash")).any()


def test_each_level_uses_vertices_of_the_one_above(levels: Levels) -> None:
    level, faces, *_ = levels
    used = [set(faces[level == index][:, :3].ravel().tolist()) for index in (1, 2, 3)]
    assert used[2] < used[1] < used[0]


def test_the_lips_stay_closed_and_the_eyes_stay_covered(head: HeadModel, levels: Levels) -> None:
    """From the front, level 2 shows what the head shows: rays through the face meet the same material."""
    level, faces, _, material = levels
    x, z = np.meshgrid(np.linspace(-0.05, 0.05, 60), np.linspace(-0.06, 0.06, 60))
    eyes = head.template[head.material_vertices("eye")].mean(0)
    front = head.template[:, 1].min() - 0.1
    origins = np.stack([x.ravel(), np.full(x.size, front), z.ravel() + eyes[2] - 0.03], 1)
    down = np.broadcast_to(np.array([0.0, 1.0, 0.0]), origins.shape)
    clear = [head.material_index(name) for name in ("cornea", "lash", "brow", "tear")]
    opaque = ~np.isin(head.triangle_material, clear)
    whole = Mesh(head.template, head.triangles[opaque]).cast(origins, down)
    kept = (level == 2) & ~np.isin(material, clear)
    coarse = Mesh(head.template, faces[kept][:, :3]).cast(origins, down)
    both = whole.hit & coarse.hit
    assert both.sum() > 0.99 * whole.hit.sum()
    same = head.triangle_material[opaque][whole.triangle[both]] == material[kept][coarse.triangle[both]]
    assert same.mean() > 0.985
    assert np.median(np.abs(whole.distance[both] - coarse.distance[both])) < 0.3e-3
