"""Photos that hide, shrink or bend the face: a head that is a person's comes out, or a refusal; never a monster."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from backend.arkit import ARKIT_NAMES
from backend.capture import observe
from backend.capture.observation import Observation
from backend.errors import InputError
from backend.fit import fit_head
from backend.head.model import HeadModel
from backend.training.render import Person, Settings, portrait
from backend.training.render.lights import random as random_light
from backend.training.render.photo import CameraLook, developed
from backend.training.render.picture import render
from backend.training.render.scene import CLOTHES, Part, Scene
from backend.training.skin import generate, random_traits
from tests.fit.conftest import face_error

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


class Sitter:
    """A person of the generator, photographed as asked."""

    def __init__(self, head: HeadModel, seed: int = 5) -> None:
        random = np.random.default_rng(seed)
        shape = (0.8 * random.standard_normal(len(head.shape_basis))).astype(np.float32)
        self.head = head
        self.person = Person(shape, np.zeros_like(head.template), generate(head, random_traits(random), 256, random))
        self.neutral = head.template + np.tensordot(shape, head.shape_basis, 1)

    def photograph(self, path: Path, props: tuple[Part, ...] = (), side: int = 360, **view) -> Path:
        random = np.random.default_rng(3)
        settings = Settings(lights=10, clothes=tuple(np.median(self.person.skin.diffuse_albedo, (0, 1))))
        picture = render(Scene(self.head, self.neutral.astype(np.float32), props), self.person.skin,
                         portrait(self.head, self.person, side, side, **view), random_light(random), settings)
        # A camera's meter: half of what is bright enough to be a face lies above middle grey.
        metered = 0.25 / np.median(picture.radiance[np.isfinite(picture.depth)])
        photo = developed(picture.radiance, CameraLook(exposure=float(metered)), random)
        Image.fromarray(photo).save(path)
        return path


@pytest.fixture(scope="module")
def sitter(head):
    return Sitter(head)


def hand(points: np.ndarray) -> Part:
    """Four fingers across the mouth of a face with landmark `points` (478, 3), and the back of a hand at its cheek."""
    mouth = points[[13, 14]].mean(0)
    bones = [((0.045, -0.006 - 0.004 * abs(n - 1.5), 0.018 - 0.016 * n), (-0.034, -0.016, 0.013 - 0.013 * n), 0.0085)
             for n in range(4)]
    bones += [((0.075, 0.012, 0.012 - 0.014 * n), (0.045, -0.006, 0.018 - 0.016 * n), 0.011) for n in range(4)]
    around, along = np.linspace(0, 2 * np.pi, 16, endpoint=False), np.linspace(0, np.pi, 13)
    vertices, faces = [], []
    for start, end, radius in bones:  # capsules: spheres whose halves are pulled apart
        one, other = mouth + start, mouth + end
        axis = (other - one) / np.linalg.norm(other - one)
        across = np.cross(axis, (0.0, 0.0, 1.0))
        across /= np.linalg.norm(across)
        ring = np.cos(around)[:, None] * across + np.sin(around)[:, None] * np.cross(axis, across)
        base = len(vertices) * len(along) * len(around)
        vertices.append(np.concatenate([
            (one if angle < np.pi / 2 else other) + radius * (np.sin(angle) * ring - np.cos(angle) * axis)
            for angle in along]))
        rows, columns = np.mgrid[:len(along) - 1, :len(around)]
        a, b = rows * 16 + columns, rows * 16 + (columns + 1) % 16
        faces.append(base + np.concatenate([np.stack([a, b, a + 16], -1), np.stack([b, b + 16, a + 16], -1)]
                                           ).reshape(-1, 3))
    triangles = np.concatenate(faces).astype(np.int32)
    return Part(np.concatenate(vertices).astype(np.float32), triangles, np.zeros((len(triangles), 3, 2), np.float32),
                np.full(len(triangles), CLOTHES, np.int32))


def kinds(observation: Observation) -> set[str]:
    return {finding.kind for finding in observation.findings}


def shape_error(head, fit, sitter):
    """Median millimetres over the landmarks, size apart."""
    return face_error(head, fit.neutral, sitter.neutral)


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


def test_a_rendered_hand_over_the_mouth(head, sitter, tmp_path):
    """The hand is said to be there; what comes out is the person as far as eyes and nose go."""
    observation = observe(sitter.photograph(tmp_path / "hand.png", (hand(head.landmark_points(sitter.neutral)),)))
    assert "covered" in kinds(observation)
    fit = fit_head([observation], head)
    assert is_a_person(head, fit)
    assert shape_error(head, fit, sitter) < 4
    assert fit.arkit[0, ARKIT_NAMES.index("jawOpen")] < 0.6


def test_a_true_profile_is_refused_in_a_sentence(sitter, tmp_path):
    with pytest.raises(InputError, match=r"profile\.png"):
        observe(sitter.photograph(tmp_path / "profile.png", yaw=np.pi / 2))


def test_a_photo_that_cuts_a_third_of_the_face_away(head, close, tmp_path):
    """What lies beyond the border is the landmarker's invention, and said to be guessed."""
    image, points = close
    left, right = points[:468, 0].min(), points[:468, 0].max()
    cut = image[:, int(left + 0.3 * (right - left)):]
    observation = saved(np.ascontiguousarray(cut), tmp_path, "cut.png")
    assert "cut_off" in kinds(observation)
    assert is_a_person(head, fit_head([observation], head))


def test_a_rendered_selfie_from_thirty_centimetres_has_no_big_nose(head, sitter, tmp_path):
    """24 mm equivalent; the photo's file says nothing of its lens."""
    face = np.linalg.norm(np.diff(head.landmark_points(sitter.neutral)[[10, 152]], axis=0))
    path = sitter.photograph(tmp_path / "selfie.png", focal_35mm=24.0, fill=float(24 / 36 * face / 0.3))
    fit = fit_head([observe(path)], head)
    assert is_a_person(head, fit)
    found, true = (head.landmark_points(v.astype(np.float64)) for v in (fit.neutral, sitter.neutral))
    stands = [(p[[33, 263], 1].mean() - p[4, 1]) / np.linalg.norm(p[33] - p[263]) for p in (found, true)]
    wide = [np.linalg.norm(p[64] - p[294]) / np.linalg.norm(p[33] - p[263]) for p in (found, true)]
    assert abs(stands[0] / stands[1] - 1) < 0.15
    assert abs(wide[0] / wide[1] - 1) < 0.15
