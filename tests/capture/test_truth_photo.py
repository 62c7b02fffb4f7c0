"""Capture of the rendered people against what is known of them: camera, landmarks, and what every pixel shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from backend.capture import Observation, observe
from backend.capture.observation import MASK_CLASSES
from backend.capture.quality import angles
from backend.core.colour import linear_to_srgb
from backend.training.render.scene import CLOTHES, SKIN

if TYPE_CHECKING:
    from backend.training.render.sample import TruthSample


@pytest.fixture(scope="module", params=["truth_sample", "dark_truth_sample"])
def pair(request, tmp_path_factory) -> tuple[TruthSample, Observation]:
    sample = request.getfixturevalue(request.param)
    path = tmp_path_factory.mktemp("truth") / sample.name
    path.write_bytes(sample.file)
    return sample, observe(path)


def test_pixels_are_those_of_the_file(pair):
    sample, observation = pair
    assert np.abs(linear_to_srgb(observation.image) * 255 - sample.photo_srgb).max() < 0.01


def test_landmarks_lie_on_the_head_that_was_rendered(pair):
    """Mean over all placed landmarks; much of the rest is that the head's own embedding is not exact either."""
    sample, observation = pair
    placed = np.isfinite(sample.landmarks).all(1)
    away = observation.landmarks[placed, :2] - sample.landmarks[placed]
    interocular = np.linalg.norm(sample.landmarks[473] - sample.landmarks[468])
    assert np.linalg.norm(away, axis=1).mean() < 0.04 * interocular
    assert np.abs(away.mean(0)).max() < 0.015 * interocular


def test_the_head_is_turned_as_the_camera_stood(pair):
    """Degrees, from the camera's place about the middle of the face. The landmarker's pitch is a matter of taste."""
    sample, observation = pair
    camera = -sample.world_to_camera[:3, :3].T @ sample.world_to_camera[:3, 3]
    x, y, z = camera - np.nanmean(sample.landmark_points, 0)
    yaw, pitch = angles(observation.head_matrix)
    assert yaw == pytest.approx(-np.degrees(np.arctan2(x, -y)), abs=3)
    assert pitch == pytest.approx(-np.degrees(np.arctan2(z, np.hypot(x, y))), abs=8)


def test_the_mask_tells_skin_from_cloth_and_wall(pair):
    sample, observation = pair
    share = observation.mask / 255
    skin = share[..., MASK_CLASSES.index("face_skin")] + share[..., MASK_CLASSES.index("body_skin")]
    bare = (sample.material == SKIN) & (sample.hair_seen < 0.2)
    wall = sample.material == -1
    assert skin[bare].mean() > 0.95
    assert skin[wall].mean() < 0.03
    assert share[wall][:, MASK_CLASSES.index("background")].mean() > 0.95
    assert share[sample.material == CLOTHES][:, MASK_CLASSES.index("clothes")].mean() > 0.85


def test_a_rest_face_has_small_scores(pair):
    """Both people look straight ahead with a closed mouth."""
    _, observation = pair
    assert np.isfinite(observation.blendshapes).all()
    assert np.median(observation.blendshapes) < 0.02


def test_only_what_is_wrong_is_complained_of(pair):
    """Mira stands beside a window, Kofi in a studio: nothing but Mira's light may be called a fault."""
    _, observation = pair
    assert {finding.kind for finding in observation.findings} <= {"hard_light"}
