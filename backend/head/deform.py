"""From parameters to vertices: shape, expression, pose correctives, linear blend skinning (LBS).

The formulation is FLAME's (Li et al. 2017, equations 1 to 5): joints come from the identity alone, bones turn about
them, the root's rotation is about the root joint. Everything is differentiable torch.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass

import numpy as np
import torch

from backend.arkit import ARKIT_NAMES
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
    corrective_deltas: torch.Tensor  # (C, V, 3); none where psi is not ARKit
    corrective_drivers: torch.Tensor  # (C, 3) int64 into psi, -1 filler

    @classmethod
    def of(cls, head: HeadModel, dtype: torch.dtype = torch.float32, device: str = "cpu") -> HeadTensors:
        """`head` as tensors. Those of a head that lives are kept: copying takes longer than a pose."""
        key = (id(head), dtype, device)
        kept = _KEPT.get(key)
        if kept is None:
            kept = _KEPT[key] = cls._copied(head, dtype, device)
            weakref.finalize(head, _KEPT.pop, key, None)
        return kept

    @classmethod
    def _copied(cls, head: HeadModel, dtype: torch.dtype, device: str) -> HeadTensors:
        def tensor(array: np.ndarray) -> torch.Tensor:
            return torch.as_tensor(array, dtype=dtype, device=device)

        count = len(head.corrective_names) if head.expression_names[:len(ARKIT_NAMES)] == ARKIT_NAMES else 0
        return cls(tensor(head.template), tensor(head.shape_basis), tensor(head.expression_basis),
                   tensor(head.joint_regressor), tensor(head.pose_basis), tensor(head.skin_weights),
                   tuple(int(p) for p in head.joint_parents), tensor(head.corrective_deltas[:count]),
                   torch.as_tensor(head.corrective_drivers[:count], dtype=torch.int64, device=device))


_KEPT: dict[tuple[int, torch.dtype, str], HeadTensors] = {}
"""By the head's identity; an entry goes with its head."""


def neutral_vertices(head: HeadTensors, shape: torch.Tensor, offsets: torch.Tensor | None = None) -> torch.Tensor:
    """Identity in rest pose. `shape` (S,), `offsets` (V, 3) metres -> (V, 3) metres."""
    vertices = head.template + torch.tensordot(shape, head.shape_basis, 1)
    return vertices if offsets is None else vertices + offsets


def posed_vertices(head: HeadTensors, neutral: torch.Tensor, expression: torch.Tensor,
                   pose: torch.Tensor) -> torch.Tensor:
    """`neutral` (V, 3), `expression` (E,), `pose` (J, 3) axis-angle radians -> (V, 3) metres, world.

    Where psi is ARKit, the head's correctives come on top.
    """
    rotations = matrix_from_axis_angle(pose)
    joints = head.joint_regressor @ neutral
    vertices = neutral + torch.tensordot(expression, head.expression_basis, 1)
    if len(head.corrective_deltas):
        weights = corrective_weights(expression, head.corrective_drivers)
        vertices = vertices + torch.tensordot(weights, head.corrective_deltas, 1)
    if len(head.pose_basis):
        identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
        vertices = vertices + torch.tensordot((rotations[1:] - identity).reshape(-1), head.pose_basis, 1)
    linear, shift = bone_transforms(joints, rotations, head.parents)
    turned = torch.einsum("jab,vb->vja", linear, vertices) + shift
    return torch.einsum("vj,vja->va", head.skin_weights, turned)


def corrective_weights(expression: torch.Tensor, drivers: torch.Tensor) -> torch.Tensor:
    """(C,) product over each row of `drivers` (C, 3) of the weights `expression` (E,) cut to 0..1; -1 counts as 1."""
    used = torch.where(drivers >= 0, expression.clamp(0, 1)[drivers.clamp(min=0)], torch.ones_like(expression[:1]))
    return used.prod(1)


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
