"""Wrinkles of expressions: none at rest, across the compression, alike on both sides, bounded, away from seams."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.head.model import HeadModel, default_head
from backend.head.uvspace import rasterise
from backend.wrinkles import Wrinkles, wrinkles_of
from backend.wrinkles.furrows import pressed
from backend.wrinkles.groups import GROUPS, LINES, Group
from backend.wrinkles.maps import RANGE, ZERO
from backend.wrinkles.places import Place
from backend.wrinkles.strain import compression, vertex_strain

LINED = [group for group in GROUPS if LINES[group.lines].spacing and not LINES[group.lines].pebbled]


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return default_head()


@pytest.fixture(scope="module")
def place(head: HeadModel) -> Place:
    return Place.of(head, head.template)


@pytest.fixture(scope="module")
def made(head: HeadModel) -> Wrinkles:
    return wrinkles_of(head, head.template)


def channel(made: Wrinkles, group: Group) -> np.ndarray:
    return made.maps[group.map][..., group.channel]


def test_a_sheet_that_shrinks_by_a_tenth_is_pressed_along_that_way() -> None:
    flat = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]])
    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])  # x becomes (.6, .8), of lengths 3, 4, 5
    strain = vertex_strain(flat @ turn.T, (flat * [0.9, 1.05, 1]) @ turn.T, faces)
    amount, way = compression(strain)
    assert amount == pytest.approx((1 - 0.9**2) / 2, abs=1e-6)
    assert np.abs(way @ [0.6, 0.8, 0]) == pytest.approx(1, abs=1e-5)


def test_a_sheet_that_only_bends_and_turns_is_not_pressed() -> None:
    across = np.linspace(0, 1, 9)
    flat = np.array([[x, y, 0] for x in across for y in (0, 1)], np.float32)
    rolled = np.array([[np.sin(x), y, 1 - np.cos(x)] for x in across for y in (0, 1)], np.float32)
    faces = np.array([[2 * k + a, 2 * k + b, 2 * k + c] for k in range(8) for a, b, c in ((0, 2, 1), (1, 2, 3))])
    assert compression(vertex_strain(flat, rolled, faces))[0].max() < 2e-3  # chords are shorter than their arcs


@pytest.mark.parametrize("group", LINED, ids=lambda group: group.name)
def test_furrows_run_across_the_compression(made: Wrinkles, head: HeadModel, place: Place, group: Group) -> None:
    lines = LINES[group.lines]
    press = pressed(place, head, head.template, lines.strain, lines.across, place.region(group.lines) > 0)
    small = cv2.resize(channel(made, group), (512, 512), interpolation=cv2.INTER_AREA)
    fields = [cv2.resize(np.ascontiguousarray(field), (512, 512), interpolation=cv2.INTER_LINEAR)
              for field in (press.way, *place.axes)]
    rows, columns = np.gradient(small)
    along_u, along_v = (field / 2 for field in fields[1:])
    steep = np.hypot(rows, columns) > 0.3 * np.hypot(rows, columns).max()
    # The gradient in space is J (J^T J)^-1 g; a furrow's slope points as the compression does, or against it.
    jacobian = np.stack([along_u[steep], along_v[steep]], -1)
    flat = np.stack([columns[steep], rows[steep]], -1)[..., None]
    slope = (jacobian @ np.linalg.solve(np.swapaxes(jacobian, 1, 2) @ jacobian, flat))[..., 0]
    slope /= np.linalg.norm(slope, axis=1, keepdims=True)
    way = fields[0][steep] / np.maximum(np.linalg.norm(fields[0][steep], axis=1, keepdims=True), 1e-6)
    off = np.degrees(np.arccos(np.clip(np.abs((slope * way).sum(1)), 0, 1)))
    assert np.median(off) < 20, "45 degrees would be chance"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_every_group_is_there_bounded_and_on_skin(made: Wrinkles, head: HeadModel, group: Group) -> None:
    height = channel(made, group)
    assert 0.3 * group.depth < -height.min() <= group.depth * 1.01
    assert height.max() < 0.7 * group.depth, "flesh rises less than furrows sink"
    outside = ~rasterise(head, len(height)).inside
    assert np.abs(height[outside]).max() < 0.2 * group.depth, "what is enlarged reaches a little past lips and lids"
    assert (np.abs(height) > 0.02 * group.depth).mean() < 0.03, "a place on the face, not the face"


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_both_sides_fold_about_alike(made: Wrinkles, group: Group) -> None:
    deep = cv2.GaussianBlur(np.abs(channel(made, group)), (0, 0), 14)
    assert np.abs(deep - deep[:, ::-1]).sum() / (2 * deep.sum()) < 0.22
    halves = deep[:, :512].sum(), deep[:, 512:].sum()
    assert 0.7 < halves[0] / halves[1] < 1.4, "nobody is his own mirror image"


def test_no_wrinkle_reaches_a_border_of_the_square_or_has_a_step(made: Wrinkles) -> None:
    for picture in made.maps.values():
        border = np.concatenate([picture[:40].ravel(), picture[-40:].ravel(), picture[:, :40].ravel(),
                                 picture[:, -40:].ravel()])
        assert not border.any()
        steps = np.abs(np.diff(picture, axis=0)).max(), np.abs(np.diff(picture, axis=1)).max()
        assert max(steps) < 0.30e-3, "metres from a texel to the next, 0.4 mm away"


def test_no_height_is_stored_as_exactly_zero(made: Wrinkles) -> None:
    for name, picture in made.maps.items():
        levels = np.rint(made.encoded(name) * 65535)
        assert (levels[picture == 0] == 32768).all()
        assert np.abs((levels / 65535 - ZERO) * RANGE - picture).max() < 2e-8


def test_the_brows_middle_and_sides_share_their_lines(made: Wrinkles) -> None:
    inner, outer = (made.maps["wrinkles_upper"][..., index] for index in (0, 1))
    both = (np.abs(inner) > 2e-5) & (np.abs(outer) > 2e-5)
    assert both.sum() > 2000
    assert (np.sign(inner[both]) == np.sign(outer[both])).all()


def test_deep_lines_at_rest_make_deep_ones_of_expressions_and_an_unresolved_photo_says_nothing(
        head: HeadModel, made: Wrinkles) -> None:
    seen, random = np.ones((256, 256), np.float32), np.random.default_rng(1).normal(0, 1, (256, 256))

    def depth(metres: float) -> Wrinkles:
        return wrinkles_of(head, head.template, relief=(random * metres).astype(np.float32), seen=seen, size=256)
    assert depth(1e-6).strength == made.strength == 1.0
    assert depth(8e-6).strength < 0.8
    assert depth(60e-6).strength == pytest.approx(1.4)


def test_a_rig_that_presses_nothing_makes_no_wrinkles(head: HeadModel) -> None:
    still = replace(head, arkit_deltas=np.zeros_like(head.arkit_deltas))
    for group in GROUPS:
        if LINES[group.lines].pebbled:
            continue
        assert not wrinkles_of(still, head.template, size=256).maps[group.map][..., group.channel].any()


def test_the_mapping_names_apples_shapes_of_the_right_side(made: Wrinkles) -> None:
    told = made.mapping()
    assert len(told["groups"]) == len({(entry["map"], entry["channel"]) for entry in told["groups"]}) == len(GROUPS)
    for entry in told["groups"]:
        for side, other in (("left", "Right"), ("right", "Left")):
            assert set(entry[side]) <= set(ARKIT_NAMES)
            assert not any(shape.endswith(other) for shape in entry[side])
            assert all(0 < amount <= 1 for amount in entry[side].values())
