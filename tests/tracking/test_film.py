"""Real films of a real face, moved in the picture in ways that are known: the landmarker and everything after it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from backend.animation.clip import read_npz
from backend.arkit import ARKIT_NAMES
from backend.core.progress import Progress, silent
from backend.errors import Cancelled, InputError
from backend.head.model import default_head
from backend.tracking import film as film_module
from backend.tracking.actor import Actor
from backend.tracking.film import CAMERA, track_film
from backend.tracking.kept import Shelf
from backend.tracking.live import LEARNT_AT, Tracker
from backend.training.render.sample import TruthSample
from tests.video import films

PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"
SIDE = 360
FRAMES = 40


@pytest.fixture(scope="module")
def actor() -> Actor:
    """The mean head: good enough for in-plane turns."""
    head = default_head()
    return Actor.of(head, head.template)


def face() -> np.ndarray:
    """The face of the portrait, (SIDE, SIDE, 3) uint8 sRGB."""
    from backend.capture.mediapipe_models import find_faces

    picture = np.ascontiguousarray(np.asarray(cv2.imread(str(PORTRAIT)))[..., ::-1])
    found = find_faces(picture)[0].landmarks[:, :2]
    middle, size = (found.min(0) + found.max(0)) / 2, 2.2 * np.ptp(found, 0).max()
    matrix = np.array([[SIDE / size, 0, SIDE / 2 - middle[0] * SIDE / size],
                       [0, SIDE / size, SIDE / 2 - middle[1] * SIDE / size]])
    return cv2.warpAffine(picture, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)


def rolling(picture: np.ndarray, degrees: np.ndarray) -> Iterator[np.ndarray]:
    """The picture turned clockwise by so many degrees."""
    for angle in degrees:
        turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), -float(angle), 1.0)
        yield cv2.warpAffine(picture, turn, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face that leans to either side, with eight black frames."""
    frames = list(rolling(face(), 14 * np.sin(2 * np.pi * np.arange(FRAMES) / 30)))
    for index in range(20, 28):
        frames[index] = np.zeros_like(frames[index])
    return films.write(tmp_path_factory.mktemp("film") / "lean.avi", frames, fps=30, code="MJPG")


def rolls(head: np.ndarray) -> np.ndarray:
    """(T,) degrees by which heads (T, 4, 4) are turned in the picture, clockwise."""
    camera = CAMERA[:3, :3].T @ head[:, :3, :3]
    across = camera[:, :, 0]
    return np.degrees(np.arctan2(across[:, 1], across[:, 0]))


def test_a_lean_is_followed_and_black_frames_are_bridged(film: Path, actor: Actor) -> None:
    told: list[tuple[float, str]] = []
    tracked = track_film(film, actor, lambda fraction, text: told.append((fraction, text)))
    clip = tracked.clip
    truth = 14 * np.sin(2 * np.pi * np.arange(FRAMES) / 30)
    found = rolls(clip.head)
    seen = ~clip.lost
    assert seen.sum() == FRAMES - 8
    assert clip.lost[20:28].all()
    error = (found - truth) - np.median((found - truth)[seen])
    assert np.abs(error[seen]).max() < 1.0
    assert np.abs(error).max() < 3.0  # what was bridged
    np.testing.assert_allclose(clip.time, np.arange(FRAMES) / 30, atol=2e-3)
    assert clip.arkit.shape == (FRAMES, len(ARKIT_NAMES))
    assert clip.expression.shape[1] == len(actor.head.expression_names)
    assert tracked.report["black_share"] == pytest.approx(8 / FRAMES, abs=1e-3)
    assert {"black", "yaw", "pitch"} <= {finding["kind"] for finding in tracked.report["findings"]}
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions)
    assert any("of 40 frames" in text and "left" in text for _, text in told)


def test_live_gives_an_answer_a_frame_and_holds_the_last_when_the_face_is_gone(actor: Actor) -> None:
    picture, k = face(), np.array([[500.0, 0, SIDE / 2], [0, 500, SIDE / 2], [0, 0, 1]])
    with Tracker(actor, k, (SIDE, SIDE)) as tracker:
        assert tracker.step(np.zeros_like(picture)) is None
        first = [tracker.step(frame) for frame in rolling(picture, np.array([0.0, 5, 10]))]
        gone = tracker.step(np.zeros_like(picture))
    assert all(result is not None and result.confidence > 0.5 for result in first)
    assert gone is not None
    assert gone.confidence == 0
    np.testing.assert_array_equal(gone.world_to_camera, first[-1].world_to_camera)  # type: ignore[union-attr]
    lean = [np.degrees(np.arctan2(*result.world_to_camera[:2, 0][::-1])) for result in first]  # type: ignore[union-attr]
    np.testing.assert_allclose(np.diff(lean), [5, 5], atol=0.8)


def test_live_learns_the_skin_while_frames_come_and_answers_every_one(actor: Actor) -> None:
    k = np.array([[500.0, 0, SIDE / 2], [0, 500, SIDE / 2], [0, 0, 1]])
    truth = 12 * np.sin(2 * np.pi * np.arange(LEARNT_AT[0] + 10) / 25)
    with Tracker(actor, k, (SIDE, SIDE)) as tracker:
        first = [tracker.step(frame) for frame in rolling(face(), truth[:LEARNT_AT[0]])]
        tracker.settle()
        assert tracker.knows_skin
        then = [tracker.step(frame) for frame in rolling(face(), truth[LEARNT_AT[0]:])]
    lean = np.degrees([np.arctan2(*result.world_to_camera[:2, 0][::-1])  # type: ignore[union-attr]
                       for result in [*first, *then]])
    off = lean - truth
    assert np.abs(off - np.median(off)).max() < 1.5
    assert off[LEARNT_AT[0]:].std() < 1.1 * off[:LEARNT_AT[0]].std()
    assert all(result is not None and result.weights.min() >= 0 and result.weights.max() <= 1 for result in then)


