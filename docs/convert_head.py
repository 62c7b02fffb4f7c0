"""From your own head model to a file that `head import` reads. Copy this script and change `my_model`.

    python docs/convert_head.py my_head.npz

Needs numpy only. The entries are listed in docs/heads.md; what you leave out is placed by registration.
"""

import sys

import numpy as np


def my_model() -> dict[str, np.ndarray]:
    """The entries. Here: an egg with a nose, to be replaced with what you load from your own files."""
    vertices, faces = egg()
    height = vertices[:, 1] / 0.13
    longer = np.stack([0 * height, 0.01 * height, 0 * height], -1)  # 1 cm up at the top, down at the chin, per unit
    wider = np.stack([0.05 * vertices[:, 0], 0 * height, 0 * height], -1)
    frown = np.stack([0 * height, -0.002 * np.exp(-((height - 0.35) / 0.1) ** 2), 0 * height], -1)
    return {
        "v_template": vertices,  # (V, 3) the mean head, neutral, mouth closed
        "f": faces,  # (F, 3) or (F, 4), counted from 0, outsides counter-clockwise
        "shapedirs": np.stack([longer, wider], -1),  # (V, 3, S) identity; 1 = one standard deviation
        "exprdirs": np.stack([frown], -1),  # (V, 3, E) expression
        "expression_names": np.array(["frown"]),
        "units": np.array("m"),
        "axes": np.array("+x +y +z"),  # where the person's left, up and the face's front lie
        "licence": np.array("CC0-1.0"),
        "attribution": np.array("Nobody in particular"),
    }


def egg(rings: int = 40, segments: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """A closed surface 26 cm high, the face along +Z: (V, 3) metres and (F, 3)."""
    down = np.pi * np.arange(1, rings + 1) / (rings + 1)
    round_ = 2 * np.pi * np.arange(segments) / segments
    theta, phi = (grid.ravel() for grid in np.meshgrid(down, round_, indexing="ij"))
    nose = 0.02 * np.exp(-((theta - 1.7) / 0.15) ** 2 - ((phi - np.pi / 2) / 0.15) ** 2)
    ring = np.stack([0.08 * np.sin(theta) * np.cos(phi), 0.13 * np.cos(theta),
                     (0.09 + nose) * np.sin(theta) * np.sin(phi)], -1)
    vertices = np.concatenate([[[0, 0.13, 0]], ring, [[0, -0.13, 0]]])
    faces = []
    for s in range(segments):
        t = (s + 1) % segments
        faces.append((0, 1 + t, 1 + s))
        for r in range(rings - 1):
            a, b = 1 + r * segments, 1 + (r + 1) * segments
            faces += [(a + s, b + t, b + s), (a + s, a + t, b + t)]
        last = 1 + (rings - 1) * segments
        faces.append((len(vertices) - 1, last + s, last + t))
    return vertices, np.array(faces)


def main() -> None:
    """Write the file named on the command line."""
    model = my_model()
    count = len(model["v_template"])
    for name in ("shapedirs", "exprdirs"):
        assert model[name].shape[:2] == (count, 3), f"{name} is {model[name].shape}, it should be ({count}, 3, ...)"
    np.savez_compressed(sys.argv[1], allow_pickle=False, **model)
    print(f"Wrote {sys.argv[1]}: {count} vertices. Now: head import {sys.argv[1]} --name NAME")


if __name__ == "__main__":
    main()
