"""What one photo or frame tells: the type that capture hands to fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MASK_CLASSES = ("background", "hair", "body_skin", "face_skin", "clothes", "accessories")
"""Channels of `Observation.mask`, MediaPipe's selfie multiclass order."""


@dataclass(frozen=True)
class Finding:
    """One sentence of the quality verdict."""

    kind: str  # "small", "blurred", "overexposed", "turned", "covered", "several_faces", ...
    severity: str  # "note", "warning"; what is worse is refused with InputError
    text: str  # a sentence for a person


@dataclass(frozen=True)
class Focal:
    """What is known of the focal length."""

    pixels: float  # in pixels of `Observation.image`
    sigma: float  # relative standard deviation, 0.03 from EXIF, about 0.35 when assumed
    source: str  # "exif" or "assumed"
    device: str = ""  # the camera and lens, as the file names them; empty when it names none
    zoom: float = 1.0  # what `pixels` is proportional to among photos of one device, in any unit
    zoom_sigma: float = 0.0  # relative; a file that was cropped or edited is less sure


@dataclass(frozen=True)
class Observation:
    """One face in one image. Pixels: x right, y down, centres at +0.5, of the upright `image`."""

    name: str  # the file's own name, no folder
    sha256: str
    image: np.ndarray  # (H, W, 3) float32 linear Rec.709, 0..1
    landmarks: np.ndarray  # (478, 3) float32 pixels; z in pixels too, towards the camera negative
    blendshapes: np.ndarray  # (52,) float32 0..1, order of `arkit.ARKIT_NAMES`
    head_matrix: np.ndarray  # (4, 4) float64, the landmarker's: canonical face (cm) to camera (y up, z backward);
    # that camera is MediaPipe's: 63 degrees high, axis through the image's middle, whatever `focal` says
    mask: np.ndarray  # (H, W, 6) uint8, probability * 255 of `MASK_CLASSES`
    focal: Focal
    findings: tuple[Finding, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) pixels."""
        return self.image.shape[1], self.image.shape[0]
