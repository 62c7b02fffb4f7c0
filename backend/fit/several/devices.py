"""One camera per device: photos of one device share a focal length, up to how far each was zoomed, cropped and shrunk.

The common focal length is no unknown of the fit: it is marginalised, which leaves a quadratic form in the differences.
Photos whose files name their camera are tied firmly. Of photos whose files name none, equal size in pixels is weak
evidence of one camera: they are tied loosely, and a photo that disagrees is let go.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.capture.observation import Observation
from backend.fit.config import DeviceConfig
from backend.fit.state import State, View


@dataclass(frozen=True)
class Tie:
    """K photos of one device."""

    views: np.ndarray  # (K,) which
    zoom: np.ndarray  # (K,) log of what their focal length in pixels is proportional to
    information: np.ndarray  # (K, K) of log focal less `zoom`; knows nothing of their mean

    def apart(self, views: Sequence[View]) -> np.ndarray:
        """(K,) what should be the same number for all."""
        return np.array([views[index].log_focal for index in self.views]) - self.zoom


def devices(observations: Sequence[Observation]) -> list[tuple[list[int], bool]]:
    """Photos (at least two) that seem to be of one device, and whether their files say so."""
    groups: dict[tuple, list[int]] = {}
    for index, observation in enumerate(observations):
        width, height = observation.size
        if observation.focal.device:
            groups.setdefault((observation.focal.device,), []).append(index)
        elif width != height:  # a square was cut out of something
            groups.setdefault((min(width, height), max(width, height)), []).append(index)
    return [(members, len(key) == 1) for key, members in groups.items() if len(members) > 1]


def shared(observations: Sequence[Observation]) -> list[Observation]:
    """The photos with their focal lengths believed as one statement per device, however many photos repeat it.

    Said or guessed, it is off by the same factor in all of them: tags are rounded once, lenses are usual once.
    """
    found = list(observations)
    for members, named in devices(observations):
        for source in ("exif", "assumed") if named else ():
            alike = [index for index in members if observations[index].focal.source == source]
            for index in alike:
                focal = observations[index].focal
                sigma = focal.sigma * float(np.sqrt(len(alike)))
                found[index] = replace(found[index], focal=replace(focal, sigma=sigma))
    return found


def ties(observations: Sequence[Observation], config: DeviceConfig, state: State | None = None) -> tuple[Tie, ...]:
    """All ties between the photos; with a `state`, those by size let go of what does not follow."""
    found = []
    for members, named in devices(observations):
        zoom, sigma = [], []
        for index in members:
            focal, (width, height) = observations[index].focal, observations[index].size
            zoom.append(np.log(focal.zoom if named else np.hypot(width, height)))
            sigma.append(np.hypot(config.device_sigma, focal.zoom_sigma) if named else config.size_sigma)
        weight = 1 / np.array(sigma) ** 2
        tie = Tie(np.array(members), np.array(zoom), _about_mean(weight))
        if state is not None and not named:
            apart = tie.apart(state.views)
            off = (apart - np.median(apart)) / np.array(sigma)
            tie = replace(tie, information=_about_mean(
                weight * (config.size_robust**2 / (config.size_robust**2 + off**2)) ** 2))
        found.append(tie)
    return tuple(found)


def _about_mean(weight: np.ndarray) -> np.ndarray:
    """(K, K) information of K numbers about their own mean, each known with `weight` (K,)."""
    return np.diag(weight) - np.outer(weight, weight) / weight.sum()
