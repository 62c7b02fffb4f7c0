"""Where the fit's seconds go: timed by the messages that it shows a person anyway."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from backend.capture.exif import assumed_focal
from backend.capture.landmarks import detect_faces
from backend.capture.mask import segment_photo
from backend.capture.observation import Observation
from backend.core.threads import side_by_side
from backend.errors import InputError
from backend.fit import fit_head
from backend.head.model import HeadModel
from benchmarks.fit_cache import Photographed
from benchmarks.fit_people import FRONT, LEFT, RIGHT

MEGAPIXELS, MOST_MEGAPIXELS = 12, 100
MOST_PHOTOS = 20
PROCESSOR = "the same in seconds of one core"
OWN_LOAD = 2.0  # what this benchmark itself leaves in the average of the last minute
FINDING, MASKS = "Finding the face", "Separating skin, hair and clothes"
READING = "both, several photos at once"


@dataclass
class Clock:
    """A `Progress` that notes how long every message stood."""

    names: Sequence[str] = ()  # of photos, which messages may mention
    now: Callable[[], float] = time.perf_counter
    seconds: dict[str, float] = field(default_factory=dict)
    _text: str = ""
    _since: float = 0.0

    def __call__(self, fraction: float, text: str) -> None:
        """The next stage begins; no text ends the last one."""
        moment = self.now()
        if self._text:
            self.seconds[self._text] = self.seconds.get(self._text, 0.0) + moment - self._since
        for name in self.names:
            text = text.replace(name, "a photo")
        self._text, self._since = text, moment


def observed(name: str, image: np.ndarray, clock: Clock) -> Observation:
    """What capture makes of a decoded picture (H, W, 3) that has no EXIF."""
    clock(0.0, FINDING)
    faces = detect_faces(image)
    if not faces:
        raise InputError(f"No face was found in {name}.", "Draw other people.")
    clock(0.0, MASKS)
    face, size = faces[0], (image.shape[1], image.shape[0])
    mask = segment_photo(image, face.landmarks)
    clock(0.0, "")
    return Observation(name, "", image, face.landmarks, np.clip(face.blendshapes, 0, 1), face.head_matrix, mask,
                       assumed_focal(size, face.interocular), ())


def timed(head: HeadModel, images: list[np.ndarray]) -> dict[str, float]:
    """Seconds by stage from decoded pictures to a head, and under `PROCESSOR` what all cores worked for it."""
    names = [f"photo_{number}.jpg" for number in range(len(images))]
    clock, worked = Clock(names), time.process_time()
    if len(images) > 1:  # the pipeline reads several at once
        clock(0.0, READING)
        observations = side_by_side(lambda index: observed(names[index], images[index], Clock()), range(len(images)))
    else:
        observations = [observed(names[0], images[0], clock)]
    fit_head(observations, head, progress=clock)
    clock(1.0, "")
    return {**clock.seconds, PROCESSOR: time.process_time() - worked}


def stage_table(head: HeadModel, people: list[Photographed]) -> str:
    """Markdown: seconds of every stage, one photo and three, as they are and enlarged to `MEGAPIXELS`, and the most.

    Of all people the least: what disturbs a clock only ever adds.
    """
    columns: dict[str, list[dict[str, float]]] = {}
    shown = [[image for image in (_image(person, index) for index in (FRONT, LEFT, RIGHT)) if image is not None]
             for person in people]
    everything = [[seen.image for seen in person.observations if seen] for person in people]
    everything = [every for every, images in zip(everything, shown, strict=True) if len(images) == 3]
    shown = [images for images in shown if len(images) == 3]
    if not shown:
        return "No person with three readable photos to time."
    timed(head, shown[0][:1])  # loads models, fills caches
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    for images, every in zip(shown, everything, strict=True):
        side = images[0].shape[0]
        for count, word in ((1, "one photo"), (3, "three photos")):
            columns.setdefault(f"{word} of {side} x {side}", []).append(timed(head, images[:count]))
            large = [_enlarged(image, MEGAPIXELS) for image in images[:count]]
            columns.setdefault(f"{word} of {MEGAPIXELS} megapixels", []).append(timed(head, large))
        columns.setdefault(f"one photo of {MOST_MEGAPIXELS} megapixels", []).append(
            timed(head, [_enlarged(images[0], MOST_MEGAPIXELS)]))
        columns.setdefault(f"{MOST_PHOTOS} photos of {side} x {side}", []).append(timed(head, _many(every)))
    return table(columns, len(shown), busy)


def table(columns: dict[str, list[dict[str, float]]], people: int, busy: float) -> str:
    """Markdown of what `timed` gave, by column; `busy` programs wanted a core before the clock started."""
    stages = [stage for stage in dict.fromkeys(stage for runs in columns.values() for run in runs for stage in run)
              if stage != PROCESSOR]
    lines = [f"| seconds, the least of {people} people | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]

    def row(name: str, seconds: Callable[[dict[str, float]], float], mark: str = "") -> None:
        cells = [f"{mark}{min(map(seconds, runs)):.2f}{mark}" for runs in columns.values()]
        lines.append(f"| {mark}{name}{mark} | {' | '.join(cells)} |")

    for stage in stages:
        row(stage, lambda run, stage=stage: run.get(stage, 0.0))  # type: ignore[misc]
    row("from decoded photo to head", lambda run: sum(run.get(stage, 0.0) for stage in stages), "**")
    row(PROCESSOR, lambda run: run[PROCESSOR])
    if busy > 1 + OWN_LOAD:
        lines += ["", f"Other programs kept {busy:.0f} cores' worth of work waiting meanwhile: read the last row."]
    return "\n".join(lines)


def _image(person: Photographed, index: int) -> np.ndarray | None:
    found = person.observations[index]
    return None if found is None else found.image


def _many(images: list[np.ndarray]) -> list[np.ndarray]:
    """`MOST_PHOTOS` pictures: the same again and again, each time exposed a little less."""
    return [images[number % len(images)] * np.float32(0.93 ** (number // len(images))) for number in range(MOST_PHOTOS)]


def _enlarged(image: np.ndarray, megapixels: int) -> np.ndarray:
    side = round((megapixels * 1e6) ** 0.5)
    return np.clip(cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC), 0, 1)
