"""The scan model that statistics are measured from: ICT-FaceKit Light, packed as one .npz. Never shipped.

Read into our axes and unit: +Z up, face along -Y, metres. Coefficients of its identity modes are N(0, 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from backend.errors import InputError

SKIN_MATERIALS = ("M_Face", "M_BackHead")
EYE_MATERIALS = (("M_ScleraLeft", "M_IrisLeft"), ("M_ScleraRight", "M_IrisRight"))
BALL_MATERIALS = (("M_IrisLeft",), ("M_IrisRight",))
SKIN_END = 11248
"""Vertices from here on are the mouth bag, the eye sockets and what lies in them."""


@dataclass(frozen=True)
class Scan:
    """A linear model of real heads. U vertices, T triangles of its outer skin, K identity modes."""

    mean: np.ndarray  # (U, 3) float64 metres
    modes: np.ndarray  # (K, U, 3) float64 metres per standard deviation
    skin_triangles: np.ndarray  # (T, 3)
    eye_triangles: tuple[np.ndarray, np.ndarray]  # left (+X), right, with the cornea
    eyeball_vertices: tuple[np.ndarray, np.ndarray]  # of the round ball within

    def head(self, coefficients: np.ndarray) -> np.ndarray:
        """Vertices (U, 3) of the head with `coefficients` (K,)."""
        return self.mean + np.tensordot(coefficients, self.modes, 1)


def read_scan(path: Path) -> Scan:
    """Read the packed scan model. Raises InputError for a file that is something else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            faces, material = file["f"], file["mat"]
            mean, modes = _to_world(file["v"]), _to_world(file["identity"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path.name} is not a packed ICT-FaceKit model: {error}.",
                         "Give the .npz with v, f, mat and identity.") from error

    def cut(names: tuple[str, ...]) -> np.ndarray:
        chosen = faces[np.isin(material, names)]
        quads = chosen[chosen[:, 3] >= 0]
        return np.concatenate([chosen[:, :3], quads[:, [0, 2, 3]]])

    skin = cut(SKIN_MATERIALS)
    skin = skin[(skin < SKIN_END).all(1)]
    return Scan(mean, modes, skin, (cut(EYE_MATERIALS[0]), cut(EYE_MATERIALS[1])),
                (np.unique(cut(BALL_MATERIALS[0])), np.unique(cut(BALL_MATERIALS[1]))))


def _to_world(centimetres: np.ndarray) -> np.ndarray:
    """(..., 3) cm, +Y up and face along +Z -> metres, +Z up and face along -Y."""
    x, y, z = np.moveaxis(centimetres.astype(np.float64) / 100, -1, 0)
    return np.stack([x, -z, y], -1)
