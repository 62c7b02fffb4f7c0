"""Parts a head lacks, taken from the reference: teeth, gums, tongue, mouth bag, corneas, lashes, brows, tear strips.

And eyeballs where it has none. Where they go, and how they follow the head's own surface.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix, diags
from scipy.sparse.csgraph import dijkstra
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from backend.core.rays import vertex_normals
from backend.head.model import HeadModel
from backend.head.register.fitting import Laid
from backend.head.register.follow import Ride, affine, edge_graph, ride
from backend.head.register.match import Match
from backend.head.register.parts import Ball, components
from backend.head.register.reference import Reference
from backend.head.register.shapes import Eye, ball_motions, ball_shapes, frames, through
from backend.head.register.smooth import cotangent_laplacian
from backend.head.register.surface import Surface

SMALL = 0.014
"""Metres: a part no larger than this (a hair, a bead) has one root; a longer one (a tear strip) is rooted all along."""

MOUTH_REACH = 0.02
"""Metres over which the affine map of teeth and tongue listens to the skin about the mouth."""

SOCKET_REACH = 0.012
"""Metres over which an eyeball that was given listens to the lids about it."""

AFFINE_RIDGE = 0.006  # metres, see `follow.affine`
BAG_REACH = 0.012  # metres over which the back of the mouth bag is felt
BAG_DEPTH = (0.015, 0.04)  # metres behind the lips from which, and at which wholly, the bag goes with the teeth
FILM = 0.00015  # metres between an eye's outer shell and the cornea laid on it
RIM = 0.024  # metres from the eye's middle within which lining belongs to the lids


@dataclass(frozen=True)
class Grafts:
    """A vertices and G faces, with how they follow the n skin vertices (and the eyeballs) of the head they go to."""

    source: np.ndarray  # (A,) vertex of the reference
    points: np.ndarray  # (A, 3) metres, in place
    faces: np.ndarray  # (G, 4) into the grafts, -1 last for a triangle
    face_source: np.ndarray  # (G,) face of the reference
    hairs: np.ndarray  # (H,) places in the grafts that ride on the skin
    rides: Ride  # of the hairs
    arch: np.ndarray  # (M,) teeth, gums, tongue
    arch_map: csr_matrix  # (M, n)
    balls: tuple[np.ndarray, np.ndarray]  # eyeballs and corneas, left and right
    ball_maps: tuple[csr_matrix, csr_matrix]  # (b, V) of all vertices of the head they go to
    bag: np.ndarray  # (B,) mouth bag, its border on the lips first
    border: Ride  # of the bag's border on the lips
    bag_arch: csr_matrix  # (B, n)
    linear: np.ndarray  # (A, 3, 3) of the frames that took them here
    anchor: np.ndarray  # (A,) vertex of the sheet that hairs are rooted at, -1 elsewhere
    bag_triangles: np.ndarray  # (K, 3) into `bag`

    def follow(self, skin: np.ndarray, whole: np.ndarray, *, skull: bool, turning: bool = True) -> np.ndarray:
        """Displacements of the head's skin (K, n, 3) and of all its vertices (K, V, 3) -> of the grafts (K, A, 3).

        `skull`: teeth, tongue and the bag's back go along (identity); otherwise they stay (expressions). `turning`:
        hairs turn with the skin; where not, they only shift.
        """
        answer = np.zeros((len(skin), len(self.points), 3))
        if not len(skin):
            return answer
        answer[:, self.hairs] = self.rides(skin) if turning else _apply(self.rides.value, skin)
        if skull:
            answer[:, self.arch] = _apply(self.arch_map, skin)
        for places, matrix in zip(self.balls, self.ball_maps, strict=True):
            answer[:, places] = _apply(matrix, whole)
        if len(self.bag):
            back = _apply(self.bag_arch, skin) * float(skull)
            answer[:, self.bag] = self._bagged(self.border(skin), back)
        return answer

    def weights(self, skin: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Skin weights (A, J): hairs and lips from the skin's (n, J), the rest from the reference's (A, J)."""
        answer = reference.copy()
        answer[self.hairs] = np.clip(self.rides.value @ skin, 0, None)
        if len(self.bag):
            border = np.clip(self.border.value @ skin, 0, None)
            answer[self.bag] = np.clip(self._bagged(border[None], reference[self.bag][None])[0], 0, None)
        return answer / np.maximum(answer.sum(1, keepdims=True), 1e-9)

    def _bagged(self, border: np.ndarray, back: np.ndarray) -> np.ndarray:
        """Field (K, B, C) that is `border` (K, b, C) on the border and turns into `back` (K, B, C) behind it."""
        points, count = self.points[self.bag], len(self.border.local)
        stiffness, areas = cotangent_laplacian(points, self.bag_triangles)
        graph = edge_graph(points, self.bag_triangles)
        depth = dijkstra(graph, directed=False, indices=np.arange(count), min_only=True)
        ramp = np.clip((np.minimum(depth, 1) - BAG_DEPTH[0]) / (BAG_DEPTH[1] - BAG_DEPTH[0]), 0, 1)
        areas = (areas + 1e-12) * (ramp + 1e-3)
        system = (stiffness * BAG_REACH**2 + diags(areas)).tocsr()[count:]
        goal = np.moveaxis(back[:, count:], 1, 0).reshape(len(self.bag) - count, -1)
        held = np.moveaxis(border, 1, 0).reshape(count, -1)
        inner = splu(system[:, count:].tocsc()).solve(areas[count:, None] * goal - system[:, :count] @ held)
        answer = back.copy()
        answer[:, :count] = border
        answer[:, count:] = np.moveaxis(inner.reshape(-1, back.shape[0], back.shape[2]), 0, 1)
        return answer


