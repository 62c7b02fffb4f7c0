"""The silhouette: exact derivatives, and outlines that pull the head to where the photo shows it to end."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.capture.observation import MASK_CLASSES
from backend.core.camera import pixel_rays
from backend.core.rays import Mesh
from backend.fit import fit_head
from backend.fit.config import FitConfig
from backend.fit.noise import measured_noise
from backend.fit.outline.edges import OPEN, Outlook, edges_of
from backend.fit.outline.rim import EAR, FACE, Skin, rim_of
from backend.fit.outline.term import outline_term
from backend.fit.start import HeadPoints, first_view
from backend.fit.state import rotation
from tests.fit.conftest import photograph
from tests.fit.heads import like_flame
from tests.fit.test_derivatives import exact_by_identity, exact_by_view

SIZE, FOCAL = (300, 340), 420.0
SETTINGS = FitConfig().outline


def painted(observation, classes, colours=None):
    """The observation with a mask of class names (H, W), each class in a grey of its own."""
    mask = np.zeros((*classes.shape, len(MASK_CLASSES)), np.uint8)
    image = np.zeros((*classes.shape, 3), np.float32)
    for number, name in enumerate(MASK_CLASSES):
        mask[classes == name, number] = 255
        image[classes == name] = 0.1 + 0.15 * number
    return replace(observation, image=cv2.GaussianBlur(image, (0, 0), 0.7), mask=mask)


def seen_classes(head, vertices, truth):
    """(H, W) class names of a head before nothing: all its skin is the face's."""
    width, height = truth.observation.size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    origins, directions = pixel_rays(np.stack([x, y], -1).reshape(-1, 2), truth.intrinsics, truth.world_to_camera)
    hit = Mesh(vertices, head.triangles).cast(origins, directions).hit.reshape(height, width)
    return np.where(hit, "face_skin", "background")


def shot(head, yaw=0.0, seed=1, beta=None, away=0.0):
    """A head before nothing, its ears bent outwards by `away` metres; the truth and the observation of it."""
    truth = photograph(head, seed=seed, yaw=yaw, focal=FOCAL, size=SIZE, beta=beta)
    ears = np.maximum(head.region("ear_left"), head.region("ear_right"))[:, None]
    vertices = truth.vertices + ears * np.sign(truth.vertices[:, :1]) * [away, 0, 0]
    return truth, painted(truth.observation, seen_classes(head, vertices, truth))


def true_view(truth, points):
    """The view of a photo whose camera is known, with four scores of noise."""
    view = first_view(truth.observation, points, 4)
    turn, shift = truth.world_to_camera[:3, :3], truth.world_to_camera[:3, 3]
    return replace(view, rotation=turn, centre=turn @ view.pivot + shift, log_focal=float(np.log(FOCAL)))


def outlook_of(observation, view):
    return Outlook.of(observation, 1000 * float(view.centre[2]) / view.focal)


@pytest.fixture(scope="module", params=["default", "flame"])
def setting(request, head):
    """A term, and a state a little away from the one it was set up at."""
    head = head if request.param == "default" else like_flame(head)
    random = np.random.default_rng(3)
    points = HeadPoints.of(head)
    truth, observation = shot(head, yaw=0.5)
    view = true_view(truth, points)
    term = outline_term(Skin.of(points.head), outlook_of(observation, view), view, truth.beta, SIZE, SETTINGS)
    view = replace(view, turns=np.stack([rotation(random.normal(0, 0.1, 3)) for _ in view.turns]),
                   psi=random.uniform(0.2, 0.5, len(view.psi)))
    return term, truth.beta + random.normal(0, 0.1, len(truth.beta)), view


def test_derivative_by_the_view_is_exact(setting):
    term, beta, view = setting
    exact = exact_by_view(term, beta, view)
    assert np.abs(exact[:, view.slice("focal")]).max() > 0.1
    assert np.abs(exact[:, view.slice("expression")]).max() > 0.1


def test_derivative_by_identity_is_exact(setting):
    term, beta, view = setting
    exact_by_identity(term, beta, view)
    assert np.isclose(term.cost(beta, view), (term.rows(beta, view).residual ** 2).sum())


