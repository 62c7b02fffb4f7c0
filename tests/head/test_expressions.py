"""The expressions of the head that ships: closedness, symmetry, lids on eyes, lips, teeth behind lips."""

import cv2
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.core.rays import Mesh
from backend.head import eyes
from backend.head.model import HeadModel
from backend.training.head.embedding import INNER_LIPS, border_rings
from backend.training.head.expressions import CLOSED

MILLIMETRE = 1e-3


def mirror(head: HeadModel, field: np.ndarray) -> np.ndarray:
    return field[..., head.mirror_vertices, :] * [-1, 1, 1]


def eye_centre(head: HeadModel, side: str) -> np.ndarray:
    return head.joint_regressor[head.joint(f"eye_{side}")] @ head.template


def test_left_and_right_shapes_mirror_to_a_twentieth_of_a_millimetre(head):
    for index, name in enumerate(ARKIT_NAMES):
        other = head.arkit_deltas[ARKIT_NAMES.index(mirrored_name(name))]
        assert np.abs(mirror(head, head.arkit_deltas[index]) - other).max() < 0.05 * MILLIMETRE, name


def test_every_shape_moves_something_and_left_shapes_leave_the_right_side_alone(head):
    size = np.linalg.norm(head.arkit_deltas, axis=2).max(1)
    assert (size > 1 * MILLIMETRE).all(), [n for n, s in zip(ARKIT_NAMES, size, strict=True) if s <= 1 * MILLIMETRE]
    right = head.template[:, 0] < -0.03
    for name in ("eyeBlinkLeft", "browOuterUpLeft", "cheekSquintLeft", "eyeLookUpLeft"):
        assert np.abs(head.arkit_deltas[ARKIT_NAMES.index(name)][right]).max() < 0.15 * MILLIMETRE, name


def skin_near_eye(head: HeadModel, side: str) -> np.ndarray:
    """Skin vertices around an eye, in front of its middle; the waterline, which is inside the lid, left out."""
    centre = eye_centre(head, side)
    skin = head.material_vertices("skin") & ~head.material_vertices("mouth")
    return np.flatnonzero(skin & (np.linalg.norm(head.template - centre, axis=1) < 0.02)
                          & (head.template[:, 1] < centre[1] - 0.003))


def test_a_blink_keeps_the_lids_outside_the_eyeball_all_the_way(head):
    for side in ("Left", "Right"):
        blink = head.arkit_deltas[ARKIT_NAMES.index(f"eyeBlink{side}")]
        near, centre = skin_near_eye(head, side.lower()), eye_centre(head, side.lower())
        for weight in (0.0, 0.25, 0.5, 0.75, 1.0):
            outward = (head.template + weight * blink)[near] - centre
            assert np.linalg.norm(outward, axis=1).min() > eyes.EYEBALL_RADIUS + 0.2 * MILLIMETRE, (side, weight)


def test_a_blink_hides_the_eye_from_in_front(head):
    blinked = head.template + head.arkit_deltas[ARKIT_NAMES.index("eyeBlinkLeft")]
    shown = np.isin(head.triangle_material, [head.material_index(name) for name in ("skin", "mouth", "eye")])
    triangles = head.triangles[shown]
    centre = eye_centre(head, "left")
    grid = np.stack(np.meshgrid(np.linspace(-0.012, 0.012, 49), np.linspace(-0.008, 0.008, 33)), -1).reshape(-1, 2)
    origins = centre + np.column_stack([grid[:, 0], np.full(len(grid), -0.2), grid[:, 1]])
    forward = np.broadcast_to([0.0, 1.0, 0.0], origins.shape)

    def eye_share(vertices: np.ndarray) -> float:
        hits = Mesh(vertices, triangles).cast(origins, forward)
        return float((head.triangle_material[shown][hits.triangle] == head.material_index("eye")).mean())

    assert eye_share(head.template) > 0.2
    assert eye_share(blinked) < 0.005


def test_mouth_close_undoes_the_gap_that_jaw_open_makes(head):
    upper, lower = head.landmark_triangles[[13, 14]], head.landmark_barycentric[[13, 14]]

    def gap(vertices: np.ndarray) -> float:
        points = np.einsum("lk,lkx->lx", lower, vertices[head.triangles[upper]])
        return float(points[0, 2] - points[1, 2])

    opened = head.template + head.arkit_deltas[ARKIT_NAMES.index("jawOpen")]
    closed = opened + head.arkit_deltas[ARKIT_NAMES.index("mouthClose")]
    assert gap(opened) > 20 * MILLIMETRE
    assert abs(gap(closed) - gap(head.template)) < 2 * MILLIMETRE


def lip_gap(head: HeadModel, vertices: np.ndarray) -> float:
    """Metres from the lower lip's inner middle up to the upper one's."""
    points = head.landmark_points(vertices)
    return float(points[13, 2] - points[14, 2])


