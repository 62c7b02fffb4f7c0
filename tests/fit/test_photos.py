"""Several photos: one person, one camera per device, whatever the order; strangers and mirrored photos are named."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.capture import observe
from backend.capture.mirroring import mirrored
from backend.fit import FitConfig, fit_head
from backend.fit.several.chosen import MOST, informative, near_sentences, unread, used
from backend.fit.several.devices import devices, shared, ties
from backend.fit.several.looks import measured_looks
from backend.fit.several.opinion import LOOKS_MOST, Listener, Opinion, together
from backend.fit.start import HeadPoints, first_view
from tests.fit.conftest import face_error, photograph
from tests.fit.test_truth import WHITE

PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"
YAWS = (0.0, 0.45, -0.45)
SIDES = (1.0, -1.0)


@pytest.fixture(scope="module")
def lopsided(head):
    """Beta of a person whose halves differ as much as those of one in a thousand."""
    points = HeadPoints.of(head)
    mirror = Listener.of(points.points, points.used)
    values, ways = np.linalg.eig(mirror.mirror)
    odd = np.real(ways[:, np.argsort(np.real(values))[:6]])  # those that a mirror turns over
    return mirror.directions @ (odd @ np.full(6, 3.0))


def three(head, beta, seed=60, noise=0.004, **more):
    return [replace(photograph(head, seed=seed + n, yaw=yaw, noise=noise, beta=beta, **more).observation,
                    name=f"photo{n}.png") for n, yaw in enumerate(YAWS)]


def person(head, sign=1.0, length=2.0):
    direction = np.zeros(len(head.shape_basis))
    direction[:6] = sign * length
    return direction


def test_the_order_of_photos_does_not_matter(head):
    photos = three(head, person(head, length=0.7))
    forth, back = fit_head(photos, head, noise=WHITE), fit_head(photos[::-1], head, noise=WHITE)
    assert np.abs(forth.neutral - back.neutral).max() < 2e-5
    assert [photo.name for photo in back.photos] == ["photo2.png", "photo1.png", "photo0.png"]
    assert np.abs(forth.intrinsics - back.intrinsics[::-1]).max() < 0.5


def test_another_person_among_the_photos_is_left_out_and_named(head):
    photos = three(head, person(head))
    stranger = replace(photograph(head, seed=70, yaw=0.2, noise=0.004, beta=person(head, -1)).observation,
                       name="stranger.png")
    alone = fit_head(photos, head, noise=WHITE)
    fit = fit_head([photos[0], stranger, *photos[1:]], head, noise=WHITE)
    assert [photo.used for photo in fit.photos] == [True, False, True, True]
    assert len(fit.posed) == len(fit.landmark_rmse) == 3
    assert face_error(head, fit.neutral, alone.neutral) < 0.01
    assert [o.name for o in used([photos[0], stranger, *photos[1:]], fit)] == [o.name for o in photos]
    (said,) = [sentence for sentence in fit.warnings if "another person" in sentence]
    assert said.startswith("stranger.png was left out")


def test_two_photos_of_two_people_are_both_kept_and_doubted(head):
    photos = [replace(photograph(head, seed=80, noise=0.004, beta=person(head, sign)).observation, name=name)
              for sign, name in zip(SIDES, ("a.png", "b.png"), strict=True)]
    fit = fit_head(photos, head, noise=WHITE)
    assert all(photo.used for photo in fit.photos)
    assert any(sentence.startswith("a.png and b.png may show different people") for sentence in fit.warnings)


def test_photos_of_one_person_are_not_doubted(head):
    fit = fit_head(three(head, person(head)), head, noise=WHITE)
    assert not any("different people" in sentence or "left out" in sentence or "mirror" in sentence
                   for sentence in fit.warnings)


def test_a_mirrored_photo_of_a_lopsided_face_is_turned_round(head, lopsided):
    photos = three(head, lopsided)
    straight = fit_head(photos, head, noise=WHITE)
    fit = fit_head([photos[0], mirrored(photos[1]), photos[2]], head, noise=WHITE)
    assert [photo.mirrored for photo in fit.photos] == [False, True, False]
    assert any(sentence.startswith("photo1.png is the mirror image") for sentence in fit.warnings)
    assert face_error(head, fit.neutral, straight.neutral) < 0.01


def test_mirrored_twice_is_the_photo_itself(head):
    observation = photograph(head, seed=90, yaw=0.3, noise=0.01, expression={"mouthSmileLeft": 0.5}).observation
    twice = mirrored(mirrored(observation))
    assert np.allclose(twice.landmarks, observation.landmarks, atol=1e-3)
    assert np.array_equal(twice.image, observation.image)
    assert np.array_equal(twice.blendshapes, observation.blendshapes)
    assert np.array_equal(twice.head_matrix, observation.head_matrix)
    assert not np.array_equal(mirrored(observation).blendshapes, observation.blendshapes)


def guessed(observations, device=""):
    """The photos as if nobody had told their focal lengths; the guesses are too long."""
    return [replace(o, focal=replace(o.focal, pixels=factor * o.focal.pixels, sigma=0.36, source="assumed",
                                     device=device, zoom=o.focal.pixels))
            for o, factor in zip(observations, (1.8, 1.8, 1.8), strict=False)]


def test_photos_of_one_device_share_a_focal_length(head):
    """A photo from near tells its focal length by its perspective, one from afar does not: the device tells it that."""
    beta = person(head, length=0.7)
    photos = [photograph(head, seed=60 + n, yaw=0.3 * n, noise=0.004, beta=beta, focal=900.0,
                         distance=distance).observation for n, distance in enumerate((0.3, 1.6))]
    free = fit_head(guessed(photos[:1]) + [replace(o, image=o.image[1:], mask=o.mask[1:]) for o in guessed(photos)[1:]],
                    head, noise=WHITE)  # of other size: nothing ties them
    tied = fit_head(guessed(photos, "Maker Phone 7"), head, noise=WHITE)
    off = [np.abs(np.log(fit.intrinsics[:, 0, 0] / 900.0)) for fit in (free, tied)]
    assert np.ptp(np.log(tied.intrinsics[:, 0, 0])) < 0.02
    assert off[1][1] < 0.5 * off[0][1]
    assert off[1][0] < 0.1
    assert tied.photos[1].focal_sigma < free.photos[1].focal_sigma
    assert all(photo.focal_source == "estimated" for photo in tied.photos)


def test_equal_sizes_tie_loosely_and_a_different_camera_is_let_go(head):
    photos = three(head, person(head, length=0.7), focal=900.0)
    views = [photograph(head, seed=1, yaw=yaw).observation for yaw in YAWS]
    assert devices(guessed(photos)) == [([0, 1, 2], False)]
    assert devices([replace(o, image=o.image[:600]) for o in photos]) == [], "a square was cut out of something"
    config = FitConfig().devices

    class Stand:  # what ties look at of a state
        views = tuple(type("View", (), {"log_focal": value})() for value in (0.0, 0.02, 1.0))

    loose, later = ties(views, config)[0], ties(views, config, Stand())[0]
    assert np.allclose(loose.information.sum(0), 0, atol=1e-9), "the common focal length stays free"
    assert later.information[2, 2] < 0.02 * loose.information[2, 2]
    assert later.information[0, 0] > 0.5 * loose.information[0, 0]


def test_what_one_device_says_of_itself_counts_once(head):
    photos = [replace(o, focal=replace(o.focal, device="Maker Phone 7")) for o in three(head, person(head))]
    assert [o.focal.sigma for o in shared(photos)] == pytest.approx([0.03 * np.sqrt(3)] * 3)
    assert [o.focal.sigma for o in shared(photos[:1])] == [0.03]


@pytest.mark.parametrize("told", [True, False])
def test_a_selfie_from_near_has_no_big_nose_and_is_said_to_be_near(head, told):
    """22.5 mm equivalent at 28 cm; without EXIF the guess is twice too long."""
    truth = photograph(head, seed=95, focal=417.0, distance=0.28, size=(480, 640), noise=0.004,
                       beta=person(head, length=0.7), focal_guess=None if told else 834.0,
                       focal_sigma=0.03 if told else 0.36)
    observation = truth.observation
    if not told:
        observation = replace(observation, focal=replace(observation.focal, source="assumed"))
    fit = fit_head([observation], head, noise=WHITE)
    found, true = (head.landmark_points(v.astype(np.float64)) for v in (fit.neutral, truth.vertices))

    def nose(points):  # how far it stands out, and how wide it is, by the distance of the outer corners of the eyes
        eyes = np.linalg.norm(points[33] - points[263])
        return np.array([points[[33, 263], 1].mean() - points[4, 1], np.linalg.norm(points[64] - points[294])]) / eyes

    assert np.abs(nose(found) / nose(true) - 1).max() < 0.1
    (photo,) = fit.photos
    assert abs(np.log(photo.focal_equivalent / (417 / 800 * 43.27))) < (0.05 if told else 0.3)
    assert photo.focal_sigma < 0.04 if told else 0.1 < photo.focal_sigma < 0.36
    assert photo.distance_sigma > photo.focal_sigma
    sentences = [text for _, text in near_sentences(fit.photos)]
    assert len(sentences) == 1
    assert ("as its file says" if told else "by the face itself") in sentences[0]


def test_of_many_photos_the_pixels_of_the_most_telling_are_read(head):
    """Twelve from the front and two from the sides: both sides are among those chosen, in whatever order."""
    points = HeadPoints.of(head)
    photos = [photograph(head, seed=n, yaw=yaw, distance=1 + 0.1 * n).observation
              for n, yaw in enumerate([0.02 * n for n in range(12)] + [0.7, -0.7])]
    views = [first_view(photo, points, 0) for photo in photos]
    read = informative(views)
    assert len(read) == MOST
    assert {12, 13} <= set(read.tolist())
    assert set(informative(views[::-1]).tolist()) == {len(views) - 1 - index for index in read}
    (said,) = unread(photos, read)
    assert said.startswith(f"Of 14 photos the pixels of {MOST} ")
    assert unread(photos[:3], informative(views[:3])) == ()


def test_looks_tell_people_apart_as_far_as_they_are_believed():
    """Photos of one person have scores one apart, people differ by more; nothing outweighs shape beyond the limit."""
    table = measured_looks()
    random = np.random.default_rng(1)
    people = random.standard_normal((200, 1, len(table.between))) * np.sqrt(table.between)
    seen = people + random.standard_normal((200, 2, len(table.between)))

    def opinion(scores):
        looks = Opinion(np.diag(table.between), np.sqrt(table.between) * scores)
        return Opinion(np.zeros((1, 1)), np.zeros(1), looks)

    same = np.array([together(opinion(one), opinion(other)) for one, other in seen])
    different = np.array([together(opinion(one), opinion(other)) for one, other in zip(seen[:-1, 0], seen[1:, 1],
                                                                                       strict=True)])
    assert (same < 0).mean() < 0.05
    assert (different < 0).mean() > 0.7
    assert max(np.abs(same).max(), np.abs(different).max()) <= LOOKS_MOST


def test_a_blank_picture_has_no_looks_and_a_mirrored_one_the_same(head):
    assert measured_looks().heard(photograph(head, seed=3).observation) is None
    portrait = observe(PORTRAIT)
    straight, turned = (measured_looks().heard(photo) for photo in (portrait, mirrored(portrait)))
    assert np.abs(straight.pull - turned.pull).max() < 0.05 * np.abs(straight.pull).max()
