"""Which photos show the person: strangers, wild landmarks and mirrored photos among several.

Photos are compared by what each alone says of the person (`opinion`). The largest group that speaks of one person is
fitted; the others are named. Whether a photo is mirrored is told by the face's own asymmetry, as far as landmarks see
it, and by its skin (`sides`). Within the group, a photo that fits badly counts less.

Landmarks tell people apart in part, colours in part (`looks`). Of pairs of photos of one own head, calm, laughing,
turned or from near, 0.9 percent count as of two people, of pairs of different heads 73 percent (45 by landmarks alone);
of 48 pairs of scan-model heads and of a real scan in several lights none did, of 231 pairs of photo-like faces of
different people 86 percent (60 by landmarks alone). Shape alone seldom tells a mirrored photo: asymmetry is small
(0.8 mm) beside the landmarker's errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.capture.observation import Observation
from backend.fit.config import FitConfig
from backend.fit.several.opinion import Listener, Opinion, together
from backend.fit.solver import Problem
from backend.fit.state import State


@dataclass(frozen=True)
class Agreement:
    """What is to be done with N photos, and what is to be said about it."""

    kept: np.ndarray  # (N,) bool
    mirrored: np.ndarray  # (N,) bool, to be turned round
    said: tuple[str, ...] = ()

    @classmethod
    def full(cls, count: int) -> Agreement:
        """All are kept as they are."""
        return cls(np.ones(count, bool), np.zeros(count, bool))


def view_errors(problem: Problem, state: State) -> np.ndarray:
    """(N,) median landmark error of each view in face units, the landmarker's known errors taken off."""
    errors = []
    for terms, view in zip(problem.views, state.views, strict=True):
        landmarks = terms.landmarks
        difference = (landmarks.predicted(state.beta, view) - landmarks.measured)[:, :2]
        errors.append(float(np.median(np.linalg.norm(difference, axis=1))) / landmarks.unit)
    return np.array(errors)


def weighted(problem: Problem, state: State, config: FitConfig) -> Problem:
    """The problem with each photo's weight: 1, less for one that fits much worse than the middle of them all."""
    if len(problem.views) < 3:
        return problem
    errors = view_errors(problem, state)
    usual = float(np.median(errors)) * config.limits.bad_photo
    weights = np.minimum(1.0, (usual / np.maximum(errors, 1e-9)) ** 2)
    return replace(problem, views=tuple(
        replace(terms, weight=float(weight)) for terms, weight in zip(problem.views, weights, strict=True)))


def agree(observations: Sequence[Observation], opinions: Sequence[Opinion], errors: np.ndarray, listener: Listener,
          same_way: np.ndarray, config: FitConfig) -> Agreement:
    """Compare N >= 2 photos. `errors` (N,): how badly each fits alone, as `view_errors`; `same_way` (N, N) as `sides`
    tells it.
    """
    limits = config.limits
    count, names = len(observations), [observation.name for observation in observations]
    sound = errors <= max(limits.wild, limits.wilder * float(np.median(errors)))
    said = [f"{names[index]} was left out: its landmarks lie like those of no face."
            for index in np.flatnonzero(~sound)]
    turned = [listener.mirrored(opinion) for opinion in opinions]
    groups = _groups([int(index) for index in np.flatnonzero(sound)], opinions, turned, limits.strangers)
    most = max(len(group) for group in groups)
    largest = [group for group in groups if len(group) == most]
    chosen = min(largest, key=lambda group: (float(np.mean(errors[group])), names[group[0]]))
    kept = np.zeros(count, bool)
    kept[chosen] = True
    if len(groups) > 1:
        said += _strangers(names, groups, largest, chosen)
        if most == 1 and len(groups) == 2:  # two photos: nobody knows who is meant
            kept[sound] = True
    mirrored, doubt = _mirrored(observations, np.flatnonzero(kept).tolist() if most > 1 else [], opinions, turned,
                                same_way, limits.mirror)
    said += [f"{names[index]} is the mirror image of the other photos, as some phones save selfies; it was turned "
             f"round{doubt}." for index in np.flatnonzero(mirrored)]
    return Agreement(kept, mirrored, tuple(said))


