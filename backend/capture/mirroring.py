"""The mirror image of an observation: what a selfie saved as seen in the mirror should have been."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.capture.landmark_mirror import mirror_order
from backend.capture.observation import Observation


def mirrored(observation: Observation) -> Observation:
    """Everything about the photo as if it had been taken through a mirror; done twice it changes nothing."""
    landmarks = observation.landmarks[mirror_order()].copy()
    landmarks[:, 0] = observation.size[0] - landmarks[:, 0]
    flip = np.diag([-1.0, 1, 1, 1])
    names = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
    return replace(observation, image=np.ascontiguousarray(observation.image[:, ::-1]), landmarks=landmarks,
                   blendshapes=observation.blendshapes[names], head_matrix=flip @ observation.head_matrix @ flip,
                   mask=np.ascontiguousarray(observation.mask[:, ::-1]))