def test_the_rim_moves_across_itself_as_places_held_on_the_surface_do(head):
    """What justifies the term's derivatives: the rim of a turned head goes through the old places, turned."""
    points, skin = HeadPoints.of(head), Skin.of(HeadPoints.of(head).head)
    truth, _ = shot(head, yaw=0.5)
    view = true_view(truth, points)
    turned = replace(view, rotation=rotation(np.array([0, 0.02, 0])) @ view.rotation)
    old, new = (rim_of(skin, skin.in_camera(truth.beta, one)) for one in (view, turned))
    held = (old.in_camera - view.centre) @ view.rotation @ turned.rotation.T + turned.centre
    before, after, there = (places[:, :2] / places[:, 2:] for places in (old.in_camera, held, new.in_camera))
    nearest = np.linalg.norm(after[:, None] - there, axis=2).argmin(1)
    metres = held[:, 2]
    off = np.abs(((after - there[nearest]) * new.outwards[nearest]).sum(1)) * metres
    moved = np.abs(((after - before) * old.outwards).sum(1)) * metres
    assert np.median(moved) > 0.0003
    assert np.median(off) < 0.1 * np.median(moved)


def found_apart(head, found, observation, part):
    """Millimetres by which the outline of a fit lies off that of the photo: the median of a part's places."""
    skin = Skin.of(HeadPoints.of(head).head)
    matrix, focal = found.world_to_camera[0], found.intrinsics[0, 0, 0]
    rim = rim_of(skin, found.posed[0].astype(float) @ matrix[:3, :3].T + matrix[:3, 3])
    z = rim.in_camera[:, 2]
    pixels = focal * rim.in_camera[:, :2] / z[:, None] + np.array(SIZE) / 2
    edges = edges_of(Outlook.of(observation, 1000 * float(np.median(z)) / focal), rim, pixels, focal / z, SETTINGS)
    some = rim.part[edges.place] == part
    assert some.sum() > 10
    return 1000 * float(np.median(np.abs(edges.offset[some])))


def silhouette_alone(enabled=True):
    """A fit that hears landmarks and, perhaps, the outline."""
    plain = FitConfig()
    return replace(plain, pixels=replace(plain.pixels, enabled=False), learned=replace(plain.learned, enabled=False),
                   refine=replace(plain.refine, enabled=False), outline=replace(plain.outline, enabled=enabled))


def exact_landmarks():
    """Noise of a landmarker without bias, as these landmarks are; its errors are as large as ever."""
    return replace(measured_noise(), bias=np.zeros((478, 3, 6)), made=None, turned=None)


def test_ears_go_to_where_the_photo_shows_them(head):
    _, observation = shot(head, yaw=0.1, away=0.006)
    with_it, without = (found_apart(head, fit_head([observation], head, noise=exact_landmarks(),
                                                   config=silhouette_alone(on)), observation, EAR)
                        for on in (True, False))
    assert without > 3.0
    assert with_it < 0.3 * without


def test_a_far_cheek_that_landmarks_push_in_comes_out_again(head):
    _, observation = shot(head, yaw=0.6)
    landmarks = observation.landmarks.copy()
    far = landmarks[:, 0] < np.nanmedian(landmarks[:468, 0])
    unit = 0.063 * FOCAL / 0.6
    landmarks[far, 0] += 0.06 * unit * np.abs(landmarks[far, 0] - landmarks[~far, 0].mean()) / np.ptp(landmarks[:, 0])
    observation = replace(observation, landmarks=landmarks)
    with_it, without = (found_apart(head, fit_head([observation], head, noise=exact_landmarks(),
                                                   config=silhouette_alone(on)), observation, FACE)
                        for on in (True, False))
    assert without > 0.7
    assert with_it < 0.5 * without


