"""The landmarker on consecutive frames: it looks for the next face where it saw the last.

It is MediaPipe's video mode for one face, but without that mode's own smoothing, which lags (a blink comes late and
half): the filter goes by time stamps, and frames that are hours apart are not smoothed. Time stamps handed to it are
therefore none of the film's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.assets import asset_path
from backend.capture.mediapipe_models import LANDMARKER, _make, library

APART_MS = 10_000_000
"""Milliseconds between two frames, as the landmarker is told."""


@dataclass(frozen=True)
class Seen:
    """One face in one frame, as the landmarker tells it."""

    landmarks: np.ndarray  # (478, 3) float64 pixels; z in pixels too, towards the camera negative
    scores: np.ndarray  # (52,) float64 0..1, order of ARKIT_NAMES; tongueOut is 0
    head_matrix: np.ndarray  # (4, 4) float64 canonical face (cm) to a camera of 63 degrees (y up, z backward)


class FrameLandmarker:
    """One face through consecutive frames. Made for one clip, closed after it (a context manager)."""

    def __init__(self) -> None:
        tasks = library().tasks
        vision = tasks.vision
        options = vision.FaceLandmarkerOptions(
            base_options=tasks.BaseOptions(model_asset_path=str(asset_path(LANDMARKER))), num_faces=1,
            running_mode=vision.RunningMode.VIDEO, output_face_blendshapes=True,
            output_facial_transformation_matrixes=True)
        use: Callable = lambda model, image: model.detect_for_video(image, 0)  # noqa: E731
        self._model = _make(lambda: vision.FaceLandmarker.create_from_options(options), use, LANDMARKER)
        self._frames = 0

    def see(self, frame_srgb: np.ndarray) -> Seen | None:
        """The face in (H, W, 3) uint8 sRGB; None when there is none."""
        mediapipe = library()
        self._frames += 1
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(frame_srgb))
        answer = self._model.detect_for_video(image, self._frames * APART_MS)
        if not answer.face_landmarks:
            return None
        height, width = frame_srgb.shape[:2]
        points = np.array([(point.x, point.y, point.z) for point in answer.face_landmarks[0]], np.float64)
        by_name = {score.category_name: score.score for score in answer.face_blendshapes[0]}
        scores = np.array([by_name.get(name, 0.0) for name in ARKIT_NAMES], np.float64)
        return Seen(points * [width, height, width], np.clip(scores, 0, 1),
                    np.array(answer.facial_transformation_matrixes[0], np.float64))

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def __enter__(self) -> FrameLandmarker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