def _apply(matrix: csr_matrix, field: np.ndarray) -> np.ndarray:
    flat = np.moveaxis(field, 1, 0).reshape(field.shape[1], -1)
    return np.moveaxis((matrix @ flat).reshape(matrix.shape[0], field.shape[0], field.shape[2]), 0, 1)


def wanted_faces(reference: Reference, *, eyes: bool, bag: bool) -> np.ndarray:
    """(F,) bool: faces of the reference to give away: all but the skin and the lids' rims, eyeballs and bag at will."""
    head = reference.head
    name = np.array(head.material_names)[head.material]
    label = components(head.triangles, len(head.template))[head.faces[:, 0]]
    in_sheet = label == label[_first_skin(head)]
    wanted = ~in_sheet & ((name != "eye") | eyes)
    return wanted | (in_sheet & (name == "mouth") & ~near_eyes(head, head.faces) & bag)


def near_eyes(head: HeadModel, faces: np.ndarray) -> np.ndarray:
    """(K,) bool: faces (K, ...) whose first corner is next to an eye."""
    first = head.template[faces[:, 0]].astype(np.float64)
    near = np.zeros(len(faces), bool)
    for name in ("eye_left", "eye_right"):
        centre = head.joint_regressor[head.joint(name)].astype(np.float64) @ head.template
        near |= np.linalg.norm(first - centre, axis=1) < RIM
    return near


def _first_skin(head: HeadModel) -> int:
    return int(np.flatnonzero(head.material == head.material_index("skin"))[0])


