"""The eye's measures, and the film of tears between it and the lids."""

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.head import eyes
from backend.head.model import default_head
from backend.training.head import tearline

MILLIMETRE = 1e-3


def axial(shape: eyes.EyeGeometry) -> tuple[np.ndarray, np.ndarray]:
    """Millimetres of every vertex forward of the eye's centre, and off its axis."""
    points = shape.points * eyes.EYEBALL_RADIUS / MILLIMETRE
    return -points[:, 1], np.hypot(points[:, 0], points[:, 2])


def test_the_cornea_is_as_wide_high_and_curved_as_a_cornea():
    forward, off = axial(eyes.cornea())
    limbus = np.isclose(off, 5.85, atol=0.01) & (forward > 0)
    assert limbus.sum() == eyes.SEGMENTS
    height = forward.max() - forward[limbus].mean()
    assert 2.4 < height < 2.8  # anatomy: the cornea's vertex lies about 2.6 mm over the plane of its rim
    assert forward.max() == pytest.approx(13.2, abs=0.3)  # 12 mm of the ball, and the bulge over it
    inner = (off > 0) & (off < 5.8) & (forward > 8)
    # A sphere of 7.8 mm through the vertex: its middle lies that far behind it.
    radius = np.hypot(off[inner], forward[inner] - (forward.max() - 7.8))
    np.testing.assert_allclose(radius, 7.8, atol=0.02)


def test_the_iris_lies_behind_the_cornea_and_sinks_towards_the_pupil():
    forward, off = axial(eyes.eyeball())
    front, _ = axial(eyes.cornea())
    rim = np.isclose(off, 5.85, atol=0.01) & (forward > 0)
    pupil = np.isclose(off, eyes.PUPIL_RADIUS / MILLIMETRE, atol=0.01) & (forward > 0)
    assert 0.3 < forward[rim].mean() - forward[pupil].mean() < 0.7
    chamber = front.max() - forward[off < 0.1].max()
    assert 2.6 < chamber < 3.6  # the anterior chamber is about 3 mm deep
    assert 3.4 < 2 * eyes.PUPIL_RADIUS / MILLIMETRE < 4.2


def almond(opening: float = 0.0048, count: int = tearline.AROUND) -> tuple[np.ndarray, np.ndarray]:
    """A left lid's edge 0.9 mm over an eye about (0.03, 0, 0), and that centre."""
    angle = np.arange(count) * 2 * np.pi / count
    x, z = 0.0115 * np.cos(angle), opening * np.sin(angle)
    direction = np.stack([x, -np.sqrt(eyes.EYEBALL_RADIUS**2 - x**2 - np.minimum(z**2, 4e-5)), z], 1)
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    radius = eyes.surface_radius(direction) * eyes.EYEBALL_RADIUS + 0.0009
    centre = np.array([0.03, 0, 0])
    return centre + direction * radius[:, None], centre


def strip(opening: float = 0.0048) -> tuple[np.ndarray, np.ndarray]:
    """(AROUND, ROWS, 3) the tears of that lid, and the eye's centre."""
    edge, centre = almond(opening)
    rim = tearline.find_rim(edge, np.arange(len(edge)))
    return tearline.points(rim, edge, centre, 1).reshape(tearline.AROUND, tearline.ROWS, 3), centre


def height(points: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Millimetres over the eye, cornea included."""
    outward = points - centre
    distance = np.linalg.norm(outward, axis=-1)
    return (distance - eyes.surface_radius(outward / distance[..., None]) * eyes.EYEBALL_RADIUS) / MILLIMETRE


def test_tears_fill_the_crease_between_the_lid_and_the_eye():
    points, centre = strip()
    lid, hollow, ball = np.moveaxis(height(points, centre), 1, 0)
    assert (lid > hollow).all()
    assert (hollow > ball).all()
    assert 0.4 < np.median(lid) < 0.9  # on the margin, below the edge's 0.9 mm
    assert np.abs(ball).max() < 0.35  # at the eye's surface; less what subdividing takes off
    width = np.linalg.norm(points[:, -1] - points[:, 0], axis=-1) / MILLIMETRE
    assert 0.4 < np.median(width) < 1.1
    chord = (lid + ball) / 2
    assert (hollow < chord).mean() > 0.9, "a meniscus is hollow"


def test_tears_thin_out_as_the_lids_meet():
    wide, narrow = strip()[0], strip(0.0004)[0]
    reach = [np.ptp(points[tearline.AROUND // 4, :, 2]) for points in (wide, narrow)]
    assert reach[1] < 0.6 * reach[0]
    assert reach[1] < 0.0004, "less than half of what is open"
    assert np.isfinite(narrow).all()


def test_tears_of_the_right_eye_are_the_left_ones_mirrored_and_both_face_outwards():
    edge, centre = almond()
    rim = tearline.find_rim(edge, np.arange(len(edge)))
    left = tearline.points(rim, edge, centre, 1)
    right = tearline.points(rim, edge * [-1, 1, 1], centre * [-1, 1, 1], -1)
    np.testing.assert_allclose(right * [-1, 1, 1], left, atol=1e-12)
    for points, middle, mirrored in ((left, centre, False), (right, centre * [-1, 1, 1], True)):
        faces, uvs = tearline.faces(mirrored=mirrored)
        assert sorted(set(faces.ravel().tolist())) == list(range(len(left)))
        corner = points[faces]
        normal = np.cross(corner[:, 2] - corner[:, 0], corner[:, 3] - corner[:, 1])
        assert ((normal * (corner.mean(1) - middle)).sum(1) > 0).all()
        assert uvs.min() == 0
        assert uvs.max() == 1


def test_a_walk_around_the_lid_may_start_anywhere_and_run_either_way():
    edge, centre = almond()
    order = np.arange(len(edge))
    points = [set(map(tuple, np.round(tearline.points(tearline.find_rim(edge, walk), edge, centre, 1), 9).tolist()))
              for walk in (order, order[::-1], np.roll(order, 5))]
    assert points[0] == points[1] == points[2]


def test_the_default_heads_tears_lie_on_its_eyes_and_go_with_a_blink():
    head = default_head()
    tear = head.material_vertices("tear")
    blink = head.arkit_deltas[ARKIT_NAMES.index("eyeBlinkLeft")]
    for side, sign in (("left", 1), ("right", -1)):
        centre = head.joint_regressor[head.joint(f"eye_{side}")] @ head.template
        own = np.flatnonzero(tear & (head.template[:, 0] * sign > 0))
        assert len(own) == tearline.AROUND * tearline.ROWS
        rows = height(head.template[own].reshape(-1, tearline.ROWS, 3), centre)
        assert 0.3 < np.median(rows[:, 0]) < 1.2
        assert np.abs(np.median(rows[:, -1])) < 0.3
        fall = blink[own, 2].min() / MILLIMETRE
        assert fall < -6 if side == "left" else fall > -0.2
