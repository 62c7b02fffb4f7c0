"""The UV layout and its raster: mirror, overlaps, share of the face, exactness, tangent frames."""

import numpy as np
import pytest

from backend.head import uvspace
from backend.head.model import HeadModel


def skin_uvs(head: HeadModel) -> np.ndarray:
    return head.triangle_uvs[head.triangle_material == head.material_index("skin")].astype(np.float64)


def signed_area(uvs: np.ndarray) -> np.ndarray:
    a, b = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    return (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2


def test_layout_is_mirror_symmetric_to_a_ten_thousandth(head):
    skin = head.material == head.material_index("skin")
    side = np.sign(head.template[head.faces[skin]][..., 0].mean(1)).astype(int)
    where: dict[tuple[int, int], np.ndarray] = {}
    for face, uvs, s in zip(head.faces[skin], head.uvs[skin], side, strict=True):
        for vertex, uv in zip(face, uvs, strict=True):
            where[int(vertex), int(s)] = uv
    for (vertex, s), uv in where.items():
        other = where[int(head.mirror_vertices[vertex]), -s]
        assert abs(uv[0] + other[0] - 1) < 1e-4
        assert abs(uv[1] - other[1]) < 1e-4


def test_layout_stays_inside_the_square_and_turns_no_triangle_over(head):
    uvs = skin_uvs(head)
    assert uvs.min() > 0
    assert uvs.max() < 1
    assert (signed_area(uvs) > 0).all()


def test_no_two_triangles_share_a_texel(head):
    resolution = 1024
    covered = uvspace.rasterise(head, resolution).inside.sum() / resolution**2
    assert signed_area(skin_uvs(head)).sum() == pytest.approx(covered, abs=5e-4)


def test_the_front_of_the_face_has_most_of_the_texels(head):
    raster = uvspace.rasterise(head, 512)
    front = uvspace.texel_region(head, "face_front", 512) > 0.5
    assert front.sum() / raster.inside.sum() > 0.5


def test_stretch_on_the_face_is_bounded(head):
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    points, uvs = head.template[head.triangles[skin]].astype(np.float64), skin_uvs(head)
    e1, e2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    length = np.linalg.norm(e1, axis=1)
    along = (e1 * e2).sum(1) / length
    height = np.linalg.norm(np.cross(e1, e2), axis=1) / length
    rest = np.stack([np.stack([length, along], 1), np.stack([0 * length, height], 1)], 1)
    jacobian = np.stack([uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]], -1) @ np.linalg.inv(rest)
    sigma = np.linalg.svd(jacobian, compute_uv=False)
    front = head.region("face_front")[head.triangles[skin]].mean(1) > 0.5
    stretch, area = sigma[front, 0] / sigma[front, 1], (length * height)[front]
    order = np.argsort(stretch)
    share = area[order].cumsum() / area.sum()
    assert stretch[order][np.searchsorted(share, 0.5)] < 1.5
    assert stretch[order][np.searchsorted(share, 0.9)] < 2.2
    density = np.sqrt(sigma[front].prod(1))
    assert np.percentile(density, 95) / np.percentile(density, 5) < 2.5


def test_raster_gives_back_the_texels_own_coordinates(head):
    resolution = 256
    raster = uvspace.rasterise(head, resolution)
    row, column = np.nonzero(raster.inside)
    uvs = (head.triangle_uvs[raster.triangle[row, column]] * raster.barycentric[row, column][..., None]).sum(1)
    np.testing.assert_allclose(uvs[:, 0], (column + 0.5) / resolution, atol=1e-5)
    np.testing.assert_allclose(uvs[:, 1], 1 - (row + 0.5) / resolution, atol=1e-5)
    np.testing.assert_allclose(raster.barycentric[row, column].sum(1), 1, atol=1e-5)


def slow_scan(uvs: np.ndarray, resolution: int) -> np.ndarray:
    """Every texel against every triangle."""
    index = np.full((resolution, resolution), -1)
    for row in range(resolution):
        for column in range(resolution):
            point = np.array([(column + 0.5) / resolution, 1 - (row + 0.5) / resolution])
            for number, (a, b, c) in enumerate(uvs):
                u = np.cross(b - a, point - a), np.cross(c - b, point - b), np.cross(a - c, point - c)
                if min(u) > 0 or max(u) < 0:
                    index[row, column] = number
    return index


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scanlines_agree_with_the_slow_twin(rng):
    grid = np.stack(np.meshgrid(np.linspace(0.03, 0.96, 5), np.linspace(0.05, 0.93, 5), indexing="ij"), -1)
    grid = grid + rng.uniform(-0.05, 0.05, grid.shape)
    quads = np.stack([grid[:-1, :-1], grid[1:, :-1], grid[1:, 1:], grid[:-1, 1:]], 2).reshape(-1, 4, 2)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    fast, _ = uvspace.scanline(triangles, 40)
    assert (fast == slow_scan(triangles, 40)).all()


