"""The figures that ship: mean and spread of mode coefficients over real heads. No geometry is kept.

`measure` makes them from a registration; `save_statistics` and `load_statistics` keep them in one .npz.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from backend.errors import ModelError
from backend.head.register.smooth import cotangent_laplacian
from backend.training.identity.generator import Generator
from backend.training.identity.modes import Modes, Recipe, rigid_free
from backend.training.identity.register import Registration

STATISTICS_FILE = Path(__file__).parents[2] / "assets" / "head" / "identity_statistics.npz"

ATTRIBUTION = (
    "Identity statistics measured from ICT-FaceKit (Copyright (c) 2020 USC Institute for Creative Technologies, "
    "MIT License): mean and covariance of shape-mode coefficients; none of its geometry is included."
)

NOISE = 2e-4
"""Metres of registration error that the regularised fit of coefficients expects."""

FACE_RADIUS = 0.095
"""Metres about the tip of the nose: the region in which heads are compared (as the NoW benchmark does)."""

BODY_WEIGHT, INNER_WEIGHT = 0.3, 0.1
"""How much skin outside the face, and skin without counterpart on the scans, counts in the fit; the face counts 1."""

EYE_AREA = 4e-4
"""Square metres of face that one eye's place is worth."""

SPREAD = {"target": 1e-4, "phenotype": 3e-4, "scale": 3e-4, "eye": 1.5e-4}
"""Metres by which each mode of a kind moves the place that it moves most, as a standard deviation that is added to the
measured one: for what the scans do not show or their model smoothed away. Together about half a millimetre on a face.
"""

SPREAD_BY_NAME = {"ear": 5e-4, "neck": 1e-3, "measure-neck": 1e-3}
"""The same for the targets of parts that the scan model knows little about."""

SPREAD_HARMONIC = 0.02
"""Share of a harmonic's expected size that is added in the same way."""

ODD_SPREAD = 0.35
"""Share of that spread by which the two sides of a face differ."""


@dataclass(frozen=True)
class IdentityStatistics:
    """Coefficients c = mean + factor @ a + spread * b with a, b ~ N(0, 1). M modes, K components."""

    recipe: Recipe
    mesh: dict[str, float]  # fingerprint of the generator's skin that the modes live on
    mode_names: tuple[str, ...]  # (M,)
    mean: np.ndarray  # (M,)
    factor: np.ndarray  # (M, K), measured
    spread: np.ndarray  # (M,), assumed, for what was not measured
    mirror: np.ndarray  # (M,) the mode that is this one mirrored ...
    mirror_sign: np.ndarray  # (M,) ... times this
    eye_base: np.ndarray  # (2, 3) metres, middle of the left and right eye in the head that modes start from
    eye_shift: np.ndarray  # (M, 2, 3) metres per unit, how each mode moves the eyes
    report: dict  # residuals in millimetres by region

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """(count, M) coefficients of random people."""
        measured = generator.standard_normal((count, self.factor.shape[1])) @ self.factor.T
        return self.mean + measured + generator.standard_normal((count, len(self.mean))) * self.spread

    def interocular(self, coefficients: np.ndarray) -> np.ndarray:
        """Metres between the eyes' middles for coefficients (..., M)."""
        eyes = self.eye_base + np.tensordot(coefficients, self.eye_shift, 1)
        return np.linalg.norm(eyes[..., 0, :] - eyes[..., 1, :], axis=-1)


def vertex_weights(generator: Generator, registration: Registration) -> np.ndarray:
    """(N,) square metres of skin, weighted by how much it matters and how well it is known."""
    base = generator.base[generator.skin]
    _, areas = cotangent_laplacian(base, generator.skin_triangles)
    tip = base[np.argmin(base[:, 1])]
    near = np.linalg.norm(base - tip, axis=1) < FACE_RADIUS
    known = np.where(near, 1.0, BODY_WEIGHT)
    return areas * (INNER_WEIGHT + (known - INNER_WEIGHT) * registration.trusted)


