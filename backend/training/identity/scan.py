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


def read_expressions(path: Path) -> dict[str, np.ndarray]:
    """(U, 3) metres per expression under its ARKit name; halves named apart are added where ARKit has one shape."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names, fields = [str(name) for name in file["expr_names"]], _to_world(file["expr"])
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise InputError(f"{path.name} has no ICT-FaceKit expressions: {error}.",
                         "Give the .npz with expr and expr_names.") from error
    answer: dict[str, np.ndarray] = {}
    for name, field in zip(names, fields, strict=True):
        whole = name.removesuffix("_L").removesuffix("_R")
        answer[name.replace("_L", "Left").replace("_R", "Right")] = field
        if whole != name:
            answer[whole] = answer[whole] + field if whole in answer else field
    return answer


def _to_world(centimetres: np.ndarray) -> np.ndarray:
    """(..., 3) cm, +Y up and face along +Z -> metres, +Z up and face along -Y."""
    x, y, z = np.moveaxis(centimetres.astype(np.float64) / 100, -1, 0)
    return np.stack([x, -z, y], -1)
