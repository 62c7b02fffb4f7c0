"""From parameters to vertices: shape, expression, pose correctives, linear blend skinning (LBS).

The formulation is FLAME's (Li et al. 2017, equations 1 to 5): joints come from the identity alone, bones turn about
them, the root's rotation is about the root joint. Everything is differentiable torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from backend.core.rotation import matrix_from_axis_angle
from backend.head.model import HeadModel


@dataclass(frozen=True)
class HeadTensors:
    """A head model's arrays as tensors of one dtype on one device, for repeated evaluation."""

    template: torch.Tensor  # (V, 3)
    shape_basis: torch.Tensor  # (S, V, 3)
    expression_basis: torch.Tensor  # (E, V, 3)
    joint_regressor: torch.Tensor  # (J, V)
    pose_basis: torch.Tensor  # (P, V, 3)
    skin_weights: torch.Tensor  # (V, J)
    parents: tuple[int, ...]

    @classmethod
    def of(cls, head: HeadModel, dtype: torch.dtype = torch.float32, device: str = "cpu") -> HeadTensors:
        """Copy `head` to tensors."""
        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(array, dtype=dtype, device=device)

        return cls(tensor(head.template), tensor(head.shape_basis), tensor(head.expression_basis),
                   tensor(head.joint_regressor), tensor(head.pose_basis), tensor(head.skin_weights),
                   tuple(int(p) for p in head.joint_parents))


def neutral_vertices(head: HeadTensors, shape: torch.Tensor, offsets: torch.Tensor | None = None) -> torch.Tensor:
    """Identity in rest pose. `shape` (S,), `offsets` (V, 3) metres -> (V, 3) metres."""
    vertices = head.template + torch.tensordot(shape, head.shape_basis, 1)
    return vertices if offsets is None else vertices + offsets


def posed_vertices(head: HeadTensors, neutral: torch.Tensor, expression: torch.Tensor,
                   pose: torch.Tensor) -> torch.Tensor:
    """`neutral` (V, 3), `expression` (E,), `pose` (J, 3) axis-angle radians -> (V, 3) metres, world."""
    rotations = matrix_from_axis_angle(pose)
    joints = head.joint_regressor @ neutral
    vertices = neutral + torch.tensordot(expression, head.expression_basis, 1)
    if len(head.pose_basis):
        identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
        vertices = vertices + torch.tensordot((rotations[1:] - identity).reshape(-1), head.pose_basis, 1)
    linear, shift = bone_transforms(joints, rotations, head.parents)
    turned = torch.einsum("jab,vb->vja", linear, vertices) + shift
    return torch.einsum("vj,vja->va", head.skin_weights, turned)


def bone_transforms(joints: torch.Tensor, rotations: torch.Tensor,
                    parents: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rest-to-posed map of every bone: x -> linear[j] @ x + shift[j]. (J, 3), (J, 3, 3) -> (J, 3, 3), (J, 3)."""
    linear: list[torch.Tensor] = []
    shift: list[torch.Tensor] = []
    for index, parent in enumerate(parents):
        if parent < 0:
            turn, place = rotations[index], joints[index]
        else:
            turn = linear[parent] @ rotations[index]
            place = linear[parent] @ joints[index] + shift[parent]
        linear.append(turn)
        shift.append(place - turn @ joints[index])
    return torch.stack(linear), torch.stack(shift)
