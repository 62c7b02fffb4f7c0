"""The expressions of the head that ships: closedness, symmetry, lids on eyes, lips, teeth behind lips."""

import cv2
import numpy as np
import pytest
import torch

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.core.rays import Mesh
from backend.head import deform, eyes
from backend.head.adapt import LOOK_DEGREES, adapted_deltas
from backend.head.model import HeadModel
from backend.training.head.embedding import INNER_LIPS, INNER_RING, border_rings
from backend.training.head.expressions import CLOSED, ROLLED

MILLIMETRE = 1e-3


def mirror(head: HeadModel, field: np.ndarray) -> np.ndarray:
    return field[..., head.mirror_vertices, :] * [-1, 1, 1]


def eye_centre(head: HeadModel, side: str) -> np.ndarray:
    return head.joint_regressor[head.joint(f"eye_{side}")] @ head.template


def both(**weights: float) -> dict[str, float]:
    """Weights by name; a name without its side means both sides."""
    return {name + side: weight for name, weight in weights.items()
            for side in ([""] if name in ARKIT_NAMES else ["Left", "Right"])}


def psi(weights: dict[str, float]) -> np.ndarray:
    out = np.zeros(len(ARKIT_NAMES))
    for name, weight in weights.items():
        out[ARKIT_NAMES.index(name)] = weight
    return out


def expressed(head: HeadModel, weights: dict[str, float], neutral: np.ndarray | None = None,
              deltas: tuple[np.ndarray, np.ndarray] | None = None) -> np.ndarray:
    """(V, 3) shapes and correctives at `weights`; the model's own, or an identity's `deltas`."""
    shapes, correctives = deltas if deltas else (head.arkit_deltas, head.corrective_deltas)
    amount = psi(weights)
    drivers = head.corrective_drivers
    product = np.prod(np.where(drivers >= 0, amount[drivers], 1), 1) if len(drivers) else np.zeros(0)
    base = head.template if neutral is None else neutral
    used, also = np.flatnonzero(amount), np.flatnonzero(product)
    return base + np.tensordot(amount[used], shapes[used], 1) + np.tensordot(product[also], correctives[also], 1)


