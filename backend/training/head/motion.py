"""How real faces move: figures by which MakeHuman's face units are scaled and bent towards captured expressions.

    python -m backend.training.head.motion SCAN.npz [--out FILE]

Each of our 52 shapes is MakeHuman's own unit times an amplitude, plus a combination of smooth harmonics of our skin.
Amplitudes and coefficients are measured from ICT-FaceKit's expressions, laid on our mesh by the identity prior's
registration. Only these figures are kept, none of the scan model's geometry.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.errors import LikenessError, ModelError
from backend.training.head.lids import biharmonic, neighbours
from backend.training.head.source import Source, load_source
from backend.training.head.topology import mouth_and_sockets

if TYPE_CHECKING:
    from backend.training.identity.generator import Generator
    from backend.training.identity.register import Registration

STATISTICS_FILE = Path(__file__).parents[2] / "assets" / "head" / "expression_statistics.npz"

ATTRIBUTION = (
    "Expression amplitudes and directions measured from ICT-FaceKit (Copyright (c) 2020 USC Institute for Creative "
    "Technologies, MIT License): coefficients of our own modes; none of its geometry is included."
)

KEPT = ("eyeBlink", "jawOpen", "mouthClose", "tongueOut")
"""Beginnings of shapes that stay MakeHuman's: a blink closes our lids, whatever the scans' openings; the jaw's turn and
what undoes it carry the inside of the mouth, which the scans do not show; the scans have no tongue."""

ONE_SIDED, FADE = ("eye", "brow", "cheekSquint"), 0.03
"""Shapes whose correction ends within that many metres beyond the midline: harmonics ring a little."""

HARMONICS = 300
DENSITY = (((0.0, -0.095, -0.068), 0.035, 80.0), ((0.0325, -0.082, 0.0), 0.028, 60.0),
           ((-0.0325, -0.082, 0.0), 0.028, 60.0), ((0.0, -0.1, -0.02), 0.06, 15.0))
"""Where harmonics are finest: middles and reaches (metres), and weights of a square metre, which is 1 elsewhere."""

SMOOTHNESS = 1e-3  # what the finest harmonic costs, against a square metre of its own size
INSIDE = 0.02  # weight of skin without counterpart on the scans, which is asked to move as MakeHuman's unit does
BAG_RINGS = 8  # rings of the mouth bag that follow the lips' correction, falling to none


@dataclass(frozen=True)
class Motion:
    """Figures of N shapes (left ones and central ones); H harmonics."""

    names: tuple[str, ...]  # (N,)
    amplitude: np.ndarray  # (N,) of MakeHuman's unit
    coefficients: np.ndarray  # (N, H, 3) millimetres
    mesh: dict[str, float]  # fingerprint of the skin that the harmonics live on

    def save(self, path: Path) -> None:
        """Write as .npz without pickles; coefficients in half precision, which is a micrometre."""
        text = json.dumps({"names": self.names, "mesh": self.mesh, "attribution": ATTRIBUTION})
        np.savez_compressed(path, allow_pickle=False, text=np.frombuffer(text.encode(), np.uint8),
                            amplitude=self.amplitude.astype(np.float32),
                            coefficients=self.coefficients.astype(np.float16))

    @classmethod
    def load(cls, path: Path = STATISTICS_FILE) -> Motion:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            text = json.loads(file["text"].tobytes().decode())
            return cls(tuple(text["names"]), file["amplitude"].astype(float), file["coefficients"].astype(float),
                       text["mesh"])


@dataclass(frozen=True)
class Mover:
    """Makes the real displacement of a shape on the source's U vertices."""

    source: Source
    generator: Generator
    motion: Motion

    @classmethod
    def of(cls, source: Source, motion: Motion | None = None) -> Mover:
        """Raises ModelError when the figures belong to another mesh."""
        from backend.training.identity.generator import read_generator

        generator, known = read_generator(source), motion or Motion.load()
        if generator.fingerprint != known.mesh:
            raise ModelError("The expression statistics belong to another mesh than the head generator's.",
                             "Measure them again: python -m backend.training.head.motion.")
        return cls(source, generator, known)

    def displacement(self, name: str) -> np.ndarray:
        """(U, 3) metres of an ARKit shape; the right ones are the left ones mirrored."""
        unit = _even(self.source.arkit, name, self.source.mirror)
        shown = name if name in self.motion.names else mirrored_name(name)
        if shown not in self.motion.names:
            return unit
        number = self.motion.names.index(shown)
        correction = np.zeros_like(unit)
        correction[self.generator.skin] = self._harmonics.T @ self.motion.coefficients[number] / 1e3
        deep, follow, border = self._bag
        correction[deep] = 0
        correction[deep[:follow.shape[0]]] = follow @ correction[border]
        if shown.endswith("Left") and shown.startswith(ONE_SIDED):
            across = np.clip(1 + self.source.template[:, :1] / FADE, 0, 1)
            correction *= across * across * (3 - 2 * across)
        if shown != name:
            correction = correction[self.source.mirror] * [-1, 1, 1]
        return self.motion.amplitude[number] * unit + correction

    @cached_property
    def _harmonics(self) -> np.ndarray:
        return harmonics(self.generator)[0]

    @cached_property
    def _bag(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The mouth bag's vertices, those that follow its border first; how they follow; the border."""
        skin, mouth, _ = mouth_and_sockets(self.source)
        graph = neighbours(self.source.quads[skin | mouth], len(self.source.template))
        bag = np.unique(self.source.quads[mouth])
        border = np.intersect1d(bag, self.source.quads[skin])
        inside = np.setdiff1d(bag, border)
        near, reached = np.zeros(0, int), border
        for _ in range(BAG_RINGS):
            beside = np.flatnonzero(np.asarray(graph[reached].sum(0)).ravel())
            reached = np.union1d(reached, np.intersect1d(beside, inside))
            near = np.setdiff1d(reached, border)
        # The two rings of skin before the border say in which direction the bag goes on.
        held = border
        for _ in range(2):
            beside = np.flatnonzero(np.asarray(graph[held].sum(0)).ravel())
            held = np.union1d(held, np.setdiff1d(beside, inside))
        return np.concatenate([near, np.setdiff1d(inside, near)]), biharmonic(graph, held, near), held


def harmonics(generator: Generator) -> tuple[np.ndarray, np.ndarray]:
    """(H, S) smooth functions on the skin, finest about eyes and mouth, largest value 1, and their eigenvalues."""
    from backend.training.identity.spectrum import spectrum

    base = generator.base[generator.skin]
    density = 1 + sum(weight * np.exp(-(np.linalg.norm(base - middle, axis=1) / reach) ** 2)
                      for middle, reach, weight in DENSITY)
    found = spectrum(base, generator.skin_triangles, generator.skin_mirror, HARMONICS, density)
    return found.functions / np.abs(found.functions).max(1, keepdims=True), found.values


def measure(source: Source, scan_file: Path, registration: Registration) -> tuple[Motion, list[str]]:
    """The figures, and a line of report for every shape: likeness (cosine) before and after, amplitudes."""
    from backend.head.register.smooth import cotangent_laplacian
    from backend.training.identity.generator import read_generator

    generator = read_generator(source)
    skin, across = generator.skin, generator.skin_mirror
    real = _carried(scan_file, generator, registration)
    trusted = (registration.trusted > 0) & (registration.trusted[across] > 0)
    _, areas = cotangent_laplacian(registration.mean, generator.skin_triangles)
    seen, hidden = areas * trusted, areas * ~trusted * INSIDE
    functions, values = harmonics(generator)
    gram = (functions * (seen + hidden)) @ functions.T
    gram += SMOOTHNESS * np.trace(gram) / len(gram) * np.diag(values / values[-1])

    def inner(a: np.ndarray, b: np.ndarray) -> float:
        return float((seen[:, None] * a * b).sum())

    names, amplitudes, coefficients, report = [], [], [], []
    for name, field in real.items():
        goal = (field + real[mirrored_name(name)][across] * [-1, 1, 1]) / 2
        unit = _even(source.arkit, name, source.mirror)[skin]
        if name.endswith("Right") or name.startswith(KEPT):
            continue
        amplitude = max(inner(unit, goal) / inner(unit, unit), 0.0)
        found = np.linalg.solve(gram, (functions * seen) @ (goal - amplitude * unit))
        made = amplitude * unit + functions.T @ found
        before, after = (inner(a, goal) / np.sqrt(inner(a, a) * inner(goal, goal)) for a in (unit, made))
        names.append(name)
        amplitudes.append(amplitude)
        coefficients.append(found * 1e3)
        report.append(f"{name:18s} cosine {before:.2f} -> {after:.3f}; size, ours to theirs, "
                      f"{np.sqrt(inner(unit, unit) / inner(goal, goal)):.2f} -> "
                      f"{np.sqrt(inner(made, made) / inner(goal, goal)):.2f}; unit times {amplitude:.2f}")
    return Motion(tuple(names), np.array(amplitudes), np.array(coefficients), generator.fingerprint), report


def _even(shapes: np.ndarray, name: str, mirror: np.ndarray) -> np.ndarray:
    """(U, 3) a shape's unit, the mean of itself and its mirrored partner."""
    other = shapes[ARKIT_NAMES.index(mirrored_name(name))].astype(np.float64)[mirror] * [-1, 1, 1]
    return (shapes[ARKIT_NAMES.index(name)] + other) / 2


def _carried(scan_file: Path, generator: Generator, registration: Registration) -> dict[str, np.ndarray]:
    """(S, 3) metres of the scan model's expressions at our skin's counterparts, by ARKit name."""
    from backend.core.rays import vertex_normals
    from backend.head.register.surface import Surface
    from backend.training.identity.scan import read_expressions, read_scan

    turn = registration.scan_rotation
    target = read_scan(scan_file).mean @ turn.T + registration.scan_shift
    surface = Surface(target, registration.scan_triangles)
    face, weights, _ = surface.closest(registration.mean, vertex_normals(registration.mean, generator.skin_triangles),
                                       0.5)
    corners = registration.scan_triangles[face]
    return {name: np.einsum("nc,ncx->nx", weights, field[corners]) @ turn.T
            for name, field in read_expressions(scan_file).items() if name in ARKIT_NAMES}


def main(arguments: list[str] | None = None) -> int:
    """Measure, report, write."""
    from backend.training.identity.__main__ import landmarker
    from backend.training.identity.generator import read_generator
    from backend.training.identity.register import register
    from backend.training.identity.scan import read_scan

    parser = argparse.ArgumentParser(prog="python -m backend.training.head.motion", description=__doc__)
    parser.add_argument("scan", type=Path)
    parser.add_argument("--out", type=Path, default=STATISTICS_FILE)
    options = parser.parse_args(arguments)
    try:
        source = load_source()
        with landmarker() as detect:
            registration = register(read_generator(source), read_scan(options.scan), detect)
        motion, report = measure(source, options.scan, registration)
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    motion.save(options.out)
    print("\n".join(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
