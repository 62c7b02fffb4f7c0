"""The skin square as a place for wrinkles: positions, where each family of lines may lie, noise for both halves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from backend.head.model import HeadModel
from backend.reflectance.filters import step
from backend.unwrap.surface import Surface, surface_of

GRID = 256
"""Side of the grid on which lines are laid out, texels of about 1.5 mm; the mesh's triangles are 5 mm wide."""

CANTHI = ((263, 362), (33, 133))
"""Outer and inner corner of the eye; the person's left, right."""
BROWS = ((336, 296, 334, 293, 300), (107, 66, 105, 63, 70))
"""Upper edges, from the nose outwards."""
NASOLABIAL = ((429, 423, 426, 436, 432), (209, 203, 206, 216, 212))
"""From the nose's wing to beside the corner of the mouth."""
LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185, 61)
MOUTH_CORNERS = (291, 61)
TOP, BETWEEN_BROWS, NOSE_ROOT, MID_NOSE, CHIN, BELOW_LIP = 10, 9, 168, 197, 199, 18
NOSE_SIDES = ((277, 343, 437), (47, 114, 217))


@dataclass(frozen=True)
class Place:
    """One identity's face on a GRID² square, row 0 on top. Lengths in metres."""

    surface: Surface
    position: np.ndarray  # (G, G, 3) metres
    landmark: np.ndarray  # (478, 3) metres

    @classmethod
    def of(cls, head: HeadModel, neutral: np.ndarray) -> Place:
        """Of the surface `neutral` (V, 3) metres."""
        surface = surface_of(head, GRID)
        return cls(surface, surface.lay_out(head, neutral.astype(np.float32)),
                   head.landmark_points(neutral).astype(np.float32))

    @cached_property
    def axes(self) -> tuple[np.ndarray, np.ndarray]:
        """(G, G, 3) metres from one texel to the next: to the right, and downwards."""
        return np.gradient(self.position, axis=1), np.gradient(self.position, axis=0)

    @cached_property
    def left(self) -> np.ndarray:
        """(G, G) bool: the person's left half."""
        return self.position[..., 0] > self.middle

    @cached_property
    def middle(self) -> float:
        """The x of the face's middle plane."""
        return float(np.mean(self.landmark[[TOP, NOSE_ROOT, MID_NOSE, CHIN], 0]))

    def near(self, point: np.ndarray, radius: float) -> np.ndarray:
        """(G, G) 1 at a point (3,), 0.6 at `radius` metres, by distance through space."""
        return np.exp(-0.5 * ((self.position - point) ** 2).sum(-1) / radius**2).astype(np.float32)

    def line(self, indices: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """To a line of landmarks: metres (G, G), the way there (G, G, 3), and the place along it 0..1 (G, G)."""
        points = self.landmark[list(indices)]
        best, way = np.full(self.position.shape[:2], np.inf, np.float32), np.zeros_like(self.position)
        place = np.zeros_like(best)
        count = len(points) - 1
        for index in range(count):
            edge = points[index + 1] - points[index]
            from_start = self.position - points[index]
            t = np.clip(from_start @ edge / max(float(edge @ edge), 1e-12), 0, 1)
            gap = from_start - t[..., None] * edge
            distance = np.linalg.norm(gap, axis=-1)
            nearer = distance < best
            best, place = np.where(nearer, distance, best), np.where(nearer, (index + t) / count, place)
            way = np.where(nearer[..., None], gap, way)
        return best.astype(np.float32), way.astype(np.float32), place.astype(np.float32)

    def noise(self, scale: float, seed: int, lopsided: float = 0.5) -> np.ndarray:
        """(G, G) smooth noise of deviation 1, features of about `scale` metres; mostly alike on both sides."""
        texel = float(np.median(np.linalg.norm(self.axes[0], axis=-1)[self.face > 0.5]))
        white = np.random.default_rng(seed).normal(0, 1, (GRID, GRID)).astype(np.float32)
        rough = cv2.GaussianBlur(white, (0, 0), max(scale / texel / 2.5, 0.6))
        mixed = rough + rough[:, ::-1] + lopsided * (rough - rough[:, ::-1])
        return mixed / max(float(mixed.std()), 1e-9)

    @cached_property
    def face(self) -> np.ndarray:
        """(G, G) about 1 on the front of the face."""
        return self.near(self.landmark[MID_NOSE], 0.06)

    def region(self, lines: str) -> np.ndarray:
        """(G, G) float32 0..1: where a family of lines may lie, softly."""
        region = np.clip(getattr(self, f"_{lines}")(), 0, 1) * self.surface.inside
        return np.where(region > 0.004, region, 0).astype(np.float32)

    def _forehead(self) -> np.ndarray:
        gaps = [self.line(brow) for brow in BROWS]
        above = np.max([np.where(distance == np.min([g[0] for g in gaps], 0), way[..., 2], -1)
                        for distance, way, _ in gaps], 0)
        top = self.landmark[TOP, 2]
        return (step(above, 0.002, 0.010) * step(top + 0.010 - self.position[..., 2], 0.0, 0.012)
                * self._ahead(0.042, 0.060))

    def _ahead(self, full: float, none: float) -> np.ndarray:
        """1 in the face's middle, 0 beyond `none` metres to either side."""
        return step(none - np.abs(self.position[..., 0] - self.middle), 0.0, none - full)

    def _eye_corner(self) -> np.ndarray:
        out = np.zeros(self.position.shape[:2], np.float32)
        for outer, inner in CANTHI:
            outwards = self.landmark[outer] - self.landmark[inner]
            length = float(np.linalg.norm(outwards))
            gap = self.position - self.landmark[outer]
            beyond = gap @ (outwards / length)
            fan = step(beyond, 0.001, 0.006) * np.exp(-0.5 * (np.linalg.norm(gap, axis=-1) / 0.016) ** 2)
            out = np.maximum(out, fan * step(0.018 - np.abs(gap[..., 2]), 0.0, 0.008))
        return out

    def _frown(self) -> np.ndarray:
        gap = self.position - (self.landmark[BETWEEN_BROWS] * 0.75 + self.landmark[NOSE_ROOT] * 0.25)
        return np.exp(-0.5 * ((gap[..., 0] / 0.0075) ** 2 + (gap[..., 2] / 0.009) ** 2)) * step(
            self.landmark[MID_NOSE, 1] + 0.03 - self.position[..., 1], 0.0, 0.01)

    def _nose(self) -> np.ndarray:
        sides = [self.near(self.landmark[list(side)].mean(0), 0.0065) for side in NOSE_SIDES]
        bridge = 0.7 * self.near((self.landmark[NOSE_ROOT] + self.landmark[MID_NOSE]) / 2, 0.006)
        return np.max([*sides, bridge], 0)

    def _nasolabial(self) -> np.ndarray:
        out = np.zeros(self.position.shape[:2], np.float32)
        for path in NASOLABIAL:
            distance, _, place = self.line(path)
            out = np.maximum(out, step(0.010 - distance, 0, 0.005) * np.sin(np.pi * np.clip(place, 0.03, 0.97)) ** 0.6)
        return out

    def _mouth_corner(self) -> np.ndarray:
        out = np.zeros(self.position.shape[:2], np.float32)
        for corner, path in zip(MOUTH_CORNERS, NASOLABIAL, strict=True):
            outwards = np.sign(self.landmark[corner, 0] - self.middle)
            centre = self.landmark[corner] + np.array([outwards * 0.013, 0.005, 0.001], np.float32)
            apart = step(np.linalg.norm(self.position - self.landmark[corner], axis=-1), 0.003, 0.008)
            out = np.maximum(out, self.near(centre, 0.0075) * apart * step(self.line(path)[0], 0.0015, 0.004))
        return out

    def _lips(self) -> np.ndarray:
        distance, _, _ = self.line(LIPS)
        height = self.position[..., 2] - self.landmark[list(LIPS), 2].mean()
        inside = np.abs(height) < 0.004
        corner = np.min([np.linalg.norm(self.position - self.landmark[index], axis=-1) for index in MOUTH_CORNERS], 0)
        return np.exp(-0.5 * (distance / 0.0055) ** 2) * np.where(inside, 0.6, 1) * step(corner, 0.004, 0.012)

    def _chin(self) -> np.ndarray:
        centre = self.landmark[CHIN] * 0.8 + self.landmark[BELOW_LIP] * 0.2
        below = step(self.landmark[BELOW_LIP, 2] - 0.001 - self.position[..., 2], 0.0, 0.006)
        return self.near(centre, 0.0115) * below
