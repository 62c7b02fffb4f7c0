"""A head of another topology becomes one of ours: measured against where each of its vertices truly lies."""

import numpy as np
import torch

from backend.arkit import ARKIT_NAMES
from backend.core.rays import Mesh
from backend.head import deform
from backend.head.model import JOINTS
from tests.head.imports import flame_file
from tests.head.imports.reference import flame as published
from tests.head.register.conftest import Adopted

SKIN = flame_file.SKIN


def region(adopted: Adopted, name: str) -> np.ndarray:
    """(skin,) bool, by the truth."""
    return adopted.true(adopted.reference.region(name)) > 0.5


def test_the_files_own_arrays_come_through_untouched(adopted: Adopted) -> None:
    head, raw = adopted.head, adopted.raw
    own = head.own_vertices
    assert own == 5023
    assert np.array_equal(head.template[:own], raw.template.astype(np.float32))
    assert np.array_equal(head.shape_basis[:, :own], raw.shape_basis)
    assert np.array_equal(head.expression_basis[:, :own], raw.expression_basis)
    assert np.array_equal(head.pose_basis[:, :own], raw.pose_basis)
    assert np.array_equal(head.skin_weights[:own], raw.skin_weights)
    assert np.array_equal(head.joint_regressor[:, :own], raw.joint_regressor)
    assert head.expression_names == raw.expression_names
    assert head.joint_names[:5] == JOINTS
    assert not head.joint_regressor[:, own:].any()
    corners = np.sort(head.faces[(head.faces < own).all(1)], 1)
    assert np.array_equal(np.unique(corners, axis=0), np.unique(np.sort(raw.faces, 1), axis=0))


def test_it_moves_as_the_paper_says_to_a_micrometre(adopted: Adopted) -> None:
    arrays, random = flame_file.flame_arrays(0), np.random.default_rng(5)
    tensors = deform.HeadTensors.of(adopted.head, torch.float64)
    beta, psi = random.standard_normal(300), random.standard_normal(100)
    theta = random.uniform(-0.5, 0.5, (5, 3))
    expected = published(arrays, beta, psi, theta)
    turned = np.stack([theta[:, 0], -theta[:, 2], theta[:, 1]], 1)  # FLAME's axes to ours
    neutral = deform.neutral_vertices(tensors, torch.tensor(beta))
    posed = deform.posed_vertices(tensors, neutral, torch.tensor(psi), torch.tensor(turned)).numpy()[:5023]
    assert np.abs(posed - np.stack([expected[:, 0], -expected[:, 2], expected[:, 1]], 1)).max() < 1e-6


def test_the_report_is_in_millimetres_and_small(adopted: Adopted) -> None:
    report = adopted.adoption.report
    assert report["face_mm"]["median"] < 0.25
    assert report["face_mm"]["p95"] < 0.8
    assert report["head_mm"]["median"] < 0.3
    assert report["without_counterpart"] < 0.03
    assert 0.95 < report["scale"] < 1.05


def test_texture_coordinates_lie_where_they_do_on_the_default_head(adopted: Adopted) -> None:
    head, reference = adopted.head, adopted.reference
    skin = reference.faces[reference.material == reference.material_index("skin")]
    uvs = reference.uvs[reference.material == reference.material_index("skin")]
    low, high = np.full((len(reference.template), 2), 9.0), np.full((len(reference.template), 2), -9.0)
    there = skin >= 0
    np.minimum.at(low, skin[there], uvs[there])
    np.maximum.at(high, skin[there], uvs[there])
    on_seam = (high - low).max(1) > 1e-4
    true, plain = adopted.true(low), ~on_seam[adopted.ends].any(1)
    own = np.flatnonzero((head.material == head.material_index("skin")) & (head.faces < SKIN).all(1))
    corner = head.faces[own, :3]
    texels = np.linalg.norm(head.uvs[own, :3] - true[corner], axis=2) * 1024
    for name, median, most in (("face_front", 2.5, 8), ("lips", 3, 12), ("eyelid_left", 3, 8), ("nose", 2, 5),
                               ("ear_right", 2, 6)):
        chosen = (region(adopted, name) & plain)[corner]
        assert chosen.sum() > 100
        assert np.median(texels[chosen]) < median, name
        assert np.quantile(texels[chosen], 0.95) < most, name


