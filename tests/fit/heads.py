"""Other kinds of heads than the default one, made from it: components of its own for psi, correctives, no psi."""

from dataclasses import replace

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.head.model import HeadModel

PAIRS = (("mouthSmileLeft", "jawOpen"), ("mouthSmileRight", "jawOpen"), ("mouthPucker", "mouthFunnel"))


def like_flame(head: HeadModel, count: int = 36) -> HeadModel:
    """psi are random orthogonal mixtures of the ARKit shapes that leave the jaw to its joint; pose correctives."""
    random = np.random.default_rng(0)
    shapes = head.arkit_deltas[[not name.startswith(("jaw", "eyeLook", "tongue")) for name in ARKIT_NAMES]]
    mixture = np.linalg.qr(random.standard_normal((len(shapes), len(shapes))))[0][:count]
    basis = np.tensordot(mixture, shapes, 1).astype(np.float32) * 0.7
    bones = 9 * (len(head.joint_names) - 1)
    bulge = head.skin_weights[:, head.joint("jaw")] * (1 - head.skin_weights[:, head.joint("jaw")])
    pose_basis = random.normal(0, 0.002, (bones, 1, 3)) * bulge[:, None]
    return replace(head, expression_names=tuple(f"expression_{i:03d}" for i in range(count)), expression_basis=basis,
                   pose_basis=pose_basis.astype(np.float32))


def with_correctives(head: HeadModel, less: float = 0.5) -> HeadModel:
    """The head with a corrective for each pair that people make at once: it takes back some of the first."""
    drivers = np.array([[*map(ARKIT_NAMES.index, pair), -1] for pair in PAIRS], np.int32)
    return replace(head, corrective_names=tuple("__".join(pair) for pair in PAIRS), corrective_drivers=drivers,
                   corrective_deltas=-less * head.arkit_deltas[drivers[:, 0]])


def without_expressions(head: HeadModel) -> HeadModel:
    """A head that brings no psi."""
    return replace(head, expression_names=(), expression_basis=head.expression_basis[:0])
