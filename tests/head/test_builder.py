"""Pieces of the head builder that need no source data."""

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from backend.head import eyes
from backend.training.head import brows, caruncle, hairs, lashes, layout, lids, motion, teeth
from backend.training.head.landmarks import closest_on, mirror_pairs
from backend.training.identity.scan import read_expressions


@pytest.mark.parametrize("make", [eyes.eyeball, eyes.cornea])
def test_eye_surfaces_face_outwards_and_are_mirror_symmetric(make):
    shape = make()
    triangles = np.concatenate([shape.quads[:, :3], shape.quads[shape.quads[:, 3] >= 0][:, [0, 2, 3]]])
    corners = shape.points[triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert ((normal * corners.mean(1)).sum(1) > 0).all()
    flipped = shape.points * [-1, 1, 1]
    nearest = np.linalg.norm(flipped[:, None] - shape.points[None], axis=-1).min(1)
    assert nearest.max() < 1e-9


def test_cornea_bulges_about_a_millimetre_and_covers_the_iris():
    ball, cap = eyes.eyeball(), eyes.cornea()
    bulge = (-cap.points[:, 1]).max() * eyes.EYEBALL_RADIUS - eyes.EYEBALL_RADIUS
    assert 0.0009 < bulge < 0.0014  # Gullstrand: apex 13.1 mm before the centre of a 12 mm globe
    iris = ball.points[np.linalg.norm(ball.points[:, [0, 2]], axis=1) < np.sin(eyes.IRIS_ANGLE) - 1e-6]
    iris = iris[iris[:, 1] < 0]
    front = eyes.surface_radius(iris / np.linalg.norm(iris, axis=1, keepdims=True))
    assert (np.linalg.norm(iris, axis=1) < front).all()


def test_eye_uv_is_azimuthal_equidistant():
    direction = np.array([[0, -1.0, 0], [np.sin(0.5), -np.cos(0.5), 0], [0, -np.cos(0.5), np.sin(0.5)], [0, 1.0, 0]])
    uv = eyes.direction_uv(direction)
    step = 0.5 * 0.5 / eyes.UV_EXTENT
    np.testing.assert_allclose(uv[:3], [[0.5, 0.5], [0.5 + step, 0.5], [0.5, 0.5 + step]], atol=1e-12)


def test_lid_points_land_at_their_height_over_the_eye():
    centre = np.array([0.03, -0.07, 0.0])
    points = centre + np.array([[0, -0.02, 0.0], [0.008, -0.005, 0.006], [-0.01, -0.003, -0.002]])
    moved = lids.onto(points, centre, 0.001)
    outward = (moved - centre) / np.linalg.norm(moved - centre, axis=1, keepdims=True)
    wanted = eyes.surface_radius(outward) * eyes.EYEBALL_RADIUS + 0.001
    np.testing.assert_allclose(np.linalg.norm(moved - centre, axis=1), wanted, atol=1e-12)
    np.testing.assert_allclose(np.cross(outward, points - centre), 0, atol=1e-12)


def ring(count: int = 24) -> np.ndarray:
    """A lid's edge about the left eye's centre (0.03, 0, 0): an almond in front of it."""
    angle = np.arange(count) * 2 * np.pi / count
    x, z = 0.011 * np.cos(angle), 0.004 * np.sin(angle)
    return np.stack([0.03 + x, -np.sqrt(0.0129**2 - x**2 - z**2), z], 1)


def test_lashes_are_deterministic_start_at_the_lid_and_leave_the_eye():
    edge, centre = ring(), np.array([0.03, 0, 0])
    roots = lashes.plant(edge, np.random.default_rng(1))
    again = lashes.plant(edge, np.random.default_rng(1))
    np.testing.assert_array_equal(roots.length, again.length)
    lash = lashes.grow(roots, edge, centre, 1).reshape(-1, hairs.POINTS, 3)
    distance = np.linalg.norm(lash - centre, axis=-1)
    assert (distance[:, -1] > distance[:, 0] + 0.001).all()
    gap = np.linalg.norm(lash[:, :1] - edge[None], axis=-1).min(1)
    assert gap.max() < 0.002
    rise = lash[:, -1, 2] - lash[:, :2, 2].mean(1)
    assert rise[roots.upper].mean() > 0.001
    assert rise[~roots.upper].mean() < -0.001


def test_lashes_of_the_right_eye_are_the_left_ones_mirrored():
    edge, centre = ring(), np.array([0.03, 0, 0])
    roots = lashes.plant(edge, np.random.default_rng(1))
    left = lashes.grow(roots, edge, centre, 1)
    right = lashes.grow(roots, edge * [-1, 1, 1], centre * [-1, 1, 1], -1)
    # The ribbon's two borders change sides in the mirror; its middle line must not.
    middle = left.reshape(-1, hairs.POINTS, 3)[:, :4].reshape(-1, 2, 2, 3).mean(2)
    other = right.reshape(-1, hairs.POINTS, 3)[:, :4].reshape(-1, 2, 2, 3).mean(2)
    np.testing.assert_allclose(other * [-1, 1, 1], middle, atol=1e-12)


def forehead() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A curved sheet where brows lie, both sides: points, quads facing -Y, and each point's mirror image."""
    x, z = np.linspace(-0.07, 0.07, 57), np.linspace(-0.01, 0.05, 25)
    grid_x, grid_z = np.meshgrid(x, z)
    depth = -0.09 + 4 * grid_x**2 + 2 * (grid_z - 0.01) ** 2
    index = np.arange(grid_x.size).reshape(grid_x.shape)
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return np.stack([grid_x, depth, grid_z], -1).reshape(-1, 3), quads, index[:, ::-1].reshape(-1)


def test_brow_hairs_lie_on_the_skin_inner_ones_upright_outer_ones_swept():
    points, quads, _ = forehead()
    roots = brows.plant(points, quads, np.random.default_rng(1))
    np.testing.assert_array_equal(roots.corners, brows.plant(points, quads, np.random.default_rng(1)).corners)
    hair = brows.grow(roots, points, 1).reshape(-1, hairs.POINTS, 3)
    root, middle, tip = hair[:, :2].mean(1), hair[:, 2:4].mean(1), hair[:, 4]
    for place, low, high in ((root, -0.0003, 0.0), (middle, 0.0002, 0.0009), (tip, 0.0002, 0.0009)):
        over = -place[:, 1] - 0.09 + 4 * place[:, 0] ** 2 + 2 * (place[:, 2] - 0.01) ** 2
        assert over.min() > low - 1e-4
        assert over.max() < high + 2e-4
    length = np.linalg.norm(middle - root, axis=1) + np.linalg.norm(tip - middle, axis=1)
    assert 0.0045 < length.min() < length.max() < 0.0095
    heading = (tip - root)[:, [0, 2]] / np.linalg.norm((tip - root)[:, [0, 2]], axis=1, keepdims=True)
    inner, outer = root[:, 0] < 0.017, root[:, 0] > 0.037
    assert heading[inner, 1].mean() > 0.7
    assert heading[outer, 0].mean() > 0.9
    assert np.linalg.norm(hair[:, 1] - hair[:, 0], axis=1).min() > 0.0001
    assert (np.cross(hair[:, 1] - hair[:, 0], hair[:, 4] - hair[:, 0])[:, 1] < 0).all()  # they face out


def test_brows_follow_the_skin_and_mirror(rng):
    points, quads, mirror = forehead()
    roots = brows.plant(points, quads, np.random.default_rng(1))
    left, right = brows.grow(roots, points, 1), brows.grow(roots.mirrored(mirror), points, -1)
    np.testing.assert_allclose(right * [-1, 1, 1], left, atol=1e-12)
    raise_by = np.array([0, -0.001, 0.004])
    np.testing.assert_allclose(brows.grow(roots, points + raise_by, 1), left + raise_by, atol=1e-12)
    bent = points + 0.003 * np.sin(points @ rng.standard_normal((3, 3)) * 40)
    moved = brows.grow(roots, bent, 1).reshape(-1, hairs.POINTS, 3)[:, :2].mean(1)
    skin = np.einsum("hc,hcx->hx", roots.weights[:, 0], bent[roots.corners[:, 0]])
    assert np.linalg.norm(moved - skin, axis=1).max() < 0.0002


def test_every_hair_has_a_column_of_its_own_in_its_square():
    for mirrored in (False, True):
        quads, uvs = hairs.faces(4, 4, 8, mirrored=mirrored)
        assert sorted(np.unique(quads[quads >= 0])) == list(range(4 * hairs.POINTS))
        for face, square in zip(quads, uvs, strict=True):
            own, corner = face[face >= 0] // hairs.POINTS, square[face >= 0]
            assert np.abs(corner[:, 0] * 8 - (4 + own[0] + 0.5)).max() < 0.3
            at_root, at_tip = face[face >= 0] % hairs.POINTS < 2, face[face >= 0] % hairs.POINTS == 4
            assert (corner[at_root, 1] == 0).all()
            assert (corner[at_tip, 1] == 1).all()
    straight = hairs.ribbon(*np.array([[[0, 0, 0]], [[0, 0, 1]], [[0, 0, 2.0]]]), np.array([[0.1, 0, 0]]))
    for mirrored, sign in ((False, -1), (True, 1)):
        a, b, c, d = straight[hairs.faces(1, 0, 1, mirrored=mirrored)[0][0]]
        assert np.sign(np.cross(b - a, d - a)[1]) == sign
        assert np.sign(np.cross(c - b, d - b)[1]) == sign


def strip() -> np.ndarray:
    """A stand-in for MakeHuman's strips: points along two arcs, an edge vertex on the midline."""
    angle = np.linspace(-1.2, 1.2, 17)
    arc = np.stack([0.03 * np.sin(angle), -0.09 + 0.04 * (1 - np.cos(angle)), np.full(17, -0.068)], 1)
    return np.concatenate([arc, arc + np.array([0, 0.004, 0.012])])


@pytest.mark.parametrize("upper", [True, False])
def test_teeth_mirror_and_follow_an_affine_motion_of_their_strip(upper, rng):
    template, every = strip(), np.arange(34)
    arch = teeth.build_arch(template, every, every, upper)
    np.testing.assert_allclose(arch.points[arch.mirror] * [-1, 1, 1], arch.points, atol=1e-12)
    turn = np.eye(3) + 0.1 * rng.standard_normal((3, 3))
    shift = np.array([0.002, -0.003, 0.004])
    moved = teeth.follow(arch, template, template @ turn + shift)
    assert np.abs(moved - (arch.points @ turn + shift)).max() < 0.0015


@pytest.mark.parametrize("upper", [True, False])
def test_fourteen_teeth_stand_apart_by_grooves(upper):
    arch = teeth.build_arch(strip(), np.arange(34), np.arange(34), upper)
    columns = arch.points.reshape(-1, len(teeth._PROFILE), 3) * 1e3
    steps = len(teeth.TOOTH_COLUMNS)
    assert len(columns) == 14 * steps + 1
    border = columns[steps:-steps:steps, 4]  # the fifth row is the crown's fullest part
    beside = (columns[steps - 2:-steps - 2:steps, 4] + columns[steps + 2:-steps + 2 or None:steps, 4]) / 2
    assert len(border) == 13
    inward = np.array([0, columns[:, 4, 1].mean()]) - beside[:, :2]
    inward /= np.linalg.norm(inward, axis=1, keepdims=True)
    assert (((border - beside)[:, :2] * inward).sum(1) > 0.4).all()
    edge = columns[:, 5, 2] if upper else -columns[:, 5, 2]
    middles = edge[steps // 2::steps][7:]  # of the left teeth, from the middle backwards
    if upper:
        assert middles[1] > max(middles[0], middles[2]) + 0.4  # the second incisor ends above first and canine


def test_caruncle_flattens_as_lids_close_and_is_mirrored():
    edge, centre = ring(), np.array([0.03, 0, 0])
    corner = caruncle.find_corner(edge, np.arange(len(edge)))
    assert edge[corner.above, 2] > edge[corner.tip, 2] > edge[corner.below, 2]
    left = caruncle.points(corner, edge, centre)
    right = caruncle.points(corner, edge * [-1, 1, 1], centre * [-1, 1, 1])
    np.testing.assert_allclose(right * [-1, 1, 1], left, atol=1e-12)
    closed = caruncle.points(corner, edge * [1, 1, 0.2], centre)
    assert np.ptp(closed[:, 2]) < 0.5 * np.ptp(left[:, 2])
    quads, uvs = caruncle.faces()
    other, _ = caruncle.faces(mirrored=True)
    for face, twin in zip(quads, other, strict=True):
        assert face[face >= 0][::-1].tolist() in [np.roll(twin[twin >= 0], k).tolist() for k in range(4)]
    assert quads.max() == len(left) - 1
    assert uvs.min() >= 0
    assert uvs.max() <= 1
    triangle = caruncle.unit_points()[quads[:, :3]]
    outward = np.cross(triangle[:, 1] - triangle[:, 0], triangle[:, 2] - triangle[:, 0])
    assert ((outward * triangle.mean(1)).sum(1) > 0).all()


def test_scan_expressions_come_in_our_axes_and_names(tmp_path, rng):
    fields = rng.standard_normal((3, 5, 3))
    np.savez(tmp_path / "scan.npz", expr=fields, expr_names=["browInnerUp_L", "browInnerUp_R", "jawOpen"])
    read = read_expressions(tmp_path / "scan.npz")
    x, y, z = np.moveaxis(fields[2] / 100, -1, 0)  # centimetres, +Y up, face along +Z
    np.testing.assert_allclose(read["jawOpen"], np.stack([x, -z, y], -1))
    np.testing.assert_allclose(read["browInnerUp"], read["browInnerUpLeft"] + read["browInnerUpRight"])
    np.savez(tmp_path / "other.npz", v=fields)
    with pytest.raises(InputError, match=r"other\.npz"):
        read_expressions(tmp_path / "other.npz")


def test_motion_figures_cover_every_shape_but_the_kept_ones_and_come_back(tmp_path):
    known = motion.Motion.load()
    assert known.coefficients.shape == (len(known.names), motion.HARMONICS, 3)
    assert set(known.names) == {name for name in ARKIT_NAMES
                                if not name.endswith("Right") and not name.startswith(motion.KEPT)}
    known.save(tmp_path / "again.npz")
    again = motion.Motion.load(tmp_path / "again.npz")
    np.testing.assert_array_equal(again.coefficients, known.coefficients)
    assert again.mesh == known.mesh
    assert again.names == known.names


def test_closest_point_agrees_with_dense_sampling(rng):
    vertices, triangles = rng.standard_normal((9, 3)), rng.permutation(9).reshape(3, 3)
    points = rng.standard_normal((20, 3))
    index, weights = closest_on(points, vertices, triangles)
    found = np.einsum("nk,nkx->nx", weights, vertices[triangles[index]])
    a, b = np.meshgrid(np.linspace(0, 1, 201), np.linspace(0, 1, 201))
    inside = a + b <= 1
    bary = np.stack([1 - a[inside] - b[inside], a[inside], b[inside]], 1)
    cloud = np.einsum("sk,tkx->tsx", bary, vertices[triangles]).reshape(-1, 3)
    best = np.linalg.norm(points[:, None] - cloud[None], axis=-1).min(1)
    np.testing.assert_allclose(np.linalg.norm(found - points, axis=1), best, atol=0.02)
    assert (np.linalg.norm(found - points, axis=1) <= best + 1e-9).all()


def test_mirror_pairs_are_found_from_positions(rng):
    half = rng.uniform(0.01, 1, (200, 3))
    points = np.concatenate([half, half * [-1, 1, 1], rng.uniform(0, 1, (68, 3)) * [0, 1, 1],
                             half[:5] * 0.5 + 3, (half[:5] * 0.5 + 3) * [-1, 1, 1]])
    pairs = mirror_pairs(points + rng.normal(0, 1e-4, points.shape))
    assert (pairs[:200] == np.arange(200, 400)).mean() > 0.99
    assert (pairs[pairs] == np.arange(478)).all()


def dome(columns: int = 8, rows: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """A closed-fronted half tube like half a head without holes: midline at x = 0 front and back, open below."""
    angle = np.linspace(0, np.pi, columns + 1)
    height = np.linspace(0, 1, rows + 1)
    x = np.sin(angle)[None] * (1.1 - 0.5 * height[:, None] ** 2)
    y = -np.cos(angle)[None] * (1.1 - 0.5 * height[:, None] ** 2)
    points = np.stack([np.where(np.abs(x) < 1e-9, 0, x), y, np.broadcast_to(2 * height[:, None], x.shape)], -1)
    index = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
    quads = np.stack([index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]], -1).reshape(-1, 4)
    return points.reshape(-1, 3) * 0.1, quads


def test_flattening_turns_nothing_over_fills_the_half_square_and_repeats(monkeypatch):
    points, quads = dome()
    columns, rows = 9, 11
    grid = np.arange(columns * rows).reshape(rows, columns)
    seam = np.concatenate([grid[-1], grid[::-1, -1][1:]])
    lengths = np.linalg.norm(np.diff(points[seam], axis=0), axis=1)
    monkeypatch.setattr(layout, "CORNER", lengths[:columns - 1].sum() / lengths.sum())  # the sheet's own corner
    sheet = layout.HalfSheet(np.arange(len(points)), points, quads, grid[:, 0], seam, grid[0])
    uv = layout.flatten(sheet, np.ones(len(points)), np.ones(len(points)), iterations=40)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    a, b = uv[triangles[:, 1]] - uv[triangles[:, 0]], uv[triangles[:, 2]] - uv[triangles[:, 0]]
    area = (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]) / 2
    assert (area > 0).all()
    assert area.sum() == pytest.approx(0.5, abs=1e-9)
    np.testing.assert_allclose(uv[grid[:, 0], 0], 0.5)
    np.testing.assert_array_equal(layout.flatten(sheet, np.ones(len(points)), np.ones(len(points)), iterations=40), uv)
