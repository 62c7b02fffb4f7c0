"""The stages of the fit in order: set up each view, solve, refine, light, report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.capture.observation import Observation
from backend.core.progress import Progress, part, silent
from backend.core.threads import side_by_side
from backend.errors import InputError
from backend.fit.config import FitConfig
from backend.fit.contour import slide_contours
from backend.fit.headfit import HeadFit
from backend.fit.noise import LandmarkNoise, measured_noise
from backend.fit.outline.edges import Outlook
from backend.fit.outline.rim import Skin
from backend.fit.outline.term import outline_term
from backend.fit.pixels.appearance import measured_appearance
from backend.fit.pixels.surface import Surface
from backend.fit.pixels.term import PixelTerm, pixel_term
from backend.fit.refine import extended
from backend.fit.result import assemble
from backend.fit.several.agreement import Agreement, agree, view_errors, weighted
from backend.fit.several.chosen import as_fitted, informative, photo_fits, unread
from backend.fit.several.devices import shared, ties
from backend.fit.several.looks import measured_looks
from backend.fit.several.opinion import Listener, Opinion
from backend.fit.several.sides import same_way
from backend.fit.solver import Belief, Problem, solve
from backend.fit.start import HeadPoints, first_view, view_problem
from backend.fit.state import State
from backend.fit.stereo.term import pair_terms
from backend.head.model import HeadModel


def fit_head(observations: Sequence[Observation], head: HeadModel, *, config: FitConfig | None = None,
             progress: Progress = silent, noise: LandmarkNoise | None = None) -> HeadFit:
    """One identity, and camera, pose and expression of each photo that shows it.

    Photos of somebody else are left out and mirrored ones turned round: `HeadFit.photos` says which, and
    `several.chosen.used` gives the observations that the fit's views belong to.

    `noise` replaces the shipped table of the landmarker's errors (the benchmarks compare). Raises InputError when there
    is no photo, or when the landmarks of all of them fit no head.
    """
    if not observations:
        raise InputError("No photo was given.", "Name at least one photo of the face.")
    config = config or FitConfig()
    noise = noise or measured_noise()
    progress(0.0, "Preparing the head")
    agreement = Agreement.full(1)
    if len(observations) > 1:
        agreement = compare(observations, HeadPoints.of(head, config), config, noise, part(progress, 0.05, 0.35))
    chosen = as_fitted(observations, agreement.kept.tolist(), agreement.mirrored.tolist())
    freer = HeadPoints.of(extended(head, config.refine), config)
    state, problem = solve_parameters(chosen, freer, config, noise, part(progress, 0.35, 0.75))
    said = agreement.said
    if config.pixels.enabled or config.learned.enabled:
        said += unread(chosen, informative(state.views))
    found = assemble(chosen, freer, state, problem, config, said, len(head.shape_basis), part(progress, 0.75, 1.0))
    return replace(found, expression=found.expression[:, :len(head.expression_names)],
                   photos=photo_fits(observations, agreement, problem, state, found.scale_sigma))


def compare(observations: Sequence[Observation], points: HeadPoints, config: FitConfig, noise: LandmarkNoise,
            progress: Progress = silent) -> Agreement:
    """Fit each photo alone and see which of them show one person."""
    quick = replace(config, stages=config.stages[:2])
    listener = Listener.of(points.points, points.used)

    def heard(observation: Observation) -> tuple[Opinion, float, State]:
        state, problem = solve_parameters([observation], points, quick, noise)
        opinion = listener.hear(problem, state, quick.stages[-1].free, config.limits.tempered)
        looks = measured_looks().heard(observation)
        return replace(opinion, looks=looks), float(view_errors(problem, state)[0]), state

    progress(0.0, "Comparing the photos")
    each = side_by_side(heard, observations, lambda done: progress(done / len(observations), "Comparing the photos"))
    opinions, errors, states = zip(*each, strict=True)
    return agree(observations, opinions, np.array(errors), listener,
                 same_way(observations, states, points.head, config), config)


def solve_parameters(observations: Sequence[Observation], points: HeadPoints, config: FitConfig, noise: LandmarkNoise,
                     progress: Progress = silent) -> tuple[State, Problem]:
    """Run the stages; the problem that comes back is the last one solved."""
    modes = noise.modes.shape[2]
    observations = shared(observations)
    views = tuple(first_view(observation, points, modes) for observation in observations)
    state = State(np.zeros(points.head.shape_basis.shape[0]), views)
    problem = _problem(observations, points, state, noise, config)
    surface: Surface | None = None
    silhouettes: Silhouettes | None = None
    beliefs: tuple[Belief, ...] = ()
    stages = [stage for stage in config.stages
              if (config.pixels.enabled or not stage.pixels) and (config.learned.enabled or not stage.looks)]
    for index, stage in enumerate(stages):
        progress(index / len(stages), f"Fitting the head: {stage.name}")
        problem = _problem(observations, points, state, noise, config)
        if stage.contours:
            problem = replace(problem, views=tuple(
                slide_contours(terms, view, state.beta, points, config)
                for terms, view in zip(problem.views, state.views, strict=True)))
        if stage.pixels:
            surface = surface or Surface.of(points.head, measured_appearance().uvs)
            problem = _with_pixels(problem, state, observations, points, surface, config)
            if config.stereo.enabled and len(state.views) > 1:
                problem = replace(problem, pairs=pair_terms(
                    observations, points.head, surface, measured_appearance().uvs, state, informative(state.views),
                    config.stereo))
        if stage.outline and config.outline.enabled:
            silhouettes = silhouettes or Silhouettes.of(observations, points.head, state)
            problem = silhouettes.added(problem, state, config)
        if stage.looks:
            beliefs = _learned(observations, points, state, config)
        problem = replace(problem, beliefs=beliefs,
                          ties=ties(observations, config.devices, state if index > 1 else None))
        problem = weighted(problem, state, config) if index > 1 else problem
        state = solve(problem, state, stage.free, stage.iterations)
    return state, problem


@dataclass(frozen=True)
class Silhouettes:
    """What the outline term of every photo needs, taken once."""

    skin: Skin
    outlooks: tuple[Outlook, ...]
    sizes: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, observations: Sequence[Observation], head: HeadModel, state: State) -> Silhouettes:
        """Of photos whose faces are about where `state` says."""
        outlooks = side_by_side(lambda index: Outlook.of(
            observations[index], 1000 * float(state.views[index].centre[2]) / state.views[index].focal),
            range(len(observations)))
        return cls(Skin.of(head), tuple(outlooks), tuple(observation.size for observation in observations))

    def added(self, problem: Problem, state: State, config: FitConfig) -> Problem:
        """`problem` with the silhouette of each photo that shows one."""
        found = side_by_side(lambda index: outline_term(
            self.skin, self.outlooks[index], state.views[index], state.beta, self.sizes[index], config.outline),
            range(len(state.views)))
        return replace(problem, views=tuple(
            terms if term is None else replace(terms, extra=(*terms.extra, term))
            for terms, term in zip(problem.views, found, strict=True)))


def _learned(observations: Sequence[Observation], points: HeadPoints, state: State,
             config: FitConfig) -> tuple[Belief, ...]:
    """What the network sees of the photos; nothing where it has nothing to say."""
    from backend.fit.learned.evidence import believed  # torch is loaded only when it is asked

    read = informative(state.views)
    belief = believed([observations[index] for index in read], points,
                      replace(state, views=tuple(state.views[index] for index in read)), config.learned)
    return () if belief is None else (belief,)


def _with_pixels(problem: Problem, state: State, observations: Sequence[Observation], points: HeadPoints,
                 surface: Surface, config: FitConfig) -> Problem:
    """The problem with the photometric term of each photo that shows enough skin."""
    table = measured_appearance()
    read = informative(state.views)
    stride = -(-len(table.uvs) * len(read) // config.pixels.together)

    def term_of(number: int) -> PixelTerm | None:
        index = read[number]
        return pixel_term(observations[index], points.head, surface, state.views[index], state.beta, table,
                          config.pixels, np.arange(number % stride, len(table.uvs), stride))

    views = list(problem.views)
    for index, term in zip(read, side_by_side(term_of, range(len(read))), strict=True):
        if term is not None:
            views[index] = replace(views[index], extra=(*views[index].extra, term))
    return replace(problem, views=tuple(views))


def _problem(observations: Sequence[Observation], points: HeadPoints, state: State, noise: LandmarkNoise,
             config: FitConfig) -> Problem:
    views = tuple(view_problem(observation, points, view, noise, config, len(observations))
                  for observation, view in zip(observations, state.views, strict=True))
    return Problem(views, config.priors.shape_sigma, config.landmarks.robust)
