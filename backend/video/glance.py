"""A first look at a film before a job: its beginning, read quickly, and what can already be said of it.

The whole film gets its verdict when it is tracked; what needs all of it (turns, cuts, its length) is not said here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.core.progress import Progress, silent
from backend.errors import InputError
from backend.tracking.landmarker import FrameLandmarker
from backend.video.stream import Frame, Video
from backend.video.verdict import Watch, sharpness_of

SECONDS, LOOKS = 6.0, 24
"""How much of the beginning is read, and how many frames of it are looked at."""
SIDE = 960  # pixels of the long side at which they are
SEEN = ("hdr", "people", "lost", "cropped", "black", "blur", "light")
"""Findings that a film's beginning is enough for."""


@dataclass(frozen=True)
class Glance:
    """What was seen."""

    image: np.ndarray  # (H, W, 3) uint8 sRGB: the sharpest frame with a face
    landmarks: np.ndarray  # (478, 2) pixels of it
    findings: list[tuple[str, str]]  # severity and sentence


def glance(path: Path, progress: Progress = silent) -> Glance:
    """Look at a film. Raises InputError for what is none, and for one whose beginning shows no face."""
    best: tuple[float, Frame, np.ndarray] | None = None
    heard, turns = list[float](), list[np.ndarray | None]()
    with Video(path, SIDE) as video, FrameLandmarker() as landmarker:
        watch = Watch.of(video.film)
        last = round(SECONDS * video.film.rate)
        stride = max(1, min(last, video.film.frames or last) // LOOKS)
        for frame in video:
            if frame.index >= last:
                break
            if frame.index % stride:
                continue
            seen = landmarker.see(frame.image)
            watch.add(frame, seen)
            heard.append(0.0 if seen is None else 1.0)
            turns.append(None if seen is None else seen.head_matrix[:3, :3].astype(np.float64))
            if seen is not None:
                sharp = sharpness_of(frame.image, seen.landmarks[:, :2])
                if best is None or sharp > best[0]:
                    best = sharp, Frame(frame.index, frame.time, frame.image.copy()), seen.landmarks[:, :2]
            progress(min(1.0, frame.index / max(last, 1)), "Looking at the video")
    if best is None:
        raise InputError(f"No face was found in the first seconds of {path.name}.",
                         "Record one person who looks at the camera, with the whole head in the picture.")
    told = watch.report(heard, turns, False)["findings"]
    return Glance(best[1].image, best[2], [(item["severity"], item["text"]) for item in told if item["kind"] in SEEN])
