"""Whether the fit is as sure as it says: `python -m benchmarks.fit_sigma` prints a table in Markdown.

    python -m benchmarks.fit_sigma [--people 20] [--seed 1000]

The people and photos of `benchmarks.fit`, region by region: the error found along the normal, size and place apart, and
the standard deviation that the fit stated. Their ratio should be near one. When the fit has learnt to listen to
something new it is not: the last lines say what `OPTIMISM` and `ALIKE` in `backend/fit/uncertainty.py` should be.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from backend.core.rays import vertex_normals
from backend.errors import LikenessError
from backend.fit import fit_head
from backend.fit.uncertainty import ALIKE, OPTIMISM, region_sigmas
from backend.head.library import DEFAULT
from backend.head.model import HeadModel
from benchmarks.fit import photographer
from benchmarks.fit_metrics import similarity
from benchmarks.fit_people import FRONT, LEFT, RIGHT

PHOTOS = {"one": (FRONT,), "three": (FRONT, LEFT, RIGHT)}


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fit_sigma", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1000, help="other people")
    parser.add_argument("--size", type=int, default=512, help="pixels of a photo's side")
    options = parser.parse_args()
    try:
        print(report(options.people, options.seed, options.size))
    except KeyboardInterrupt:
        return 130
    except LikenessError as error:
        print(f"\n{error}", file=sys.stderr)
        return 2
    return 0


def report(people: int, seed: int, size: int) -> str:
    """The table, and what it asks for."""
    studio = photographer(DEFAULT, seed, size)
    head = studio.head
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in PHOTOS}
    for number in range(people):
        person = studio.person(number)
        for name, indices in PHOTOS.items():
            seen = [observation for index in indices if (observation := person.observations[index]) is not None]
            if len(seen) == len(indices):
                fit = fit_head(seen, head)
                error = normal_errors(head, fit.neutral, person.neutral)
                found[name].append((region_sigmas(head, error), fit.region_sigma))
        print(f"\r{number + 1} of {people} people ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    figures = {name: _rms(np.array(pairs)) for name, pairs in found.items() if pairs}  # (2, R) each
    lines = ["| region | " + " | ".join(f"{name}: error | stated | ratio" for name in figures) + " |",
             "|---|" + "---|---|---|" * len(figures)]
    for index, region in enumerate(head.region_names):
        cells = [f"{1000 * error:.2f} | {1000 * sigma:.2f} | {error / sigma:.2f}"
                 for error, sigma in (pair[:, index] for pair in figures.values()) if np.isfinite(error)]
        if cells:
            lines.append(f"| {region} | " + " | ".join(cells) + " |")
    ratios = {name: float(np.nanmedian(pair[0] / pair[1])) for name, pair in figures.items()}
    lines.append("\nMillimetres. Middle ratio: " + ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()))
    if len(ratios) == len(PHOTOS):
        alike = ALIKE + np.log(ratios["three"] / ratios["one"]) / np.log(len(PHOTOS["three"]))
        lines.append(f"Asked for: OPTIMISM {OPTIMISM * ratios['one']:.2f} (it is {OPTIMISM}), "
                     f"ALIKE {alike:.2f} (it is {ALIKE}).")
    return "\n".join(lines)


def normal_errors(head: HeadModel, found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(V,) metres of `found` (V, 3) off `true` along its normal, best size and place taken off; NaN off skin."""
    face = head.triangles[head.landmark_triangles[head.landmarks_placed], 0]
    scale, turn, shift = similarity(true[face].astype(np.float64), found[face].astype(np.float64), True)
    off = found - (scale * true @ turn.T + shift)
    skin_faces = head.triangle_material == head.material_index("skin")
    along = (off * vertex_normals(found.astype(np.float64), head.triangles[skin_faces])).sum(1)
    return np.where(head.material_vertices("skin"), along, np.nan)


def _rms(pairs: np.ndarray) -> np.ndarray:
    """(N, 2, R) -> (2, R)."""
    return np.sqrt(np.mean(pairs**2, 0))


if __name__ == "__main__":
    sys.exit(main())
