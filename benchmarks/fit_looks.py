"""How people's colours differ beside how photos of one person do; writes the table that tells strangers among photos
(`backend/fit/several/looks.npz`).

    python -m backend.training.shape make FOLDER --minutes 60     photos of people who do not exist, three to a skin
    python -m benchmarks.fit_looks FOLDER [FOLDER...]

Those who share a skin count as one person: looks are the skin's, shapes are told by landmarks.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from backend.core.colour import srgb_to_linear
from backend.core.rays import vertex_normals
from backend.fit.several.looks import MARKS, TABLE, Looks, looks
from backend.head.model import HeadModel, default_head
from backend.npz import read_arrays, write_arrays

COMPONENTS = 60  # of all photos' looks, in which people are compared
KEPT = 12  # directions; people differ by less than photos of one person do in those that follow


def bare(head: HeadModel) -> Looks:
    """The part of the table that is the head's own."""
    axes = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # world to a camera in front
    points = head.landmark_points(head.template.astype(np.float64))[:MARKS]
    normals = vertex_normals(head.template.astype(np.float64), head.triangles)
    corners = head.triangles[np.maximum(head.landmark_triangles[:MARKS], 0)]
    across = np.einsum("lc,lcx->lx", head.landmark_barycentric[:MARKS].astype(np.float64), normals[corners])
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    with np.errstate(invalid="ignore"):
        half = np.flatnonzero(points[:, 0] >= -1e-3)
    middle = np.nanmean(points, 0)
    return Looks((points - middle) @ axes.T, across @ axes.T, half, np.zeros(3 * len(half)),
                 np.zeros((0, 3 * len(half))), np.zeros(0))


def table(seen: np.ndarray, person: np.ndarray, own: Looks) -> Looks:
    """From looks (N, 3 M) of photos of `person` (N,)."""
    middle = seen.mean(0)
    _, _, ways = np.linalg.svd(seen - middle, full_matrices=False)
    ways = ways[:COMPONENTS]
    scores = (seen - middle) @ ways.T
    groups = [scores[person == one] for one in np.unique(person) if (person == one).sum() > 1]
    left = np.concatenate([group - group.mean(0) for group in groups])
    within = left.T @ left / (len(left) - len(groups))
    means = np.array([group.mean(0) for group in groups])
    between = np.cov(means.T) - within * np.mean([1 / len(group) for group in groups])
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    values, turn = np.linalg.eigh(whiten @ between @ whiten.T)
    chosen = np.argsort(values)[::-1][:KEPT]
    return Looks(own.places, own.normals, own.numbers, middle, turn.T[chosen] @ whiten @ ways,
                 np.maximum(values[chosen], 0))


def main() -> None:
    """Read the shards, write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_looks", description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    own = bare(default_head())
    seen, person = [], []
    for shard, path in enumerate(path for folder in options.folders for path in sorted(folder.glob("faces_*.npz"))):
        part = read_arrays(path)
        for photo, landmarks, skin in zip(part["photo"], part["landmarks"], part["skin"], strict=True):
            seen.append(looks(srgb_to_linear(photo.astype(np.float32) / 255), landmarks, own))
            person.append(1000 * shard + int(skin))
    found = table(np.array(seen), np.array(person), own)
    write_arrays(options.out, {name: getattr(found, name).astype(np.int32 if name == "numbers" else np.float32)
                               for name in Looks.__dataclass_fields__})
    print(f"{len(seen)} photos of {len(set(person))} skins; variance between people beside photos of one: "
          f"{found.between.round(1)}")


if __name__ == "__main__":
    main()
