"""The stage itself: photos and a fit in, one `ObservedTexture` out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backend.capture.observation import Observation
from backend.core.colour import luminance
from backend.core.progress import Progress, silent
from backend.errors import InputError
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.unwrap.eyes import sample_eye
from backend.unwrap.observed import HairSample, ObservedTexture, PhotoCues
from backend.unwrap.sampling import ROWS, Pyramid, levels_for
from backend.unwrap.surface import band, coverage, enlarge, reduce, surface_of
from backend.unwrap.teeth import sample_teeth
from backend.unwrap.view import View, view_of

GAIN_GRID = 256
"""Grid on which exposures of views are compared, texels."""

BLEND_POWER = 6.0
"""Views are blended by their weight to this power: the best view rules, its borders still melt."""

HAIR_GRID = 512
"""Side of the hair layer, texels; hair is wanted for its colour, not its strands."""


def unwrap(observations: Sequence[Observation], fit: HeadFit, head: HeadModel, resolution: int, *,
           progress: Progress = silent) -> ObservedTexture:
    """Project every observation into the head's skin UV square of `resolution`² texels and blend them.

    Raises InputError when no texel of the face is seen in any photo.
    """
    surface = surface_of(head, resolution)
    views: list[View] = []
    for index, observation in enumerate(observations):
        progress(0.4 * index / len(observations), "Finding what the camera saw")
        views.append(view_of(observation, fit, index, head, surface))
    best = np.argmax([view.weight for view in views], 0)
    strength = np.max([view.weight for view in views], 0)
    if float((strength > 0.2).mean()) < 0.005:
        names = ", ".join(observation.name for observation in observations)
        raise InputError(f"Almost no skin of the face could be read from {names}.",
                         "Use a photo in which the face is not covered and fills more of the picture.")
    gains = _gains(observations, views)
    progress(0.45, "Reading the skin")
    colour, weight, density = _blend(observations, views, gains, resolution)
    inside = coverage(head, resolution)
    weight *= inside
    colour *= (weight > 0)[..., None]
    progress(0.9, "Reading the eyes")
    lead = int(np.argmax([view.weight.sum() for view in views]))
    right, left = (replace(sample_eye(observations[lead], side), view=lead) for side in ("right", "left"))
    best_view = np.where(strength > 0, best, -1).astype(np.int16)
    size = resolution
    return ObservedTexture(
        colour=colour, weight=weight,
        normal=enlarge(_pick([view.normal for view in views], best), size),
        position=enlarge(_pick([view.position for view in views], best), size),
        inside=inside,
        camera=np.stack([view.camera for view in views]).astype(np.float64),
        best_view=_nearest(best_view, size), texel_density=density, eyes=(left, right),
        hair=_hair(observations, views, gains),
        cues=tuple(photo_cues(observation) for observation in observations),
    )


def _blend(observations: Sequence[Observation], views: list[View], gains: np.ndarray,
           size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour (R, R, 3), weight (R, R), photo pixels per texel (R, R), row band by row band."""
    scale = len(views[0].weight) / size
    colour = np.zeros((size, size, 3), np.float32)
    total = np.zeros((size, size), np.float32)
    weight = np.zeros((size, size), np.float32)
    density = np.zeros((size, size), np.float32)
    single = len(views) == 1
    for observation, view, gain in zip(observations, views, gains, strict=True):
        pyramid = Pyramid(observation.image, levels_for(view.density[view.weight > 0] * scale))
        for top in range(0, size, ROWS):
            rows = slice(top, min(top + ROWS, size))
            w = band(view.weight, rows, size)
            columns = np.flatnonzero(w.any(0))
            if not len(columns):
                continue
            window = (rows, slice(columns[0], columns[-1] + 1))
            w = w[:, window[1]]
            fine = band(view.density, rows, size)[:, window[1]] * scale
            seen = pyramid.sample(band(view.pixels, rows, size)[:, window[1]], fine) * gain.astype(np.float32)
            if single:
                colour[window], weight[window], density[window] = seen, w, fine
                continue
            share = w**BLEND_POWER
            colour[window] += share[..., None] * seen
            density[window] += share * fine
            total[window] += share
            weight[window] = np.maximum(weight[window], w)
    if not single:
        known = total > 0
        total[~known] = 1
        colour /= total[..., None]
        density /= total
    return colour, weight, density


