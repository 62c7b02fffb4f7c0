"""A head model as a file has it, read and checked but not yet one of ours: no UV space, no ARKit, no landmarks.

`imports` makes it from files; `register` turns it into a `HeadModel`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RawHead:
    """V vertices, F faces, S identity and E expression components, J joints. Our axes: +Z up, face along -Y; metres.

    Joints are `head.model.JOINTS` by name where the file has them (FLAME's root is our `neck`, its neck our `head`).
    """

    kind: str  # "flame", "ict", "plain"
    template: np.ndarray  # (V, 3) float64 metres, mean identity, neutral
    faces: np.ndarray  # (F, 4) int32, -1 in the last place for a triangle
    shape_basis: np.ndarray  # (S, V, 3) float32 metres per unit of beta, prior N(0, 1)
    expression_names: tuple[str, ...]  # (E,)
    expression_basis: np.ndarray  # (E, V, 3) float32 metres per unit of psi
    joint_names: tuple[str, ...]  # (J,), empty when the file has no rig
    joint_parents: np.ndarray  # (J,) int32, -1 for the root
    joint_regressor: np.ndarray  # (J, V) float32
    pose_basis: np.ndarray  # (9 * (J - 1), V, 3) float32 for our axes and our order of joints, or (0, V, 3)
    skin_weights: np.ndarray  # (V, J) float32
    arkit_deltas: np.ndarray | None = None  # (52, V, 3) float32 metres, when the file brings Apple's shapes
    notes: tuple[str, ...] = ()  # sentences about what the file lacks, for the person who imports it
