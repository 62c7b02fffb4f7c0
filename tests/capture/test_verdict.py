"""The verdict: each fault, made on purpose, is named; a sound photo is left in peace."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.special import ndtr

from backend.capture import observe
from backend.capture.landmarks import Face, detect_faces
from backend.capture.mask import segment_photo
from backend.capture.quality import angles, measured_blur, refuse_small, verdict
from backend.core.colour import linear_to_srgb
from backend.errors import InputError


@pytest.fixture(scope="module")
def big(head_linear) -> np.ndarray:
    """The head enlarged four times: 170 pixels between the eyes."""
    return np.clip(cv2.resize(head_linear, None, fx=4, fy=4, interpolation=cv2.INTER_LANCZOS4), 0, 1)


@pytest.fixture(scope="module")
def big_face(big) -> Face:
    return detect_faces(big)[0]


@pytest.fixture(scope="module")
def big_mask(big, big_face) -> np.ndarray:
    return segment_photo(big, big_face.landmarks)


def kinds(image: np.ndarray, mask: np.ndarray, face: Face) -> set[str]:
    findings = verdict("me.jpg", np.clip(image, 0, 1).astype(np.float32), mask, face)
    for finding in findings:
        assert finding.severity in ("note", "warning")
        assert finding.text[0].isupper() or finding.text[0].isdigit()
        assert finding.text.endswith(".")
    return {finding.kind for finding in findings}


def refusal(image: np.ndarray, mask: np.ndarray, face: Face) -> str:
    with pytest.raises(InputError) as caught:
        verdict("me.jpg", np.clip(image, 0, 1).astype(np.float32), mask, face)
    assert "me.jpg" in caught.value.message
    assert caught.value.remedy
    return caught.value.message


def test_the_sample_is_small_and_smiling_and_nothing_else(observation):
    assert {finding.kind for finding in observation.findings} == {"small", "expression"}
    (small,) = [f for f in observation.findings if f.kind == "small"]
    assert "43 pixels" in small.text


def test_a_face_of_few_pixels_is_refused(head, tmp_path):
    tiny = cv2.resize(head, None, fx=0.45, fy=0.45, interpolation=cv2.INTER_AREA)
    canvas = np.full((400, 400, 3), 128, np.uint8)
    canvas[100:100 + tiny.shape[0], 100:100 + tiny.shape[1]] = tiny
    Image.fromarray(canvas).save(tmp_path / "far.png")
    with pytest.raises(InputError, match=r"The face in far\.png is too small: (19|20) pixels between the eyes"):
        observe(tmp_path / "far.png")


def test_small_faces_pass_down_to_the_limit(head_face):
    refuse_small("me.jpg", head_face)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("noise", [0.0, 0.01])
def test_blur_is_measured_in_pixels_whatever_the_noise(sigma, noise):
    """Rings every 30 pixels, each edge the integral of a Gaussian of known sigma."""
    y, x = np.mgrid[0:200, 0:200] - 99.5
    from_edge = np.hypot(x, y) % 60
    grey = 0.2 + 0.6 * (ndtr((30 - from_edge) / sigma) - ndtr(-from_edge / sigma) + ndtr((from_edge - 60) / sigma))
    grey = grey + np.random.default_rng(2).normal(0, noise, grey.shape)
    measured = measured_blur(grey.astype(np.float32), np.array([[10, 10], [190, 190]]))
    assert measured == pytest.approx(sigma, rel=0.15)


def test_blur_is_warned_of_then_refused(big, big_mask, big_face):
    eyes = big_face.interocular
    assert "blurred" not in kinds(big, big_mask, big_face)
    assert "blurred" in kinds(cv2.GaussianBlur(big, (0, 0), 0.04 * eyes), big_mask, big_face)
    ruined = cv2.GaussianBlur(big, (0, 0), 0.12 * eyes)
    assert refusal(ruined, big_mask, big_face) == "The face in me.jpg is too blurred."


def test_noise_does_not_pass_for_sharpness(big, big_mask, big_face):
    noise = np.random.default_rng(5).normal(0, 0.02, big.shape)
    blurred = cv2.GaussianBlur(big, (0, 0), 0.05 * big_face.interocular)
    assert "blurred" in kinds(blurred + noise * np.sqrt(blurred + 0.01), big_mask, big_face)


def test_too_much_light(big, big_mask, big_face):
    assert "overexposed" not in kinds(big, big_mask, big_face)
    brightest = np.quantile(big[big_mask[..., 3] > 200].max(-1), 0.8)
    assert "overexposed" in kinds(big / brightest, big_mask, big_face)  # burns out a fifth of the skin
    assert "burnt out" in refusal(big * 6, big_mask, big_face)


def test_too_little_light(big, big_mask, big_face):
    assert "underexposed" not in kinds(big * 0.1, big_mask, big_face)  # as dark as very dark skin
    assert "underexposed" in kinds(big * 0.015, big_mask, big_face)
    assert "nearly black" in refusal(big * 0.002, big_mask, big_face)


def test_one_side_in_shadow(big, big_mask, big_face):
    shade = np.where(np.arange(big.shape[1]) < big_face.landmarks[1, 0], 0.1, 1)[None, :, None]
    assert "hard_light" in kinds(big * shade, big_mask, big_face)


def test_no_colour(big, big_mask, big_face):
    assert "monochrome" in kinds(big.mean(-1, keepdims=True) * np.ones(3), big_mask, big_face)


def test_a_photo_that_cuts_the_face(big, big_mask, big_face):
    cut = round(float(big_face.landmarks[1, 0]))  # at the tip of the nose
    landmarks = big_face.landmarks - np.array([cut, 0, 0], np.float32)
    moved = Face(landmarks, big_face.blendshapes, big_face.head_matrix, big_face.spread)
    assert "cut_off" in kinds(big[:, cut:], big_mask[:, cut:], moved)


def looking(yaw: float, pitch: float) -> np.ndarray:
    """A head matrix at 50 cm with the face's axis turned, degrees."""
    y, p = np.radians([yaw, -pitch])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    matrix = np.eye(4)
    matrix[:3, :3], matrix[2, 3] = about_y @ about_x, -50
    return matrix


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-50, 10), (10, -40)])
def test_angles_of_a_known_turn(yaw, pitch):
    assert angles(looking(yaw, pitch)) == pytest.approx((yaw, pitch), abs=1e-9)


