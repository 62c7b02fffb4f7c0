"""A file with FLAME's keys, shapes and peculiarities, made from the default head: nobody's licence is needed.

A head of 5,023 vertices (3,931 of skin, two eyeballs of 546), lips joined at the corners with a slit between them, neck
open, of a random person who is not the default head's mean; 300 + 100 components, 36 pose correctives. Its triangles
have nothing to do with the default head's quads.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.sparse import csc_matrix

from backend.arkit import ARKIT_NAMES
from backend.head.model import DEFAULT_HEAD, HeadModel, default_head
from tests.conftest import CACHE
from tests.head.imports import decimate, old_pickle

SKIN, EYEBALL = 3931, 546
VERTICES = SKIN + 2 * EYEBALL
IDENTITY, EXPRESSION = 300, 100
RINGS, SEGMENTS = 17, 32  # of an eyeball: 17 * 32 + 2 = 546 vertices
ORIGIN = np.array([0.0, -0.025, 0.04])  # metres, FLAME axes: its origin is not ours

Flavour = Literal["2020", "2016", "2023", "npz"]


def write_flame(path: Path, seed: int = 0, flavour: Flavour = "2020") -> Path:
    """Write a FLAME-like file.

    `2020`: as Python 2 pickled it (protocol 2), chumpy objects, csc regressor under scipy's old path, float64.
    `2016`: the same in protocol 1, the arrays in Fortran order. `2023`: a pickle of today without chumpy.
    `npz`: plain float32 arrays, dense regressor.
    """
    arrays = flame_arrays(seed)
    path = Path(path)
    if flavour == "npz":
        np.savez(path, **{name: value.astype(np.float32) if value.dtype.kind == "f" else value
                          for name, value in arrays.items()})
    elif flavour == "2023":
        model = {**arrays, "J_regressor": csc_matrix(arrays["J_regressor"]), "bs_style": "lbs", "bs_type": "lrotmin"}
        path.write_bytes(pickle.dumps(model, protocol=4))
    else:
        path.write_bytes(old_pickle.dumps(as_python_2(arrays, fortran=flavour == "2016"),
                                          protocol=1 if flavour == "2016" else 2))
    return path


def as_python_2(arrays: dict[str, np.ndarray], *, fortran: bool = False) -> dict[str, Any]:
    """The dict that the published pickles hold."""
    order = np.asfortranarray if fortran else np.ascontiguousarray
    return {
        "f": arrays["f"], "J_regressor": old_pickle.sparse(csc_matrix(arrays["J_regressor"])),
        "kintree_table": arrays["kintree_table"], "J": arrays["J"], "weights": arrays["weights"],
        "posedirs": order(arrays["posedirs"]), "v_template": old_pickle.chumpy(arrays["v_template"]),
        "shapedirs": old_pickle.chumpy(order(arrays["shapedirs"])), "bs_style": "lbs", "bs_type": "lrotmin"}


def flame_arrays(seed: int = 0, *, right_eye_first: bool = False) -> dict[str, np.ndarray]:
    """The arrays by FLAME's names, in FLAME's axes (+Y up, face along +Z), metres, float64."""
    return dict(_arrays(seed, right_eye_first))


@lru_cache(maxsize=2)
def _arrays(seed: int, right_eye_first: bool) -> dict[str, np.ndarray]:
    head = default_head()
    random = np.random.default_rng(seed)
    people = (random.standard_normal(len(head.shape_basis)) * 0.7).astype(np.float64)
    neutral = head.template.astype(np.float64) + np.tensordot(people, head.shape_basis, 1)
    ends, faces = _skin()
    sides = ("eye_right", "eye_left") if right_eye_first else ("eye_left", "eye_right")
    joints = [head.joint(name) for name in ("neck", "head", "jaw", *sides)]
    regressor = head.joint_regressor[joints].astype(np.float64)
    centres = regressor @ neutral
    ball, ball_faces = _eyeball()
    eyes = neutral[head.material_vertices("eye")]
    radius = np.linalg.norm(eyes - np.where(eyes[:, :1] > 0, *_by_side(centres)), axis=1).mean()

    template = np.concatenate([_turned(neutral[ends].mean(1)), *(_turned(centres[i]) + radius * ball for i in (3, 4))])
    all_faces = np.concatenate([faces, SKIN + ball_faces, SKIN + EYEBALL + ball_faces]).astype(np.uint32)

    def carried(deltas: np.ndarray, *, eyes: bool) -> np.ndarray:
        """(K, V, 3) of the default head -> (5023, 3, K); eyeballs go with their joint, or stay."""
        skin = _turned(deltas[:, ends].mean(2))
        balls = [np.repeat(_turned(regressor[i] @ deltas)[:, None] * eyes, EYEBALL, 1) for i in (3, 4)]
        return np.concatenate([skin, *balls], 1).transpose(1, 2, 0)

    basis = head.shape_basis.astype(np.float64)[:IDENTITY]
    identity = carried(basis, eyes=True)
    identity = np.concatenate([identity, _waves(template, random, IDENTITY - identity.shape[2], 1e-4)], 2)
    expression = carried(_principal_moves(head), eyes=False)
    small = _waves(template, random, EXPRESSION - expression.shape[2], 5e-5)
    small[SKIN:] = 0
    expression = np.concatenate([expression, small], 2)

    weights = np.zeros((VERTICES, 5))
    weights[:SKIN] = head.skin_weights[:, joints].astype(np.float64)[ends].mean(1)
    weights[:SKIN, 3:] = 0
    weights[SKIN:SKIN + EYEBALL, 3] = weights[SKIN + EYEBALL:, 4] = 1
    weights /= weights.sum(1, keepdims=True)
    edge = weights[:, 1:] * (1 - weights[:, 1:])
    correctives = _waves(template, random, 36, 4e-3) * np.repeat(edge, 9, 1)[:, None]

    places = [_turned(centre) for centre in centres]
    joint_rows = np.zeros((5, VERTICES))
    for row in range(3):
        near = np.argsort(np.linalg.norm(template[:SKIN] - places[row], axis=1))[:150]
        joint_rows[row, near] = _combination(template[near], places[row])
    joint_rows[3, SKIN:SKIN + EYEBALL] = joint_rows[4, SKIN + EYEBALL:] = 1 / EYEBALL
    template = template + ORIGIN
    kintree = np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.uint32)
    return {"v_template": template, "f": all_faces, "shapedirs": np.concatenate([identity, expression], 2),
            "posedirs": correctives, "J_regressor": joint_rows, "weights": weights, "kintree_table": kintree,
            "J": joint_rows @ template}


@lru_cache(maxsize=1)
def _skin() -> tuple[np.ndarray, np.ndarray]:
    """Ends (3931, 2) of the default head's edges whose middles are our vertices (both the same: a vertex), faces.

    Takes seconds, so it is kept beside the truth samples for as long as head and code stay the same.
    """
    digest = hashlib.sha256(DEFAULT_HEAD.read_bytes() + Path(__file__).read_bytes()
                            + Path(decimate.__file__).read_bytes()).hexdigest()[:16]
    kept = CACHE.parent / "flame" / f"{digest}.npz"
    if kept.is_file():
        with np.load(kept) as file:
            return file["ends"], file["faces"]
    ends, faces = _cut_down(default_head())
    kept.parent.mkdir(parents=True, exist_ok=True)
    half = kept.with_name(f".{kept.stem}.{os.getpid()}.npz")
    np.savez(half, ends=ends, faces=faces)
    half.replace(kept)
    return ends, faces


def _cut_down(head: HeadModel) -> tuple[np.ndarray, np.ndarray]:
    triangles = head.triangles[head.triangle_material == head.material_index("skin")]
    used, renumbered = np.unique(triangles, return_inverse=True)
    points, faces, ends = decimate.quadrupled(head.template[used].astype(np.float64), renumbered.reshape(-1, 3))
    edges = ends[len(used):]
    length = np.linalg.norm(points[edges[:, 0]] - points[edges[:, 1]], axis=1)
    density = np.bincount(edges.ravel(), np.repeat(length, 2)) / np.bincount(edges.ravel())
    kept, faces = decimate.decimated(points, faces, SKIN, density[ends].mean(1))
    return used[ends[kept]], faces


def _principal_moves(head: HeadModel) -> np.ndarray:
    """(K, V, 3) principal components of how faces move: Apple's shapes, the two sides nearly together, none of the jaw.

    A face draws each shape with a standard deviation of 0.3; the components are scaled to one.
    """
    still = ("eyeLook", "jaw", "tongue", "mouthClose")
    moving = [i for i, name in enumerate(ARKIT_NAMES) if not name.startswith(still)]
    names = [ARKIT_NAMES[i].replace("Left", "").replace("Right", "") for i in moving]
    together = np.array([[1.0 if a == b else 0.0 for b in names] for a in names])
    covariance = 0.3**2 * (0.9 * together + 0.1 * np.eye(len(names)))
    drawn = np.tensordot(np.linalg.cholesky(covariance).T, head.arkit_deltas[moving].astype(np.float64), 1)
    flat = drawn.reshape(len(drawn), -1)
    variance, turn = np.linalg.eigh(flat @ flat.T)
    return np.tensordot(turn[:, np.argsort(-variance)].T, drawn, 1)


def _eyeball() -> tuple[np.ndarray, np.ndarray]:
    """A unit sphere of 546 points with poles along FLAME's gaze (+Z), and its 1,088 outward triangles."""
    theta = np.pi * np.arange(1, RINGS + 1) / (RINGS + 1)
    phi = 2 * np.pi * np.arange(SEGMENTS) / SEGMENTS
    rings = np.stack([np.sin(theta)[:, None] * np.cos(phi), np.sin(theta)[:, None] * np.sin(phi),
                      np.repeat(np.cos(theta)[:, None], SEGMENTS, 1)], -1)
    points = np.concatenate([[[0, 0, 1.0]], rings.reshape(-1, 3), [[0, 0, -1.0]]])
    faces = []
    for s in range(SEGMENTS):
        t = (s + 1) % SEGMENTS
        faces.append((0, 1 + s, 1 + t))
        last = 1 + (RINGS - 1) * SEGMENTS
        faces.append((EYEBALL - 1, last + t, last + s))
        for r in range(RINGS - 1):
            a, b = 1 + r * SEGMENTS, 1 + (r + 1) * SEGMENTS
            faces += [(a + s, b + s, b + t), (a + s, b + t, a + t)]
    return points, np.array(faces)


def _turned(points: np.ndarray) -> np.ndarray:
    """From our axes (+Z up, face along -Y) to FLAME's (+Y up, face along +Z)."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


def _by_side(centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The left eye's centre (+X), the right one's."""
    return (centres[3], centres[4]) if centres[3, 0] > 0 else (centres[4], centres[3])


def _waves(points: np.ndarray, random: np.random.Generator, count: int, metres: float) -> np.ndarray:
    """(V, 3, count) smooth fields: plane waves of 5 to 20 cm."""
    length = random.uniform(0.05, 0.2, count)
    direction = random.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    phase = points @ (2 * np.pi * direction / length[:, None]).T + random.uniform(0, 2 * np.pi, count)
    return metres * np.sin(phase)[:, None] * random.standard_normal((count, 3)).T


def _combination(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The smallest weights that sum to one and whose mean of `points` (N, 3) is `target` (3,)."""
    rows = np.vstack([np.ones(len(points)), points.T])
    return np.linalg.pinv(rows) @ np.concatenate([[1.0], target])
