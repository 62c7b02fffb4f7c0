"""Where the iris lies in a photo, found beside landmarks that miss it by a pixel or two."""

from dataclasses import replace

import numpy as np
import pytest

from backend.head.eyes import IRIS_RADIUS
from backend.head.model import default_head
from backend.unwrap.eyes import sample_eye
from tests.unwrap.studio import Shot, photograph

LEFT = slice(473, 478)


@pytest.fixture(scope="module")
def shot() -> Shot:
    head = default_head()
    return photograph(head, np.full((64, 64, 3), (0.42, 0.25, 0.18), np.float32), None, pixels=900,
                      iris=(0.06, 0.12, 0.2), sclera=(0.6, 0.5, 0.45))


def moved(shot: Shot, shift: tuple[float, float], growth: float = 1.0):
    """The observation with the left iris' landmarks off by `shift`, in its radii, and larger."""
    landmarks = shot.observation.landmarks.copy()
    centre = landmarks[473, :2].copy()
    radius = np.linalg.norm(landmarks[474, :2] - centre)
    landmarks[LEFT, :2] = centre + growth * (landmarks[LEFT, :2] - centre) + radius * np.array(shift)
    return replace(shot.observation, landmarks=landmarks)


def true_radius(shot: Shot) -> float:
    """Pixels of the left iris' radius as the camera sees it."""
    head = default_head()
    centre = head.joint_regressor[head.joint("eye_left")] @ head.template
    depth = shot.world_to_camera[2, :3] @ centre + shot.world_to_camera[2, 3] - 0.0105
    return float(shot.intrinsics[0, 0] * IRIS_RADIUS / depth)


def test_the_radius_is_that_of_the_iris(shot):
    for side in ("left", "right"):
        assert sample_eye(shot.observation, side).radius == pytest.approx(true_radius(shot), rel=0.06)


@pytest.mark.parametrize("shift", [(0.12, 0.0), (-0.12, 0.0)])
def test_landmarks_that_lie_beside_the_iris_are_led_back(shift, shot):
    straight, led = sample_eye(shot.observation, "left"), sample_eye(moved(shot, shift), "left")
    size = len(led.patch)
    rim = np.hypot(*np.meshgrid(*[(np.arange(size) + 0.5) / size * 2 - 1] * 2))
    lateral = (np.abs(np.mgrid[:size, :size][0] - size / 2) < 0.2 * size) & (led.patch_weight > 0.8)
    # White within the circle of the iris is what a shifted patch would hold on one side.
    white = (led.patch[..., 0] > 0.3) & (rim < 0.93) & lateral
    assert white.mean() < 0.004
    assert led.radius == pytest.approx(straight.radius, rel=0.07)
    np.testing.assert_allclose(led.iris, straight.iris, rtol=0.1)


def test_a_ring_that_is_too_large_is_shrunk(shot):
    assert sample_eye(moved(shot, (0, 0), 1.1), "left").radius == pytest.approx(true_radius(shot), rel=0.07)


def test_an_iris_of_a_few_pixels_is_not_read(shot):
    landmarks = shot.observation.landmarks.copy()
    landmarks[LEFT, :2] = landmarks[473, :2] + 0.08 * (landmarks[LEFT, :2] - landmarks[473, :2])
    nothing = sample_eye(replace(shot.observation, landmarks=landmarks), "left")
    assert np.isnan(nothing.radius)
    assert np.isnan(nothing.iris).all()


def test_an_overexposed_eye_is_white_and_not_its_rim(shot):
    """In hard light the whites of dark faces' eyes clip first; what is left beside them is lid."""
    blown = replace(shot.observation, image=np.minimum(shot.observation.image * 4, 1).astype(np.float32))
    assert np.median(sample_eye(blown, "left").sclera) > 0.95
    assert np.median(sample_eye(shot.observation, "left").sclera) < 0.9
