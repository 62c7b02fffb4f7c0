"""Linear blend skinning against a slow loop written from the paper."""

import numpy as np
import torch

from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices


def rodrigues(axis_angle: np.ndarray) -> np.ndarray:
    angle = np.linalg.norm(axis_angle)
    if angle == 0:
        return np.eye(3)
    x, y, z = axis_angle / angle
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def slow_twin(head, beta, psi, pose):
    """FLAME's equations 1 to 5, one vertex at a time (Li et al. 2017)."""
    shaped = head.template.astype(np.float64) + np.tensordot(beta, head.shape_basis.astype(np.float64), 1)
    joints = head.joint_regressor.astype(np.float64) @ shaped
    expressed = shaped + np.tensordot(psi, head.expression_basis.astype(np.float64), 1)
    for drivers, delta in zip(head.corrective_drivers, head.corrective_deltas.astype(np.float64), strict=True):
        expressed = expressed + delta * np.prod([min(max(psi[driver], 0), 1) for driver in drivers if driver >= 0])
    world = []
    for j, parent in enumerate(head.joint_parents):
        local = np.eye(4)
        local[:3, :3] = rodrigues(pose[j])
        local[:3, 3] = joints[j] - (joints[parent] if parent >= 0 else 0)
        world.append(local if parent < 0 else world[parent] @ local)
    out = np.zeros_like(expressed)
    for v, point in enumerate(expressed):
        for j, matrix in enumerate(world):
            rest = np.eye(4)
            rest[:3, 3] = -joints[j]
            out[v] += head.skin_weights[v, j] * (matrix @ rest @ np.append(point, 1))[:3]
    return out


def test_lbs_agrees_with_the_slow_twin(head, rng):
    tensors = HeadTensors.of(head, torch.float64)
    for _ in range(2):
        beta = rng.standard_normal(len(head.shape_basis))
        psi = rng.uniform(0, 0.5, len(head.expression_basis))
        pose = rng.uniform(-0.5, 0.5, (len(head.joint_names), 3))
        neutral = neutral_vertices(tensors, torch.tensor(beta))
        fast = posed_vertices(tensors, neutral, torch.tensor(psi), torch.tensor(pose)).numpy()
        assert np.abs(fast - slow_twin(head, beta, psi, pose)).max() < 1e-6


def test_an_eye_turns_about_its_middle(head):
    tensors = HeadTensors.of(head, torch.float64)
    pose = torch.zeros(len(head.joint_names), 3, dtype=torch.float64)
    joint = head.joint("eye_left")
    pose[joint, 0] = 0.4
    still = torch.zeros(len(head.expression_basis), dtype=torch.float64)
    turned = posed_vertices(tensors, tensors.template, still, pose).numpy()
    centre = head.joint_regressor[joint].astype(np.float64) @ head.template
    eye = head.skin_weights[:, joint] == 1
    before = np.linalg.norm(head.template[eye] - centre, axis=1)
    np.testing.assert_allclose(np.linalg.norm(turned[eye] - centre, axis=1), before, atol=1e-6)
    np.testing.assert_allclose(turned[~eye], head.template[~eye], atol=1e-7)


def test_opening_the_jaw_bone_lowers_the_chin_and_leaves_the_nose(head):
    tensors = HeadTensors.of(head, torch.float64)
    pose = torch.zeros(len(head.joint_names), 3, dtype=torch.float64)
    pose[head.joint("jaw"), 0] = 0.3
    still = torch.zeros(len(head.expression_basis), dtype=torch.float64)
    moved = posed_vertices(tensors, tensors.template, still, pose).numpy() - head.template
    assert moved[head.region("chin") > 0.9, 2].mean() < -0.01
    assert np.abs(moved[head.region("nose") > 0.95]).max() < 0.001
