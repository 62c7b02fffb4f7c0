"""Faces are found whatever their size, number and turn; landmarks stay put; one of several can be chosen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.capture import observe
from backend.capture.landmark_mirror import mirror_order
from backend.capture.landmarks import LEFT_IRIS, RIGHT_IRIS, detect_faces
from backend.capture.mediapipe_models import close_models, find_faces
from backend.capture.quality import angles
from backend.core.colour import srgb_to_linear
from backend.errors import InputError


@pytest.fixture(scope="module")
def group(head) -> np.ndarray:
    """Three faces, (600, 1200, 3) uint8: a middling one left, the largest right, a small mirrored one between."""
    canvas = np.full((600, 1200, 3), 120, np.uint8)

    def place(scale: float, x: int, y: int, mirrored: bool = False) -> None:
        one = cv2.resize(head[:, ::-1] if mirrored else head, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        canvas[y:y + one.shape[0], x:x + one.shape[1]] = one

    place(1.6, 30, 100)
    place(2.2, 740, 30)
    place(1.1, 440, 200, mirrored=True)
    return canvas


def test_landmarks_lie_where_the_face_is(observation):
    """Places read off the portrait by eye; pixels."""
    landmarks = observation.landmarks
    assert landmarks.shape == (478, 3)
    assert landmarks.dtype == np.float32
    assert np.abs(landmarks[RIGHT_IRIS.start, :2] - [204, 102]).max() < 2  # on the image's left
    assert np.abs(landmarks[LEFT_IRIS.start, :2] - [246, 104]).max() < 2
    assert np.abs(landmarks[1, :2] - [223, 129]).max() < 5  # tip of the nose
    assert landmarks[1, 2] < landmarks[234, 2]  # the nose is nearer than the ear


def test_scores_come_in_our_order(observation):
    """The astronaut smiles with her eyes open."""
    score = dict(zip(ARKIT_NAMES, observation.blendshapes, strict=True))
    assert observation.blendshapes.shape == (52,)
    assert score["mouthSmileLeft"] > 0.5
    assert score["mouthSmileRight"] > 0.5
    assert score["eyeBlinkLeft"] < 0.3
    assert score["tongueOut"] == 0


def test_the_mirror_image_of_a_photo_gives_the_mirror_image_of_the_face(portrait):
    """One run of the model is off by one percent of the interocular distance here, and by 0.1 in the scores."""
    image = srgb_to_linear(portrait.astype(np.float32) / 255)
    plain, mirrored = (detect_faces(picture)[0] for picture in (image, np.ascontiguousarray(image[:, ::-1])))
    back = mirrored.landmarks[mirror_order(), :2] * [-1, 1] + [512, 0]
    apart = np.linalg.norm(back - plain.landmarks[:, :2], axis=1).mean()
    assert apart < 0.004 * plain.interocular
    names = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    assert np.abs(mirrored.blendshapes[names] - plain.blendshapes).max() < 0.05
    assert angles(plain.head_matrix)[0] == pytest.approx(-angles(mirrored.head_matrix)[0], abs=0.5)


def test_the_mirror_order_swaps_and_keeps_the_midline():
    order = mirror_order()
    assert (order[order] == np.arange(478)).all()
    for midline in (1, 4, 10, 13, 14, 152, 168):  # nose, forehead, lips, chin, bridge
        assert order[midline] == midline
    assert order[LEFT_IRIS.start] == RIGHT_IRIS.start
    assert order[33] == 263  # the outer corners of the eyes


def test_a_sideways_face_is_found_where_it_is(head_linear, head_face):
    """Without an EXIF tag nothing says which way is up."""
    turned = np.ascontiguousarray(np.rot90(head_linear))  # a quarter to the left: (x, y) -> (y, width - x)
    (face,) = detect_faces(turned)
    x, y = head_face.landmarks[:, 0], head_face.landmarks[:, 1]
    apart = np.linalg.norm(face.landmarks[:, :2] - np.stack([y, head_linear.shape[1] - x], -1), axis=1).mean()
    assert apart < 0.03 * head_face.interocular


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_that_lost_its_orientation_is_turned_upright(quarters, head, head_linear, head_face, tmp_path):
    Image.fromarray(np.rot90(head, quarters)).save(tmp_path / "lying.png")
    observation = observe(tmp_path / "lying.png")
    assert np.abs(observation.image - head_linear).max() < 1e-6
    assert "turned_upright" in {finding.kind for finding in observation.findings}
    apart = np.linalg.norm(observation.landmarks[:, :2] - head_face.landmarks[:, :2], axis=1).mean()
    assert apart < 0.01 * head_face.interocular


def test_a_small_face_in_a_large_photo_is_found(head, head_face):
    """43 pixels between the eyes in twelve megapixels: 1 percent of the photo's width."""
    canvas = np.full((3000, 4000, 3), 0.1, np.float32)
    canvas[1900:2140, 2900:3100] = srgb_to_linear(head.astype(np.float32) / 255)
    faces = detect_faces(canvas)
    assert len(faces) == 1
    moved = faces[0].landmarks[:, :2] - [2900, 1900]
    apart = np.linalg.norm(moved - head_face.landmarks[:, :2], axis=1).mean()
    assert apart < 0.015 * head_face.interocular


