"""The photometric term: exact derivatives, and pixels that pull a wrongly landmarked face to where it is."""

from dataclasses import replace

import numpy as np
import pytest

from backend.capture.observation import MASK_CLASSES
from backend.core.camera import project
from backend.fit import fit_head
from backend.fit.config import FitConfig
from backend.fit.noise import measured_noise
from backend.fit.pixels.appearance import measured_appearance
from backend.fit.pixels.surface import Surface
from backend.fit.pixels.term import pixel_term
from backend.fit.start import HeadPoints, first_view
from backend.fit.state import rotation
from backend.training.skin.anatomy import EYES, LIPS_OUTER, NOSE_BRIDGE, NOSE_WINGS
from tests.fit.conftest import photograph
from tests.fit.heads import like_flame
from tests.fit.test_derivatives import exact_by_identity, exact_by_view


def ramps(picture):
    """The picture's colours rise evenly: what is read between pixels is then exact, and so are the slopes."""
    height, width = picture.colours.shape[:2]
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    by_x, by_y = np.array([0.01, -0.02, 0.015]), np.array([-0.02, 0.005, 0.01])
    colours = x[..., None] * by_x + y[..., None] * by_y
    slopes = np.broadcast_to(np.concatenate([by_x, by_y]), (height, width, 6))
    return replace(picture, colours=colours, slopes=slopes)


@pytest.fixture(scope="module", params=["default", "flame"])
def setting(request, head):
    """A term a little away from the state that it was set up for."""
    head = head if request.param == "default" else like_flame(head)
    random = np.random.default_rng(3)
    points = HeadPoints.of(head)
    truth = photograph(head, seed=1, yaw=0.2, pitch=0.1)
    view = first_view(truth.observation, points, 4)
    view = replace(view, turns=np.stack([rotation(random.normal(0, 0.1, 3)) for _ in view.turns]),
                   psi=random.uniform(0.2, 0.5, len(view.psi)))
    table = measured_appearance()
    few = slice(None, None, 9)
    table = replace(table, uvs=table.uvs[few], mean=table.mean[few], modes=table.modes[few], sigma=table.sigma[few])
    term = pixel_term(truth.observation, points.head, Surface.of(points.head, table.uvs), view, truth.beta, table,
                      replace(FitConfig().pixels, fewest=50))
    term = replace(term, picture=ramps(term.picture), lit=random.normal(0, 0.3, (9, 3)))
    return term, truth.beta + random.normal(0, 0.1, len(truth.beta)), view


def test_derivative_by_the_view_is_exact(setting):
    term, beta, view = setting
    exact = exact_by_view(term, beta, view)
    assert np.abs(exact[:, view.slice("expression")]).max() > 0.1


def test_derivative_by_identity_is_exact(setting):
    term, beta, view = setting
    exact_by_identity(term, beta, view)


def test_cost_is_the_rows_sum_of_squares(setting):
    term, beta, view = setting
    assert np.isclose(term.cost(beta, view), (term.rows(beta, view).residual ** 2).sum())


def test_light_and_known_looks_cost_little(setting):
    """Rows are whitened: what a mode or a light does costs as its score does, however many pixels show it."""
    term, beta, view = setting
    count = len(term.root)
    one_mode = term.nuisance[:, 0] / term.root.ravel()
    spread = 1 / (1 - term.shrink[0])  # sqrt(1 + s^2)
    moved = replace(term, expected=term.expected - spread * one_mode.reshape(count, 3))
    plain, other = term.rows(beta, view).residual, moved.rows(beta, view).residual
    assert np.isclose(np.linalg.norm(other - plain), 1.0)


@pytest.fixture(scope="module")
def portrait(head):
    """A rendered person, and what capture would see were the landmarker wrong in its usual ways, four times as far."""
    from backend.training.render import Person, Settings, make_sample
    from backend.training.render import portrait as framed
    from backend.training.render.lights import named
    from backend.training.skin import generate, random_traits

    random = np.random.default_rng(12)
    traits = replace(random_traits(random, tone=0.25), lipstick=0.5, beard=0.0, stubble=0.0)
    skin = generate(head, traits, 256, random)
    shape = 0.7 * random.standard_normal(len(head.shape_basis)).astype(np.float32)
    person = Person(shape, np.zeros_like(head.template), skin)
    sample = make_sample(head, person, framed(head, person, 256, 256, fill=0.6, yaw=0.15), named("overcast"), random,
                         settings=Settings(lights=12))
    observation = sample.observation()
    unit = 0.063 * sample.intrinsics[0, 0] / np.linalg.norm(sample.world_to_camera[:3, 3])
    modes = measured_noise().modes
    wrong = modes @ (4 * random.choice([-1, 1], modes.shape[2])) * unit
    wrong[468:] = 0
    return sample, replace(observation, landmarks=(observation.landmarks + wrong).astype(np.float32))


def feature_error(head, found, sample):
    """Millimetres RMS in the picture, of lips, lids and nose."""
    where, depth = project(head.landmark_points(found.posed[0]), found.intrinsics[0], found.world_to_camera[0])
    some = [*LIPS_OUTER, *EYES[0], *EYES[1], *NOSE_BRIDGE, *NOSE_WINGS]
    off = (where - sample.landmarks)[some] * depth[some][:, None] / found.intrinsics[0, 0, 0]
    return 1000 * float(np.sqrt(np.nanmean((off**2).sum(1))))


def without_pixels():
    return replace(FitConfig(), pixels=replace(FitConfig().pixels, enabled=False))


def test_pixels_pull_a_wrongly_landmarked_face_to_where_it_is(head, portrait):
    sample, observation = portrait
    noise = replace(measured_noise(), bias=np.zeros((478, 3, 6)), made=None)  # true landmarks have no bias
    defaults = FitConfig()
    plain = replace(defaults, refine=replace(defaults.refine, enabled=False),
                    learned=replace(defaults.learned, enabled=False))
    off = replace(plain, pixels=replace(plain.pixels, enabled=False))
    alone = feature_error(head, fit_head([observation], head, noise=noise, config=off), sample)
    both = feature_error(head, fit_head([observation], head, noise=noise, config=plain), sample)
    assert both < 0.9 * alone


def spoilt(observation, how):
    if how == "black":
        return replace(observation, image=np.zeros_like(observation.image))
    if how == "burnt out":
        return replace(observation, image=np.ones_like(observation.image))
    if how == "no skin in the mask":
        mask = np.zeros_like(observation.mask)
        mask[..., MASK_CLASSES.index("accessories")] = 255
        return replace(observation, mask=mask)
    middle, cut = observation.size[0] // 2, int(0.3 * np.ptp(observation.landmarks[:, 0]))  # both cheeks lie beyond
    narrow = np.s_[:, middle - cut:middle + cut]
    return replace(observation, image=np.ascontiguousarray(observation.image[narrow]),
                   mask=np.ascontiguousarray(observation.mask[narrow]),
                   landmarks=observation.landmarks - np.float32([middle - cut, 0, 0]))


@pytest.mark.parametrize("how", ["black", "burnt out", "no skin in the mask", "at the border"])
def test_a_photo_without_usable_pixels_is_fitted_by_its_landmarks(head, portrait, how):
    observation = spoilt(portrait[1], how)
    found, alone = fit_head([observation], head), fit_head([observation], head, config=without_pixels())
    assert np.isfinite(found.posed).all()
    limit = 3e-3 if how == "at the border" else 5e-4
    assert np.abs(found.neutral - alone.neutral)[head.material_vertices("skin")].mean() < limit