def test_a_face_turned_aside_is_warned_of_then_refused(big, big_mask, big_face):
    def turned(yaw: float, pitch: float) -> Face:
        return Face(big_face.landmarks, big_face.blendshapes, looking(yaw, pitch), big_face.spread)

    assert "turned" not in kinds(big, big_mask, turned(20, 15))
    assert "turned" in kinds(big, big_mask, turned(-45, 0))
    assert "turned" in kinds(big, big_mask, turned(0, 35))
    assert "turned too far" in refusal(big, big_mask, turned(75, 0))


def test_landmarks_that_cannot_agree_are_doubted(big, big_mask, big_face):
    doubtful = Face(big_face.landmarks, big_face.blendshapes, big_face.head_matrix, 0.03)
    assert "uncertain" not in kinds(big, big_mask, big_face)
    assert "uncertain" in kinds(big, big_mask, doubtful)


def test_sunglasses_are_seen(big, big_face, tmp_path):
    """Two dark lenses with a bar, painted on; seen by the real models through the real file."""
    points = big_face.landmarks[:, :2]
    image = np.array(linear_to_srgb(big) * 255, np.uint8)
    for iris in (468, 473):
        cv2.ellipse(image, tuple(int(v) for v in points[iris]), (75, 55), 0, 0, 360, (12, 12, 14), -1, cv2.LINE_AA)
    cv2.line(image, *(tuple(int(v) for v in points[i]) for i in (127, 356)), (12, 12, 14), 14, cv2.LINE_AA)
    Image.fromarray(image).save(tmp_path / "shades.png")
    covered = [f for f in observe(tmp_path / "shades.png").findings if f.kind == "covered"]
    assert any(finding.text.startswith("Dark glasses") for finding in covered)


def test_the_rims_of_glasses_are_seen(big, big_mask, big_face):
    """A thin bar of accessories from temple to temple, as the segmenter gives for rims."""
    mask = big_mask.copy()
    ends = [tuple(int(v) for v in big_face.landmarks[i, :2]) for i in (127, 356)]
    bar = cv2.line(np.zeros(big.shape[:2], np.uint8), *ends, 1, 8)
    mask[bar > 0] = [0, 0, 0, 0, 0, 255]
    findings = verdict("me.jpg", big, mask, big_face)
    assert any(f.kind == "covered" and f.text.startswith("The glasses") for f in findings)


def test_hair_over_the_face_is_seen(big, big_mask, big_face):
    """Half of the forehead and one eye said to be hair."""
    mask = big_mask.copy()
    low, high = big_face.box
    top, bottom = int(low[1]), int(low[1] + 0.5 * (high[1] - low[1]))
    left = int((low[0] + high[0]) / 2)
    mask[top:bottom, left:int(high[0])] = [0, 255, 0, 0, 0, 0]
    findings = verdict("me.jpg", big, mask, big_face)
    assert any(f.kind == "covered" and f.text.startswith("Hair covers") for f in findings)
    assert "covered" not in kinds(big, big_mask, big_face)