def graft(reference: Reference, laid: Laid, match: Match, chosen: np.ndarray, vertices: np.ndarray,
          balls: tuple[Ball, Ball] | None) -> Grafts:
    """Put the reference's faces `chosen` (F,) bool onto a head with `vertices` (V, 3) and its own eyeballs `balls`."""
    head = reference.head
    face_source = np.flatnonzero(chosen)
    faces = head.faces[face_source]
    source = np.unique(faces[faces >= 0])
    place = np.full(len(head.template) + 1, -1)
    place[source] = np.arange(len(source))
    faces = np.where(faces >= 0, place[faces], -1).astype(np.int32)
    label = components(head.triangles, len(head.template))
    name = _vertex_material(head)
    in_sheet = label[source] == label[head.faces[_first_skin(head), 0]]
    inside = np.isin(name[source], ["teeth", "tongue", "mouth"]) & ~in_sheet
    has_teeth = inside & ~near_eyes(head, source[:, None])
    is_ball = np.isin(name[source], ["eye", "cornea"])
    template = head.template.astype(np.float64)
    points, linear = np.zeros((len(source), 3)), np.tile(laid.scale * laid.rotation, (len(source), 1, 1))
    anchor = np.full(len(source), -1)
    in_place = np.zeros(len(head.template), int)
    in_place[reference.sheet] = np.arange(len(reference.sheet))

    bag = np.flatnonzero(in_sheet)
    points[bag] = laid.points[in_place[source[bag]]]
    arch = np.flatnonzero(has_teeth)
    if len(arch):
        middle = template[source[arch]].mean(0)
        front = np.array([[0, template[source[arch], 1].min(), middle[2]]])
        frame = frames(reference, laid, front, MOUTH_REACH, 2000)
        points[arch] = frame.onto[0] + (template[source[arch]] - frame.origin[0]) @ frame.linear[0].T
        linear[arch] = frame.linear[0]

    sides, maps = [], []
    for number, side in enumerate(("left", "right")):
        sign = 1 - 2 * number
        own = np.flatnonzero(is_ball & (template[source, 0] * sign > 0))
        centre = head.joint_regressor[head.joint(f"eye_{side}")].astype(np.float64) @ template
        arm = (template[source[own]] - centre) @ laid.rotation.T
        if balls is not None:
            size = np.median(np.linalg.norm(template[_ball(head, side)] - centre, axis=1))
            points[own] = balls[number].centre + arm * balls[number].radius / size
            if len(balls[number].inner):  # the outer shell has a cornea's form already: lie on that
                points[own] = _over(points[own], balls[number].centre, vertices[balls[number].vertices])
            weight = np.zeros(len(vertices))
            weight[balls[number].vertices] = 1
            maps.append(affine(points[own], vertices, weight, AFFINE_RIDGE / 6))
        else:
            frame = frames(reference, laid, centre[None], SOCKET_REACH, 600)
            middle = frame.onto[0] + frame.linear[0] @ (centre - frame.origin[0])
            points[own] = middle + arm * laid.scale
            weight = np.zeros(len(vertices))
            weight[match.vertices] = match.trusted * np.exp(
                -((match.points - middle)**2).sum(1) / (2 * SOCKET_REACH**2))
            maps.append(affine(np.broadcast_to(middle, points[own].shape), vertices, weight, 1.0))
        sides.append(own)

    hairs = np.flatnonzero(~in_sheet & ~has_teeth & ~is_ball)
    if len(hairs):
        anchor[hairs] = _roots(reference, template[source[hairs]], label[source[hairs]])
        about = reference.template[anchor[hairs]]
        linear[hairs] = frames(reference, laid, about).linear
        points[hairs] = laid.points[anchor[hairs]] + np.einsum("pxy,py->px", linear[hairs],
                                                               template[source[hairs]] - about)
    rides = _riding(reference, laid, match, points[hairs], anchor[hairs])

    border = np.isin(source[bag], head.faces[head.material == head.material_index("skin")])
    bag = np.concatenate([bag[border], bag[~border]])
    local = np.full(len(source) + 1, -1)
    local[bag] = np.arange(len(bag))
    bag_faces = local[faces]
    bag_faces = bag_faces[bag_faces[:, 0] >= 0]
    quads = bag_faces[bag_faces[:, 3] >= 0]
    bag_triangles = np.concatenate([bag_faces[:, :3], quads[:, [0, 2, 3]]]) if len(bag) else np.zeros((0, 3), int)
    middle = points[arch].mean(0) if len(arch) else laid.points.mean(0)
    front = np.array([0, points[arch, 1].min() if len(arch) else middle[1], 0])
    weight = match.trusted * np.exp(-((match.points - np.where([False, True, False], front, middle))**2).sum(1)
                                    / (2 * MOUTH_REACH**2))
    border_ride = _riding(reference, laid, match, points[bag[:border.sum()]], in_place[source[bag[:border.sum()]]])
    return Grafts(source, points, faces, face_source, hairs, rides, arch,
                  affine(points[arch], match.points, weight, AFFINE_RIDGE), (sides[0], sides[1]), (maps[0], maps[1]),
                  bag, border_ride, affine(points[bag], match.points, weight, AFFINE_RIDGE), linear, anchor,
                  bag_triangles)


