"""Smooth vibration modes of a surface: eigenfunctions of the cotangent Laplacian.

L f = lambda M f with the cotangent stiffness matrix L and a lumped mass matrix M (Pinkall and Polthier 1993; Vallet and
Levy 2008). The mass carries a density, so that places that matter (a face) get modes of shorter wavelength. On a
mirror-symmetric mesh every mode is found symmetric or antisymmetric, which also keeps near-equal eigenvalues apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.linalg import eigsh

from backend.head.register.smooth import cotangent_laplacian


@dataclass(frozen=True)
class Spectrum:
    """K eigenfunctions of a surface of V vertices, by rising eigenvalue."""

    values: np.ndarray  # (K,) 1/m^2 over density
    functions: np.ndarray  # (K, V), orthonormal in the mass
    symmetric: np.ndarray  # (K,) bool, even under the mirror
    mass: np.ndarray  # (V,) m^2 times density


def spectrum(vertices: np.ndarray, triangles: np.ndarray, mirror: np.ndarray, count: int,
             density: np.ndarray | None = None) -> Spectrum:
    """The `count` lowest modes of a connected mirror-symmetric surface.

    `vertices` (V, 3) metres, `triangles` (T, 3), `mirror` (V,) involution, `density` (V,) relative weight of area.
    """
    stiffness, areas = cotangent_laplacian(vertices, triangles)
    mass = areas if density is None else areas * density
    mass = np.maximum((mass + mass[mirror]) / 2, 1e-12)
    own = np.arange(len(vertices))
    first = own <= mirror
    values, functions, even = [], [], []
    share = min(count, int(0.6 * count) + 12)  # about half of the modes are even
    for symmetric in (True, False):
        keep = own[first & (symmetric | (own != mirror))]
        on_plane = keep == mirror[keep]
        scale = np.where(on_plane, 0.5, np.sqrt(0.5))  # a plane vertex is written twice below
        sign = 1.0 if symmetric else -1.0
        column = np.arange(len(keep))
        fold = coo_matrix((np.concatenate([scale, sign * scale]),
                           (np.concatenate([keep, mirror[keep]]), np.concatenate([column, column]))),
                          shape=(len(own), len(keep))).tocsr()
        folded = fold.T @ stiffness @ fold
        weight = fold.T @ diags(mass) @ fold
        start = np.ones(len(keep))  # fixed start vector: the answer must not depend on chance
        value, vector = eigsh(folded, k=min(share, len(keep) - 1), M=weight, sigma=-1e-3, v0=start)
        values.append(value)
        functions.append((fold @ vector).T)
        even.append(np.full(len(value), symmetric))
    value, function, symmetric_flag = np.concatenate(values), np.concatenate(functions), np.concatenate(even)
    order = np.argsort(value, kind="stable")[:count]
    if value[order[-1]] > min(part.max() for part in values) and share < count:
        raise ValueError("even and odd modes are too unequal in number on this surface")
    function = function[order]
    peak = np.take_along_axis(function, np.abs(function).argmax(1)[:, None], 1)
    return Spectrum(value[order], function * np.sign(peak), symmetric_flag[order], mass)
