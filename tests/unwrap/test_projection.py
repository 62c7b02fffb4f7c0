"""What lands in the texture is what the photo shows at that place of the skin, and nothing else."""

import dataclasses

import cv2
import numpy as np
import pytest

from backend.core import camera
from backend.core.rays import Mesh
from backend.errors import InputError
from backend.head.model import HeadModel, default_head
from backend.unwrap import ObservedTexture, unwrap
from backend.unwrap.masks import image_masks
from backend.unwrap.surface import skin_normals, solid_triangles
from tests.unwrap.studio import Shot, fit_of, paint, photograph, resampled

SIZE = 512


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return default_head()


@pytest.fixture(scope="module")
def albedo(head) -> np.ndarray:
    return paint(head)


@pytest.fixture(scope="module")
def turned(head, albedo) -> Shot:
    return photograph(head, albedo, None, yaw=0.6)


@pytest.fixture(scope="module")
def seen(head, turned) -> ObservedTexture:
    return unwrap([turned.observation], fit_of(head, [turned]), head, SIZE)


def test_texels_carry_the_colour_of_their_own_place(seen, albedo):
    truth = resampled(albedo, SIZE)
    well = seen.weight > 0.5
    # What can be compared is what the photo resolves: both sides at two texels' blur.
    error = np.abs(np.log(cv2.GaussianBlur(seen.colour, (0, 0), 2)[well] / cv2.GaussianBlur(truth, (0, 0), 2)[well]))
    assert well.mean() > 0.08
    assert np.median(error) < 0.015
    assert np.percentile(error, 95) < 0.08


def test_a_brow_lies_where_it_was_painted(seen, albedo):
    truth = resampled(albedo, SIZE)
    dark = (truth.mean(-1) < 0.12) & (seen.weight > 0.6)
    assert dark.sum() > 40
    assert np.median(seen.colour[dark].mean(-1)) < 0.14


def test_no_green_of_the_background_gets_in_even_when_mask_and_fit_are_off(head, turned):
    fit = fit_of(head, [turned])
    # 1.5 mm of misfit to one side, and a mask that is two pixels too generous.
    shifted = dataclasses.replace(fit, posed=fit.posed + np.array([0.0015, 0, 0.0005], np.float32))
    mask = turned.observation.mask.copy()
    wide = cv2.dilate(mask[..., 3], np.ones((5, 5), np.uint8))
    mask[..., 3], mask[..., 0] = wide, 255 - wide
    observation = dataclasses.replace(turned.observation, mask=mask)
    texture = unwrap([observation], shifted, head, SIZE)
    counted = texture.weight > 0.02
    greener = texture.colour[..., 1] / (texture.colour[..., 0] + 1e-4)
    assert counted.mean() > 0.08
    assert greener[counted].max() < 0.85, "skin is redder than green everywhere"


def test_the_whole_rim_of_glasses_is_left_out_when_the_mask_knows_a_part_of_it(turned):
    observation = turned.observation
    points = observation.landmarks[:, :2]
    left, right = points[[33, 133, 362, 263], 0].min() - 6, points[[33, 133, 362, 263], 0].max() + 6
    row = round(float(points[[145, 374], 1].mean())) + 8
    rim = np.zeros(observation.image.shape[:2], bool)
    rim[row:row + 2, round(float(left)):round(float(right))] = True
    image = observation.image.copy()
    image[rim] = 0.01
    known = rim.copy()
    known[:, round(float(left + 0.25 * (right - left))):] = False
    mask = observation.mask.copy()
    mask[known] = [0, 0, 0, 55, 0, 200]
    plain, spared, seen = (image_masks(dataclasses.replace(observation, image=i, mask=m)) for i, m in (
        (observation.image, observation.mask), (image, observation.mask), (image, mask)))
    window = seen.crop.cut(np.repeat(rim[..., None], 3, -1).astype(np.float32))[..., 0] > 0.9
    window &= plain.skin > 0.9
    assert window.sum() > 60
    assert np.median(seen.skin[window]) < 0.1
    np.testing.assert_array_equal(spared.skin, plain.skin)  # no rim without the segmenter's word


def test_what_is_weighed_is_truly_visible(head, turned, seen):
    """The slow twin: one ray from every weighed texel's point to the camera."""
    mesh = Mesh(head.template, solid_triangles(head))
    eye = camera.camera_position(turned.world_to_camera)
    counted = seen.weight > 0.01
    points, normals = seen.position[counted], seen.normal[counted]
    to_eye = eye - points
    to_eye /= np.linalg.norm(to_eye, axis=1, keepdims=True)
    hidden = mesh.occluded(points + 0.001 * normals, to_eye)
    assert hidden.mean() < 0.002
    cosine = np.einsum("nk,nk->n", normals, to_eye)
    assert (cosine > np.cos(np.radians(82.5))).all()
    assert (cosine < np.cos(np.radians(76))).mean() < 0.03, "only ears, nose and lips are read so far aslant"


