"""Patches of skin that two photos have in common: found where they are, and heard by the fit."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.fit import fit_head
from backend.fit.config import FitConfig
from backend.fit.noise import measured_noise
from backend.fit.pixels.appearance import measured_appearance
from backend.fit.points import points_on
from backend.fit.residuals import Rows
from backend.fit.solver import Problem, normal_equations, total_cost
from backend.fit.start import HeadPoints, first_view, view_problem
from backend.fit.state import State, View, rotation
from backend.fit.stereo.chart import Chart, Square, chart_of
from backend.fit.stereo.matching import match
from backend.fit.stereo.term import PairTerm, Seen
from tests.fit.conftest import face_error, photograph
from tests.fit.heads import like_flame
from tests.fit.test_derivatives import exact_by_identity, exact_by_view

CONFIG = FitConfig().stereo
SIDE = 200


def texture(seed):
    noise = np.random.default_rng(seed).standard_normal((SIDE, SIDE)).astype(np.float32)
    return sum(cv2.GaussianBlur(noise, (0, 0), width) * width for width in (1.5, 3.0, 6.0)) * 0.1


def chart(shade, seen=None):
    seen = np.ones_like(shade) if seen is None else seen
    return Chart(shade.astype(np.float32), np.zeros((*shade.shape, 2)), seen.astype(np.float32), 0.5)


def grid(step=12, border=30):
    line = np.arange(border, SIDE - border, step) + 0.5
    return np.stack(np.meshgrid(line, line), 2).reshape(-1, 2)


def moved(shade, texels):
    """The same skin, each part farther by a shift that changes from place to place, in another light."""
    x, y = np.meshgrid(np.arange(SIDE, dtype=np.float32), np.arange(SIDE, dtype=np.float32))
    shift = np.column_stack([1.4 + 0.004 * texels[:, 0], -0.8 + 0.006 * texels[:, 1]])
    # what lies at p + shift(p) is the first's p; the shift is slow enough to be read off where it ends
    seen = cv2.remap(shade, x - 1.4 - 0.004 * x, y + 0.8 - 0.006 * y, cv2.INTER_CUBIC)
    return 0.7 * seen + 0.3, shift


def test_patches_are_found_to_a_fraction_of_a_texel():
    first, texels = texture(0), grid()
    second, shift = moved(first, texels)
    found = match(chart(first), chart(second), texels, CONFIG)
    assert len(found.index) > 0.8 * len(texels)
    error = found.shift - shift[found.index]
    assert np.median(np.linalg.norm(error, axis=1)) < 0.15
    assert np.einsum("mi,mij,mj->m", error, np.linalg.inv(found.covariance), error).mean() < 2 * 1.5


def test_an_edge_tells_its_place_only_across():
    x = np.arange(SIDE, dtype=np.float32)
    edge = np.tile(np.tanh((x - 100) / 3), (SIDE, 1))
    first, second = (chart(edge + 0.4 * texture(seed)) for seed in (1, 2))
    found = match(first, second, np.array([[100.5, y] for y in range(40, 160, 2)]), replace(CONFIG, floor=0.0))
    assert len(found.index) > 15
    assert np.median(found.covariance[:, 1, 1] / found.covariance[:, 0, 0]) > 5


@pytest.mark.parametrize("how", ["another skin", "hidden", "plain"])
def test_what_is_not_the_same_skin_is_not_matched(how):
    first, texels = texture(0), grid()
    second = {"another skin": chart(texture(5)), "hidden": chart(first, np.zeros_like(first)),
              "plain": chart(np.zeros_like(first))}[how]
    assert len(match(chart(first), second, texels, CONFIG).index) < 0.05 * len(texels)


class OneSide:
    """A pair as a term of one of its views."""

    def __init__(self, pair, side, other):
        self.pair, self.side, self.other = pair, side, other

    def rows(self, beta: np.ndarray, view: View) -> Rows:
        views = (view, self.other) if self.side == 0 else (self.other, view)
        return self.pair.rows(beta, *views)[self.side]


@pytest.fixture(scope="module", params=["default", "flame"])
def pair(request, head):
    head = head if request.param == "default" else like_flame(head)
    random = np.random.default_rng(2)
    points, views = HeadPoints.of(head), []
    truth = photograph(head, seed=1, yaw=0.2)
    for yaw in (0.2, -0.3):
        view = first_view(photograph(head, seed=1, yaw=yaw).observation, points,
                          measured_noise().modes.shape[2])
        views.append(replace(view, turns=np.stack([rotation(random.normal(0, 0.1, 3)) for _ in view.turns]),
                             psi=random.uniform(0.2, 0.5, len(view.psi))))
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))[::150]
    placed = points_on(head, skin, np.full((len(skin), 3), 1 / 3))
    count = len(skin)
    sides = [Seen(random.uniform(200, 400, (count, 2)), random.normal(0, 1, (count, 2, 2)), np.array([300.0, 350.0]))
             for _ in range(2)]
    apart = np.tril(random.normal(0, 0.1, (count, count))) + np.eye(count)
    term = PairTerm((0, 1), placed, sides[0], sides[1], random.normal(0, 1, (count, 2)),
                    random.normal(0, 1, (count, 2, 2)), apart)
    return term, truth.beta, views, head


@pytest.mark.parametrize("side", [0, 1])
def test_derivatives_are_exact(pair, side):
    term, beta, views, _ = pair
    one = OneSide(term, side, views[1 - side])
    exact = exact_by_view(one, beta, views[side])
    assert np.abs(exact[:, views[side].slice("expression")]).max() > 0.1
    exact_by_identity(one, beta, views[side])


@pytest.fixture(scope="module")
def sides(head):
    """One rendered person from three sides in three lights, and what the landmarker's usual errors would make of it."""
    from backend.training.render import Person, Settings, make_sample, portrait
    from backend.training.render.lights import named
    from backend.training.skin import generate, random_traits

    random = np.random.default_rng(22)
    skin = generate(head, replace(random_traits(random, tone=0.25), beard=0.0), 512, random)
    shape = 0.9 * random.standard_normal(len(head.shape_basis)).astype(np.float32)
    person = Person(shape, np.zeros_like(head.template), skin)
    sides = ((0.0, "overcast"), (0.5, "window"), (-0.5, "studio"))
    samples = [make_sample(head, person, portrait(head, person, 384, 384, fill=0.7, yaw=yaw), named(light), random,
                           settings=Settings(lights=12)) for yaw, light in sides]
    modes = measured_noise().modes
    score = random.choice([-1, 1], modes.shape[2])
    observations = []
    for sample in samples:
        unit = 0.063 * sample.intrinsics[0, 0] / np.linalg.norm(sample.world_to_camera[:3, 3])
        wrong = modes @ (3 * score) * unit
        wrong[468:] = 0
        seen = sample.observation()
        observations.append(replace(seen, landmarks=(seen.landmarks + wrong).astype(np.float32)))
    return samples, shape, observations