@pytest.mark.parametrize("name", [name for name in ARKIT_NAMES if name.startswith(CLOSED)])
def test_shapes_of_a_closed_mouth_leave_it_closed(head, name):
    moved = head.template + head.arkit_deltas[ARKIT_NAMES.index(name)]
    assert abs(lip_gap(head, moved) - lip_gap(head, head.template)) < 2.5 * MILLIMETRE  # round lips touch elsewhere
    assert seen_at_the_mouth(head, moved)[1] < 5e-6  # square metres of teeth


def seen_at_the_mouth(head: HeadModel, vertices: np.ndarray) -> tuple[float, float]:
    """Square metres seen from in front of the mouth's inside more than 2 mm off the opening, and of teeth."""
    step = 0.001
    x, z = np.arange(-0.045, 0.045, step), np.arange(-0.135, -0.045, step)
    places = np.stack(np.meshgrid(x, z), -1).reshape(-1, 2)
    drawn = np.flatnonzero(~np.isin(head.triangle_material,
                                    [head.material_index(name) for name in ("cornea", "lash", "eye")]))
    origins = np.column_stack([places[:, 0], np.full(len(places), -0.4), places[:, 1]])
    hits = Mesh(vertices, head.triangles[drawn]).cast(origins, np.broadcast_to([0.0, 1.0, 0.0], origins.shape))
    material = np.where(hits.hit, head.triangle_material[drawn[np.maximum(hits.triangle, 0)]], -1)
    lips = head.landmark_points(vertices)[list(INNER_LIPS)][:, [0, 2]]
    outline = np.round((lips - [x[0], z[0]]) / step).astype(np.int32)
    opening = cv2.fillPoly(np.zeros((len(z), len(x)), np.uint8), [outline], 1)
    near = cv2.dilate(opening, np.ones((5, 5), np.uint8)).reshape(-1) > 0
    inside = np.isin(material, [head.material_index(name) for name in ("teeth", "mouth", "tongue")])
    teeth = material == head.material_index("teeth")
    return float((inside & ~near).sum() * step**2), float(teeth.sum() * step**2)


@pytest.mark.parametrize("weights", [
    {"jawOpen": 1}, {"mouthFunnel": 1}, {"mouthUpperUp": 1, "mouthLowerDown": 1}, {"mouthSmile": 1, "jawOpen": 0.35},
    {"mouthRollLower": 1, "mouthRollUpper": 1}, {"mouthShrugLower": 1, "mouthShrugUpper": 1}, {"noseSneer": 1},
    {"mouthPucker": 1, "mouthFunnel": 0.7}, {"jawOpen": 1, "mouthClose": 1}, {"mouthDimple": 1, "mouthPress": 1},
    {"mouthLeft": 1}, {"mouthStretch": 1, "jawOpen": 0.5}], ids="+".join)
def test_what_is_inside_the_mouth_stays_behind_the_lips(head, weights):
    moved = head.template.astype(np.float64)
    for name, weight in weights.items():
        for side in ("",) if name in ARKIT_NAMES else ("Left", "Right"):
            moved = moved + weight * head.arkit_deltas[ARKIT_NAMES.index(name + side)]
    assert seen_at_the_mouth(head, moved)[0] <= 2e-6


def test_a_wide_smile_shows_the_upper_teeth_and_a_closed_mouth_none(head):
    smile = head.template.astype(np.float64)
    for name, weight in (("mouthSmile", 1.0), ("mouthUpperUp", 0.5)):
        for side in ("Left", "Right"):
            smile = smile + weight * head.arkit_deltas[ARKIT_NAMES.index(name + side)]
    assert seen_at_the_mouth(head, smile)[1] > 40e-6
    assert seen_at_the_mouth(head, head.template)[1] == 0


def test_most_people_close_their_eyes_in_a_blink(head, rng):
    centre = eye_centre(head, "left")
    edge = np.flatnonzero((border_rings(head, 1) == 1) & (np.linalg.norm(head.template - centre, axis=1) < 0.03))
    inner, outer = edge[head.template[edge, 0].argmin()], edge[head.template[edge, 0].argmax()]
    along = (head.template[edge, 0] - head.template[inner, 0]) / np.ptp(head.template[[inner, outer], 0])
    line = head.template[inner, 2] + along * (head.template[outer, 2] - head.template[inner, 2])
    ends = np.isin(edge, (inner, outer))
    upper, lower = edge[(head.template[edge, 2] > line) & ~ends], edge[(head.template[edge, 2] <= line) | ends]
    blink, gaps = head.arkit_deltas[ARKIT_NAMES.index("eyeBlinkLeft")], []
    for _ in range(30):
        shape = rng.standard_normal(len(head.shape_basis))
        moved = head.template + np.tensordot(shape, head.shape_basis, 1) + blink
        order = lower[np.argsort(moved[lower, 0])]
        gaps.append((moved[upper, 2] - np.interp(moved[upper, 0], moved[order, 0], moved[order, 2])).max())
    assert np.median(gaps) < 0
    assert np.mean(np.array(gaps) > 0.8 * MILLIMETRE) <= 0.2