def test_landmarks_tremble_less_than_one_run_of_the_model(portrait):
    """Shift the photo by fractions of a pixel-grid unrelated to the face: answers must agree after shifting back."""
    plain, ours = [], []
    for shift in (0, 7, 13, 22, 31):
        canvas = np.full((600, 600, 3), 128, np.uint8)
        canvas[shift:shift + 512, 40 - shift:552 - shift] = portrait
        back = np.array([40 - shift, shift])
        plain.append(find_faces(canvas)[0].landmarks[:, :2] - back)
        ours.append(detect_faces(srgb_to_linear(canvas.astype(np.float32) / 255))[0].landmarks[:, :2] - back)

    def tremble(runs: list[np.ndarray]) -> float:
        return float(np.linalg.norm(np.stack(runs) - np.mean(runs, 0), axis=-1).mean())

    assert tremble(ours) < 0.6 * tremble(plain)


def test_the_head_matrix_projects_the_head_onto_the_face(observation):
    """Under the landmarker's own camera (63 degrees high) the head's origin falls between ears and nose."""
    height, width = observation.image.shape[:2]
    focal = height / 2 / np.tan(np.radians(63) / 2)
    x, y, z = observation.head_matrix[:3, 3]
    assert z < 0
    pixel = np.array([width / 2 + focal * x / -z, height / 2 - focal * y / -z])
    low, high = observation.landmarks[:, :2].min(0), observation.landmarks[:, :2].max(0)
    assert (pixel > low).all()
    assert (pixel < high).all()
    rotation = observation.head_matrix[:3, :3]
    assert np.abs(rotation @ rotation.T - np.eye(3)).max() < 1e-9
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_where_a_face_stands_in_the_photo_does_not_turn_it(head):
    """The angles against the line of sight are those of the same face in the middle, to two degrees."""
    seen = []
    for x, y in ((440, 300), (40, 300), (840, 300), (440, 20), (440, 640)):
        canvas = np.full((900, 1080, 3), 128, np.uint8)
        canvas[y:y + 240, x:x + 200] = head
        seen.append(angles(detect_faces(srgb_to_linear(canvas.astype(np.float32) / 255))[0].head_matrix))
    assert np.ptp(np.array(seen), axis=0).max() < 3


def test_the_largest_of_several_is_taken_and_said_so(group, tmp_path):
    Image.fromarray(group).save(tmp_path / "group.png")
    observation = observe(tmp_path / "group.png")
    assert observation.landmarks[:, 0].mean() > 740
    (finding,) = [f for f in observation.findings if f.kind == "several_faces"]
    assert finding.severity == "warning"
    assert finding.text == ("3 faces were found, and the largest was taken. To choose another, give its number: "
                            "1 right, 2 left, 3 in the middle.")


def test_somebody_in_the_background_is_only_noted(head, tmp_path):
    canvas = np.full((760, 900, 3), 120, np.uint8)
    canvas[20:740, 20:620] = cv2.resize(head, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    canvas[100:340, 660:860] = head
    Image.fromarray(canvas).save(tmp_path / "friend.png")
    (finding,) = [f for f in observe(tmp_path / "friend.png").findings if f.kind == "several_faces"]
    assert finding.severity == "note"


def test_another_face_can_be_chosen(group, tmp_path):
    Image.fromarray(group).save(tmp_path / "group.png")
    observation = observe(tmp_path / "group.png", face=2)
    assert 30 < observation.landmarks[:, 0].mean() < 350
    (finding,) = [f for f in observation.findings if f.kind == "several_faces"]
    assert finding.severity == "note"


@pytest.mark.parametrize("number", [0, -1, 4])
def test_a_face_that_is_not_there_cannot_be_chosen(number, group, tmp_path):
    Image.fromarray(group).save(tmp_path / "group.png")
    with pytest.raises(InputError, match=rf"no face number {number} in group\.png: 3 faces were found") as caught:
        observe(tmp_path / "group.png", face=number)
    assert caught.value.remedy == "Faces are numbered from the largest: choose 1 to 3."


def test_the_only_face_is_number_one(tmp_path, head):
    Image.fromarray(head).save(tmp_path / "one.png")
    with pytest.raises(InputError, match=r"no face number 2 in one\.png: one face was found"):
        observe(tmp_path / "one.png", face=2)


def test_models_can_be_closed_and_come_back(head, head_face):
    close_models()
    assert len(find_faces(head)) == 1


def test_the_process_ends_quietly(head, tmp_path):
    """MediaPipe complains at exit when a landmarker was left open, and chatters when it starts."""
    import subprocess
    import sys

    Image.fromarray(head).save(tmp_path / "one.png")
    code = "import sys; from pathlib import Path; from backend.capture import observe; observe(Path(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "one.png")], capture_output=True, text=True,
                          timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