def _pick(fields: list[np.ndarray], best: np.ndarray) -> np.ndarray:
    if len(fields) == 1:
        return fields[0]
    picked = fields[0].copy()
    for index, field in enumerate(fields[1:], 1):
        picked[best == index] = field[best == index]
    return picked


def _nearest(field: np.ndarray, size: int) -> np.ndarray:
    grid = len(field)
    index = (np.arange(size) * grid) // size
    return field[index[:, None], index[None, :]]


def _gains(observations: Sequence[Observation], views: list[View]) -> np.ndarray:
    """(N, 3) factors that bring every view to the exposure and white balance of the first.

    Least squares over all pairs of views on the logarithm of their ratio where both see the skin well.
    """
    count = len(views)
    if count == 1:
        return np.ones((1, 3))
    colours, weights = [], []
    for observation, view in zip(observations, views, strict=True):
        factor = len(view.weight) / GAIN_GRID
        index = ((np.arange(GAIN_GRID) + 0.5) * factor).astype(int)
        grid = np.ix_(index, index)
        fine = view.density[grid] * factor
        colours.append(Pyramid(observation.image, levels_for(fine)).sample(view.pixels[grid], fine))
        weights.append(view.weight[grid])
    rows, values, trust = [], [], []
    for a in range(count):
        for b in range(a + 1, count):
            both = np.sqrt(weights[a] * weights[b])
            usable = (both > 0.3) & (colours[a].min(-1) > 0.01) & (colours[b].min(-1) > 0.01)
            if usable.sum() < 50:
                continue
            ratio = np.median(np.log(colours[a][usable] / colours[b][usable]), 0)
            row = np.zeros(count)
            row[a], row[b] = -1, 1
            rows.append(row)
            values.append(ratio)
            trust.append(np.sqrt(usable.sum()))
    # The first view keeps its exposure; views that overlap with none keep theirs.
    rows += list(np.eye(count))
    values += [np.zeros(3)] * count
    trust += [1e3] + [1e-3] * (count - 1)
    w = np.array(trust)[:, None]
    solution = np.linalg.lstsq(np.array(rows) * w, np.array(values) * w, rcond=None)[0]
    return np.exp(np.clip(solution, -2, 2))


def _hair(observations: Sequence[Observation], views: list[View], gains: np.ndarray) -> HairSample:
    """Colour and presence of hair over the surface, at low resolution."""
    size = min(HAIR_GRID, len(views[0].weight))
    colour = np.zeros((size, size, 3), np.float32)
    total = np.full((size, size), 1e-6, np.float32)
    weight = np.zeros((size, size), np.float32)
    skin = np.zeros((size, size), np.float32)
    for observation, view, gain in zip(observations, views, gains, strict=True):
        hair = reduce(view.hair, size)
        fine = reduce(view.density, size) * len(view.weight) / size
        share = hair**2
        seen = Pyramid(observation.image, levels_for(fine[hair > 0])).sample(reduce(view.pixels, size), fine)
        colour += share[..., None] * seen * gain.astype(np.float32)
        total += share
        weight = np.maximum(weight, hair)
        skin = np.maximum(skin, reduce(view.weight, size))
    return HairSample(colour / total[..., None] * (weight > 0)[..., None], weight * (weight > skin))


def photo_cues(observation: Observation) -> PhotoCues:
    """What the whole photo says about its exposure."""
    step = max(1, max(observation.size) // 512)
    image = observation.image[::step, ::step]
    light = luminance(image)
    background = observation.mask[::step, ::step, 0] > 200
    values = light[background] if background.sum() > 200 else light.reshape(-1)
    teeth = sample_teeth(observation)
    return PhotoCues(
        median=float(np.median(light)), mean=float(light.mean()),
        bright=float(np.percentile(light, 99)), background=float(np.median(values)),
        clipped=float((image.max(-1) > 0.98).mean()), teeth=(float(teeth[0]), float(teeth[1]), float(teeth[2])),
    )
