"""The head that is laid on others: one connected sheet of its skin, with the mouth bag and the rims of the lids."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.head.model import HeadModel
from backend.head.register.parts import components
from backend.head.register.surface import exposure

EXPOSED = 0.08
"""Share of the directions above a vertex in which the outside is seen, below which it counts as inside."""


@dataclass(frozen=True)
class Reference:
    """A head model and its sheet of N vertices: the connected part that the skin belongs to."""

    head: HeadModel
    sheet: np.ndarray  # (N,) sorted indices of the head's vertices
    triangles: np.ndarray  # (T, 3) into the sheet
    triangle_ids: np.ndarray  # (T,) into `head.triangles`
    mirror: np.ndarray  # (N,) into the sheet

    @classmethod
    def of(cls, head: HeadModel) -> Reference:
        """Find the sheet."""
        label = components(head.triangles, len(head.template))
        skin = head.material_vertices("skin")
        main = np.bincount(label[skin]).argmax()
        ids = np.flatnonzero(label[head.triangles[:, 0]] == main)
        sheet = np.unique(head.triangles[ids])
        return cls(head, sheet, np.searchsorted(sheet, head.triangles[ids]), ids,
                   np.searchsorted(sheet, head.mirror_vertices[sheet]))

    @property
    def template(self) -> np.ndarray:
        """(N, 3) float64 metres."""
        return self.head.template[self.sheet].astype(np.float64)

    @property
    def basis(self) -> np.ndarray:
        """(S, N, 3)."""
        return self.head.shape_basis[:, self.sheet]

    def weight(self, region: str) -> np.ndarray:
        """(N,) a region's mask on the sheet."""
        return self.head.region(region)[self.sheet]

    @cached_property
    def skin(self) -> np.ndarray:
        """(T,) bool: triangles of skin, the others line mouth and lids."""
        return self.head.triangle_material[self.triangle_ids] == self.head.material_index("skin")

    @cached_property
    def eye_triangles(self) -> np.ndarray:
        """(E, 3) of the head's vertices: eyeballs and corneas."""
        wanted = [self.head.material_index(name) for name in ("eye", "cornea")]
        return self.head.triangles[np.isin(self.head.triangle_material, wanted)]

    @cached_property
    def exposed(self) -> np.ndarray:
        """(N,) bool, seen from outside."""
        triangles = np.concatenate([self.head.triangles[self.triangle_ids], self.eye_triangles])
        return exposure(self.head.template.astype(np.float64), triangles, self.sheet) > EXPOSED