def test_hair_over_the_rim_pulls_nothing_inwards(head):
    truth, observation = shot(head)
    classes = seen_classes(head, truth.vertices, truth)
    face = (classes == "face_skin").astype(np.uint8)
    inner = cv2.erode(face, np.ones((9, 9), np.uint8))
    hairy = painted(observation, np.where(inner > 0, "face_skin", "hair"))
    points = HeadPoints.of(head)
    view = true_view(truth, points)
    assert outline_term(Skin.of(points.head), outlook_of(hairy, view), view, truth.beta, SIZE, SETTINGS) is None


def test_an_ear_half_under_hair_pulls_nothing_inwards(head):
    """Its lower half shows, the upper half is gone: neither says that the ear is small."""
    truth, observation = shot(head, away=0.003)
    ears = np.maximum(head.region("ear_left"), head.region("ear_right"))[:, None]
    bent = truth.vertices + ears * np.sign(truth.vertices[:, :1]) * [0.003, 0, 0]
    without = seen_classes(head, np.where(ears > 0.5, truth.vertices * [0.8, 1, 1], bent), truth)
    observation = painted(observation, without)  # no ear stands off any more
    points, skin = HeadPoints.of(head), Skin.of(HeadPoints.of(head).head)
    view = true_view(truth, points)
    none_seen = replace(SETTINGS, ear_seen=1.01)
    term = outline_term(skin, outlook_of(observation, view), view, truth.beta, SIZE, none_seen)
    free = outline_term(skin, outlook_of(observation, view), view, truth.beta, SIZE,
                        replace(SETTINGS, ear_seen=0.0, ear_spread=1.0))
    assert (free._apart(free._placed(truth.beta, view)[1], view) > 0.003).sum() > 10  # ears that are pulled inwards
    assert (term._apart(term._placed(truth.beta, view)[1], view) > 0.003).sum() == 0


def test_skin_before_hair_pulls_outwards(head):
    truth, observation = shot(head)
    classes = seen_classes(head, truth.vertices, truth)
    wide = cv2.dilate((classes == "face_skin").astype(np.uint8), np.ones((9, 9), np.uint8))
    hairy = painted(observation, np.where(wide > 0, "face_skin", "hair"))
    points = HeadPoints.of(head)
    view = true_view(truth, points)
    term = outline_term(Skin.of(points.head), outlook_of(hairy, view), view, truth.beta, SIZE, SETTINGS)
    assert term is not None
    assert np.median(term._apart(term._placed(truth.beta, view)[1], view)) < -0.002  # the rim lies inside, by mm


@pytest.mark.parametrize("name", ["face_skin", "accessories", "hair", "background"])
def test_a_photo_without_an_outline_says_nothing(head, name):
    truth, observation = shot(head)
    blank = painted(observation, np.full(SIZE[::-1], name))
    points = HeadPoints.of(head)
    view = true_view(truth, points)
    assert outline_term(Skin.of(points.head), outlook_of(blank, view), view, truth.beta, SIZE, SETTINGS) is None


def test_colours_say_where_within_the_masks_twilight_the_edge_is(head):
    """The mask ends a millimetre early all around; the colours know better."""
    truth, observation = shot(head, yaw=0.5)
    shrunk = cv2.erode((seen_classes(head, truth.vertices, truth) == "face_skin").astype(np.uint8),
                       np.ones((3, 3), np.uint8))
    mask = painted(observation, np.where(shrunk > 0, "face_skin", "background")).mask
    points, skin = HeadPoints.of(head), Skin.of(HeadPoints.of(head).head)
    view = true_view(truth, points)
    rim = rim_of(skin, skin.in_camera(truth.beta, view))
    z = rim.in_camera[:, 2]
    pixels, scale = view.focal * rim.in_camera[:, :2] / z[:, None] + np.array(SIZE) / 2, view.focal / z
    one_pixel = 1 / float(np.median(scale))
    off = [np.median(edges_of(outlook_of(replace(observation, mask=mask), view), rim, pixels, scale, settings).offset)
           for settings in (SETTINGS, replace(SETTINGS, contrast=9.0))]
    assert abs(off[0]) < 0.3 * one_pixel
    assert off[1] < -0.7 * one_pixel
    edges = edges_of(outlook_of(observation, view), rim, pixels, scale, SETTINGS)
    assert (edges.kind % 4 == OPEN).mean() > 0.9