def measure(generator: Generator, modes: Modes, registration: Registration, recipe: Recipe) -> IdentityStatistics:
    """Express the registered heads in our modes and keep the coefficients' statistics."""
    base = generator.base[generator.skin]
    weights = vertex_weights(generator, registration)
    goals = np.zeros((len(registration.modes) + 1, *generator.base.shape))
    goals[:, generator.skin] = np.concatenate([(registration.mean - base)[None], registration.modes])
    eyes = np.concatenate([registration.eye_mean[None], registration.eye_modes])
    for side, eye in enumerate(generator.eyes):
        goals[:, eye] = eyes[:, side, None]
    goals = rigid_free(generator, goals, registration.exposed)
    goals = np.concatenate([goals[:, generator.skin], _eyes_of(generator, goals)], 1)
    rows = np.concatenate([modes.fields[:, generator.skin], _eyes_of(generator, modes.fields)], 1).astype(np.float64)
    scale = np.sqrt(np.repeat(np.concatenate([weights, [EYE_AREA] * 2]) / weights.mean(), 3))
    matrix = rows.reshape(len(rows), -1) * scale
    normal = matrix @ matrix.T + np.diag(NOISE**2 / modes.sigma**2)
    coefficients = np.linalg.solve(normal, matrix @ (goals.reshape(len(goals), -1) * scale).T)
    mean = coefficients[:, 0]
    mean = (mean + modes.mirror_sign * mean[modes.mirror]) / 2
    eye_base = np.stack([generator.base[eye].mean(0) for eye in generator.eyes])
    return IdentityStatistics(
        recipe, generator.fingerprint, modes.names, mean, coefficients[:, 1:], _spread(modes, generator.skin),
        modes.mirror, modes.mirror_sign, eye_base, _eyes_of(generator, modes.fields), {})


def _eyes_of(generator: Generator, fields: np.ndarray) -> np.ndarray:
    """(K, 2, 3) shift of the eyes in fields (K, V, 3)."""
    return np.stack([fields[:, eye].mean(1) for eye in generator.eyes], 1)


def _spread(modes: Modes, skin: np.ndarray) -> np.ndarray:
    """(M,) assumed standard deviations. The two sides have equal ones."""
    answer = np.zeros(len(modes.names))
    for index, name in enumerate(modes.names):
        kind, _, rest = name.partition(":")
        if kind == "harmonic":
            answer[index] = SPREAD_HARMONIC * modes.sigma[index]
        else:
            part = rest.removeprefix("l-").removeprefix("r-")
            special = [value for start, value in SPREAD_BY_NAME.items() if part.startswith(start)]
            field = modes.fields[index] if kind == "eye" else modes.fields[index][skin]
            answer[index] = (special[0] if special else SPREAD[kind]) / np.linalg.norm(field, axis=1).max()
    return (answer + answer[modes.mirror]) / 2


_ARRAYS = ("mean", "factor", "spread", "mirror", "mirror_sign", "eye_base", "eye_shift")


def save_statistics(statistics: IdentityStatistics, path: Path) -> None:
    """Write the figures as a compressed .npz without pickles."""
    text = {"recipe": statistics.recipe.as_dict(), "mesh": statistics.mesh, "mode_names": statistics.mode_names,
            "attribution": ATTRIBUTION, "report": statistics.report}
    arrays = {name: getattr(statistics, name) for name in _ARRAYS}
    arrays = {name: value.astype(np.float32 if value.dtype.kind == "f" else np.int32)
              for name, value in arrays.items()}
    np.savez_compressed(path, text=np.frombuffer(json.dumps(text).encode(), np.uint8), **arrays)


def load_statistics(path: Path = STATISTICS_FILE) -> IdentityStatistics:
    """Read what `save_statistics` wrote. Raises ModelError when the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            text = json.loads(file["text"].tobytes().decode())
            arrays = {name: file[name] for name in _ARRAYS}
        recipe = Recipe(**text["recipe"])
        text["mesh"], text["mode_names"], text["report"]  # named here so that a file without them is refused
    except FileNotFoundError as error:
        raise ModelError(f"The identity statistics {path.name} are missing.", "Restore the file.") from error
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise ModelError(f"The identity statistics {path.name} cannot be read: {error}.",
                         "Restore the file.") from error
    arrays = {name: value.astype(np.float64) if value.dtype == np.float32 else value for name, value in arrays.items()}
    return IdentityStatistics(recipe=recipe, mesh=text["mesh"], mode_names=tuple(text["mode_names"]),
                              report=text["report"], **arrays)