def true_view(head, sample):
    matrix = sample.world_to_camera
    return View(matrix[:3, :3], np.zeros(3), matrix[:3, 3], float(np.log(sample.intrinsics[0, 0])), np.zeros(2),
                np.tile(np.eye(3), (3, 1, 1)), np.zeros(0), np.zeros(len(head.expression_names)))


def test_at_the_truth_both_photos_say_the_same(head, sides):
    samples, shape, _ = sides
    square = Square.of(head, CONFIG.resolution)
    charts = [chart_of(sample.observation(), head, square, true_view(head, sample), shape.astype(float), CONFIG)
              for sample in samples[:2]]
    texels = square.texels(measured_appearance().uvs)
    found = match(*charts, texels, CONFIG)
    assert len(found.index) > CONFIG.fewest
    assert np.median(np.linalg.norm(found.shift, axis=1)) * charts[0].texel < 0.4


def test_sides_of_the_same_skin_mend_what_landmarks_get_wrong(head, sides):
    samples, _, observations = sides
    defaults = FitConfig()
    plain = replace(defaults, refine=replace(defaults.refine, enabled=False),
                    learned=replace(defaults.learned, enabled=False))
    alone = replace(plain, stereo=replace(plain.stereo, enabled=False))
    noise = replace(measured_noise(), bias=np.zeros((478, 3, 6)), turned=None, made=None)
    errors = [face_error(head, fit_head(observations, head, noise=noise, config=config).neutral, samples[0].neutral)
              for config in (plain, alone)]
    assert errors[0] < 0.85 * errors[1]


def test_a_pair_counts_in_the_cost_and_in_its_slope(pair):
    term, beta, _, head = pair
    observations = [photograph(head, seed=1, yaw=yaw).observation for yaw in (0.2, -0.3)]
    points, noise = HeadPoints.of(head), measured_noise()
    state = State(beta, tuple(first_view(seen, points, noise.modes.shape[2]) for seen in observations))
    problem = Problem([view_problem(seen, points, view, noise, FitConfig(), 2)
                       for seen, view in zip(observations, state.views, strict=True)], 1.0, 3.0)
    with_pair = replace(problem, pairs=(term,))
    assert np.isclose(total_cost(with_pair, state) - total_cost(problem, state), term.cost(beta, *state.views))
    _, slope = normal_equations(with_pair, state)
    _, before = normal_equations(problem, state)
    rows = term.rows(beta, *state.views)[0]
    assert np.allclose((slope - before)[:len(beta)], rows.by_beta.T @ rows.residual)
