"""The stage itself: photos and a fit in, one `ObservedTexture` out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from backend.capture.observation import Observation
from backend.core.colour import luminance
from backend.core.progress import Progress, silent
from backend.errors import InputError
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.unwrap.eyes import sample_eye
from backend.unwrap.fusion import GRID, Fused, fused
from backend.unwrap.observed import HairSample, ObservedTexture, PhotoCues
from backend.unwrap.sampling import ROWS, Pyramid, levels_for
from backend.unwrap.surface import band, coverage, enlarge, reduce, surface_of
from backend.unwrap.teeth import sample_teeth
from backend.unwrap.view import View, view_of

BLEND_POWER = 6.0
"""Where the view that was chosen shows nothing, the others are blended by their weight to this power."""

HAIR_GRID = 512
"""Side of the hair layer, texels; hair is wanted for its colour, not its strands."""


def unwrap(observations: Sequence[Observation], fit: HeadFit, head: HeadModel, resolution: int, *,
           progress: Progress = silent) -> ObservedTexture:
    """Project every observation into the head's skin UV square of `resolution`² texels and fuse them.

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
    progress(0.45, "Reading the skin")
    lead, ratio = 0, np.zeros((1, 9, 3))
    raised: list[np.ndarray | None] = [None]
    ending: np.ndarray | None = None
    if len(views) == 1:
        colour, weight, density = _read(observations[0], views[0], resolution)
    else:
        small = surface_of(head, min(GRID, surface.size))
        still = [small.lay_out(head, np.linalg.norm(posed - fit.neutral, axis=1)) for posed in fit.posed]
        one = fused(observations, views, still)
        lead, raised, views, ratio = one.lead, list(one.raised), one.views, one.ratios
        best, strength = one.best, np.max([view.weight for view in views], 0)
        colour, weight, density = _blend(observations, one, resolution)
        ending = one.ending
    inside = coverage(head, resolution)
    weight *= inside
    colour *= (weight > 0)[..., None]
    progress(0.9, "Reading the eyes")
    right, left = (replace(sample_eye(observations[lead], side), view=lead) for side in ("right", "left"))
    best_view = np.where(strength > 0, best, -1).astype(np.int16)
    size = resolution
    return ObservedTexture(
        colour=colour, weight=weight,
        # One light falls on all of it, on the face that the leading photo shows.
        normal=enlarge(views[lead].normal, size), position=enlarge(views[lead].position, size),
        inside=inside,
        camera=np.stack([view.camera for view in views]).astype(np.float64),
        best_view=_nearest(best_view, size), texel_density=density, eyes=(left, right),
        hair=_hair(observations, views, raised),
        cues=tuple(photo_cues(observation) for observation in observations), lit_by=lead, light_ratio=ratio,
        ending=ending,
    )


def _read(observation: Observation, view: View, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Colour (R, R, 3), weight (R, R), photo pixels per texel (R, R) of a single photo."""
    colour = np.zeros((size, size, 3), np.float32)
    weight, density = np.zeros((2, size, size), np.float32)
    for window, seen, w, fine in _bands(observation, view, size):
        colour[window], weight[window], density[window] = seen, w, fine
    return colour, weight, density


def _blend(observations: Sequence[Observation], one: Fused,
           size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of several, row band by row band."""
    colour = np.zeros((size, size, 3), np.float32)
    total, weight, density = np.zeros((3, size, size), np.float32)
    for observation, view, part, factor in zip(observations, one.views, one.share, one.raised, strict=True):
        for window, seen, w, fine in _bands(observation, view, size):
            # What the chosen view does not quite show at this texel, the others fill in.
            share = band(part, window[0], size)[:, window[1]] * np.minimum(1, 20 * w) + 1e-4 * w**BLEND_POWER
            colour[window] += share[..., None] * seen * band(factor, window[0], size)[:, window[1]]
            density[window] += share * fine
            total[window] += share
            weight[window] = np.maximum(weight[window], w)
    known = total > 0
    total[~known] = 1
    colour /= total[..., None]
    density /= total
    return colour, weight, density


def _bands(observation: Observation, view: View, size: int) -> Iterator[tuple[tuple[slice, slice], np.ndarray,
                                                                              np.ndarray, np.ndarray]]:
    """Windows of the map that the photo shows, its colours (h, w, 3) there, weights and pixels per texel (h, w)."""
    scale = len(view.weight) / size
    pyramid = Pyramid(observation.image, levels_for(view.density[view.weight > 0] * scale))
    for top in range(0, size, ROWS):
        rows = slice(top, min(top + ROWS, size))
        w = band(view.weight, rows, size)
        columns = np.flatnonzero(w.any(0))
        if not len(columns):
            continue
        window = (rows, slice(columns[0], columns[-1] + 1))
        fine = band(view.density, rows, size)[:, window[1]] * scale
        yield window, pyramid.sample(band(view.pixels, rows, size)[:, window[1]], fine), w[:, window[1]], fine


def _nearest(field: np.ndarray, size: int) -> np.ndarray:
    grid = len(field)
    index = (np.arange(size) * grid) // size
    return field[index[:, None], index[None, :]]


def _hair(observations: Sequence[Observation], views: Sequence[View],
          raised: Sequence[np.ndarray | None]) -> HairSample:
    """Colour and presence of hair over the surface, at low resolution."""
    size = min(HAIR_GRID, len(views[0].weight))
    colour = np.zeros((size, size, 3), np.float32)
    total = np.full((size, size), 1e-6, np.float32)
    weight = np.zeros((size, size), np.float32)
    skin = np.zeros((size, size), np.float32)
    for observation, view, factor in zip(observations, views, raised, strict=True):
        hair = reduce(view.hair, size)
        fine = reduce(view.density, size) * len(view.weight) / size
        share = hair**2
        seen = Pyramid(observation.image, levels_for(fine[hair > 0])).sample(reduce(view.pixels, size), fine)
        colour += share[..., None] * (seen if factor is None else seen * enlarge(factor, size))
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
