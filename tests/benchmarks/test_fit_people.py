"""Who is drawn for the benchmark of the fit, and how their photos are kept."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.head.model import default_head
from benchmarks import fit_people
from benchmarks.fit_cache import Studio
from benchmarks.fit_clock import PROCESSOR, Clock, table
from benchmarks.fit_people import FOCALS, FRONT, LEFT, PAIRED, RIGHT, SIDE, face, shots


def test_photos_of_a_person_are_drawn_by_number():
    first, again, other = shots(1000, 4), shots(1000, 4), shots(1000, 5)
    assert [shot.yaw for shot in first] == [shot.yaw for shot in again]
    assert [shot.yaw for shot in first] != [shot.yaw for shot in other]


def test_everybody_is_calm_from_three_sides_and_then_makes_three_faces():
    everyone = [shots(1000, number) for number in range(20)]
    for photos in everyone:
        assert [bool(photo.weights.any()) for photo in photos] == [False] * 3 + [True] * 3
        assert abs(photos[FRONT].yaw) < 0.3
        assert abs(photos[LEFT].yaw - SIDE) < 0.2
        assert abs(photos[RIGHT].yaw + SIDE) < 0.2
    focals = np.array([photo.focal_35mm for photos in everyone for photo in photos])
    assert FOCALS[0] <= focals.min() < 27
    assert 75 < focals.max() <= FOCALS[1]


def test_every_shape_is_played_by_twenty_people():
    faces = np.array([photo.weights for number in range(20) for photo in shots(1000, number)[3:]])
    assert ((faces > 0).sum(0) >= 3).all()
    assert faces.max() <= 1
    assert faces.min() >= 0


def test_a_face_is_made_of_what_goes_together():
    random = np.random.default_rng(0)
    index = ARKIT_NAMES.index
    for _ in range(200):
        weights = face(list(random.permutation([*PAIRED, *fit_people.SINGLE, *fit_people.GAZES])), random)
        assert min(weights[index("eyeBlinkLeft")], weights[index("eyeWideLeft")]) == 0
        assert min(weights[index("jawLeft")], weights[index("jawRight")]) == 0
        assert weights[index("mouthClose")] <= weights[index("jawOpen")]
        assert weights[index("tongueOut")] == 0 or weights[index("jawOpen")] >= 0.3


def test_no_unit_is_played_twice_before_all_had_their_turn():
    units = ["eyeBlink", "mouthSmile", "browInnerUp", "jawOpen", "noseSneer", "cheekPuff", "mouthLeft"]
    left = list(units)
    face(left, np.random.default_rng(0))
    assert left == ["cheekPuff", "mouthLeft"]


def test_tones_are_spread_evenly():
    low, high = np.log(fit_people.TONE)
    tones = [(low + (high - low) * ((number * 0.618034 + 0.3) % 1)) for number in range(20)]
    thirds = Counter(int(3 * (tone - low) / (high - low)) for tone in tones)
    assert min(thirds.values()) >= 6


@pytest.fixture
def two_photos(monkeypatch):
    """A studio that takes only the first two photos of each person."""
    taken = []
    real = fit_people.shots

    def first_only(seed, number):
        taken.append(number)
        return real(seed, number)[:2]

    monkeypatch.setattr(fit_people, "shots", first_only)
    return taken


def test_what_was_photographed_is_kept(tmp_path: Path, two_photos):
    studio = Studio(default_head(), 1000, 256, tmp_path)
    assert not studio.ready(0)
    first = studio.person(0)
    assert studio.ready(0)
    count = len(two_photos)
    again = studio.person(0)
    assert len(two_photos) == count
    assert np.array_equal(first.neutral, again.neutral)
    seen, kept = first.observations[0], again.observations[0]
    assert seen is not None
    assert kept is not None
    assert np.array_equal(seen.landmarks, kept.landmarks)
    assert np.array_equal(seen.mask, kept.mask)
    # Every camera has photos of a size of its own, and looks through their middle.
    assert [photo.size[0] for photo in again.observations if photo] == [256, 252]
    assert again.intrinsics[:, 0, 2].tolist() == [128, 126]
    assert not list(tmp_path.rglob("*.half"))
    next(studio.place.glob("person000.npz")).write_bytes(b"PK damaged")  # a disk that was full
    assert np.array_equal(studio.person(0).neutral, first.neutral)
    assert Studio(default_head(), 1001, 256, tmp_path).place != studio.place
    assert Studio(default_head(), 1000, 320, tmp_path).place != studio.place


def test_the_clock_adds_up_by_message():
    moments = iter([0.0, 1.0, 3.0, 3.5, 4.0])
    clock = Clock(("me.jpg",), lambda: next(moments))
    for text in ("Fitting", "Refining", "Fitting", "Comparing me.jpg", ""):
        clock(0.5, text)
    assert clock.seconds == {"Fitting": 1.5, "Refining": 2.0, "Comparing a photo": 0.5}


def test_seconds_are_the_least_of_all_people_and_a_busy_machine_is_named():
    quick, slow = {"Fitting": 1.0, "Refining": 0.5, PROCESSOR: 1.2}, {"Fitting": 4.0, PROCESSOR: 1.4}
    text = table({"one photo": [slow, quick]}, 2, 0.3)
    assert "| Fitting | 1.00 |" in text
    assert "| **from decoded photo to head** | **1.50** |" in text
    assert f"| {PROCESSOR} | 1.20 |" in text
    assert "Other programs" not in text
    assert "Other programs" in table({"one photo": [slow, quick]}, 2, 6.0)
