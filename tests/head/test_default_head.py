"""The head that ships: its shapes, its symmetry, its eyes, lids, teeth and landmarks."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from backend.arkit import ARKIT_NAMES
from backend.core.rays import Mesh
from backend.head import eyes
from backend.head.model import DEFAULT_HEAD, JOINTS, LANDMARK_COUNT, MATERIALS, HeadModel
from backend.head.register.surface import Surface
from backend.training.head import brows, hairs, lashes
from backend.training.head.embedding import INNER_LIPS
from backend.training.head.identity import EXTRA_COMPONENTS, REAL_COMPONENTS

MILLIMETRE = 1e-3
CLEAR = ("cornea", "lash", "brow", "tear")


def mirror(head: HeadModel, field: np.ndarray) -> np.ndarray:
    return field[..., head.mirror_vertices, :] * [-1, 1, 1]


def eye_centre(head: HeadModel, side: str) -> np.ndarray:
    return head.joint_regressor[head.joint(f"eye_{side}")] @ head.template


def test_arrays_have_the_shapes_the_contract_states(head):
    vertices, faces = len(head.template), len(head.faces)
    assert head.faces.shape == (faces, 4)
    assert head.uvs.shape == (faces, 4, 2)
    assert head.arkit_deltas.shape == (52, vertices, 3)
    assert head.shape_basis.shape[1:] == (vertices, 3)
    assert len(head.shape_basis) == REAL_COMPONENTS + EXTRA_COMPONENTS
    assert head.joint_names[:5] == JOINTS
    assert head.material_names == MATERIALS
    assert head.regions.shape == (len(head.region_names), vertices)
    assert head.landmark_triangles.shape == (LANDMARK_COUNT,)
    for array in (head.template, head.shape_basis, head.arkit_deltas, head.uvs, head.regions, head.skin_weights):
        assert np.isfinite(array).all()


def test_every_vertex_is_used_and_every_face_is_sound(head):
    used = np.unique(head.faces[head.faces >= 0])
    assert len(used) == len(head.template)
    corners = head.template[head.triangles].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    assert (area > 0).all()


def test_file_stays_small():
    assert DEFAULT_HEAD.stat().st_size < 9.5 * 2**20


def test_mirror_is_an_involution_and_template_is_symmetric(head):
    assert (head.mirror_vertices[head.mirror_vertices] == np.arange(len(head.template))).all()
    assert np.abs(mirror(head, head.template) - head.template).max() < 1e-6


def edges(head: HeadModel, *materials: str) -> np.ndarray:
    """(E, 2) directed edges of the faces of materials."""
    faces = head.faces[np.isin(head.material, [head.material_index(name) for name in materials])]
    corners = np.where(faces >= 0, faces, faces[:, :1])  # a triangle's last edge goes from its third to its first
    pairs = np.concatenate([corners[:, [k, (k + 1) % 4]] for k in range(4)])
    return pairs[pairs[:, 0] != pairs[:, 1]]


def rims(pairs: np.ndarray) -> list[np.ndarray]:
    """Vertices of each border where a surface ends."""
    undirected, count = np.unique(np.sort(pairs, 1), axis=0, return_counts=True)
    size = pairs.max() + 1
    border = undirected[count == 1]
    graph = coo_matrix((np.ones(len(border)), border.T), shape=(size, size))
    label = connected_components(graph, directed=False)[1]
    return [np.flatnonzero(label == which) for which in np.unique(label[border[:, 0]])]


def test_no_edge_has_more_than_two_faces_and_all_face_the_same_way(head):
    pairs = edges(head, *MATERIALS)
    _, count = np.unique(pairs, axis=0, return_counts=True)
    assert count.max() == 1  # the second face beside an edge walks it the other way
    _, count = np.unique(np.sort(pairs, 1), axis=0, return_counts=True)
    assert count.max() == 2


def test_skin_and_the_mouths_bag_are_closed_but_for_the_neck_and_behind_the_lids(head):
    """Ears, nostrils and the inside of the mouth have no border; sockets end on the eyeball, hidden by the lids."""
    inside = edges(head, "skin", "mouth")
    size = len(head.template)
    graph = coo_matrix((np.ones(len(inside)), inside.T), shape=(size, size))
    label = connected_components(graph, directed=False)[1]
    surface = label == label[head.material_vertices("skin").argmax()]
    assert surface[head.material_vertices("skin")].all()
    found = rims(inside[surface[inside[:, 0]]])
    lowest = min(found, key=lambda rim: head.template[rim, 2].mean())
    assert (head.region("neck")[lowest] == 1).all()
    others = [rim for rim in found if rim is not lowest]
    assert len(others) == 2
    for rim in others:
        side = "left" if head.template[rim, 0].mean() > 0 else "right"
        distance = np.linalg.norm(head.template[rim] - eye_centre(head, side), axis=1)
        assert np.abs(distance - eyes.EYEBALL_RADIUS).max() < 1.5 * MILLIMETRE


def test_eyeballs_and_tongue_are_closed(head):
    assert rims(edges(head, "eye")) == []
    tongue = rims(edges(head, "tongue"))
    assert len(tongue) == 0


def test_the_skin_meets_itself_only_where_lips_touch(head):
    """An edge that passes through a face is an intersection; closed lips press into one another on purpose."""
    skin = head.triangles[head.triangle_material == head.material_index("skin")]
    place = head.template.astype(np.float64)
    pairs = np.unique(np.sort(np.concatenate([skin[:, [0, 1]], skin[:, [1, 2]], skin[:, [2, 0]]]), 1), axis=0)
    start, step = place[pairs[:, 0]], place[pairs[:, 1]] - place[pairs[:, 0]]
    length = np.linalg.norm(step, axis=1)
    direction = step / length[:, None]
    # From a third of a micrometre off the end; what is met at the other end is the edge's own faces.
    hits = Mesh(place, skin).cast(start + 1e-6 * direction, direction)
    met = skin[np.maximum(hits.triangle, 0)]
    own = (met == pairs[:, :1]).any(1) | (met == pairs[:, 1:]).any(1)
    crossing = hits.hit & ~own & (hits.distance < length - 2e-6)
    where = start[crossing] + direction[crossing] * hits.distance[crossing, None]
    lips = head.landmark_points(head.template)[list(INNER_LIPS)]
    from_lips = np.linalg.norm(where[:, None] - lips[None], axis=-1).min(1)
    corners = head.landmark_points(head.template)[[133, 362]]
    from_corners = np.linalg.norm(where[:, None] - corners[None], axis=-1).min(1)
    assert (np.minimum(from_lips, from_corners) < 4 * MILLIMETRE).all()


def test_brows_lie_on_the_brow_and_go_where_its_skin_goes(head, rng):
    brow = head.material_vertices("brow")
    skin = np.flatnonzero(head.triangle_material == head.material_index("skin"))
    mask = np.maximum(head.region("brow_left"), head.region("brow_right"))
    for name, weight in (("browInnerUp", 1), ("browDownLeft", 1), ("browOuterUpLeft", 1), (None, 0)):
        beta = rng.standard_normal(len(head.shape_basis))
        moved = head.template + np.tensordot(beta, head.shape_basis, 1)
        if name:
            moved = moved + weight * head.arkit_deltas[ARKIT_NAMES.index(name)]
        roots = moved[brow].reshape(-1, hairs.POINTS, 3)[:, :2].mean(1)
        distance = Surface(moved, head.triangles[skin]).closest(roots)
        assert distance[2].max() < 0.4 * MILLIMETRE, name
        below = (mask[head.triangles[skin[distance[0]]]] * distance[1]).sum(1)
        assert (below > 0.5).mean() > 0.8


def test_hairs_have_the_columns_of_their_squares_in_the_order_of_their_vertices(head):
    for name, sides in (("brow", 2 * brows.COUNT), ("lash", 2 * lashes.COUNT)):
        of = head.material == head.material_index(name)
        faces, uvs = head.faces[of], head.uvs[of]
        first = faces[faces >= 0].min()
        hair = (faces[:, 0] - first) // hairs.POINTS
        column = np.floor(uvs[:, :3, 0].mean(1) * sides)
        np.testing.assert_array_equal(hair, column)
        assert set(hair) == set(range(sides))


def test_later_components_hardly_change_a_random_head(head, rng):
    skin = head.material_vertices("skin")
    extra = head.shape_basis[REAL_COMPONENTS:, skin]
    moved = np.linalg.norm(np.tensordot(rng.standard_normal(len(extra)), extra, 1), axis=1)
    assert np.sqrt((moved**2).mean()) < 0.25 * MILLIMETRE


def test_every_component_is_even_or_odd_under_the_mirror(head):
    image = mirror(head, head.shape_basis.astype(np.float64))
    size = np.abs(head.shape_basis).max((1, 2))
    even = np.abs(image - head.shape_basis).max((1, 2)) / size
    odd = np.abs(image + head.shape_basis).max((1, 2)) / size
    assert np.minimum(even, odd)[:REAL_COMPONENTS].max() < 0.3
    assert np.minimum(even, odd)[REAL_COMPONENTS:].max() < 0.02


def test_levels_of_detail_are_coarser_and_use_the_same_vertices(head):
    skin = head.material_index("skin")
    counts = [len(head.faces[head.material == skin])]
    for level in (1, 2, 3):
        of = head.lod_level == level
        counts.append(int((of & (head.lod_material == skin)).sum()))
        assert set(head.lod_material[of]) >= {skin, head.material_index("eye"), head.material_index("teeth")}
    assert head.lod_faces.max() < len(head.template)
    assert counts[1] < 2 * counts[0]  # triangles against quads
    assert counts[1] > counts[2] > counts[3] > 0


def test_identity_components_are_ordered_and_a_random_head_is_no_monster(head, rng):
    energy = (head.shape_basis.astype(np.float64) ** 2).sum((1, 2))
    assert energy[:10].mean() > 10 * energy[100:REAL_COMPONENTS].mean()
    for _ in range(10):
        shape = head.template + np.tensordot(rng.standard_normal(len(head.shape_basis)), head.shape_basis, 1)
        centres = head.joint_regressor[3:5] @ shape
        assert 0.050 < np.linalg.norm(centres[0] - centres[1]) < 0.078
        assert 0.13 < np.ptp(shape[head.material_vertices("skin"), 0]) < 0.26


def test_weights_sum_to_one_and_are_symmetric(head):
    np.testing.assert_allclose(head.skin_weights.sum(1), 1, atol=1e-6)
    assert (head.skin_weights >= 0).all()
    swapped = head.skin_weights[head.mirror_vertices][:, [0, 1, 2, 4, 3]]
    assert np.abs(swapped - head.skin_weights).max() < 1e-5


def test_eyes_are_rigid_teeth_follow_skull_and_jaw(head):
    eye = head.material_vertices("eye") | head.material_vertices("cornea")
    assert (np.sort(head.skin_weights[eye], 1)[:, -1] == 1).all()
    teeth = head.material_vertices("teeth")
    assert set(head.skin_weights[teeth].argmax(1)) == {head.joint("head"), head.joint("jaw")}
    opened = head.arkit_deltas[ARKIT_NAMES.index("jawOpen")]
    lower = teeth & (head.skin_weights[:, head.joint("jaw")] == 1)
    upper = teeth & (head.skin_weights[:, head.joint("head")] == 1)
    assert opened[lower, 2].max() < -8 * MILLIMETRE
    assert np.abs(opened[upper]).max() < 0.1 * MILLIMETRE


def test_eye_joints_are_the_eyeballs_centres_and_irises_have_human_size(head):
    for side in ("left", "right"):
        centre = eye_centre(head, side)
        ball = head.material_vertices("eye") & (np.linalg.norm(head.template - centre, axis=1) < 0.0135)
        behind = ball & (head.template[:, 1] > centre[1])
        radius = np.linalg.norm(head.template[behind] - centre, axis=1)
        np.testing.assert_allclose(radius, eyes.EYEBALL_RADIUS, atol=2e-5)
        assert (np.sign(centre[0]) > 0) == (side == "left")


def test_iris_texture_radius_is_the_limbus_of_the_geometry(head):
    of_eye = np.flatnonzero(head.triangle_material == head.material_index("eye"))
    radius = np.linalg.norm(head.triangle_uvs[of_eye] - 0.5, axis=-1)
    on_limbus = np.abs(radius - eyes.IRIS_UV_RADIUS) < 1e-5
    assert on_limbus.any()
    points = head.template[head.triangles[of_eye]][on_limbus]
    centre = np.where(points[:, :1] > 0, eye_centre(head, "left"), eye_centre(head, "right"))
    off_axis = np.linalg.norm((points - centre)[:, [0, 2]], axis=1)
    np.testing.assert_allclose(off_axis, eyes.IRIS_RADIUS, atol=2e-5)


def test_the_upper_teeth_end_a_little_below_the_line_where_lips_meet(head):
    upper = head.material_vertices("teeth") & (head.skin_weights[:, head.joint("head")] == 1)
    edge = head.template[upper & (np.abs(head.template[:, 0]) < 0.004), 2].min()
    line = head.landmark_points(head.template)[[13, 14], 2].mean()
    assert 1.5 * MILLIMETRE < line - edge < 3 * MILLIMETRE


def test_a_caruncle_lies_in_each_inner_corner_and_hides_in_a_blink(head):
    drawn = np.flatnonzero(~np.isin(head.triangle_material, [head.material_index(n) for n in CLEAR]))
    for side, corner in (("Left", 362), ("Right", 133)):
        middle = head.landmark_points(head.template)[corner]
        grid = np.stack(np.meshgrid(np.linspace(-0.003, 0.003, 25), np.linspace(-0.003, 0.003, 25)), -1).reshape(-1, 2)
        origins = np.column_stack([middle[0] + grid[:, 0], np.full(len(grid), -0.4), middle[2] + grid[:, 1]])
        forward = np.broadcast_to([0.0, 1.0, 0.0], origins.shape)
        shares = []
        for vertices in (head.template, head.template + head.arkit_deltas[ARKIT_NAMES.index(f"eyeBlink{side}")]):
            hits = Mesh(vertices, head.triangles[drawn]).cast(origins, forward)
            assert hits.hit.all()
            shares.append((head.triangle_material[drawn[hits.triangle]] == head.material_index("mouth")).mean())
        assert shares[0] > 0.03  # of 36 square millimetres
        assert shares[1] < 0.005


def test_nothing_but_skin_and_eyes_is_seen_from_in_front_at_rest(head):
    drawn = np.flatnonzero(~np.isin(head.triangle_material,
                                    [head.material_index(name) for name in CLEAR]))
    grid = np.stack(np.meshgrid(np.linspace(-0.07, 0.07, 141), np.linspace(-0.11, 0.08, 191)), -1).reshape(-1, 2)
    origins = np.column_stack([grid[:, 0], np.full(len(grid), -0.5), grid[:, 1]])
    hits = Mesh(head.template, head.triangles[drawn]).cast(origins, np.broadcast_to([0.0, 1.0, 0.0], origins.shape))
    seen = head.triangle_material[drawn[hits.triangle[hits.hit]]]
    share = np.bincount(seen, minlength=len(MATERIALS)) / len(seen)
    assert share[head.material_index("tongue")] == 0
    assert share[head.material_index("teeth")] < 5e-4
    assert share[head.material_index("mouth")] < 3e-3  # the waterlines and caruncles


def test_landmarks_lie_where_they_mean(head):
    points = head.landmark_points(head.template)
    assert head.landmarks_placed.all()

    def share(name: str, ids: list[int]) -> np.ndarray:
        corners = head.region(name)[head.triangles[head.landmark_triangles[ids]]]
        return (corners * head.landmark_barycentric[ids]).sum(1)

    assert (share("lips", [0, 13, 14, 17, 61, 291, 78, 308]) > 0.15).all()
    assert (share("nose", [1, 4, 5, 195]) > 0.9).all()
    assert (share("eyelid_left", [263, 362, 386, 374]) > 0.9).all()
    assert (share("eyelid_right", [33, 133, 159, 145]) > 0.9).all()
    assert (share("brow_left", [282, 295]) > 0.3).all()
    assert (share("chin", [152, 175]) > 0.5).all()
    midline = [1, 4, 0, 17, 152, 10, 9, 168]
    assert np.abs(points[midline, 0]).max() < 0.5 * MILLIMETRE
    for centre, side in ((468, "right"), (473, "left")):
        assert np.linalg.norm((points[centre] - eye_centre(head, side))[[0, 2]]) < 0.1 * MILLIMETRE
        ring = np.linalg.norm((points[centre + 1:centre + 5] - eye_centre(head, side))[:, [0, 2]], axis=1)
        np.testing.assert_allclose(ring, eyes.IRIS_RADIUS, atol=5e-5)


def test_regions_are_masks_and_mirror(head):
    assert (head.regions >= 0).all()
    assert (head.regions <= 1).all()
    assert (head.regions.max(1) > 0.8).all(), [n for n, m in zip(head.region_names, head.regions.max(1), strict=True)
                                              if m <= 0.8]
    for name in head.region_names:
        twin = name.replace("_left", "_right") if "_left" in name else name.replace("_right", "_left")
        np.testing.assert_allclose(head.region(name)[head.mirror_vertices], head.region(twin), atol=1e-6)
    eye = head.material_vertices("eye")
    assert head.regions[:, eye].max() == 0