@pytest.fixture(scope="session")
def people(head) -> list[tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """The mean and six random identities with their adapted deltas."""
    rng = np.random.default_rng(8)
    heads = [head.template.astype(np.float64)]
    heads += [heads[0] + np.tensordot(rng.standard_normal(len(head.shape_basis)), head.shape_basis, 1)
              for _ in range(6)]
    return [(neutral, adapted_deltas(head, neutral)) for neutral in heads]


def test_left_and_right_shapes_mirror_to_a_twentieth_of_a_millimetre(head):
    for index, name in enumerate(ARKIT_NAMES):
        other = head.arkit_deltas[ARKIT_NAMES.index(mirrored_name(name))]
        assert np.abs(mirror(head, head.arkit_deltas[index]) - other).max() < 0.05 * MILLIMETRE, name


def test_every_shape_moves_something_and_left_shapes_leave_the_right_side_alone(head):
    size = np.linalg.norm(head.arkit_deltas, axis=2).max(1)
    assert (size > 1 * MILLIMETRE).all(), [n for n, s in zip(ARKIT_NAMES, size, strict=True) if s <= 1 * MILLIMETRE]
    right = (head.template[:, 0] < -0.03) & head.material_vertices("skin")
    for name in ("eyeBlinkLeft", "browOuterUpLeft", "cheekSquintLeft", "eyeLookUpLeft"):
        assert np.abs(head.arkit_deltas[ARKIT_NAMES.index(name)][right]).max() < 0.15 * MILLIMETRE, name


def eye_of(head: HeadModel, vertices: np.ndarray, side: str) -> np.ndarray:
    return head.joint_regressor[head.joint(f"eye_{side}")] @ vertices


def lid_lines(head: HeadModel, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the upper and of the lower lid's edge; the corners belong to the lower one."""
    centre = eye_centre(head, side)
    edge = np.flatnonzero((border_rings(head, 1) == 1) & (np.linalg.norm(head.template - centre, axis=1) < 0.03))
    place = head.template[edge]
    ends = [int(place[:, 0].argmin()), int(place[:, 0].argmax())]
    line = np.interp(place[:, 0], place[ends, 0], place[ends, 2])
    upper = place[:, 2] > line
    upper[ends] = False
    return edge[upper], edge[~upper]


def lid_gap(head: HeadModel, vertices: np.ndarray, side: str) -> float:
    """Metres, the widest place between the lids in height; negative where the upper lid laps over everywhere.

    In the corners, the last tenth of the eye's width, one lid turns into the other.
    """
    upper, lower = lid_lines(head, side)
    order = lower[np.argsort(vertices[lower, 0])]
    ends = vertices[order[[0, -1]], 0]
    along = (vertices[upper, 0] - ends[0]) / (ends[1] - ends[0])
    upper = upper[(along > 0.1) & (along < 0.9)]
    return float((vertices[upper, 2] - np.interp(vertices[upper, 0], vertices[order, 0], vertices[order, 2])).max())


def eye_seen(head: HeadModel, vertices: np.ndarray, side: str, rise: float = 0.0) -> float:
    """Share of 24 by 16 mm in front of an eye where the eye is seen between the lids (lashes left out).

    Seen from straight ahead, or along a line that rises by `rise` for each metre towards the eye.
    """
    shown = np.isin(head.triangle_material, [head.material_index(name) for name in ("skin", "mouth", "eye")])
    grid = np.stack(np.meshgrid(np.linspace(-0.012, 0.012, 49), np.linspace(-0.008, 0.008, 33)), -1).reshape(-1, 2)
    start = np.column_stack([grid[:, 0], np.full(len(grid), -0.2), grid[:, 1] - 0.2 * rise])
    along = np.broadcast_to(np.array([0.0, 1.0, rise]) / np.hypot(1, rise), start.shape)
    hits = Mesh(vertices, head.triangles[shown]).cast(eye_of(head, vertices, side) + start, along)
    return float((head.triangle_material[shown][hits.triangle] == head.material_index("eye")).mean())


def over_the_eye(head: HeadModel, vertices: np.ndarray, side: str, turn: np.ndarray) -> float:
    """Metres, least height of the lid's skin over the eye (cornea included) that is turned by axis-angle `turn`.

    The lid's inner line, which touches the eye at rest and is hidden behind the lid's edge, is left out.
    """
    centre = eye_centre(head, side)
    skin = head.material_vertices("skin") & (border_rings(head, 1) > 0)
    near = skin & (np.linalg.norm(head.template - centre, axis=1) < 0.019) & (head.template[:, 1] < centre[1] - 0.003)
    outward = vertices[near] - eye_of(head, vertices, side)
    if turn.any():
        outward = outward @ cv2.Rodrigues(turn)[0]  # into the eye's own axes
    distance = np.linalg.norm(outward, axis=1)
    return float((distance - eyes.EYEBALL_RADIUS * eyes.surface_radius(outward / distance[:, None])).min())


def gaze(name: str) -> np.ndarray:
    """(3,) axis-angle radians of the eye's joint that belong to a looking shape at 1."""
    inwards = -1 if name.endswith("Left") else 1
    axis = {"eyeLookUp": [-1, 0, 0], "eyeLookDown": [1, 0, 0], "eyeLookIn": [0, 0, inwards],
            "eyeLookOut": [0, 0, -inwards]}[name.removesuffix("Left").removesuffix("Right")]
    return np.radians(LOOK_DEGREES[name.removesuffix("Left").removesuffix("Right")]) * np.array(axis, float)


@pytest.mark.parametrize("name", [name for name in ARKIT_NAMES if name.startswith("eyeLook")])
def test_a_looking_shape_moves_the_lids_and_leaves_the_eye_to_its_joint(head, name):
    side = "left" if name.endswith("Left") else "right"
    tensors = deform.HeadTensors.of(head, torch.float64)
    pose = torch.zeros(len(head.joint_names), 3, dtype=torch.float64)
    pose[head.joint(f"eye_{side}")] = torch.tensor(gaze(name))
    posed = deform.posed_vertices(tensors, tensors.template, torch.tensor(psi({name: 1.0})), pose).numpy()
    pupil = head.landmark_points(posed)[473 if side == "left" else 468] - eye_centre(head, side)
    rest = head.landmark_points(head.template.astype(np.float64))[473 if side == "left" else 468]
    rest = rest - eye_centre(head, side)
    angle = np.degrees(np.arccos(pupil @ rest / np.linalg.norm(pupil) / np.linalg.norm(rest)))
    assert angle == pytest.approx(np.degrees(np.linalg.norm(gaze(name))), abs=0.05)
    where = {"Up": pupil[2], "Down": -pupil[2], "In": -pupil[0], "Out": pupil[0]}[name[7:].removesuffix(
        "Left").removesuffix("Right")]
    assert where * (-1 if side == "right" and name[7:9] in ("In", "Ou") else 1) > 4 * MILLIMETRE
    skin = head.material_vertices("skin")
    assert np.linalg.norm(head.arkit_deltas[ARKIT_NAMES.index(name)][skin], axis=1).max() > 1 * MILLIMETRE


def test_nothing_moves_the_eyeballs_but_their_joints(head):
    ball = head.material_vertices("eye") | head.material_vertices("cornea")
    assert np.abs(head.arkit_deltas[:, ball]).max() == 0
    assert np.abs(head.corrective_deltas[:, ball]).max() == 0


@pytest.mark.parametrize("also", [{}, {"eyeSquint": 1}, {"cheekSquint": 1}, {"mouthSmile": 1}, {"eyeLookDown": 1},
                                  {"eyeLookUp": 1}, {"eyeWide": 1}, {"noseSneer": 1}, {"eyeSquint": 0.5},
                                  {"eyeSquint": 1, "cheekSquint": 1, "mouthSmile": 1}], ids="+".join)
def test_everybody_closes_their_eyes_in_a_blink_whatever_else_they_do(head, people, also):
    weights = both(eyeBlink=1, **also)
    for neutral, deltas in people:
        closed = expressed(head, weights, neutral, deltas)
        # Of the lines behind the lids' edges: the upper edge laps over the lower one, before them.
        most = (1.5 if {"cheekSquint", "mouthSmile", "noseSneer"} & set(also) else 0.6) * MILLIMETRE
        assert max(lid_gap(head, closed, "left"), lid_gap(head, closed, "right")) < most
        assert max(eye_seen(head, closed, side) for side in ("left", "right")) < (0.001 if also else 1e-9)
        assert max(eye_seen(head, closed, "left", rise) for rise in (-0.5, 0.5)) < 0.001, "from below, from above"
        assert lid_gap(head, closed, "left") > -2.5 * MILLIMETRE, "the upper lid stops at the lower one"


def turned_over(head: HeadModel, neutral: np.ndarray, moved: np.ndarray, side: str) -> int:
    """Triangles of the lids' skin whose front is their back, seen from what turns about the eye with them."""
    centre = eye_of(head, neutral, side)
    lids = head.material_vertices("skin") & (np.linalg.norm(head.template - eye_centre(head, side), axis=1) < 0.019)
    lids &= head.template[:, 1] < eye_centre(head, side)[1] - 0.003
    skin = head.triangles[head.triangle_material == head.material_index("skin")]
    corners = skin[lids[skin].all(1)]

    def front(vertices: np.ndarray) -> np.ndarray:
        place = vertices[corners] - centre
        normal = np.cross(place[:, 1] - place[:, 0], place[:, 2] - place[:, 0])
        outward = place.mean(1) / np.linalg.norm(place.mean(1), axis=1)[:, None]
        level = np.cross(outward, [0, 0, 1]) / np.hypot(*outward[:, :2].T)[:, None]
        return np.einsum("fit,ft->if", np.stack([outward, level, np.cross(level, outward)]).swapaxes(0, 1), normal)

    return int((np.einsum("if,if->f", front(neutral), front(moved)) < 0).sum())


@pytest.mark.parametrize("weights", [
    {"eyeBlink": 1}, {"eyeBlink": 0.5}, {"eyeBlink": 1, "eyeSquint": 1}, {"eyeBlink": 1, "mouthSmile": 1},
    {"eyeBlink": 1, "eyeLookDown": 1}, {"eyeBlink": 1, "eyeLookUp": 1}, {"eyeBlink": 1, "eyeWide": 1},
    {"eyeLookDown": 1}, {"eyeLookDown": 1, "eyeSquint": 1}, {"eyeBlink": 1, "eyeSquint": 1, "cheekSquint": 1}],
    ids=lambda weights: "+".join(f"{name}{weight}" for name, weight in weights.items()))
def test_no_skin_of_the_lids_is_turned_over(head, people, weights):
    for neutral, deltas in people:
        moved = expressed(head, both(**weights), neutral, deltas)
        # Of 422, in the corners, where cheeks push and a wide eye has the furthest way.
        most = 3 if {"cheekSquint", "mouthSmile"} & set(weights) else int("eyeWide" in weights)
        assert max(turned_over(head, neutral, moved, side) for side in ("left", "right")) <= most


@pytest.mark.parametrize("weights", [
    {"eyeBlink": 1}, {"eyeSquint": 1}, {"eyeWide": 1}, {"eyeLookUp": 1}, {"eyeLookDown": 1}, {"eyeLookIn": 1},
    {"eyeLookOut": 1}, {"cheekSquint": 1}, {"browDown": 1}, {"eyeBlink": 1, "eyeSquint": 1},
    {"eyeBlink": 1, "eyeLookDown": 1}], ids="+".join)
def test_lids_stay_outside_the_eyeball_all_the_way(head, people, weights):
    turn = sum((gaze(name + "Left") * weight for name, weight in weights.items() if name.startswith("eyeLook")),
               np.zeros(3))
    for neutral, deltas in people:
        for step in (0.15, 0.3, 0.45, 0.6, 0.8, 1.0):
            part = both(**{name: weight * step for name, weight in weights.items()})
            assert over_the_eye(head, expressed(head, part, neutral, deltas), "left", turn * step) > 0, step


def test_looking_down_keeps_half_of_the_eye_open(head, people):
    for neutral, deltas in people:
        lowered = expressed(head, both(eyeLookDown=1), neutral, deltas)
        assert lid_gap(head, lowered, "left") > 0.5 * lid_gap(head, neutral, "left")


def test_an_identity_like_the_template_gets_the_models_own_deltas_but_for_lids_that_are_laid_smooth(head):
    shapes, correctives = adapted_deltas(head, head.template)
    laid = np.array([name.startswith(("eyeBlink", "eyeLookDown", "eyeSquint")) for name in ARKIT_NAMES])
    assert np.abs(shapes - head.arkit_deltas)[~laid].max() < 0.3 * MILLIMETRE
    assert np.abs(shapes - head.arkit_deltas)[laid].max() < 5 * MILLIMETRE
    others = np.array([not any(ARKIT_NAMES[driver] in name.split("__") for driver in np.flatnonzero(laid))
                       for name in head.corrective_names])
    assert others.sum() > 10
    assert np.abs(correctives - head.corrective_deltas)[others].max() < 0.5 * MILLIMETRE


def test_adapted_deltas_are_the_same_every_time_and_change_nothing_but_lids(head, people):
    neutral, (shapes, correctives) = people[3]
    again = adapted_deltas(head, neutral.copy())
    assert again[0].tobytes() == shapes.tobytes()
    assert again[1].tobytes() == correctives.tobytes()
    away = np.min([np.linalg.norm(head.template - eye_centre(head, side), axis=1) for side in ("left", "right")], 0)
    assert np.abs(shapes - head.arkit_deltas)[:, away > 0.035].max() < 1e-6
    assert np.abs(shapes - head.arkit_deltas).max() > 1 * MILLIMETRE, "this person's eyes are not the mean's"


@pytest.mark.parametrize("weight", [0.25, 0.5, 1.0])
def test_mouth_close_undoes_the_gap_that_jaw_open_makes(head, people, weight):
    for neutral, deltas in people[:4]:
        opened = expressed(head, {"jawOpen": weight}, neutral, deltas)
        closed = expressed(head, {"jawOpen": weight, "mouthClose": weight}, neutral, deltas)
        assert lip_gap(head, opened) > 20 * MILLIMETRE * weight
        assert abs(lip_gap(head, closed) - lip_gap(head, neutral)) < 0.5 * MILLIMETRE
        assert seen_at_the_mouth(head, closed)[1] == 0


def lip_gap(head: HeadModel, vertices: np.ndarray) -> float:
    """Metres from the lower lip's inner middle up to the upper one's."""
    points = head.landmark_points(vertices)
    return float(points[13, 2] - points[14, 2])


@pytest.mark.parametrize("name", [name for name in ARKIT_NAMES if name.startswith((*CLOSED, *ROLLED))])
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
    assert seen_at_the_mouth(head, expressed(head, both(**weights)))[0] <= 2e-6


def test_a_wide_smile_shows_the_upper_teeth_and_a_closed_mouth_none(head):
    smile = expressed(head, both(mouthSmile=1, mouthUpperUp=0.5))
    assert seen_at_the_mouth(head, smile)[1] > 40e-6
    assert seen_at_the_mouth(head, head.template)[1] == 0


@pytest.mark.parametrize("weights", [
    {"mouthSmile": 1, "cheekSquint": 1}, {"mouthSmile": 1, "mouthPress": 1}, {"mouthSmile": 1, "mouthDimple": 1},
    {"mouthSmile": 1, "mouthRollLower": 1}, {"mouthSmile": 1, "mouthRollUpper": 1},
    {"mouthRollLower": 1, "mouthRollUpper": 1}, {"mouthSmile": 1, "mouthRollLower": 1, "mouthRollUpper": 1},
    {"mouthFrown": 1, "mouthPress": 1}], ids="+".join)
def test_combinations_of_closed_lips_leave_no_gap(head, weights):
    assert seen_at_the_mouth(head, expressed(head, both(**weights)))[1] <= 3e-6  # square metres of teeth


def outline(head: HeadModel, vertices: np.ndarray) -> np.ndarray:
    """(3,) degrees by which the lower lip's inner line bends in the middle and at the next columns to the left."""
    rings = border_rings(head, INNER_RING)
    middle = head.landmark_points(head.template)[14]
    line = np.flatnonzero((rings == INNER_RING) & (np.linalg.norm(head.template - middle, axis=1) < 0.03)
                          & (head.landmark_points(vertices)[[13, 14], 2].mean() > vertices[:, 2]))
    line = line[np.argsort(vertices[line, 0])]
    step = np.diff(vertices[line][:, [0, 2]], axis=0)
    bend = np.degrees(np.diff(np.arctan2(step[:, 1], step[:, 0])))
    at = int(np.abs(vertices[line[1:-1], 0]).argmin())
    return bend[at:at + 3]


@pytest.mark.parametrize("weights", [{"jawOpen": 1}, {"jawOpen": 1, "mouthPucker": 1}, {"jawOpen": 1, "mouthFunnel": 1},
                                     {"jawOpen": 1, "mouthSmile": 1}], ids="+".join)
def test_an_open_mouths_lower_lip_is_round_and_not_a_v(head, weights):
    bend = outline(head, expressed(head, both(**weights)))
    assert bend[0] < 32  # of two straight sides it would be all the bend there is: more than 60
    assert bend[0] < 0.6 * bend.sum()


def lip_length(head: HeadModel, vertices: np.ndarray) -> float:
    points = head.landmark_points(vertices)[list(INNER_LIPS)]
    return float(np.linalg.norm(points - np.roll(points, 1, 0), axis=1).sum())


@pytest.mark.parametrize(("weights", "most"), [
    ({"mouthSmile": 1, "jawOpen": 1}, 1.52), ({"mouthSmile": 1, "mouthDimple": 1}, 1.42),
    ({"jawOpen": 1, "mouthFunnel": 1}, 1.32), ({"jawOpen": 1, "mouthPucker": 1, "mouthFunnel": 1}, 1.2)],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else "")
def test_lips_are_not_stretched_by_all_that_pulls_at_them(head, weights, most):
    plain = head.template + np.tensordot(psi(both(**weights)), head.arkit_deltas, 1)
    rest = lip_length(head, head.template)
    assert lip_length(head, expressed(head, both(**weights))) < most * rest
    assert lip_length(head, plain) > most * rest


def test_pursing_twice_is_not_twice_the_pursing(head):
    lips = head.region("lips") > 0.5
    forward = [np.abs((expressed(head, weights) - head.template)[lips, 1]).max()
               for weights in ({"mouthPucker": 1.0}, {"mouthFunnel": 1.0}, {"mouthPucker": 1.0, "mouthFunnel": 1.0})]
    assert forward[2] < 1.35 * max(forward[:2])


@pytest.mark.parametrize("weights", [
    {"mouthRollLower": 1}, {"mouthRollUpper": 1}, {"mouthSmile": 1, "mouthRollLower": 1}, {"mouthPress": 1},
    {"mouthSmile": 1}, {"mouthSmile": 1, "mouthPress": 1}], ids="+".join)
def test_lips_stay_before_the_teeth(head, weights):
    moved = expressed(head, both(**weights))
    near = np.linalg.norm(head.template - head.landmark_points(head.template)[13], axis=1) < 0.04
    lips = np.flatnonzero((border_rings(head, 6) <= 6) & near & (np.abs(moved[:, 0]) < 0.02))
    teeth = head.triangles[head.triangle_material == head.material_index("teeth")]
    origins = moved[lips] * [1, 0, 1] - [0, 0.4, 0]
    hits = Mesh(moved, teeth).cast(origins, np.broadcast_to([0.0, 1.0, 0.0], origins.shape))
    behind = moved[lips, 1] + 0.4 - hits.distance
    assert hits.hit.sum() > 20
    assert behind[hits.hit].max() < 0.2 * MILLIMETRE


def test_the_tongue_stays_in_the_mouth_until_it_is_put_out(head):
    tongue = head.material_vertices("tongue")
    front = head.landmark_points(head.template)[[13, 14], 1].min()
    for name in ARKIT_NAMES:
        tip = (head.template + head.arkit_deltas[ARKIT_NAMES.index(name)])[tongue, 1].min()
        if name == "tongueOut":
            assert tip < front - 8 * MILLIMETRE
        else:
            assert tip > front + 3 * MILLIMETRE, name


@pytest.mark.parametrize("jaw", [0.0, 0.5, 1.0])
def test_a_tongue_that_is_put_out_passes_below_the_upper_teeth(head, jaw):
    moved = expressed(head, {"tongueOut": 1.0, "jawOpen": jaw})
    upper = head.material_vertices("teeth") & (head.skin_weights[:, head.joint("head")] == 1)
    upper &= np.abs(head.template[:, 0]) < 0.012
    edge = moved[upper]
    front, back = edge[:, 1].min(), edge[:, 1].min() + 0.006
    tongue = moved[head.material_vertices("tongue")]
    passing = tongue[(tongue[:, 1] > front - 0.002) & (tongue[:, 1] < back) & (np.abs(tongue[:, 0]) < 0.012)]
    assert len(passing) > 3
    assert passing[:, 2].max() < edge[:, 2].min() + 1.0 * MILLIMETRE
    assert lip_gap(head, moved) > 5 * MILLIMETRE


def test_correctives_name_their_drivers_and_mirror(head):
    assert len(head.corrective_names) >= 30
    partner = []
    for name, row in zip(head.corrective_names, head.corrective_drivers, strict=True):
        used = [ARKIT_NAMES[number] for number in row if number >= 0]
        assert "__".join(used) == name
        assert 2 <= len(used) <= 3
        partner.append(head.corrective_names.index("__".join(mirrored_name(part) for part in used)))
    assert np.abs(mirror(head, head.corrective_deltas) - head.corrective_deltas[partner]).max() < 0.05 * MILLIMETRE
    assert np.abs(head.corrective_deltas).max((1, 2)).min() > 0.4 * MILLIMETRE, "each does something"
    needed = {"mouthSmileLeft__jawOpen", "mouthPucker__mouthFunnel", "eyeBlinkLeft__eyeSquintLeft"}
    assert needed <= {"__".join(name.split("__")) for name in head.corrective_names}
