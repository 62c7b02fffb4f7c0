"""Films as streams of frames: their times, their turn, their end."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from backend.errors import InputError
from backend.video.stream import Video
from tests.video import films


@pytest.mark.parametrize(("name", "code"), [("a.mp4", "mp4v"), ("a.mov", "mp4v"), ("a.mkv", "mp4v"), ("a.avi", "MJPG")])
def test_frames_come_in_order_with_their_times(tmp_path: Path, name: str, code: str) -> None:
    with Video(films.write(tmp_path / name, films.grey(20), code=code)) as video:
        frames = list(video)
    assert [frame.index for frame in frames] == list(range(20))
    np.testing.assert_allclose([frame.time for frame in frames], np.arange(20) / 25, atol=2e-3)
    brightness = [float(frame.image[-8:, -8:].mean()) for frame in frames]
    np.testing.assert_allclose(brightness, 40 + 4 * np.arange(20), atol=4)
    assert not video.ended_early


def test_uneven_times_are_the_films_own(tmp_path: Path) -> None:
    path = films.write(tmp_path / "phone.mp4", films.grey(9))
    content = path.read_bytes()
    place = content.find(b"stts")
    each = int.from_bytes(content[place + 16:place + 20])
    films.uneven_times(path, [(4, each // 2), (4, 3 * each // 2), (1, each)])  # as long as it was: nothing is cut off
    with Video(path) as video:
        times = np.array([frame.time for frame in video])
    np.testing.assert_allclose(np.diff(times), [0.02] * 4 + [0.06] * 4, atol=2e-3)


def test_a_telephones_turn_is_obeyed(tmp_path: Path) -> None:
    path = films.write(tmp_path / "upright.mp4", films.grey(3, 64, 48))
    films.turned_by_tag(path)
    with Video(path) as video:
        image = next(iter(video)).image
    assert image.shape == (64, 48, 3)
    assert image[4, -4].mean() > 200 > image[4, 4].mean()  # upper left went to the upper right


def test_large_frames_come_smaller(tmp_path: Path) -> None:
    with Video(films.write(tmp_path / "a.mp4", films.grey(2, 320, 160)), most=64) as video:
        assert next(iter(video)).image.shape == (32, 64, 3)
        assert (video.film.width, video.film.height) == (320, 160)


def test_a_film_that_breaks_off_gives_what_there_is_and_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(40)]
    path = films.write(tmp_path / "cut.avi", noise, code="MJPG")
    path.write_bytes(path.read_bytes()[:path.stat().st_size // 2])
    with Video(path) as video:
        count = sum(1 for _ in video)
    assert 5 < count < 35
    assert video.ended_early or video.film.frames <= count  # a reader may count what is there instead


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_an_mp4_without_its_index_is_refused_in_a_sentence(tmp_path: Path, share: float) -> None:
    path = films.write(tmp_path / "half.mp4", films.grey(30))
    content = path.read_bytes()
    path.write_bytes(content[:int(len(content) * share * content.find(b"moov") / len(content))])
    with pytest.raises(InputError, match=r"half\.mp4 "), Video(path) as video:
        list(video)


def test_damaged_films_end_in_frames_or_a_sentence(tmp_path: Path) -> None:
    content = films.write(tmp_path / "whole.mp4", films.grey(12)).read_bytes()
    rng = np.random.default_rng(1)
    for number in range(40):
        changed = bytearray(content)
        for place in rng.integers(8, len(content), 12):
            changed[place] = rng.integers(256)
        path = tmp_path / f"{number}.mp4"
        path.write_bytes(changed)
        times, said = _decoded(path)
        assert path.name in said or times
        assert len(times) <= 20
        assert (np.diff(times) > 0).all()


def _decoded(path: Path) -> tuple[list[float], str]:
    """The times of all frames, and what is said instead of them."""
    try:
        with Video(path) as video:
            return [frame.time for frame in video], ""
    except InputError as error:
        return [], str(error)


def test_no_more_than_a_few_frames_are_held(tmp_path: Path) -> None:
    path = films.write(tmp_path / "a.mp4", films.grey(40, 640, 480))
    tracemalloc.start()
    with Video(path) as video:
        for _ in video:
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 640 * 480 * 3


def decoded(path: Path) -> np.ndarray:
    with Video(path) as video:
        return next(iter(video)).image.astype(int)


def test_hdr_comes_in_a_screens_range(tmp_path: Path) -> None:
    """White of the scene's papers, 75 % of HLG and 58 % of PQ (BT.2408), is white; below, greys rise and stay grey."""
    ramp = np.repeat(np.repeat(np.arange(0, 256, 16, dtype=np.uint8), 16)[None, :, None], 64, 0).repeat(3, 2)
    for transfer, kind, white in ((18, "HLG", 0.75), (16, "PQ", 0.58)):
        path = films.write(tmp_path / f"{kind}.mp4", [ramp] * 3)
        films.tagged(path, 9, transfer, 9)
        with Video(path) as video:
            assert video.film.hdr == kind
        shown = decoded(path)[32, 8::16]
        assert (np.diff(shown, axis=0) >= -1).all()
        assert np.ptp(shown, axis=1).max() < 20, "as far off grey as the coder leaves them"
        first = int(np.ceil(255 * white / 16))
        assert shown[first].min() > 240
        assert shown[first - 3].max() < 225, "converted once, not twice"
        assert shown[0].max() < 4


def test_wide_colours_become_a_screens(tmp_path: Path) -> None:
    """The light of that signal, (.45, .23, .17) in BT.2020, is (.60, .21, .155) in BT.709 by BT.2087's matrix."""
    skin = np.full((64, 64, 3), (170, 120, 100), np.uint8)
    path = films.write(tmp_path / "wide.mp4", [skin] * 3)
    films.tagged(path, 9, 14, 9)
    np.testing.assert_allclose(decoded(path)[32, 32], [197, 112, 96], atol=10)
    films.tagged(path, 1, 1, 1)
    np.testing.assert_allclose(decoded(path)[32, 32], [170, 120, 100], atol=9)
