"""A film as a stream of frames with their own times: never more than one of them in memory.

Decoding is FFmpeg's, as OpenCV brings it. Frames come upright (the file's rotation tag is obeyed), as 8-bit sRGB, at
most `most` pixels on the long side. Times are the film's own: where they are missing or do not rise, the frame rate
tells them. Colours are brought to a screen's by FFmpeg (swscale 9, which OpenCV 5 has), as the file's tags say: matrix,
primaries and, of HDR films (PQ, HLG), the curve; what is brighter than diffuse white is clipped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from backend.errors import InputError
from backend.video.container import CONVERT, Container, look, readable_path

MOST_PIXELS = 45_000_000
"""Of a frame: 8K has 33 million. What claims more is refused before memory is taken."""
WAIT_MS = 10_000
"""So long a decoder may take over one frame: it searches for the next one through whatever follows the last."""
RATES = (1.0, 1000.0)
"""Frames a second that are believed of a file's header; 30 otherwise."""
EARLY = 0.9
"""A film that ends before this share of the frames it promised has ended early."""


@dataclass(frozen=True)
class Film:
    """What a film's header says."""

    name: str  # the file's own name
    bytes: int
    width: int  # upright, as it is stored
    height: int
    frames: int  # promised; 0 when nothing is
    rate: float  # frames a second, nominal
    hdr: str  # "PQ", "HLG" or empty

    @property
    def seconds(self) -> float:
        """How long it is said to last; 0 when nothing is said."""
        return self.frames / self.rate


@dataclass(frozen=True)
class Frame:
    """One picture of a film."""

    index: int
    time: float  # seconds, rising
    image: np.ndarray  # (H, W, 3) uint8 sRGB


class Video:
    """An open film. A context manager; iterate it once. Raises InputError, naming the file, for what is no film."""

    def __init__(self, path: Path, most: int = 1280) -> None:
        self._container: Container = look(path)
        self._most = most
        self.read = 0
        name = self._container.name
        try:
            self._capture = cv2.VideoCapture(readable_path(path), cv2.CAP_FFMPEG, [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, WAIT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, WAIT_MS])
        except cv2.error as error:
            raise _damaged(name) from error
        if not self._capture.isOpened():
            raise _damaged(name)
        width, height = (int(self._capture.get(key)) for key in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if width < 1 or height < 1:
            self.close()
            raise InputError(f"{name} holds no picture, only sound or nothing.", "Choose a video of a face.")
        if width * height > MOST_PIXELS:
            self.close()
            raise InputError(f"{name} claims pictures of {width} by {height} pixels, more than is read.",
                             "Save it at 4K or less.")
        rate = float(self._capture.get(cv2.CAP_PROP_FPS))
        rate = rate if math.isfinite(rate) and RATES[0] <= rate <= RATES[1] else 30.0
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        frames = int(count) if math.isfinite(count) and 0 < count < 1e9 else 0
        self.film = Film(name, self._container.bytes, width, height, frames, rate, self._container.hdr)

    @property
    def ended_early(self) -> bool:
        """Whether the film, read to its end, held far fewer frames than it promised."""
        return self.film.frames > 10 and self.read < EARLY * self.film.frames

    def __iter__(self) -> Iterator[Frame]:
        last, step = -math.inf, 1 / self.film.rate
        while True:
            try:
                found, image = self._capture.read()
            except cv2.error:  # a frame of another size than it says, say: the film ends here
                found, image = False, None
            if not found or image is None or image.ndim != 3 or image.shape[0] * image.shape[1] > MOST_PIXELS:
                break
            time = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if not math.isfinite(time) or time <= last or time > last + 3600 > 0:
                time = last + step if math.isfinite(last) else 0.0
            last = time
            image = cv2.cvtColor(self._smaller(image), cv2.COLOR_BGR2RGB)
            self.read += 1
            yield Frame(self.read - 1, time, image)
        if self.read == 0:
            raise InputError(f"{self.film.name} shows no picture that can be decoded.", CONVERT)

    def _smaller(self, image: np.ndarray) -> np.ndarray:
        share = self._most / max(image.shape[:2])
        if share >= 1:
            return image
        size = (max(1, round(image.shape[1] * share)), max(1, round(image.shape[0] * share)))
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    def close(self) -> None:
        """Let the file go."""
        self._capture.release()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def _damaged(name: str) -> InputError:
    return InputError(f"{name} is damaged, was only partly copied, or is coded in a way that is not read.", CONVERT)
