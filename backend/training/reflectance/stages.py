"""Heads ready to be lit: a random person's surface in the skin's square, and what every texel sees of the sphere.

Visibility is cast once per head over `DIRECTIONS` directions that are turned differently for every head, so that no
network learns the grid. A light stands in one of them (a sun, hard shadows) or in many (windows, skies); a camera far
away looks along one of them. So lighting a head needs no more rays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from backend.core.rays import Mesh
from backend.head.deform import HeadTensors, neutral_vertices, posed_vertices
from backend.head.model import HeadModel
from backend.npz import read_arrays, write_arrays
from backend.reflectance.networks.features import transfer_of
from backend.unwrap.surface import skin_normals, solid_triangles, surface_of

DIRECTIONS = 256
"""About 13 degrees apart."""

LIFT = 0.0008
"""How far above the skin rays start, metres: as in `backend.reflectance.light`."""

SPREAD, MODES = 0.8, 60
"""Of random people's beta, and how many of its numbers are drawn."""

MOVED = 0.4
"""Share of heads that are not calm."""

STEEP = 1.2
"""Slopes of relief are cut here: seams of the layout would make cliffs."""


@dataclass(frozen=True)
class Stage:
    """A head in G x G texels of the skin's square; D directions. World: metres, +Z up, the face along -Y."""

    inside: np.ndarray  # (G, G) bool
    position: np.ndarray  # (G, G, 3) float32 metres
    normal: np.ndarray  # (G, G, 3) float32 unit
    slope_u: np.ndarray  # (G, G, 3) float32: a height's change a texel to the right times this ...
    slope_v: np.ndarray  # (G, G, 3) float32: ... and a texel down times this is its gradient on the surface
    texel: np.ndarray  # (G, G) float32 metres a texel
    directions: np.ndarray  # (D, 3) float32 unit
    visible: np.ndarray  # (G, G, D / 8) uint8, bits: the texel sees the direction
    transfer: np.ndarray  # (G, G, 9) float32: shading of albedo 1 per coefficient of a light's harmonics
    blocked: np.ndarray  # (G, G) float32 0..1, share of the cosine-weighted sphere in which the head sees itself

    @property
    def size(self) -> int:
        """G."""
        return len(self.inside)

    @property
    def seen(self) -> np.ndarray:
        """(G, G, D) bool."""
        return np.unpackbits(self.visible, axis=-1).astype(bool)


def random_stage(head: HeadModel, size: int, rng: np.random.Generator) -> Stage:
    """Someone, perhaps with an expression."""
    beta = np.zeros(len(head.shape_basis), np.float32)
    count = min(MODES, len(beta))
    beta[:count] = rng.normal(size=count) * SPREAD
    psi = np.zeros(len(head.expression_names), np.float32)
    if rng.random() < MOVED:
        chosen = rng.choice(min(52, len(psi)), 5, replace=False)
        psi[chosen] = rng.beta(1.2, 2.5, 5)
    return stage_of(head, posed_by(head, beta, psi), size, turned_sphere(rng))


def posed_by(head: HeadModel, beta: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """(V, 3) metres of a head that looks straight on."""
    import torch

    tensors = HeadTensors.of(head)
    with torch.no_grad():
        neutral = neutral_vertices(tensors, torch.as_tensor(beta), torch.zeros(head.template.shape))
        return posed_vertices(tensors, neutral, torch.as_tensor(psi), torch.zeros(len(head.joint_names), 3)).numpy()


def stage_of(head: HeadModel, posed: np.ndarray, size: int, directions: np.ndarray) -> Stage:
    """The stage of a posed head (V, 3) metres. `directions` (D, 3) unit, D a multiple of 8."""
    surface = surface_of(head, size)
    inside = surface.inside
    position = surface.lay_out(head, posed)
    normal = surface.lay_out(head, skin_normals(head, posed))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)
    slope_u, slope_v, texel = _metric(position)
    mesh = Mesh(posed, solid_triangles(head))
    start = (position + LIFT * normal)[inside]
    facing = normal[inside] @ directions.T > 0
    seen = np.zeros(facing.shape, bool)
    for number, direction in enumerate(directions):
        rows = np.flatnonzero(facing[:, number])
        seen[rows, number] = ~mesh.occluded(start[rows], np.broadcast_to(direction, (len(rows), 3)))
    visible = np.zeros((size, size, len(directions) // 8), np.uint8)
    visible[inside] = np.packbits(seen, axis=-1)
    cosine = np.maximum(normal[inside] @ directions.T, 0) * (4 / len(directions))
    transfer, blocked = np.zeros((size, size, 9), np.float32), np.zeros((size, size), np.float32)
    transfer[inside] = transfer_of(cosine * seen, directions)
    blocked[inside] = np.minimum((cosine * ~seen).sum(1), 1)
    return Stage(inside, position.astype(np.float32), normal.astype(np.float32), slope_u, slope_v, texel,
                 directions.astype(np.float32), visible, transfer, blocked)


def turned_sphere(rng: np.random.Generator, count: int = DIRECTIONS) -> np.ndarray:
    """(count, 3) float32 directions of equal area (a Fibonacci spiral), turned at random."""
    index = np.arange(count) + 0.5
    z = 1 - 2 * index / count
    angle, radius = np.pi * (1 + np.sqrt(5)) * index, np.sqrt(1 - z * z)
    spiral = np.stack([radius * np.cos(angle), radius * np.sin(angle), z], -1)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return (spiral @ turn.T).astype(np.float32)


def _metric(position: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What turns a height's change a texel, to the right and down, into its gradient; and metres a texel."""
    right, down = np.gradient(position, axis=1), np.gradient(position, axis=0)
    uu, vv, uv = (np.einsum("hwc,hwc->hw", a, b) for a, b in ((right, right), (down, down), (right, down)))
    area2 = np.maximum(uu * vv - uv * uv, 1e-14)
    slope_u = (vv[..., None] * right - uv[..., None] * down) / area2[..., None]
    slope_v = (uu[..., None] * down - uv[..., None] * right) / area2[..., None]
    return slope_u.astype(np.float32), slope_v.astype(np.float32), np.sqrt(np.sqrt(area2)).astype(np.float32)


def bent(stage: Stage, height: np.ndarray) -> np.ndarray:
    """(G, G, 3) unit normals of the stage under a relief `height` (G, G) metres."""
    down, right = np.gradient(height)
    gradient = right[..., None] * stage.slope_u + down[..., None] * stage.slope_v
    steep = np.linalg.norm(gradient, axis=-1, keepdims=True)
    gradient *= np.minimum(1, STEEP / np.maximum(steep, 1e-9))
    normal = stage.normal - gradient
    return (normal / np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-6)).astype(np.float32)


def cached_stages(head: HeadModel, folder: Path, size: int, seed: int, numbers: Sequence[int]) -> list[Stage]:
    """Stages of these numbers, made when `folder` lacks them; the same for a seed, whoever makes them when."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in fields(Stage)]
    found = []
    for number in numbers:
        path = folder / f"stage_{size}_{seed}_{number:04d}.npz"
        kept = read_arrays(path) if path.exists() else {}
        if set(kept) != set(names):  # none, or of another make
            made = random_stage(head, size, np.random.default_rng([seed, 1, number]))
            kept = {name: getattr(made, name) for name in names}
            write_arrays(path, kept, compress=False)
        found.append(Stage(**{name: np.array(array) for name, array in kept.items()}))  # torch wants its own
    return found