def graft_shapes(reference: Reference, laid: Laid, grafts: Grafts, deltas: np.ndarray, sheet: np.ndarray,
                 eyes: tuple[Eye, Eye]) -> np.ndarray:
    """Shapes (K, V, 3) of the reference on the grafts (K, A, 3); `sheet` (K, N, 3) is what the sheet does."""
    own = deltas[:, grafts.source].astype(np.float64)
    answer = through(grafts.linear, own)
    rooted = np.flatnonzero(grafts.anchor >= 0)
    root = grafts.anchor[rooted]
    # What the sheet does beyond the plain transfer (lids closed, skin kept off the eye), its hairs do as well.
    answer[:, rooted] += sheet[:, root] - through(grafts.linear[rooted],
                                                  deltas[:, reference.sheet[root]].astype(np.float64))
    place = np.zeros(len(reference.head.template), int)
    place[reference.sheet] = np.arange(len(reference.sheet))
    answer[:, grafts.bag] = sheet[:, place[grafts.source[grafts.bag]]]
    for side, places, eye in zip(("left", "right"), grafts.balls, eyes, strict=True):
        if len(places):
            turns, shifts = ball_motions(reference.head, deltas, side)
            answer[:, places] = ball_shapes(grafts.points[places], eye.centre, turns, shifts, laid)
    return answer


def _over(points: np.ndarray, centre: np.ndarray, shell: np.ndarray) -> np.ndarray:
    """Points (n, 3) moved along their rays from `centre` to just above the shell with these vertices (m, 3)."""
    arm, reach = points - centre, np.linalg.norm(shell - centre, axis=1)
    _, near = cKDTree((shell - centre) / reach[:, None]).query(arm / np.linalg.norm(arm, axis=1, keepdims=True), k=4)
    height = reach[near].mean(1) + FILM
    return centre + arm / np.linalg.norm(arm, axis=1, keepdims=True) * height[:, None]


def _vertex_material(head: HeadModel) -> np.ndarray:
    """(V,) name of the material of any face of each vertex."""
    names = np.full(len(head.template) + 1, "", dtype="U8")
    names[head.faces] = np.array(head.material_names)[head.material][:, None]
    return names[:-1]


def _ball(head: HeadModel, side: str) -> np.ndarray:
    return head.material_vertices("eye") & (head.template[:, 0] * (1 if side == "left" else -1) > 0)


def _roots(reference: Reference, points: np.ndarray, label: np.ndarray) -> np.ndarray:
    """(P,) sheet vertex that each vertex of the parts `label` (P,) is rooted at, on the reference's template."""
    distance, nearest = cKDTree(reference.template).query(points)
    answer = nearest.copy()
    for part in np.unique(label):
        own = np.flatnonzero(label == part)
        if np.ptp(points[own], axis=0).max() < SMALL:
            answer[own] = nearest[own[distance[own].argmin()]]
    return answer


def _riding(reference: Reference, laid: Laid, match: Match, points: np.ndarray, anchor: np.ndarray) -> Ride:
    """`points` (P, 3) riding on the other head's skin where their sheet vertices `anchor` (P,) lie.

    A sheet vertex that has no counterpart of its own (on the inner side of a lip or lid) is taken to the nearest one
    that has, along the sheet: so it never ends up on the other lip.
    """
    graph = edge_graph(laid.points, reference.triangles)
    seen = np.flatnonzero(laid.trusted)
    _, _, source = dijkstra(graph, directed=False, indices=seen, min_only=True, return_predecessors=True)
    source = np.where(source >= 0, source, np.arange(len(source)))
    unique, owner = np.unique(source[anchor], return_inverse=True)
    normals = vertex_normals(laid.points, reference.triangles)[unique]
    surface = Surface(match.points, match.triangles)
    triangle, weights, distance = surface.closest(laid.points[unique], normals)
    lost = ~np.isfinite(distance)
    if lost.any():
        triangle[lost], weights[lost], _ = surface.closest(laid.points[unique[lost]])
    roots = match.triangles[triangle, weights.argmax(1)] if len(unique) else np.zeros(0, int)
    return ride(points, roots, owner, match.points, match.triangles)
