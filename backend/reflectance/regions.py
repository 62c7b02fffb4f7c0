"""The skin square as a place: metric scale, semantic regions, symmetry, smooth fields over the mesh.

Regions of the face come from the head's landmark embedding, so that every head model has them; scalp, ears and neck
from the head's own region masks where it has them, else from the landmarks' height and depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy import sparse
from scipy.interpolate import PchipInterpolator
from scipy.sparse.linalg import splu

from backend.head.model import HeadModel
from backend.unwrap.landmarks import BROW_LEFT, BROW_RIGHT
from backend.unwrap.surface import Surface, surface_of

FIELD = 512
"""Side of the grid on which everything smooth is computed, texels: about 0.8 mm on the face."""

LIPS_OUTER = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
EYE_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
EYE_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
NOSE = (168, 122, 196, 3, 51, 45, 48, 64, 98, 97, 2, 326, 327, 294, 278, 275, 281, 248, 419, 351)
NOSTRILS = ((240, 97, 99, 60), (460, 326, 328, 290))
FACE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
CHEEK_RIGHT, CHEEK_LEFT, NOSE_TIP, FOREHEAD, CHIN, UPPER_LIP = 50, 280, 4, 151, 152, 164


HAIRLINE_TURN = (0, 50, 80, 120, 150, 180)
HAIRLINE_SOFT = (0.005, 0.007, 0.009, 0.009, 0.014, 0.014)
"""Degrees from the front, and half the width over which hair thins out there, metres."""


@dataclass(frozen=True, eq=False)
class SkinSpace:
    """A head's skin square on a FIELD² grid, for one identity."""

    head: HeadModel
    neutral: np.ndarray  # (V, 3) metres, the identity that is coloured
    surface: Surface

    @classmethod
    def of(cls, head: HeadModel, neutral: np.ndarray) -> SkinSpace:
        """The space of one fitted identity."""
        return cls(head, neutral.astype(np.float32), surface_of(head, FIELD))

    @property
    def size(self) -> int:
        """FIELD."""
        return self.surface.size

    @cached_property
    def position(self) -> np.ndarray:
        """(F, F, 3) metres, neutral."""
        return self.surface.lay_out(self.head, self.neutral)

    @cached_property
    def texel_metres(self) -> np.ndarray:
        """(F, F) metres per grid texel: square root of the area it covers, smoothed over a few triangles."""
        skin = self.head.triangle_material == self.head.material_index("skin")
        triangles, uvs = self.head.triangles[skin], self.head.triangle_uvs[skin].astype(np.float64)
        corner = self.neutral[triangles]
        area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=-1)
        edge1, edge2 = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
        uv_area = np.abs(edge1[:, 0] * edge2[:, 1] - edge1[:, 1] * edge2[:, 0])
        total, uv_total = np.zeros(len(self.neutral)), np.zeros(len(self.neutral))
        for k in range(3):
            np.add.at(total, triangles[:, k], area)
            np.add.at(uv_total, triangles[:, k], uv_area)
        scale = np.sqrt(total / np.maximum(uv_total, 1e-9)) / self.size
        return np.maximum(self.surface.lay_out(self.head, scale), 1e-5)

    @cached_property
    def widest_texel(self) -> np.ndarray:
        """(F, F) metres: the longer side of a grid texel, where the layout stretches it."""
        sides = [np.linalg.norm(np.gradient(self.position, axis=axis), axis=-1) for axis in (0, 1)]
        return np.maximum(np.maximum(*sides), 1e-5).astype(np.float32)

    @cached_property
    def landmark_texels(self) -> np.ndarray:
        """(478, 2) grid texels (x, y) of the landmarks; NaN without a place."""
        uv = np.einsum("lc,lcx->lx", self.head.landmark_barycentric,
                       self.head.triangle_uvs[np.maximum(self.head.landmark_triangles, 0)])
        texels = (uv * [1, -1] + [0, 1]) * self.size
        return np.where(self.head.landmarks_placed[:, None], texels, np.nan)

    @cached_property
    def landmark_metres(self) -> np.ndarray:
        """(478, 3) metres on the neutral identity."""
        return self.head.landmark_points(self.neutral)

    def polygon(self, indices: tuple[int, ...], grow: float = 0.0, soft: float = 0.0015) -> np.ndarray:
        """(F, F) float32 soft mask of a ring of landmarks, grown by `grow` and softened by `soft` metres."""
        points = self.landmark_texels[list(indices)]
        points = points[np.isfinite(points).all(1)]
        mask: np.ndarray = np.zeros((self.size, self.size), np.uint8)
        if len(points) < 3:
            return mask.astype(np.float32)
        cv2.fillPoly(mask, [np.round((points - 0.5) * 16).astype(np.int32)], 1, shift=4)
        metres = self._metres_at(points.mean(0))
        steps = round(abs(grow) / metres)
        if steps:
            kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * steps + 1,) * 2)
            mask = cv2.dilate(mask, kernel) if grow > 0 else cv2.erode(mask, kernel)
        return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.5, soft / metres))

    def path(self, indices: tuple[int, ...], width: float) -> np.ndarray:
        """(F, F) float32 soft band around a line of landmarks, `width` metres to either side."""
        points = self.landmark_texels[list(indices)]
        points = points[np.isfinite(points).all(1)]
        mask: np.ndarray = np.zeros((self.size, self.size), np.uint8)
        if len(points) < 2:
            return mask.astype(np.float32)
        metres = self._metres_at(points.mean(0))
        cv2.polylines(mask, [np.round((points - 0.5) * 16).astype(np.int32)], False, 1,
                      max(1, round(2 * width / metres)), shift=4)
        return cv2.GaussianBlur(mask.astype(np.float32), (0, 0), max(0.5, 0.4 * width / metres))

    def blob(self, landmark: int, radius: float) -> np.ndarray:
        """(F, F) float32 Gaussian about a landmark by distance through space, metres."""
        centre = self.landmark_metres[landmark]
        if not np.isfinite(centre).all():
            return np.zeros((self.size, self.size), np.float32)
        squared = ((self.position - centre.astype(np.float32)) ** 2).sum(-1)
        return np.exp(-squared / (2 * radius * radius)).astype(np.float32)

    def _metres_at(self, texel: np.ndarray) -> float:
        x, y = np.clip(texel.astype(int), 0, self.size - 1)
        return float(self.texel_metres[y, x])

    def vertex_region(self, name: str) -> np.ndarray:
        """(F, F) float32 of one of the head's own region masks; zeros when it has none of that name."""
        mask = self.head.region(name)
        if not mask.any():
            return np.zeros((self.size, self.size), np.float32)
        return np.clip(self.surface.lay_out(self.head, mask), 0, 1)

    @cached_property
    def lips(self) -> np.ndarray:
        """(F, F) vermilion."""
        return self.polygon(LIPS_OUTER, soft=0.001)

    @cached_property
    def brows(self) -> np.ndarray:
        """(F, F) both brows with some margin: landmark rings lie on the hair's core."""
        return np.maximum(self.polygon(BROW_RIGHT, 0.003), self.polygon(BROW_LEFT, 0.003))

    @cached_property
    def lids(self) -> np.ndarray:
        """(F, F) eyelids and lash roots."""
        return np.maximum(self.polygon(EYE_RIGHT, 0.004, 0.002), self.polygon(EYE_LEFT, 0.004, 0.002))

    @cached_property
    def nose(self) -> np.ndarray:
        """(F, F) bridge to wings."""
        return np.maximum(self.polygon(NOSE, 0.001, 0.004), self.vertex_region("nose"))

    @cached_property
    def nostrils(self) -> np.ndarray:
        """(F, F) the openings."""
        return np.maximum(*(self.polygon(ring, 0.0015, 0.001) for ring in NOSTRILS))

    @cached_property
    def cheeks(self) -> np.ndarray:
        """(F, F) both."""
        return np.maximum(self.blob(CHEEK_RIGHT, 0.020), self.blob(CHEEK_LEFT, 0.020))

    @cached_property
    def forehead(self) -> np.ndarray:
        """(F, F)."""
        return self.blob(FOREHEAD, 0.028)

    @cached_property
    def face(self) -> np.ndarray:
        """(F, F) the front of the face, hairline to chin."""
        named = self.vertex_region("face_front")
        return self.polygon(FACE, 0.0, 0.008) if not named.any() else _step(named, 0.2, 0.8)

    @cached_property
    def beard(self) -> np.ndarray:
        """(F, F) where a beard grows: chin, jaw and upper lip, no lips."""
        nose_base = self.landmark_metres[2]
        face = np.maximum(self.face, self.vertex_region("jaw"))
        below = _step(nose_base[2] - self.position[..., 2], 0.0, 0.010)
        return face * below * (1 - self.lips)

    @cached_property
    def ears(self) -> np.ndarray:
        """(F, F)."""
        named = np.maximum(self.vertex_region("ears"), np.maximum(self.vertex_region("ear_left"),
                                                                  self.vertex_region("ear_right")))
        return np.maximum(named, self.vertex_region("ear"))

    @cached_property
    def scalp(self) -> np.ndarray:
        """(F, F) where hair grows on a head, falling off over `HAIRLINE_SOFT`: a hairline around the whole head.

        It arches over the forehead, draws back at its corners, comes forward again at the temples, runs down before
        and around the ears and rounds off at the nape.
        """
        top, chin = self.landmark_metres[10], self.landmark_metres[152]
        temple = np.nanmean(self.landmark_metres[[127, 356]], 0)
        x, y, z = np.moveaxis(self.position, -1, 0)
        turned = np.degrees(np.arctan2(np.abs(x), temple[1] + 0.030 - y))
        high, low, nape = top[2] + 0.012, temple[2], chin[2] + 0.03
        angles, heights = zip(*(
            (0, high), (18, high + 0.002), (33, high + 0.010), (45, high + 0.004), (56, 0.45 * high + 0.55 * low),
            (66, low + 0.004), (76, low - 0.022), (88, low - 0.026), (100, low - 0.002), (114, low - 0.016),
            (124, 0.5 * low + 0.5 * nape), (134, nape + 0.004), (160, nape), (180, nape - 0.003)), strict=True)
        line = PchipInterpolator(angles, heights)(turned)
        soft = np.interp(turned, HAIRLINE_TURN, HAIRLINE_SOFT)
        ears = cv2.dilate(self.ears, np.ones((7, 7), np.uint8))
        return _step((z - line) / soft, -1.0, 1.0) * (1 - _step(ears, 0.05, 0.5))

    def flip(self, field: np.ndarray) -> np.ndarray:
        """The same field seen in the mirror u = 0.5."""
        return field[:, ::-1]

    @cached_property
    def _edges(self) -> tuple[np.ndarray, np.ndarray]:
        skin = self.head.triangles[self.head.triangle_material == self.head.material_index("skin")]
        pairs = np.concatenate([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]])
        first, second = np.unique(np.sort(pairs, 1), axis=0).T
        return first, second

    @cached_property
    def _vertex_index(self) -> np.ndarray:
        """(F, F) int32: the corner of the texel's triangle that it lies nearest to."""
        nearest = self.surface.barycentric.argmax(-1)
        corners = self.head.triangles[self.surface.triangle]
        return np.take_along_axis(corners, nearest[..., None], -1)[..., 0]

    def to_vertices(self, field: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weighted means (V, C) of a field (F, F, C) around every vertex, and their weights (V,) in texels."""
        index = self._vertex_index[self.surface.inside]
        w = weight[self.surface.inside].astype(np.float64)
        count = len(self.neutral)
        total = np.bincount(index, w, count)
        means = np.stack([np.bincount(index, w * field[..., c][self.surface.inside], count)
                          for c in range(field.shape[-1])], -1)
        return means / np.maximum(total, 1e-12)[:, None], total

    def membrane(self, values: np.ndarray, weights: np.ndarray, stiffness: float,
                 pull: float = 0.0) -> np.ndarray:
        """Smooth field (V, C) over the skin near `values` (V, C) where `weights` (V,) are large, harmonic elsewhere.

        Solved on the mesh, which knows no UV seam. `stiffness` weighs squared slopes (per metre, squared) against
        squared errors; `pull` draws everything towards zero.
        """
        a, b = self._edges
        length = np.linalg.norm(self.neutral[a] - self.neutral[b], axis=1) + 1e-5
        link = stiffness * (length.mean() / length)
        count = len(self.neutral)
        lap = sparse.coo_matrix((np.concatenate([-link, -link]), (np.concatenate([a, b]), np.concatenate([b, a]))),
                                (count, count)).tocsr()
        lap = lap - sparse.diags(np.asarray(lap.sum(1)).ravel())
        system = (lap + sparse.diags(weights + pull + 1e-7)).tocsc()
        return splu(system).solve(weights[:, None] * values)

    def lay_out(self, vertex_field: np.ndarray) -> np.ndarray:
        """Vertex field (V, C) or (V,) -> (F, F, C) or (F, F)."""
        return self.surface.lay_out(self.head, vertex_field)


def plain_skin(space: SkinSpace) -> np.ndarray:
    """(F, F) float32 0..1 skin of the face that is neither lips, brows, lids, nostrils nor where a beard grows."""
    other = np.clip(space.lips + space.brows + space.lids + space.nostrils + space.beard, 0, 1)
    return (space.face * (1 - other) * space.surface.inside).astype(np.float32)


def _step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    t = np.clip((value - low) / (high - low), 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)
