"""The identity basis: from statistics of real people where they are at hand, else from random sliders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.training.head.shape import Shaper, symmetric
from backend.training.head.source import Source

COMPONENTS = 150
RANDOM_HEADS = 400
SLIDERS = ("cheek", "chin", "ear", "eyebrows", "eye", "forehead", "head", "mouth", "neck", "nose")


@dataclass(frozen=True)
class SourceIdentity:
    """Heads are mean + beta . basis, on the source's U vertices, beta ~ N(0, 1)."""

    mean: np.ndarray  # (U, 3) metres, mirror-symmetric
    basis: np.ndarray  # (K, U, 3) metres per unit
    attribution: str


def source_identity(source: Source, components: int = COMPONENTS) -> SourceIdentity:
    """Statistics of real heads when their file is present, else random plausible sliders."""
    from backend.training.identity import STATISTICS_FILE, identity_basis

    if STATISTICS_FILE.exists():
        real = identity_basis(source, components)
        return SourceIdentity(real.mean, real.basis.astype(np.float64), real.attribution)
    return random_sliders(source, components, np.random.default_rng(20))


def random_sliders(source: Source, components: int, rng: np.random.Generator) -> SourceIdentity:
    """Principal components of heads with random phenotypes and targets, aligned on the face, each with its mirror."""
    mean = source.head(source.coefficients({"age": 0.72}))
    mean = mean - np.array([0, 0, (mean - source.template)[:source.anny_count, 2].mean()])
    names = [name for name in source.model.local_change_labels
             if (name[2:] if name[:2] in ("l-", "r-") else name).startswith(SLIDERS)]
    face = source.template[:, 1] < 0
    heads = []
    for _ in range(RANDOM_HEADS):
        phenotypes: dict[str, float] = {
            "gender": rng.uniform(), "age": rng.uniform(0.67, 1), "muscle": rng.uniform(0.3, 0.7),
            "weight": rng.uniform(0.2, 0.8), "proportions": rng.uniform(0.3, 0.8)}
        local: dict[str, float] = {}
        for name in names:
            twin = local.get("l-" + name[2:]) if name.startswith("r-") else None
            value = rng.normal(0, 0.28) if twin is None else twin + rng.normal(0, 0.05)
            local[name] = float(np.clip(value, -1, 1))
        head = aligned(source.head(source.coefficients(phenotypes, local)), mean, face)
        heads += [head, head[source.mirror] * [-1, 1, 1]]
    stack = np.array(heads)
    mean = symmetric(stack.mean(0), source.mirror)
    spread = (stack - mean).reshape(len(stack), -1) / np.sqrt(len(stack))
    variance, vector = np.linalg.eigh(spread @ spread.T)
    basis = (vector[:, np.argsort(-variance)[:components]].T @ spread).reshape(-1, *mean.shape)
    return SourceIdentity(mean, basis, "")


def aligned(points: np.ndarray, target: np.ndarray, used: np.ndarray) -> np.ndarray:
    """`points` (N, 3) turned and shifted onto `target` by the vertices `used` (N,) bool (Kabsch); no scaling."""
    a, b = points[used].mean(0), target[used].mean(0)
    u, _, vt = np.linalg.svd((points[used] - a).T @ (target[used] - b))
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return (points - a) @ turn + b


def head_basis(shaper: Shaper, identity: SourceIdentity) -> tuple[np.ndarray, np.ndarray]:
    """Template (V, 3) and basis (K, V, 3) of the head: the shaper's rules linearised about the mean.

    Central differences one standard deviation to either side keep the components and their variances.
    """
    mirror = shaper.topology.mirror
    template = symmetric(shaper.head(identity.mean), mirror)
    basis = np.zeros((len(identity.basis), *template.shape), np.float32)
    for number, field in enumerate(identity.basis):
        basis[number] = (shaper.head(identity.mean + field) - shaper.head(identity.mean - field)) / 2
    return template, basis
