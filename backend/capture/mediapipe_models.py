"""The two MediaPipe models as plain functions of pixels: one landmarker and at most two segmenters live per process,
made at first use. Each uses one core.

What is asked of them, and what their answers mean for a photo, is in `landmarks` and `mask`.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.assets import asset_path
from backend.errors import ModelError

LANDMARKER = "mediapipe/face_landmarker.task"
SEGMENTER = "mediapipe/selfie_multiclass_256x256.tflite"
SEGMENTER_SIDE = 256
"""Pixels: the segmenter sees no more than this of any picture."""
MAX_FACES = 5
VERTICAL_FOV = math.radians(63)
"""The camera that MediaPipe's face geometry assumes (face_geometry_from_landmarks, environment.proto)."""

_lock = threading.Lock()
_making = threading.Lock()
_made: list[Any] = []
_segmenter_locks = (threading.Lock(), threading.Lock())


@dataclass(frozen=True)
class RawFace:
    """One face as the landmarker tells it of one picture."""

    landmarks: np.ndarray  # (478, 3) float64 pixels of that picture; z in pixels too, towards the camera negative
    blendshapes: np.ndarray  # (52,) float64, order of ARKIT_NAMES; tongueOut, which it does not know, is 0
    head_matrix: np.ndarray  # (4, 4) float64 canonical face (cm) to camera (y up, z backward)


def find_faces(picture_srgb: np.ndarray) -> list[RawFace]:
    """All faces, at most MAX_FACES, that the landmarker finds in (H, W, 3) uint8 sRGB."""
    mediapipe = library()
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture_srgb))
    with _lock:
        answer = _landmarker().detect(image)
    height, width = picture_srgb.shape[:2]
    faces = []
    for points, scores, matrix in zip(answer.face_landmarks, answer.face_blendshapes,
                                      answer.facial_transformation_matrixes, strict=True):
        landmarks = np.array([(p.x * width, p.y * height, p.z * width) for p in points], np.float64)
        by_name = {score.category_name: score.score for score in scores}
        blendshapes = np.array([by_name.get(name, 0.0) for name in ARKIT_NAMES], np.float64)
        faces.append(RawFace(landmarks, blendshapes, np.array(matrix, np.float64)))
    return faces


def segment(picture_srgb: np.ndarray) -> np.ndarray:
    """Probabilities (256, 256, 6) float32 of `observation.MASK_CLASSES` for (256, 256, 3) uint8 sRGB."""
    mediapipe = library()
    image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture_srgb))
    first, second = _segmenter_locks
    number = 0 if first.acquire(blocking=False) else 1
    if number:
        second.acquire()
    try:
        answer = _segmenter(number).segment(image)
    finally:
        _segmenter_locks[number].release()
    return np.stack([mask.numpy_view()[..., 0] for mask in answer.confidence_masks], -1)


def close_models() -> None:
    """Free all models; the next use makes them again. Runs by itself at exit."""
    with _lock, _segmenter_locks[0], _segmenter_locks[1]:
        for model in _made:
            model.close()
        _made.clear()
        _landmarker.cache_clear()
        _segmenter.cache_clear()


@cache
def library() -> Any:
    """MediaPipe, imported on a thread of its own.

    Its part for sound keeps the error of a missing PortAudio, the error its traceback, and that every frame below the
    import: a process that imported it while it read its first photo kept that photo for as long as it lived.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="import") as alone:
        return alone.submit(importlib.import_module, "mediapipe").result()


@cache
def _landmarker():  # MediaPipe's type; importing it here would cost every user of this file a second
    tasks = library().tasks
    vision = tasks.vision
    options = vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(asset_path(LANDMARKER))), num_faces=MAX_FACES,
        output_face_blendshapes=True, output_facial_transformation_matrixes=True)
    return _make(lambda: vision.FaceLandmarker.create_from_options(options), lambda model, image: model.detect(image),
                 LANDMARKER)


@cache
def _segmenter(number: int):  # each is its own
    del number
    tasks = library().tasks
    vision = tasks.vision
    options = vision.ImageSegmenterOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(asset_path(SEGMENTER))),
        output_confidence_masks=True, output_category_mask=False)
    return _make(lambda: vision.ImageSegmenter.create_from_options(options), lambda model, image: model.segment(image),
                 SEGMENTER)


def _make(create: Callable, use: Callable, name: str):
    """Create a model and use it once, so that the lines it prints while starting are printed unseen."""
    mediapipe = library()
    blank = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB,
                            data=np.zeros((SEGMENTER_SIDE, SEGMENTER_SIDE, 3), np.uint8))
    try:
        with _making, _quiet():
            model = create()
            use(model, blank)
    except (RuntimeError, ValueError, OSError) as error:
        reason = f"{error}".partition(";")[0][:200]  # MediaPipe tells its whole graph, and memory may be all it lacks
        raise ModelError(f"The model {name} does not start: {reason}.",
                         "Close other programs; if that does not help, reinstall Likeness.") from error
    # MediaPipe closes a model by a worker thread of its own, and at `atexit` there are no worker threads any more;
    # this hook, which concurrent.futures uses for the same purpose, runs before they go.
    if not _made:
        threading._register_atexit(close_models)  # type: ignore[attr-defined]
    _made.append(model)
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Send what native code writes to stderr elsewhere: MediaPipe has no switch for its start-up lines."""
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError, ValueError):  # no stderr at all, as in a windowed program: nothing to quiet
        yield
        return
    with tempfile.TemporaryFile() as sink:
        os.dup2(sink.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
