"""Wrinkles told by a film: its frames that show a face being made, held against its calm ones.

The film is read once more, as far as the last frame that is wanted. Groups of wrinkles that it never shows, and places
that it does not see, keep what they had; `Wrinkles.told` says how much of each is the film's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from backend.capture.mask import segment_photo
from backend.capture.observation import Focal, Observation
from backend.core.colour import srgb_to_linear
from backend.core.progress import Progress, part, silent
from backend.core.threads import side_by_side
from backend.fit.headfit import HeadFit
from backend.head.adapt import adapted_deltas
from backend.head.deform import HeadTensors, posed_vertices
from backend.head.model import HeadModel
from backend.reflectance.filters import step
from backend.tracking.actor import Actor
from backend.tracking.film import TrackedFilm
from backend.tracking.landmarker import FrameLandmarker
from backend.unwrap.surface import reduce
from backend.video.keyframes import SIDE
from backend.video.stream import Video
from backend.wrinkles.bared import GRID, Bared, bared
from backend.wrinkles.blood import blood_of
from backend.wrinkles.groups import GROUPS, LINES, MAPS
from backend.wrinkles.maps import RANGE, SIDE_BLEND, Wrinkles, large, shares
from backend.wrinkles.moments import SHOWN, Moments, moments_of
from backend.wrinkles.places import Place
from backend.wrinkles.solve import Part, detail, edges, solved

TELL = 10
"""Frames between two words of progress."""
KNOWN = 0.45
"""Share of a group's heights that the film must have told for it to count as seen: in a rendered film at 720p, on the
head that was fitted to it, groups below that were told worse than guessed, or no better."""


@dataclass(frozen=True)
class Look:
    """One frame and what is known of it."""

    observation: Observation
    intrinsics: np.ndarray  # (3, 3) of its pixels
    world_to_camera: np.ndarray  # (4, 4) of the head's rest space
    posed: np.ndarray  # (V, 3) metres
    amounts: np.ndarray  # (G, 2) weight of each group, left and right
    calm: bool


def filmed_wrinkles(film: Path, tracked: TrackedFilm, actor: Actor, fit: HeadFit, albedo: np.ndarray, prior: Wrinkles,
                    progress: Progress = silent) -> Wrinkles:
    """The `prior` with what the film at `film` shows of them; `albedo` (R, R, 3) linear, the skin as it is known.

    Raises InputError when the film cannot be read again; passes Cancelled on.
    """
    moments = moments_of(tracked.clip)
    if not moments.calm.any() or moments.calm.all():
        return prior
    looks = _looks(film, tracked, actor, moments, part(progress, 0.0, 0.5))
    return told_by(looks, fit, actor.head, albedo, prior, part(progress, 0.5, 1.0))


def told_by(looks: Sequence[Look], fit: HeadFit, head: HeadModel, albedo: np.ndarray, prior: Wrinkles,
            progress: Progress = silent) -> Wrinkles:
    """The same from frames at hand."""
    calm, making = ([look for look in looks if look.calm is wanted] for wanted in (True, False))
    if not calm or not making:
        return prior
    size = len(prior.maps[MAPS[0]])
    small = reduce(albedo, min(GRID, len(albedo))) if len(albedo) > GRID else albedo
    if len(small) != GRID:
        small = np.repeat(np.repeat(small, GRID // len(small), 0), GRID // len(small), 1)
    progress(0.0, "Looking at folds")
    first, reference = bared(calm[0].observation, _alone(fit, calm[0]), head, small, size, None)
    frames = [first, *side_by_side(
        lambda look: bared(look.observation, _alone(fit, look), head, small, size, reference)[0], [*calm[1:], *making],
        lambda done: progress(0.7 * done / len(looks), "Looking at folds"))]
    rest, known = _mean(frames[:len(calm)])
    frames = frames[len(calm):]
    amounts = np.clip(np.stack([look.amounts for look in making])
                      - np.mean([look.amounts for look in calm], 0), 0, 1)  # (F, G, 2)
    place = Place.of(head, fit.neutral)
    texel = large(np.sqrt(np.linalg.norm(place.axes[0], axis=-1) * np.linalg.norm(place.axes[1], axis=-1)), size, 1e9)
    texel = np.maximum(texel * len(place.position) / size, 5e-5).astype(np.float32)
    across = (np.arange(size, dtype=np.float32) + 0.5) / size
    left = np.broadcast_to(step(across, 0.5 - SIDE_BLEND, 0.5 + SIDE_BLEND), (size, size)).astype(np.float32)
    progress(0.7, "Solving for folds")
    edge = edges(rest, known)
    changes, sures = zip(*(detail(frame, rest.mean(-1), known, edge) for frame in frames), strict=True)
    parts = _parts(place, head, fit.neutral, prior, amounts, size)
    answers = solved(parts, frames, changes, sures, texel, left)
    maps = {name: picture.copy() for name, picture in prior.maps.items()}
    told = {}
    for group, answer, one in zip(GROUPS, answers, parts, strict=True):
        told[group.name] = round(answer.told, 3) if one.free and answer.told > KNOWN else 0.0
        if told[group.name]:
            maps[group.map][..., group.channel] = np.clip(answer.height, -RANGE / 2, RANGE / 2)
    progress(0.95, "Looking at blushes")
    blood = blood_of(frames, rest, known, amounts, [replace(one, free=bool(told[group.name]))
                                                    for group, one in zip(GROUPS, parts, strict=True)])
    return replace(prior, maps=maps, told=told, blood=blood if any(told.values()) else {})


def _looks(film: Path, tracked: TrackedFilm, actor: Actor, moments: Moments, progress: Progress) -> list[Look]:
    """Read the frames that are wanted."""
    head = actor.head
    deltas, correctives = adapted_deltas(head, actor.vertices)
    own = replace(head, arkit_deltas=deltas, expression_basis=deltas, corrective_deltas=correctives)
    tensors = HeadTensors.of(own)
    neutral = torch.as_tensor(actor.vertices.astype(np.float32))
    wanted = {int(frame): number for number, frame in enumerate(moments.frames)}
    eyes = actor.pose(tracked.clip.arkit[moments.frames])
    eyes[:, head.joint("jaw")] = 0  # Apple's jawOpen turns the jaw already
    found = []
    with Video(film, SIDE) as video, FrameLandmarker() as landmarker:
        for frame in video:
            number = wanted.get(frame.index)
            if frame.index % TELL == 0:
                progress(frame.index / (int(moments.frames[-1]) + 1), "Reading the faces that are made")
            if number is None:
                continue
            seen = landmarker.see(frame.image)
            if seen is None:
                continue  # a frame less
            image = srgb_to_linear(frame.image.astype(np.float32) / 255)
            marks = seen.landmarks.astype(np.float32)
            observation = Observation(f"{film.name} at {frame.time:.2f} s", "", image, marks,
                                      seen.scores.astype(np.float32), seen.head_matrix,
                                      segment_photo(image, marks), Focal(tracked.focal, 0.1, "assumed"), ())
            width, height = tracked.size
            scale = image.shape[1] / width
            k = np.array([[tracked.focal * scale, 0, width * scale / 2], [0, tracked.focal * scale, height * scale / 2],
                          [0, 0, 1]])
            weights = torch.as_tensor(tracked.clip.arkit[frame.index])
            posed = posed_vertices(tensors, neutral, weights,
                                   torch.as_tensor(eyes[number], dtype=torch.float32)).numpy()
            found.append(Look(observation, k, tracked.raw[frame.index], posed, moments.amounts[number],
                              bool(moments.calm[number])))
            if len(found) == len(wanted) or frame.index >= moments.frames[-1]:
                break
    return found


def _alone(fit: HeadFit, look: Look) -> HeadFit:
    """A fit of this frame alone, as far as unwrapping asks."""
    return replace(fit, posed=look.posed[None], intrinsics=look.intrinsics[None],
                   world_to_camera=look.world_to_camera[None],
                   image_size=np.array([look.observation.size]))


def _mean(calm: Sequence[Bared]) -> tuple[np.ndarray, np.ndarray]:
    """(R, R, 3) log colour of the calm skin, and its weight (R, R)."""
    weight = np.stack([frame.weight for frame in calm])
    total = np.maximum(weight.sum(0), 1e-6)
    log = sum(frame.log * one[..., None] for frame, one in zip(calm, weight, strict=True)) / total[..., None]
    return log.astype(np.float32), weight.max(0)


def _parts(place: Place, head: HeadModel, neutral: np.ndarray, prior: Wrinkles, amounts: np.ndarray,
           size: int) -> list[Part]:
    shared = shares(place, head, neutral)
    regions = {name: place.region(name) for name in LINES}
    parts = []
    for index, group in enumerate(GROUPS):
        where = regions[group.lines]
        if group.name in shared:
            where = where * shared[group.name]
        shown = amounts[:, index].mean(-1)
        parts.append(Part(large(where, size), group.depth, prior.maps[group.map][..., group.channel],
                          amounts[:, index], bool((shown > 0.8 * SHOWN).any())))
    return parts