def _strangers(names: Sequence[str], groups: Sequence[list[int]], largest: Sequence[list[int]],
               chosen: list[int]) -> list[str]:
    if sum(len(group) for group in groups) == 2:
        one, other = sorted(names[group[0]] for group in groups)
        return [f"{one} and {other} may show different people: their faces differ by more than photos of one person "
                "do. The head is a mixture of both."]
    others = sorted(names[index] for group in groups if group is not chosen for index in group)
    if len(largest) > 1:
        return [f"The photos seem to show different people; {_list(sorted(names[index] for index in chosen))} "
                f"{'was' if len(chosen) == 1 else 'were'} used, not {_list(others, 'or')}."]
    return [f"{name} was left out: it seems to show another person than the other photos." for name in others]


def _groups(members: Sequence[int], opinions: Sequence[Opinion], turned: Sequence[Opinion],
            limit: float) -> list[list[int]]:
    """Members joined, the likeliest first, while two groups more likely show one person than two.

    Of a photo, the side that suits the group is taken, so that a mirrored one is no stranger.
    """
    groups = [([member], opinions[member], turned[member]) for member in members]
    scores = {(a, b): _best(groups[a], groups[b]) for a in range(len(groups)) for b in range(a)}
    alive = set(range(len(groups)))
    while len(alive) > 1:
        (a, b), (gain, flip) = max(scores.items(), key=lambda item: item[1][0])
        if gain < limit:
            break
        (first, straight, back), (second, plain, flipped) = groups[a], groups[b]
        if flip:
            plain, flipped = flipped, plain
        groups.append((first + second, straight + plain, back + flipped))
        alive -= {a, b}
        scores = {pair: score for pair, score in scores.items() if not {a, b} & set(pair)}
        new = len(groups) - 1
        scores.update({(new, other): _best(groups[new], groups[other]) for other in alive})
        alive.add(new)
    return [sorted(groups[index][0]) for index in sorted(alive)]


def _best(one: tuple[list[int], Opinion, Opinion], other: tuple[list[int], Opinion, Opinion]) -> tuple[float, bool]:
    straight, across = together(one[1], other[1]), together(one[1], other[2])
    return max(straight, across), across > straight


def _mirrored(observations: Sequence[Observation], group: Sequence[int], opinions: Sequence[Opinion],
              turned: Sequence[Opinion], same_way: np.ndarray, limit: float) -> tuple[np.ndarray, str]:
    """(N,) which of the `group` are to be turned round, and a doubt where it could as well be the others."""
    flips = np.zeros(len(observations), bool)
    while len(group) > 1:
        gains = {}
        for index in group:
            rest = [turned[other] if flips[other] else opinions[other] for other in group if other != index]
            sum_of_rest = rest[0]
            for opinion in rest[1:]:
                sum_of_rest = sum_of_rest + opinion
            now, then = (opinions, turned) if not flips[index] else (turned, opinions)
            gains[index] = together(sum_of_rest, then[index]) - together(sum_of_rest, now[index])
            gains[index] -= sum(same_way[index, other] * (1 if flips[index] == flips[other] else -1)
                                for other in group if other != index)
        best = max(gains, key=lambda index: (gains[index], observations[index].name))
        if gains[best] < limit:
            break
        flips[best] = not flips[best]
    most = 2 * int(flips.sum())
    if most < len(group) or not flips.any():
        return flips, ""
    if most == len(group):  # as many this way as that: phones mirror selfies, which are taken from near
        near = [index for index in group if flips[index]], [index for index in group if not flips[index]]
        size = [np.mean([np.ptp(observations[index].landmarks[:, 0]) / observations[index].focal.pixels
                         for index in side]) for side in near]
        if size[0] < size[1]:
            flips[list(group)] = ~flips[list(group)]
        return flips, " (or the other side is mirrored; nothing tells which)"
    flips[list(group)] = ~flips[list(group)]
    return flips, ""


def _list(names: Sequence[str], word: str = "and") -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"