def test_the_skin_fills_its_square_without_folds(adopted: Adopted) -> None:
    head = adopted.head
    skin = head.triangle_material == head.material_index("skin")
    uvs = head.triangle_uvs[skin].astype(np.float64)
    assert uvs.min() >= 0
    assert uvs.max() <= 1
    one, two = uvs[:, 1] - uvs[:, 0], uvs[:, 2] - uvs[:, 0]
    area = (one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]) / 2
    assert (area < 0).mean() < 0.003
    assert abs(adopted.adoption.report["turned_share"] - (area <= 0).mean()) < 0.002
    # At the crown, where the seam begins, some of the default head's own triangles are half of the square long.
    own = adopted.reference
    longest = np.ptp(own.triangle_uvs[own.triangle_material == own.material_index("skin")], axis=1).max()
    assert np.ptp(uvs, axis=1).max() < 1.3 * longest, "no face reaches across the seam"
    assert np.quantile(np.ptp(uvs, axis=1), 0.995) < 0.15
    assert 0.85 < np.abs(area).sum() < 1
    folded = np.maximum(-area, 0)
    front = head.region("face_front")[head.triangles[skin]].mean(1) > 0.1
    assert folded[front].sum() < 1e-4, "nothing lies on top of another"
    assert folded.sum() < 0.006, "but for a few of the long triangles at the crown"


def test_landmarks_lie_where_they_do_on_the_default_head(adopted: Adopted) -> None:
    head, reference = adopted.head, adopted.reference
    arrays = flame_file.flame_arrays(0)
    skin = np.stack([arrays["v_template"][:, 0], -arrays["v_template"][:, 2], arrays["v_template"][:, 1]], 1)[:SKIN]
    people = np.random.default_rng(0).standard_normal(len(reference.shape_basis)) * 0.7
    true = reference.template + np.tensordot(people, reference.shape_basis, 1)
    true = true + (skin - adopted.true(true)).mean(0)
    error = np.linalg.norm(head.landmark_points(head.template) - reference.landmark_points(true), axis=1) * 1000
    assert np.median(error[:468]) < 1
    assert np.quantile(error[:468], 0.95) < 2
    iris = head.landmark_points(head.template)[468:]
    middles = head.joint_regressor @ head.template
    assert np.isfinite(iris).all()
    for joint, points in (("eye_right", iris[:5]), ("eye_left", iris[5:])):
        arm = points - middles[head.joint(joint)]
        assert np.linalg.norm(arm[0, [0, 2]]) < 0.001, "the iris' middle is before the eye's"
        assert np.abs(np.linalg.norm(arm[1:, [0, 2]], axis=1) - 0.00585).max() < 0.001


def test_the_52_shapes_do_what_they_do_on_the_default_head(adopted: Adopted) -> None:
    for number, name in enumerate(ARKIT_NAMES):
        true = adopted.true(adopted.reference.arkit_deltas[number]).astype(np.float64)
        found = adopted.head.arkit_deltas[number, :SKIN].astype(np.float64)
        size = np.linalg.norm(true, axis=1)
        if size.max() < 1e-3:
            continue
        likeness = (true * found).sum() / np.sqrt((true**2).sum() * (found**2).sum())
        assert likeness > 0.97, name
        error = np.linalg.norm(true - found, axis=1)[size > 0.1 * size.max()]
        # The person's own size and openings are in it: the same shape is not the same displacement on everyone.
        assert error.mean() < 0.08 * size.max() + 1e-4, name


def eye_seen(adopted: Adopted, vertices: np.ndarray, side: str, pitch: float) -> int:
    """Rays of a dense grid from the front, `pitch` radians from above, that meet the eyeball first."""
    head = adopted.head
    drawn = np.isin(head.triangle_material, [head.material_index(name) for name in ("skin", "mouth", "eye")])
    middle = (head.joint_regressor @ head.template)[head.joint(f"eye_{side}")]
    grid = np.arange(-0.02, 0.02, 2e-4)
    x, y = (axis.ravel() for axis in np.meshgrid(grid, grid))
    towards = np.array([0, np.cos(pitch), -np.sin(pitch)])
    up = np.array([0, np.sin(pitch), np.cos(pitch)])
    origins = middle - 0.1 * towards + x[:, None] * [1.0, 0, 0] + y[:, None] * up
    hits = Mesh(vertices, head.triangles[drawn]).cast(origins, np.broadcast_to(towards, origins.shape))
    return int((head.triangle_material[drawn][hits.triangle[hits.hit]] == head.material_index("eye")).sum())


