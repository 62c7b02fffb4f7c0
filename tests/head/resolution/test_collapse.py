"""Half-edge collapses on surfaces whose right answer is known, and on the default head."""

from collections import Counter

import numpy as np
import pytest

from backend.core.rays import Mesh, vertex_normals
from backend.head.model import HeadModel
from backend.head.resolution.collapse import Coarse, collapse


def grid(count: int, side: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A flat square of `count` x `count` quads in the xz plane, symmetric about x = 0: vertices, faces, uvs."""
    line = np.linspace(-side / 2, side / 2, count + 1)
    x, z = np.meshgrid(line, line)
    vertices = np.stack([x.ravel(), np.zeros(x.size), z.ravel()], 1)
    index = np.arange(x.size).reshape(x.shape)
    faces = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return vertices, faces, (vertices[:, [0, 2]] / side + 0.5)[faces]


def mirror_of(vertices: np.ndarray) -> np.ndarray:
    distance = np.linalg.norm(vertices[:, None] * [-1, 1, 1] - vertices[None], axis=-1)
    return distance.argmin(1)


def edges(faces: np.ndarray) -> Counter:
    return Counter(frozenset((int(face[a]), int(face[b]))) for face in faces for a, b in ((0, 1), (1, 2), (2, 0)))


def area(vertices: np.ndarray, coarse: Coarse) -> np.ndarray:
    corners = vertices[coarse.faces[:, :3]]
    return np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2


def test_a_flat_square_ends_as_its_corners_and_keeps_its_area_and_texture() -> None:
    vertices, faces, uvs = grid(8)
    coarse = collapse(vertices, faces, uvs, mirror=mirror_of(vertices), triangles=6)
    assert len(coarse.faces) <= 6
    corners = np.flatnonzero((np.abs(vertices[:, [0, 2]]) == 0.05).all(1))
    assert set(corners) <= set(coarse.kept), "a corner of the rim was rounded off"
    assert area(vertices, coarse).sum() == pytest.approx(0.01, rel=1e-6)
    np.testing.assert_allclose(coarse.uvs[:, :3], vertices[coarse.faces[:, :3]][..., [0, 2]] / 0.1 + 0.5, atol=1e-6)


def test_what_moves_alone_lives_longest() -> None:
    vertices, faces, uvs = grid(10)
    motion = np.zeros((1, len(vertices), 3))
    lid = np.flatnonzero(np.abs(vertices[:, 2]) < 1e-9)  # one row moves, its neighbours do not
    motion[0, lid, 1] = 0.01
    still = collapse(vertices, faces, uvs, mirror=mirror_of(vertices), triangles=40)
    moving = collapse(vertices, faces, uvs, mirror=mirror_of(vertices), triangles=40, motion=motion)
    ridge = 0.01 * 0.01 * 0.1  # height, half the foot of a tent over two rows, length: what the motion lifts
    lifted = [float((area(vertices, coarse) * motion[0, coarse.faces[:, :3], 1].mean(1)).sum()) for coarse in
              (still, moving)]
    assert abs(lifted[0] - ridge) > 0.3 * ridge
    assert abs(lifted[1] - ridge) < 0.1 * ridge


@pytest.mark.parametrize("count", [60, 61, 62])
def test_a_vertex_count_is_met_exactly(count: int) -> None:
    vertices, faces, _ = grid(9)  # an even number of columns: no centre line to make the number odd
    coarse = collapse(vertices, faces, mirror=mirror_of(vertices), vertex_count=count)
    assert len(coarse.kept) == count


def test_a_seam_is_never_crossed() -> None:
    """Two charts side by side: every triangle's UVs still lie in its own chart, on its own texture."""
    vertices, faces, uvs = grid(8)
    right = vertices[faces].mean(1)[:, 0] > 0
    uvs = uvs.copy()
    uvs[right, :, 0] += 3
    coarse = collapse(vertices, faces, uvs, triangles=12)
    x = vertices[coarse.faces[:, :3], 0]
    assert ((x.min(1) > -1e-9) | (x.max(1) < 1e-9)).all(), "a triangle reaches over the seam"
    on_right = x.mean(1) > 0
    np.testing.assert_allclose(coarse.uvs[:, :3, 0], x / 0.1 + 0.5 + 3 * on_right[:, None], atol=1e-6)


def test_a_material_border_stays_where_it_is() -> None:
    vertices, faces, uvs = grid(8)
    material = (vertices[faces].mean(1)[:, 2] > 0).astype(int)
    coarse = collapse(vertices, faces, uvs, material, triangles=12)
    sizes = area(vertices, coarse)
    for index in (0, 1):
        assert sizes[coarse.material == index].sum() == pytest.approx(0.005, rel=1e-6)


@pytest.fixture(scope="module")
def coarse_skin(head: HeadModel) -> Coarse:
    skin = head.material == head.material_index("skin")
    return collapse(head.template, head.faces[skin], head.uvs[skin], mirror=head.mirror_vertices,
                    motion=head.arkit_deltas, triangles=2000)


def test_the_head_s_skin_is_symmetric_manifold_and_whole(head: HeadModel, coarse_skin: Coarse) -> None:
    assert 1996 <= len(coarse_skin.faces) <= 2000
    triangles = {frozenset(face[:3].tolist()) for face in coarse_skin.faces}
    assert {frozenset(int(head.mirror_vertices[index]) for index in face) for face in triangles} == triangles
    before = edges(head.triangles[head.triangle_material == head.material_index("skin")])
    after = edges(coarse_skin.faces)
    assert max(after.values()) == 2
    rim = {index for edge, count in before.items() if count == 1 for index in edge}
    assert {index for edge, count in after.items() if count == 1 for index in edge} <= rim, "a hole"


def test_the_head_s_skin_stays_near_and_nothing_turns_over(head: HeadModel, coarse_skin: Coarse) -> None:
    skin = head.triangles[head.triangle_material == head.material_index("skin")]
    normals = vertex_normals(head.template, skin)
    corners = head.template[coarse_skin.faces[:, :3]]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    outward = (normal * normals[coarse_skin.faces[:, :3]].mean(1)).sum(1)
    assert (outward > 0).mean() > 0.99  # thin rims of ears and nostrils have normals of both sides
    mesh = Mesh(head.template, skin)
    middle = corners.mean(1)
    gap = np.minimum(mesh.cast(middle, normal).distance, mesh.cast(middle, -normal).distance)
    assert np.median(gap[np.isfinite(gap)]) < 0.3e-3
    flat = np.cross(coarse_skin.uvs[:, 1] - coarse_skin.uvs[:, 0], coarse_skin.uvs[:, 2] - coarse_skin.uvs[:, 0])
    was = head.triangle_uvs[head.triangle_material == head.material_index("skin")]
    sign = np.sign(np.median(np.cross(was[:, 1] - was[:, 0], was[:, 2] - was[:, 0])))
    assert (flat * sign > 0).mean() > 0.995