def test_a_film_of_a_picture_is_said_to_be_one(tmp_path: Path, actor: Actor) -> None:
    path = films.write(tmp_path / "poster.avi", [face()] * 45, fps=30, code="MJPG")
    kinds = {finding["kind"] for finding in track_film(path, actor).report["findings"]}
    assert "still" in kinds


def test_another_person_after_a_cut_is_left_out(tmp_path: Path, actor: Actor, truth_sample: TruthSample) -> None:
    other = cv2.resize(truth_sample.photo_srgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    leaning = 6 * np.sin(np.arange(30) / 5)
    frames = [*rolling(face(), leaning), *rolling(other, leaning[:12])]
    tracked = track_film(films.write(tmp_path / "cut.avi", frames, fps=30, code="MJPG"), actor)
    assert tracked.report["cuts"] + tracked.report["jumps"] >= 1
    assert not tracked.clip.lost[:30].any()
    assert tracked.clip.lost[30:].all()


def test_films_without_a_face_are_refused(tmp_path: Path, actor: Actor) -> None:
    path = films.write(tmp_path / "wall.mp4", films.grey(12, 160, 120))
    with pytest.raises(InputError, match=r"wall\.mp4 shows no face"):
        track_film(path, actor)
    frames = [np.zeros((SIDE, SIDE, 3), np.uint8)] * 30
    frames[3] = frames[4] = face()
    path = films.write(tmp_path / "glimpse.avi", frames, code="MJPG")
    with pytest.raises(InputError, match=r"glimpse\.avi shows a face in only 7% of its frames"):
        track_film(path, actor)


def test_cancelling_ends_it_at_once(film: Path, actor: Actor) -> None:
    def stop(fraction: float, text: str) -> None:
        silent(fraction, text)
        raise Cancelled

    with pytest.raises(Cancelled):
        track_film(film, actor, stop)


def test_a_track_that_was_ended_goes_on_and_gives_the_same(actor: Actor, tmp_path: Path,
                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_module, "ANEW", 20)
    monkeypatch.setattr(film_module, "PREVIEW", 15)
    frames = list(rolling(face(), 10 * np.sin(np.arange(56) / 5)))
    frames[30] = np.zeros_like(frames[30])
    path = films.write(tmp_path / "long.avi", frames, fps=30, code="MJPG")
    whole, kept = track_film(path, actor), tmp_path / "kept"

    def told(texts: list[str], last: int = 1000) -> Progress:
        def tell(fraction: float, text: str) -> None:
            texts.append(text)
            if text.startswith(f"{last} of"):
                raise Cancelled
        return tell

    first, second, third = list[str](), list[str](), list[str]()
    with pytest.raises(Cancelled):
        track_film(path, actor, told(first, 33), keep=kept)
    with pytest.raises(Cancelled):
        track_film(path, actor, told(second, 50), keep=kept)
    again = track_film(path, actor, told(third), keep=kept)
    assert (first[0][:2], second[0][:5], third[0][:5]) == ("1 ", "21 of", "41 of")
    assert not kept.exists()
    assert again.report == whole.report
    assert again.focal == whole.focal
    for name in ("time", "arkit", "head", "confidence"):
        np.testing.assert_array_equal(getattr(again.clip, name), getattr(whole.clip, name))
    np.testing.assert_array_equal(again.raw, whole.raw)


def test_what_was_kept_of_another_head_or_is_broken_is_not_gone_on_from(actor: Actor, tmp_path: Path,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(film_module, "ANEW", 12)
    monkeypatch.setattr(film_module, "PREVIEW", 10)
    path = films.write(tmp_path / "long.avi", list(rolling(face(), 8 * np.sin(np.arange(26) / 4))), code="MJPG")

    def stop(fraction: float, text: str) -> None:
        silent(fraction, text)
        if text.startswith("25 of"):
            raise Cancelled

    with pytest.raises(Cancelled):
        track_film(path, actor, stop, keep=tmp_path / "kept")
    shelf = Shelf.of(tmp_path / "kept", path, actor, None)
    found = shelf.standing()
    assert found is not None
    assert found[0].frames == 24
    other = Actor.of(actor.head, actor.vertices * 1.01)
    assert Shelf.of(tmp_path / "kept", path, other, None).standing() is None
    pieces = sorted((tmp_path / "kept").glob("film-*-*.npz"))
    assert len(pieces) == 2
    pieces[1].write_bytes(pieces[1].read_bytes()[:200])
    assert shelf.standing() is None


def test_the_performance_is_written_as_others_read_it(film: Path, actor: Actor, tmp_path: Path) -> None:
    from backend.animation.clip import write_npz

    clip = track_film(film, actor).clip
    write_npz(clip, tmp_path / "animation.npz")
    again = read_npz(tmp_path / "animation.npz")
    np.testing.assert_array_equal(again.arkit, clip.arkit)
    assert again.lost.sum() == 8


def test_eyes_turn_as_the_weights_look(actor: Actor) -> None:
    weights = np.zeros((2, 52))
    for name in ("eyeLookOutLeft", "eyeLookInRight"):
        weights[1, ARKIT_NAMES.index(name)] = 1
    pose = actor.pose(weights)
    left, right = (actor.head.joint(f"eye_{side}") for side in ("left", "right"))
    np.testing.assert_allclose(pose[1, [left, right], 2], np.radians(32))  # both to the person's left, about +Z
    assert not pose[0].any()