def test_a_blink_closes_the_lids_over_its_own_eyes(adopted: Adopted) -> None:
    head = adopted.head
    for side in ("left", "right"):
        blink = head.arkit_deltas[ARKIT_NAMES.index(f"eyeBlink{side.title()}")]
        for pitch in (-0.3, 0.0, 0.3):
            seen = eye_seen(adopted, head.template, side, pitch)
            assert seen > 3000  # 1.2 square centimetres
            assert eye_seen(adopted, head.template + blink, side, pitch) < 0.02 * seen
            assert eye_seen(adopted, head.template - blink * 0.1, side, pitch) > seen


def test_an_open_jaw_shows_teeth_that_stay_and_teeth_that_follow(adopted: Adopted) -> None:
    head = adopted.head
    given = np.arange(head.own_vertices, len(head.template))
    teeth = given[head.material_vertices("teeth")[given]]
    assert len(teeth) > 500
    fall = -head.arkit_deltas[ARKIT_NAMES.index("jawOpen"), teeth, 2]
    upper = head.template[teeth, 2] > np.median(head.template[teeth, 2])
    assert np.abs(fall[upper]).min() < 1e-4
    assert np.median(fall[~upper]) > 0.015
    lips = head.region("lips") > 0.5
    front = head.template[teeth, 1].min()
    assert front > head.template[lips, 1].min(), "behind the lips"
    weights = head.skin_weights[teeth]
    assert np.allclose(weights[:, head.joint("jaw")] + weights[:, head.joint("head")], 1)


def test_what_was_given_follows_every_identity_and_expression(adopted: Adopted) -> None:
    head, own = adopted.head, adopted.head.own_vertices
    for name, metres in (("shape_basis", 0.02), ("expression_basis", 0.02), ("pose_basis", 0.02)):
        field = getattr(head, name)
        assert np.isfinite(field).all()
        assert np.abs(field[:, own:]).max() < metres + 1.5 * np.abs(field[:, :own]).max(), name
    random = np.random.default_rng(2)
    lash = np.flatnonzero(head.material_vertices("lash"))
    lids = np.flatnonzero((head.region("eyelid_left") + head.region("eyelid_right"))[:SKIN] > 0.5)
    rest = np.linalg.norm(head.template[lash][:, None] - head.template[lids][None], axis=2).min(1)
    for _ in range(3):
        person = head.template + np.tensordot(random.standard_normal(300), head.shape_basis, 1)
        moved = np.linalg.norm(person[lash][:, None] - person[lids][None], axis=2).min(1)
        assert np.abs(moved - rest).max() < 0.003
        # Teeth keep their form: an affine map of a person's mouth is a mild one.
        teeth = head.material_vertices("teeth")
        width = np.ptp(person[teeth, 0]) / np.ptp(head.template[teeth, 0])
        assert 0.75 < width < 1.3


def test_partners_are_mirror_images(adopted: Adopted) -> None:
    head, reference = adopted.head, adopted.reference
    rest = adopted.true(reference.template)
    partner = head.mirror_vertices[:SKIN]
    assert partner.max() < SKIN
    face = region(adopted, "face_front")
    assert np.median(np.linalg.norm(rest[partner] * [-1, 1, 1] - rest, axis=1)[face]) < 0.002
    left = np.arange(SKIN, SKIN + 546)
    assert (head.mirror_vertices[left] >= SKIN + 546).all()
    given = np.arange(head.own_vertices, len(head.template))
    assert np.array_equal(head.mirror_vertices[head.mirror_vertices[given]], given)


def test_regions_carry_over(adopted: Adopted) -> None:
    for name in ("lips", "nose", "scalp", "face_front", "ear_left"):
        true = adopted.true(adopted.reference.region(name))
        found = adopted.head.region(name)[:SKIN]
        assert np.abs(true - found).mean() < 0.05, name


def test_the_eyes_square_is_about_the_gaze(adopted: Adopted) -> None:
    head = adopted.head
    middles = head.joint_regressor @ head.template
    own = np.flatnonzero((head.material == head.material_index("eye")) & (head.faces < head.own_vertices).all(1))
    assert len(own) == 2 * 1088
    for corner in range(3):
        point, uv = head.template[head.faces[own, corner]], head.uvs[own, corner]
        centre = np.where(point[:, :1] > 0, middles[head.joint("eye_left")], middles[head.joint("eye_right")])
        front = point[:, 1] < centre[:, 1] - 0.009
        assert np.sign((uv - 0.5)[front] * (point - centre)[front][:, [0, 2]]).min() >= -1e-6 or \
            np.abs((uv - 0.5)[front] * (point - centre)[front][:, [0, 2]]).min() < 1e-6
        assert np.abs(uv[front] - 0.5).max() < 0.25
    assert head.material_index("cornea") in head.material
