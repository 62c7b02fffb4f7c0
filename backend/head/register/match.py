"""Where each skin vertex of the other head lies on the sheet laid on it, and how fields of the sheet carry over.

A vertex that has a counterpart takes the value there. Where there is none (in the lips, behind lids, in a mouth bag),
the field goes on over the other head's own surface, drawn softly to what lies nearest: so what hangs on the upper lip
follows the upper lip, whichever lip is nearer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import splu

from backend.core.rays import vertex_normals
from backend.head.register.fitting import TRUSTED, Laid
from backend.head.register.parts import Parts
from backend.head.register.reference import EXPOSED, Reference
from backend.head.register.smooth import cotangent_laplacian
from backend.head.register.surface import Surface, exposure

CONTINUED = 0.01
"""Metres over which a continued field feels what it continues."""

NEAR = 0.006
"""Metres at which the pull of a nearest point that is no counterpart has fallen to a third."""

LEAST_PULL = 0.01
"""What is left of that pull far away: keeps a deep bag from being free."""


@dataclass(frozen=True)
class Match:
    """n skin vertices of the other head on the reference's sheet."""

    vertices: np.ndarray  # (n,) indices of the other head, sorted
    points: np.ndarray  # (n, 3) metres
    triangles: np.ndarray  # (S, 3) the other head's skin, into `vertices`
    triangle: np.ndarray  # (n,) of the sheet
    barycentric: np.ndarray  # (n, 3)
    distance: np.ndarray  # (n,) metres
    trusted: np.ndarray  # (n,) bool: seen from outside, near, and facing the same way
    exposed: np.ndarray  # (n,) bool

    @classmethod
    def of(cls, reference: Reference, laid: Laid, vertices: np.ndarray, parts: Parts) -> Match:
        """Find every skin vertex of `vertices` (V, 3) on the laid sheet."""
        skin = np.unique(parts.skin_triangles)
        triangles = np.searchsorted(skin, parts.skin_triangles)
        points = vertices[skin]
        everything = np.concatenate([parts.skin_triangles, parts.eye_triangles])
        exposed = exposure(vertices, everything, skin) > EXPOSED
        surface = Surface(laid.points, reference.triangles)
        normals = vertex_normals(points, triangles)
        triangle, barycentric, distance = surface.closest(points, normals)
        lost = ~np.isfinite(distance)
        found = surface.closest(points[lost])
        triangle[lost], barycentric[lost], distance[lost] = found
        trusted = exposed & ~lost & (distance < TRUSTED)
        return cls(skin, points, triangles, triangle, barycentric, distance, trusted, exposed)

    def at(self, reference: Reference, values: np.ndarray) -> np.ndarray:
        """Values (N, ...) of the sheet at every vertex's nearest point, (n, ...)."""
        return np.einsum("nc,nc...->n...", self.barycentric, values[reference.triangles[self.triangle]])

    def carried(self, reference: Reference, values: np.ndarray) -> np.ndarray:
        """Values (N, ...) of the sheet on the other head's skin, (n, ...): exact where trusted, continued elsewhere."""
        nearest = self.at(reference, values.reshape(len(values), -1))
        free = ~self.trusted
        if free.any():
            solve, coupling, pull = self._continuation
            right = pull[:, None] * nearest[free] - coupling @ nearest[self.trusted]
            nearest[free] = solve(right)
        return nearest.reshape(len(self.vertices), *values.shape[1:])

    @cached_property
    def _continuation(self) -> tuple:
        """What solves for free vertices: minimise CONTINUED^2 |grad f|^2 + pull (f - nearest)^2."""
        stiffness, areas = cotangent_laplacian(self.points, self.triangles)
        free = np.flatnonzero(~self.trusted)
        pull = areas[free] * (LEAST_PULL + np.exp(-(self.distance[free] / NEAR) ** 2))
        rows = csr_matrix(stiffness)[free] * CONTINUED**2
        system = rows[:, free] + diags(pull)
        return splu(system.tocsc()).solve, rows[:, np.flatnonzero(self.trusted)], pull
