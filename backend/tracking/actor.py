"""Whom tracking follows: one person's own head, by what of it a camera's landmarks need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from backend.fit.expression import LOOK_AXES
from backend.fit.headfit import HeadFit
from backend.fit.points import has_arkit
from backend.head.adapt import LOOK_DEGREES
from backend.head.model import HeadModel
from backend.tracking.closeup import CloseUps
from backend.tracking.skin import Cloth, Skin

AGAIN = "Make the avatar again."


@dataclass(frozen=True)
class Actor:
    """One person at rest. J joints, E expression components of the head model."""

    head: HeadModel
    neutral: np.ndarray  # (478, 3) metres, landmarks on the person's neutral face; NaN where one has no place
    link: np.ndarray  # (E + 3, 52) psi, then the jaw's axis-angle, per ARKit weight
    vertices: np.ndarray  # (V, 3) metres, the neutral face

    @classmethod
    def of(cls, head: HeadModel, vertices: np.ndarray) -> Actor:
        """The person whose neutral face, on `head`, has `vertices` (V, 3) metres."""
        if not has_arkit(head) and head.expression_names:
            from backend.fit.start import HeadPoints  # knows how psi and jaw do what ARKit shapes do

            link = HeadPoints.of(head).expression.link
        else:
            link = np.eye(len(head.expression_names) + 3, len(ARKIT_NAMES))
            link[len(head.expression_names):] = 0
        return cls(head, head.landmark_points(vertices.astype(np.float64)), link, vertices)

    @classmethod
    def of_fit(cls, head: HeadModel, fit: HeadFit) -> Actor:
        """The person that a fit found."""
        return cls.of(head, fit.neutral)

    @cached_property
    def skin(self) -> Skin:
        """Patches of the person's skin."""
        return Skin.of(self.head, Cloth.of(self.head), self.vertices)

    @cached_property
    def close_ups(self) -> CloseUps | None:
        """Windows on the person's eyes and mouth; None of a head without the landmarks about them."""
        return CloseUps.of(self.neutral)

    @cached_property
    def face_mm(self) -> float:
        """From landmark to landmark at most, up, down or across."""
        return float(np.ptp(self.neutral[np.isfinite(self.neutral).all(1)], 0)[[0, 2]].max()) * 1000

    def pose(self, weights: np.ndarray) -> np.ndarray:
        """(T, J, 3) axis-angle radians for weights (T, 52): the eyes look as the weights say, the jaw as psi needs."""
        pose = np.zeros((len(weights), len(self.head.joint_names), 3))
        for eye, side in enumerate(("Left", "Right")):
            joint = self.head.joint(f"eye_{side.lower()}")
            for name, axis, way in LOOK_AXES:
                turn = np.radians(LOOK_DEGREES[name]) * weights[:, ARKIT_NAMES.index(name + side)]
                pose[:, joint, axis] += turn * (way if axis == 0 or eye == 0 else -way)
        pose[:, self.head.joint("jaw")] = weights @ self.link[-3:].T
        return pose

    def expression(self, weights: np.ndarray) -> np.ndarray:
        """(T, E) psi for weights (T, 52)."""
        return weights @ self.link[:-3].T


def actor_of_bundle(folder: Path) -> Actor:
    """The person of an avatar. Raises InputError when the folder is none, or its head is not to be found."""
    from backend.bundle import read_bundle
    from backend.head.library import find_head

    bundle = read_bundle(folder)
    name = str(bundle.parameters["head_id"][()])
    head = find_head(name or "default")
    vertices = bundle.geometry["vertices"]
    if vertices.shape != head.template.shape:
        raise InputError(f"The avatar {folder.name} was made with another version of the head {name}.", AGAIN)
    return Actor.of(head, vertices)
