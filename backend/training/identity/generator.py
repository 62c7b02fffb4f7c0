"""What the head generator offers for making modes: a mean adult head, its parts and its shape targets.

A view of `backend.training.head.source` (build time only) in that vertex order and those axes: +Z up, face along -Y,
metres, origin between the ears.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backend.training.head.source import Source

MEAN_ADULT = {"gender": 0.5, "age": 0.75}
"""Phenotypes of the head that the modes start from; age 2/3 is a young adult and 1 an old one."""

PHENOTYPE_ENDS = {"gender": (0.0, 1.0), "age": (2 / 3, 1.0), "muscle": (0.0, 1.0), "weight": (0.0, 1.0),
                  "proportions": (0.0, 1.0)}
"""Ends between which a phenotype is linearised. Height only moves the head."""

HEAD_TARGETS = ("cheek", "chin", "ear", "eyebrows", "eye", "forehead", "head", "mouth", "neck", "nose", "measure-neck")
"""Beginnings of the names (after an `l-` or `r-`) of the local targets that shape a head."""

EYE_GROUPS = ("helper-l-eye", "helper-r-eye")


@dataclass(frozen=True)
class Generator:
    """Arrays of the generator. V vertices, F quads, P targets."""

    base: np.ndarray  # (V, 3) float64 metres, a mean adult
    quads: np.ndarray  # (F, 4)
    groups: np.ndarray  # (F,) str, "body" for skin and the inside of the mouth
    mirror: np.ndarray  # (V,) vertex on the other side, an involution
    target_names: tuple[str, ...]  # (P,)
    targets: np.ndarray  # (P, V, 3) float32 metres at weight 1

    def part(self, *groups: str) -> np.ndarray:
        """Sorted indices of the vertices of these groups."""
        return np.unique(self.quads[np.isin(self.groups, groups)])

    @cached_property
    def skin(self) -> np.ndarray:
        """Sorted indices of the vertices of the skin and of the inside of the mouth; one connected surface."""
        return self.part("body")

    @cached_property
    def skin_triangles(self) -> np.ndarray:
        """(T, 3) triangles of the skin, as places in `skin`."""
        quads = np.searchsorted(self.skin, self.quads[self.groups == "body"])
        return np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])

    @cached_property
    def skin_mirror(self) -> np.ndarray:
        """(len(skin),) the mirror, as places in `skin`."""
        return np.searchsorted(self.skin, self.mirror[self.skin])

    @cached_property
    def eyes(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices of the left eye (+X) and of the right eye."""
        return self.part(EYE_GROUPS[0]), self.part(EYE_GROUPS[1])

    @cached_property
    def eye_triangles(self) -> np.ndarray:
        """(T, 3) triangles of both eyes, as vertices."""
        quads = self.quads[np.isin(self.groups, EYE_GROUPS)]
        return np.concatenate([quads[:, :3], quads[:, [0, 2, 3]]])

    @cached_property
    def fingerprint(self) -> dict[str, float]:
        """A few figures that change when the mesh does: coefficients mean nothing on another mesh."""
        base = self.base[self.skin]
        return {"vertices": len(base), "triangles": len(self.skin_triangles),
                "moment": round(float((base * base).sum()), 3), "weave": int((self.skin_triangles[:, 0] % 97).sum())}


def read_generator(source: Source) -> Generator:
    """Keep of the head's raw material what modes are made of."""
    def coefficients(**changes: float) -> np.ndarray:
        return source.coefficients(MEAN_ADULT | changes)

    base = source.head(coefficients())
    base += _eye_middle(source.template, source) - _eye_middle(base, source)  # it stands higher
    base = (base + base[source.mirror] * [-1, 1, 1]) / 2  # the data is symmetric to 3e-9 m; modes want it exact

    names, targets = [], []
    for phenotype, (low, high) in PHENOTYPE_ENDS.items():
        step = (coefficients(**{phenotype: high}) - coefficients(**{phenotype: low})) / 2
        names.append(f"phenotype:{phenotype}")
        shift = np.tensordot(step, source.modes, 1)
        targets.append(shift - _eye_middle(shift, source))
    for label, mode in zip(source.mode_names, source.modes, strict=True):
        kind, _, name = label.partition(":")
        if kind == "local_change" and name.removeprefix("l-").removeprefix("r-").startswith(HEAD_TARGETS):
            names.append(f"target:{name}")
            targets.append(mode)
    return Generator(base, source.quads, source.groups, source.mirror, tuple(names), np.array(targets, np.float32))


def _eye_middle(field: np.ndarray, source: Source) -> np.ndarray:
    """(3,) mean of a vertex field (V, 3) over both eyes."""
    return field[np.unique(source.quads[np.isin(source.groups, EYE_GROUPS)])].mean(0)
