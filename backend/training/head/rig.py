"""Joints of the default head and the weights that bind the skin to them."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls

from backend.head.model import JOINTS
from backend.training.head.source import Source
from backend.training.head.topology import Topology

PARENTS = np.array([-1, 0, 1, 1, 1], np.int32)

NECK_JOINT = (0.0, 0.040, -0.135)  # metres on the mean head: where neck and back meet
HEAD_JOINT = (0.0, 0.018, -0.040)  # where skull and spine meet: under the ear canals, a little behind them
JAW_JOINT = (0.0, -0.010, -0.020)  # the axis through both jaw joints: just before the ear canals

_BONE_SHARE = {"root": (1.0, 0.0), "neck01": (1.0, 0.0), "neck02": (0.65, 0.35), "neck03": (0.25, 0.75),
               "head": (0.0, 1.0)}
"""How MakeHuman's neck bones are shared between our neck and head."""

NEIGHBOURS = 160  # vertices that carry a joint


def joint_regressor(topology: Topology, template: np.ndarray) -> np.ndarray:
    """(J, V): convex weights of vertices that give the joints."""
    regressor = np.zeros((len(JOINTS), len(template)))
    candidates = topology.skin
    for joint, place in enumerate((NECK_JOINT, HEAD_JOINT, JAW_JOINT)):
        distance = np.linalg.norm((template[candidates] - place) * [0.5, 1, 1], axis=1)
        near = candidates[np.argsort(distance, kind="stable")[:NEIGHBOURS]]
        # The ridge asks for many small weights, so that no single vertex drags the joint.
        system = np.vstack([template[near].T, np.ones(len(near)), 2e-3 * np.eye(len(near))])
        weights, _ = nnls(system, np.r_[place, 1, np.zeros(len(near))])
        weights /= weights.sum()
        regressor[joint, near] += weights / 2
        regressor[joint, topology.mirror[near]] += weights / 2
    for side in (0, 1):
        equator = (topology.eye_part == side) & (np.abs(topology.eye_unit[:, 1]) < 1e-9)
        regressor[3 + side, equator] = 1 / equator.sum()
    return regressor


def skin_weights(source: Source, topology: Topology) -> np.ndarray:
    """(V, J), rows sum to 1; symmetric."""
    parents = {bone: parent for bone, parent in zip(source.bone_names, _parents(source), strict=True)}
    share = np.zeros((len(source.bone_names), len(JOINTS)))
    for number, bone in enumerate(source.bone_names):
        ancestor = bone
        while ancestor not in _BONE_SHARE and ancestor != "jaw":
            ancestor = parents[ancestor]
        if ancestor == "jaw":
            share[number, 2] = 1
        else:
            share[number, :2] = _BONE_SHARE[ancestor]
    weights = np.zeros((len(topology.source_index), len(JOINTS)))
    kept = topology.kept
    weights[kept] = source.weights[topology.source_index[kept]] @ share
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-12)
    weights = _smoothed(weights, topology, kept)
    groups = np.full(len(source.template), "", dtype="U32")
    groups[source.quads] = source.groups[:, None]
    part = np.full(len(kept), "", dtype="U32")
    part[kept] = groups[topology.source_index[kept]]
    weights[topology.of("teeth_upper")] = np.eye(len(JOINTS))[1]
    weights[topology.of("teeth_lower") | (part == "helper-tongue")] = np.eye(len(JOINTS))[2]
    for side in (0, 1):
        weights[(topology.eye_part == side) | (topology.eye_part == side + 2)] = np.eye(len(JOINTS))[3 + side]
    weights[~kept & (topology.eye_part < 0) & ~topology.of("teeth_upper", "teeth_lower")] = np.eye(len(JOINTS))[1]
    weights = (weights + weights[topology.mirror][:, [0, 1, 2, 4, 3]]) / 2
    weights[weights < 1e-4] = 0
    return weights / weights.sum(1, keepdims=True)


def _parents(source: Source) -> list[str]:
    return [source.bone_names[parent] if parent >= 0 else "" for parent in source.bone_parents]


def _smoothed(weights: np.ndarray, topology: Topology, kept: np.ndarray, rounds: int = 6) -> np.ndarray:
    """Weights averaged with their neighbours'; MakeHuman's end rather abruptly."""
    from scipy.sparse import coo_matrix, diags

    quads = topology.faces[(topology.faces >= 0).all(1) & kept[topology.faces].all(1)]
    edges = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    edges = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    graph = coo_matrix((np.ones(len(edges)), edges.T), shape=(len(weights),) * 2).tocsr()
    degree = np.asarray(graph.sum(1)).ravel()
    average = diags(1 / np.maximum(degree, 1)) @ graph
    for _ in range(rounds):
        weights = np.where((degree > 0)[:, None], 0.5 * weights + 0.5 * (average @ weights), weights)
    return weights
