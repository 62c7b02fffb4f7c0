"""Wrinkles from frames that show them: known heights come back, what is not shown stays, frames are chosen well."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.animation.clip import Clip
from backend.arkit import ARKIT_NAMES
from backend.video.report import WRINKLES, wrinkle_sentence
from backend.wrinkles.bared import GRID, Bared
from backend.wrinkles.blood import BLOOD, blood_of
from backend.wrinkles.groups import GROUPS, both
from backend.wrinkles.maps import MAPS, Wrinkles
from backend.wrinkles.moments import amounts, moments_of
from backend.wrinkles.solve import DIP, Part, Solved, detail, edges, solved

SIZE = GRID
TEXEL = 4e-4
DEPTH = 4e-4
NAMES = [group.name for group in GROUPS]


def clip_of(faces: list[dict[str, float]], yaw: list[float] | None = None) -> Clip:
    """One face after the other, each held for six frames at 30 a second, turned so far (degrees)."""
    weights = np.zeros((6 * len(faces), 52))
    turns = np.tile(np.eye(4), (len(weights), 1, 1))
    for number, face in enumerate(faces):
        for name, value in both(face).items():
            weights[6 * number:6 * number + 6, ARKIT_NAMES.index(name)] = value
        if yaw:
            turns[6 * number:6 * number + 6, :3, :3] = cv2.Rodrigues(np.array([0, 0, np.radians(yaw[number])]))[0]
    return Clip(np.arange(len(weights)) / 30, weights, np.zeros((len(weights), 0)), turns,
                np.zeros((len(weights), 5, 3)), np.ones(len(weights)))


def test_frames_show_what_they_are_chosen_for() -> None:
    clip = clip_of([{}, {"browInnerUp": 0.9, "browOuterUp": 0.8}, {}, {"mouthPucker": 0.9}, {"noseSneer": 0.2}])
    found = moments_of(clip)
    assert found.calm.any()
    assert (found.amounts[found.calm] == 0).all()
    brow, lips, nose = (NAMES.index(name) for name in ("brow_inner", "lips", "nose"))
    made = found.amounts[~found.calm]
    assert made[:, brow].max() == pytest.approx(0.9, abs=1e-6)
    assert made[:, lips].max() == pytest.approx(0.9, abs=1e-6)
    assert found.most[nose] == pytest.approx(0.2, abs=1e-6)
    assert set(found.frames // 6) <= {0, 1, 2, 3}, "a sneer of a fifth shows no wrinkles"


def test_a_face_from_the_front_is_chosen_before_a_turned_one_and_none_from_a_calm_film() -> None:
    clip = clip_of([{}, {"browInnerUp": 0.9}, {"browInnerUp": 0.9}], [0, 40, 5])
    found = moments_of(clip)
    assert set(found.frames[~found.calm] // 6) == {2}
    assert not len(moments_of(clip_of([{}, {"mouthSmile": 0.1}])).frames)


def test_amounts_are_of_the_side_and_end_at_one() -> None:
    weights = np.zeros((1, 52))
    weights[0, ARKIT_NAMES.index("browDownLeft")] = 0.7
    weights[0, [ARKIT_NAMES.index(f"noseSneer{side}") for side in ("Left", "Right")]] = 1
    told = amounts(weights)[0, NAMES.index("frown")]
    assert told == pytest.approx([1.0, 0.3])


def furrows(spacing: float, phase: float) -> np.ndarray:
    """(SIZE, SIZE) metres: lines across the rows, in a window, none broader than detail is."""
    row, column = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    window = np.exp(-(((row - 256) / 40) ** 4) - ((column - 256) / 60) ** 4)
    return (-0.6 * DEPTH * window * np.cos(2 * np.pi * row / spacing + phase)).astype(np.float32)


def region() -> np.ndarray:
    row, column = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    return np.exp(-(((row - 256) / 50) ** 4) - ((column - 256) / 70) ** 4).astype(np.float32)


def frames_of(height: np.ndarray, shares: list[tuple[float, float]], *, noise: float = 0.0, light: float = 0.5,
              ) -> tuple[list[Bared], np.ndarray]:
    """Frames whose light falls along the columns, as strong as `light`; and the calm skin."""
    random = np.random.default_rng(3)
    pores = cv2.GaussianBlur(random.normal(0, 0.2, (SIZE, SIZE)).astype(np.float32), (0, 0), 2.5)
    skin = np.repeat((pores - 1.2)[..., None], 3, 2)
    turning = light / TEXEL
    slope = np.gradient(height, axis=0)
    left = np.arange(SIZE) >= SIZE // 2
    frames = []
    for one, other in shares:
        amount = np.where(left, one, other).astype(np.float32)
        log = skin + (amount * (height / DIP - turning * slope))[..., None]
        log = log + random.normal(0, noise, (SIZE, SIZE, 1)).astype(np.float32) if noise else log
        even = np.ones((SIZE, SIZE), np.float32)
        frames.append(Bared(log.astype(np.float32), even, 0 * even, turning * even, 0 * even))
    return frames, skin


def told(frames: list[Bared], skin: np.ndarray, parts: list[Part]) -> list[Solved]:
    known = np.ones((SIZE, SIZE), np.float32)
    edge = edges(skin, known)
    changes, sures = zip(*(detail(frame, skin.mean(-1), known, edge) for frame in frames), strict=True)
    left = np.broadcast_to(np.arange(SIZE) >= SIZE // 2, (SIZE, SIZE)).astype(np.float32)
    return solved(parts, frames, changes, sures, np.full((SIZE, SIZE), TEXEL, np.float32), left)


def test_known_heights_come_back_in_place_of_a_wrong_prior() -> None:
    truth, wrong = furrows(20, 0), furrows(26, 1.5)
    shares = [(0.9, 0.8), (0.6, 0.9), (1.0, 1.0)]
    frames, skin = frames_of(truth, shares, noise=0.03)
    (found,) = told(frames, skin, [Part(region(), DEPTH, wrong, np.array(shares), True)])
    there = np.abs(truth) > 0.05 * DEPTH
    assert np.corrcoef(found.height[there], truth[there])[0, 1] > 0.9
    assert np.corrcoef(wrong[there], truth[there])[0, 1] < 0.3
    assert float((found.height * truth).sum() / (truth * truth).sum()) == pytest.approx(1, abs=0.25)
    assert found.told > 0.6
    assert np.abs(found.height[region() < 0.01]).max() < 0.05 * DEPTH


def test_smooth_skin_takes_the_priors_lines_away() -> None:
    prior = furrows(20, 0)
    frames, skin = frames_of(0 * prior, [(0.9, 0.9)] * 3, noise=0.02)
    (found,) = told(frames, skin, [Part(region(), DEPTH, prior, np.full((3, 2), 0.9), True)])
    assert float(found.height.std() / prior.std()) < 0.35


def test_what_is_not_shown_or_not_seen_leaves_the_prior() -> None:
    prior = furrows(20, 0)
    frames, skin = frames_of(furrows(26, 1), [(0.9, 0.9)])
    (hidden,) = told(frames, skin, [Part(region(), DEPTH, prior, np.array([[0.0, 0.0]]), False)])
    np.testing.assert_array_equal(hidden.height, prior)
    assert hidden.told == 0
    unseen = [replace(frame, weight=0 * frame.weight) for frame in frames]
    (away,) = told(unseen, skin, [Part(region(), DEPTH, prior, np.full((1, 2), 0.9), True)])
    np.testing.assert_allclose(away.height, prior, atol=1e-9)
    assert away.told == 0


def test_light_from_everywhere_tells_less_than_light_from_a_side() -> None:
    prior, truth = furrows(20, 0), furrows(26, 1)
    part = Part(region(), DEPTH, prior, np.full((2, 2), 0.9), True)
    even, side = (told(*frames_of(truth, [(0.9, 0.9)] * 2, noise=0.02, light=light), [part])[0]
                  for light in (0.0, 0.5))
    assert even.told < side.told
    there = np.abs(truth) > 0.05 * DEPTH
    likeness = [np.corrcoef(found.height[there], truth[there])[0, 1] for found in (even, side)]
    assert likeness[1] > 0.9
    assert likeness[0] < likeness[1]


def test_two_groups_that_share_a_place_are_told_apart_by_their_weights() -> None:
    first, second = furrows(20, 0), furrows(27, 1)
    shares = [(0.9, 0.0), (0.0, 0.9), (0.5, 0.9), (0.9, 0.4)]
    alone = [frames_of(one, [(share[index],) * 2 for share in shares])[0]
             for index, one in enumerate((first, second))]
    skin = frames_of(first, [])[1]
    frames = [Bared(a.log + b.log - skin, a.weight, a.along_u, a.along_v, a.moved)
              for a, b in zip(*alone, strict=True)]
    nothing = np.zeros_like(first)
    parts = [Part(region(), DEPTH, nothing, np.array([(share[index],) * 2 for share in shares]), True)
             for index in (0, 1)]
    for found, truth, other in zip(told(frames, skin, parts), (first, second), (second, first), strict=True):
        assert np.corrcoef(found.height.ravel(), truth.ravel())[0, 1] > 0.85
        assert abs(np.corrcoef(found.height.ravel(), other.ravel())[0, 1]) < 0.4


def test_the_report_says_which_were_seen_and_which_guessed() -> None:
    assert list(WRINKLES) == NAMES
    empty = {name: np.zeros((8, 8, 3), np.float32) for name in MAPS}
    said = wrinkle_sentence("ada.mp4", Wrinkles(empty, 1.0, {"frown": 0.7, "nose": 0.0}))
    seen, guessed = said.split(";")
    assert "of a frown" in seen
    assert "of a frown" not in guessed
    assert "of a wrinkled nose" in guessed
    assert "are guessed" in wrinkle_sentence("ada.mp4", Wrinkles(empty, 1.0))
    every = Wrinkles(empty, 1.0, dict.fromkeys(NAMES, 0.9))
    assert wrinkle_sentence("ada.mp4", every) == "All wrinkles of expressions were seen in ada.mp4."


def test_blood_is_told_by_colour_and_by_no_brightness() -> None:
    """A group that brings 0.5 at weight 1; each frame is brighter or darker as a whole and at the place."""
    index = NAMES.index("frown")
    share = np.zeros((3, len(GROUPS), 2))
    share[:, index] = [[0.5, 0.5], [0.9, 0.9], [1.0, 0.7]]
    parts = [Part(region() if number == index else 0 * region(), DEPTH, 0 * region(), share[:, number], number == index)
             for number in range(len(GROUPS))]
    _, skin = frames_of(0 * region(), [])
    left = np.arange(SIZE) >= SIZE // 2
    frames = []
    for number, brighter in enumerate((0.3, -0.2, 0.1)):
        amount = np.where(left, *share[number, index])[None, :, None] * 0.5 * region()[..., None]
        log = skin + np.log(BLOOD) * amount + brighter * (1 + region()[..., None])
        even = np.ones((SIZE, SIZE), np.float32)
        frames.append(Bared(log.astype(np.float32), even, 0 * even, 0 * even, 0 * even))
    found = blood_of(frames, skin, even, share, parts)
    told = found[GROUPS[index].map][..., GROUPS[index].channel]
    middle = told[118:138, 118:138]
    assert middle.mean() == pytest.approx(0.5, abs=0.1)
    assert np.abs(told[:40]).max() < 0.02
    others = sum(float(np.abs(picture).sum()) for picture in found.values()) - float(np.abs(told).sum())
    assert others == pytest.approx(0, abs=1e-3)