def test_texel_positions_lie_on_the_surface_and_normals_point_out(head):
    position = uvspace.texel_positions(head, head.template, 128)
    normal = uvspace.texel_normals(head, head.template, 128)
    inside = uvspace.rasterise(head, 128).inside
    np.testing.assert_allclose(np.linalg.norm(normal[inside], axis=1), 1, atol=1e-5)
    skull = inside & (uvspace.texel_region(head, "scalp", 128) > 0.9)
    outward = position[skull] - np.array([0, 0.02, 0.03])
    assert ((outward * normal[skull]).sum(1) > 0).all()
    assert np.abs(position + uvspace.mirrored(position) * [1, -1, -1])[inside].max() < 1e-5


def test_tangents_follow_u_and_frames_are_almost_orthonormal(head):
    tangent, bitangent, normal = uvspace.texel_frames(head, head.template, 128)
    inside = uvspace.rasterise(head, 128).inside
    position = uvspace.texel_positions(head, head.template, 128)
    both = inside[:, :-1] & inside[:, 1:]
    face = both & (uvspace.texel_region(head, "cheek_left", 128) > 0.5)[:, 1:]
    step = (position[:, 1:] - position[:, :-1])[face]
    step /= np.linalg.norm(step, axis=1, keepdims=True)
    assert np.median((step * tangent[:, 1:][face]).sum(1)) > 0.98
    assert np.abs((tangent * normal).sum(-1)[face_like(inside, head)]).max() < 0.2
    up = (position[:-1] - position[1:])[:, 1:][face[:-1]]
    assert np.median(np.sign((up * bitangent[:-1, 1:][face[:-1]]).sum(1))) == 1


def face_like(inside: np.ndarray, head: HeadModel) -> np.ndarray:
    return inside & (uvspace.texel_region(head, "cheek_left", len(inside)) > 0.5)


def test_tangents_of_a_flat_sheet_are_u_itself():
    corner = np.array([[0, 0, 0], [2, 0, 0], [2, 3, 0], [0, 3, 0]], np.float32)
    uv = np.array([[[0.2, 0.2], [0.6, 0.2], [0.6, 0.8], [0.2, 0.8]]], np.float32)
    head = sheet(corner, uv)
    tangents, signs = uvspace.tangent_frames(head, corner)
    np.testing.assert_allclose(tangents, np.broadcast_to([1, 0, 0], tangents.shape), atol=1e-6)
    assert (signs == 1).all()
    tangents, signs = uvspace.tangent_frames(sheet(corner, uv * [-1, 1] + [1, 0]), corner)
    np.testing.assert_allclose(tangents, np.broadcast_to([-1, 0, 0], tangents.shape), atol=1e-6)
    assert (signs == -1).all()


def sheet(corner: np.ndarray, uv: np.ndarray) -> HeadModel:
    empty = np.zeros((0, 4, 3), np.float32)
    return HeadModel("sheet", "", "", corner, np.array([[0, 1, 2, 3]], np.int32), uv.astype(np.float32),
                     np.zeros(1, np.int32), ("skin",), empty, (), empty, np.zeros((52, 4, 3), np.float32), ("neck",),
                     np.array([-1], np.int32), np.full((1, 4), 0.25, np.float32), empty, np.ones((4, 1), np.float32),
                     (), np.zeros((0, 4), np.float32), np.full(478, -1, np.int32), np.zeros((478, 3), np.float32),
                     np.arange(4, dtype=np.int32))


def test_gutter_copies_the_nearest_inside_value_no_farther_than_asked():
    image = np.zeros((9, 9), np.float32)
    inside = np.zeros((9, 9), bool)
    image[4, 4], inside[4, 4] = 7, True
    grown = uvspace.dilate(image, inside, 2)
    assert grown[4, 6] == 7
    assert grown[4, 7] == 0
    assert grown[3, 3] == 7