def test_the_far_side_of_the_nose_is_not_seen(head, seen):
    """At a turn of 34 degrees to the person's left, the right cheek behind the nose is worth less than the left."""
    left, right = seen.weight[:, SIZE // 2:].sum(), seen.weight[:, :SIZE // 2].sum()
    assert left > 1.4 * right


def test_positions_and_normals_are_those_of_the_posed_mesh(head, seen):
    inside = seen.inside
    low, high = head.template.min(0), head.template.max(0)
    assert (seen.position[inside] >= low - 1e-4).all()
    assert (seen.position[inside] <= high + 1e-4).all()
    expected = skin_normals(head, head.template)
    nose = np.nanargmin(head.landmark_points(head.template)[:468, 1])
    tip = head.landmark_triangles[nose]
    uv = (head.triangle_uvs[tip].T @ head.landmark_barycentric[nose] * [1, -1] + [0, 1]) * SIZE
    there = seen.normal[int(uv[1]), int(uv[0])]
    wanted = expected[head.triangles[tip]].T @ head.landmark_barycentric[nose]
    assert there @ wanted / np.linalg.norm(wanted) > 0.98


def test_hair_and_hat_are_left_out_but_remembered(head, turned):
    mask = turned.observation.mask.copy()
    top = int(turned.observation.landmarks[10, 1])
    mask[:top, :, 1], mask[:top, :, 3] = mask[:top, :, 3], 0
    texture = unwrap([dataclasses.replace(turned.observation, mask=mask)], fit_of(head, [turned]), head, SIZE)
    fit = fit_of(head, [turned])
    pixels, _ = camera.project(texture.position, fit.intrinsics[0], fit.world_to_camera[0])
    assert texture.weight[(pixels[..., 1] < top)].max() == 0
    assert texture.hair is not None
    assert texture.hair.weight.max() > 0.8


def test_fine_photos_are_averaged_not_skipped(head, turned):
    """A checkerboard of single pixels read into a coarse texture is grey, not moiré."""
    big = 1600
    scale = big / turned.observation.size[0]
    k = turned.intrinsics.copy()
    k[:2] *= scale
    y, x = np.mgrid[:big, :big]
    board = np.repeat(((x + y) % 2).astype(np.float32)[..., None], 3, -1)
    landmarks = turned.observation.landmarks * np.array([scale, scale, 1], np.float32)
    mask = np.repeat(np.repeat(turned.observation.mask, 4, 0), 4, 1)[:big, :big]
    observation = dataclasses.replace(turned.observation, image=board, landmarks=landmarks, mask=mask)
    texture = unwrap([observation], dataclasses.replace(fit_of(head, [turned]), intrinsics=k[None]), head, 256)
    well = (texture.weight > 0.5) & (texture.texel_density > 2.5)
    assert well.sum() > 300
    assert texture.colour[well].std() < 0.03
    assert abs(texture.colour[well].mean() - 0.5) < 0.01


def test_density_counts_photo_pixels_per_texel(head, turned, seen):
    coarse = unwrap([turned.observation], fit_of(head, [turned]), head, SIZE // 2)
    assert np.median(coarse.texel_density[coarse.weight > 0.5]) == pytest.approx(
        2 * np.median(seen.texel_density[seen.weight > 0.5]), rel=0.05)
    # The slow twin: finite differences of the projection on the mesh itself.
    middle = np.argwhere(seen.weight > 0.9)[::500]
    for row, column in middle:
        here = seen.position[[row, row, row + 1], [column, column + 1, column]]
        pixels, _ = camera.project(here, turned.intrinsics, turned.world_to_camera)
        area = abs(np.linalg.det(np.stack([pixels[1] - pixels[0], pixels[2] - pixels[0]])))
        assert seen.texel_density[row, column] == pytest.approx(np.sqrt(area), rel=0.25)


def test_two_photos_of_different_exposure_blend_without_a_step(head, albedo):
    left = photograph(head, albedo, None, yaw=0.7)
    right = photograph(head, albedo, None, yaw=-0.7, exposure=0.5)
    texture = unwrap([left.observation, right.observation], fit_of(head, [left, right]), head, SIZE)
    ratio = np.log(np.maximum(texture.colour, 1e-4) / resampled(albedo, SIZE)).mean(-1)
    by_view = [np.median(ratio[(texture.weight > 0.5) & (texture.best_view == view)]) for view in (0, 1)]
    exposure = np.log([1.0, 0.5])[texture.lit_by]
    assert by_view == pytest.approx([exposure, exposure], abs=0.03)
    assert {int(v) for v in np.unique(texture.best_view)} == {-1, 0, 1}


def test_large_maps_agree_with_small_ones(head, turned, seen):
    large = unwrap([turned.observation], fit_of(head, [turned]), head, 2048)
    reduced = cv2.resize(large.colour, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    both = (seen.weight > 0.6) & (cv2.resize(large.weight, (SIZE, SIZE), interpolation=cv2.INTER_AREA) > 0.6)
    assert both.mean() > 0.05
    assert np.abs(reduced - seen.colour)[both].mean() < 0.01


def test_the_iris_is_read_without_lids(head, albedo):
    shot = photograph(head, albedo, None, pixels=900, iris=(0.06, 0.12, 0.2), sclera=(0.6, 0.5, 0.45))
    texture = unwrap([shot.observation], fit_of(head, [shot]), head, 256)
    for eye in texture.eyes:
        assert eye.iris == pytest.approx([0.06, 0.12, 0.2], rel=0.2)
        assert eye.sclera == pytest.approx([0.6, 0.5, 0.45], rel=0.2)
        assert eye.patch_weight.max() <= 1


def test_a_covered_face_is_refused_with_a_sentence(head, turned):
    mask = np.zeros_like(turned.observation.mask)
    mask[..., 5] = 255
    with pytest.raises(InputError, match=r"studio\.png"):
        unwrap([dataclasses.replace(turned.observation, mask=mask)], fit_of(head, [turned]), head, 256)
