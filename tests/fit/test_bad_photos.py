"""Photos that hide, shrink or bend the face: a head that is a person's comes out, or a refusal; never a monster."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from backend.capture import observe
from backend.fit import fit_head

PORTRAIT = Path(__file__).parents[2] / "samples" / "nasa_portrait.png"


@pytest.fixture(scope="module")
def close():
    """(720, 600, 3) uint8: the sample's head, three times as large, and its landmarks in these pixels."""
    image = np.asarray(Image.open(PORTRAIT).convert("RGB"))[0:240, 120:320]
    landmarks = observe(PORTRAIT).landmarks[:, :2] - [120, 0]
    return cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), landmarks * 3


def saved(image, folder, name):
    Image.fromarray(image).save(folder / name)
    return observe(folder / name)


def is_a_person(head, fit):
    """Within the prior, of human size, and without a triangle turned over."""
    points = head.landmark_points(fit.neutral.astype(np.float64))
    skin = head.triangles[head.triangle_material == head.material_index("skin")]
    normals = [np.cross(v[skin[:, 1]] - v[skin[:, 0]], v[skin[:, 2]] - v[skin[:, 0]])
               for v in (fit.neutral, head.template)]
    over = float((np.einsum("tx,tx->t", *normals) <= 0).mean())
    return (np.sqrt((fit.shape**2).mean()) < 1.3 and np.abs(fit.shape).max() < 5 and over < 2e-3
            and 0.05 < np.linalg.norm(points[468] - points[473]) < 0.076)


def test_dark_glasses(head, close, tmp_path):
    image, points = close[0].copy(), close[1]
    for iris in (468, 473):
        cv2.ellipse(image, tuple(int(v) for v in points[iris]), (56, 42), 0, 0, 360, (12, 12, 14), -1, cv2.LINE_AA)
    cv2.line(image, *(tuple(int(v) for v in points[i]) for i in (127, 356)), (12, 12, 14), 10, cv2.LINE_AA)
    observation = saved(image, tmp_path, "shades.png")
    assert any(finding.text.startswith("Dark glasses") for finding in observation.findings)
    assert is_a_person(head, fit_head([observation], head))


def test_a_hand_over_the_mouth(head, close, tmp_path):
    """Four fingers of the face's own colour from cheek to cheek."""
    image, points = close[0].copy(), close[1]
    columns, rows = points[[50, 280]].astype(int).T
    colour = tuple(int(v) for v in image[rows, columns].mean(0))
    left, right = points[[147, 376]]
    for finger in range(4):
        shift = np.array([[-40, 14 + 15 * finger], [10 - 8 * finger, 14 + 15 * finger]])
        ends = [tuple(int(v) for v in end) for end in np.array([left, right]) + shift]
        cv2.line(image, *ends, tuple(int(0.75 * v) for v in colour), 19, cv2.LINE_AA)
        cv2.line(image, *ends, colour, 15, cv2.LINE_AA)
    assert is_a_person(head, fit_head([saved(image, tmp_path, "hand.png")], head))


def test_a_face_of_few_pixels(head, close, tmp_path):
    small = cv2.resize(close[0], None, fx=0.22, fy=0.22, interpolation=cv2.INTER_AREA)  # 28 pixels between the eyes
    observation = saved(small, tmp_path, "small.png")
    assert "small" in {finding.kind for finding in observation.findings}
    fit = fit_head([observation], head)
    assert is_a_person(head, fit)


def test_a_photo_and_its_mirror_image_show_one_person(head, close, tmp_path):
    """Which of the two is mirrored nobody can know from them; nobody is called a stranger for it."""
    photos = [saved(np.ascontiguousarray(image), tmp_path, name)
              for name, image in (("straight.png", close[0]), ("mirrored.png", close[0][:, ::-1]))]
    fit = fit_head(photos, head)
    assert all(photo.used for photo in fit.photos)
    assert not any("different people" in sentence for sentence in fit.warnings)
    assert is_a_person(head, fit)
