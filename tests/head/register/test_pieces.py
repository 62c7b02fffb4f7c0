"""The pieces of registration by themselves, against what can be worked out by hand."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from backend.head import eyes
from backend.head.model import default_head
from backend.head.register.faces import ball_uvs
from backend.head.register.follow import affine, ride
from backend.head.register.parts import Ball, fit_sphere, take_apart
from backend.head.register.shapes import Eye, above_eye
from backend.head.register.symmetry import partners
from backend.head.register.uvs import conformal, pocketed

Sheet = tuple[np.ndarray, np.ndarray]


def test_what_rides_on_a_surface_turns_with_it(sheet: Sheet) -> None:
    points, triangles = sheet
    root, tip = points[[220]], points[[220]] + [[0.0, -0.008, 0.001]]
    rider = ride(np.concatenate([tip, root]), np.array([220]), np.array([0, 0]), points, triangles)
    turn = Rotation.from_rotvec([0.02, -0.01, 0.03]).as_matrix()  # small: what follows is linear
    middle, shift = np.array([0.1, 0.02, 0.0]), np.array([0.001, 0.002, -0.003])
    moved = (points - middle) @ turn.T + middle + shift - points
    expected = (np.concatenate([tip, root]) - middle) @ turn.T + middle + shift - np.concatenate([tip, root])
    turned = np.abs(expected - expected[1]).max()
    # The ridge of 0.7 mm on 3 mm of reach takes 5 % of the turn, the second order of 0.037 radians the rest.
    assert np.abs(rider(moved[None])[0] - expected).max() < 0.1 * turned


def test_an_affine_map_is_reproduced(sheet: Sheet) -> None:
    points, _ = sheet
    matrix = np.array([[0.1, 0.02, 0], [0, 0.05, 0.03], [0.04, 0, -0.1]])
    away = np.array([[0.0, -0.04, 0.0], [0.01, -0.05, 0.01]])
    carried = affine(away, points, np.ones(len(points)), 1e-6) @ (points @ matrix.T)
    assert np.abs(carried - away @ matrix.T).max() < 1e-6
    still = affine(away, points, np.ones(len(points)), 10.0) @ (points @ matrix.T)
    assert np.allclose(still, (points @ matrix.T).mean(0), atol=1e-5), "a stiff one only shifts"


def test_a_flat_sheet_is_laid_out_without_stretch(sheet: Sheet) -> None:
    points, triangles = sheet
    flat = points * [1, 0, 1]
    true = flat[:, [0, 2]] * 10 + 0.5
    free = np.zeros(len(points), bool)
    free[points[:, 0] > 0.005] = True  # ends in the open
    start = true.copy()
    start[free] = 0
    assert np.abs(conformal(flat, triangles, start, free) - true).max() < 1e-5


def test_a_pocket_is_spread_inside_its_rim(sheet: Sheet) -> None:
    points, triangles = sheet
    true = points[:, [0, 2]]
    free = np.linalg.norm(true, axis=1) < 0.012
    start = np.where(free[:, None], np.random.default_rng(1).normal(size=true.shape), true)
    uv = pocketed(triangles, start, free)
    one, two = uv[triangles[:, 1]] - uv[triangles[:, 0]], uv[triangles[:, 2]] - uv[triangles[:, 0]]
    assert (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0] > 0).all()


def test_the_default_head_is_taken_apart() -> None:
    head = default_head()
    parts = take_apart(head.template.astype(np.float64), head.faces)
    names = np.array(head.material_names)[head.material]
    assert parts.eyes is not None
    assert parts.skin[names == "skin"].all()
    assert not parts.skin[np.isin(names, ["teeth", "tongue", "eye", "cornea", "lash"])].any()
    for sign, ball in zip((1, -1), parts.eyes, strict=True):
        assert abs(ball.radius - eyes.EYEBALL_RADIUS) < 0.0005
        assert ball.centre[0] * sign > 0.02
        assert set(names[np.isin(head.faces[:, 0], ball.vertices)]) == {"eye"}


def test_a_sphere_is_fitted_to_a_part_of_it() -> None:
    directions = np.random.default_rng(3).normal(size=(200, 3))
    directions[:, 1] = -np.abs(directions[:, 1])
    points = np.array([0.03, -0.1, 0.02]) + 0.012 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    centre, radius, misfit = fit_sphere(points)
    assert np.allclose(centre, [0.03, -0.1, 0.02], atol=1e-9)
    assert radius == pytest.approx(0.012)
    assert misfit < 1e-9


def test_an_eyes_square_equals_our_own_eyeballs() -> None:
    shape = eyes.eyeball()
    sphere = shape.points / np.linalg.norm(shape.points, axis=1, keepdims=True) * eyes.EYEBALL_RADIUS
    ball = Ball(np.arange(len(sphere)), np.zeros(0, int), np.zeros(3), eyes.EYEBALL_RADIUS)
    expected = eyes.direction_uv(sphere / eyes.EYEBALL_RADIUS)
    assert np.abs(ball_uvs(sphere, shape.quads, ball) - expected[np.maximum(shape.quads, 0)]).max() < 1e-6
    larger = Ball(ball.vertices, ball.inner, ball.centre, 0.015)
    edge = np.array([[0.00585, -np.sqrt(0.015**2 - 0.00585**2), 0.0]])
    uv = ball_uvs(edge, np.array([[0, 0, 0, -1]]), larger)[0, 0]
    assert uv[0] - 0.5 == pytest.approx(eyes.IRIS_UV_RADIUS), "the iris keeps its millimetres"


def test_lids_are_kept_above_the_eye() -> None:
    directions = np.random.default_rng(4).normal(size=(4000, 3))
    ball = 0.012 * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    eye = Eye.of(np.zeros(3), ball)
    rest = np.array([[0.0, -0.0105, 0.0065], [0.0, -0.0105, -0.0065]])
    deltas = np.array([[0.0, 0.0, -0.006], [0.0, 0.0, 0.0]])  # the straight way leads through the eye
    shut = rest + above_eye(rest, deltas, eye)
    assert np.linalg.norm(shut[0]) >= 0.012 + 0.0002
    assert np.array_equal(shut[1], rest[1]), "what does not move stays"


def test_partners_are_told_by_how_a_mesh_is_woven(sheet: Sheet) -> None:
    points, triangles = sheet
    assert partners(points, triangles) is None, "its quads are all cut along the same diagonal"
    mirrored = triangles[points[triangles][..., 0].mean(1) > 0]
    index = np.arange(441).reshape(21, 21)[:, ::-1].ravel()
    woven = np.concatenate([mirrored, index[mirrored][:, ::-1]])
    shaken = points + np.random.default_rng(8).normal(0, 2e-4, points.shape)
    pairs = partners(shaken, woven)
    assert pairs is not None
    assert np.array_equal(pairs, index)
