"""Eye textures and hairs' maps against what is known of the eyes and brows they were read from."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from backend.core.colour import luminance
from backend.fit.headfit import HeadFit
from backend.head.eyes import IRIS_ANGLE, IRIS_UV_RADIUS
from backend.head.model import HeadModel, default_head
from backend.reflectance import hairs, iris
from backend.reflectance.eyes import IRIS_CLASSES, SIZE, eye_maps, eye_texture, two_colours
from backend.reflectance.maps import SkinMaps
from backend.reflectance.regions import SkinSpace
from backend.reflectance.sclera import veins
from backend.unwrap.observed import EyeSample

PATCH = 96
BLUE, BROWN = np.array([0.08, 0.12, 0.15]), np.array([0.055, 0.025, 0.012])
SHADING = np.ones((2, 3))


def rings(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Radius in iris radii and angle of the texels of a patch that the iris fills."""
    t = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(t, -t)
    return np.hypot(x, y), np.arctan2(y, x)


def photographed(mean: np.ndarray, *, radius: float = 30.0, central: float = 0.0, blotch: float = 0.0,
                 shadow: float = 0.0, glint: bool = False, pupil: float = 0.34) -> EyeSample:
    """A photo of an iris: a warm zone around the pupil, a dark blotch at seven o'clock, the shadow of a lid."""
    r, angle = rings(PATCH)
    log = np.log(mean) + central * np.exp(-((r - pupil - 0.1) / 0.12) ** 2)[..., None] * np.array([1, 0.3, -0.6])
    log = log - blotch * np.exp(-(((r - 0.68) / 0.16) ** 2) - ((angle + 2.1) / 0.5) ** 2)[..., None]
    colour = np.exp(log)
    colour[r < pupil] = 0.004
    colour[r > 1] = 0.55
    _, up = np.meshgrid(np.arange(PATCH), 1 - (np.arange(PATCH) + 0.5) / PATCH * 2)
    colour = 0.72 * colour * np.exp(-shadow * np.clip(0.5 + 0.5 * up, 0, 1))[..., None]
    weight = ((r < 1) & (up < 0.62)).astype(np.float32)
    if glint:
        spot = np.hypot(r * np.cos(angle) + 0.3, r * np.sin(angle) - 0.3) < 0.15
        colour[spot], weight[spot] = 1.0, 0
    zone = (r > 0.45) & (r < 0.88) & (weight > 0)
    colour = cv2.GaussianBlur(colour.astype(np.float32), (0, 0), PATCH / (2 * radius) * 0.6)
    return EyeSample(colour[zone].mean(0), np.full(3, 0.4, np.float32), colour, weight, radius)


def texel(texture: np.ndarray, radius: float, degrees: float) -> tuple[int, int]:
    """Row and column at a share of the iris' radius and an angle."""
    at = 0.5 * len(texture) * 2 * IRIS_UV_RADIUS * np.arcsin(radius * np.sin(IRIS_ANGLE)) / IRIS_ANGLE
    angle = np.deg2rad(degrees)
    return round(len(texture) / 2 - at * np.sin(angle)), round(len(texture) / 2 + at * np.cos(angle))


def around(texture: np.ndarray, radius: float, low: float = 0, high: float = 360) -> np.ndarray:
    """(3,) mean on an arc of the iris."""
    return np.mean([texture[texel(texture, radius, degrees)] for degrees in np.linspace(low, high, 181)], 0)


@pytest.mark.parametrize("colour", IRIS_CLASSES)
def test_the_mean_of_the_iris_is_what_was_asked_for(colour):
    texture = eye_texture(colour)
    mean = np.mean([around(texture, radius) * radius for radius in np.linspace(0.44, 0.86, 22)], 0)
    mean /= np.linspace(0.44, 0.86, 22).mean()
    np.testing.assert_allclose(mean, colour, rtol=0.12)


def test_pupil_iris_limbus_and_white_lie_where_the_geometry_has_them():
    texture = eye_texture(BLUE)
    assert luminance(around(texture, 0.2)) < 0.01
    assert 0.04 < luminance(around(texture, 0.6)) < 0.2
    rim = min(luminance(around(texture, radius)) for radius in np.linspace(0.88, 0.98, 11))
    assert rim < 0.75 * luminance(around(texture, 0.7)), "the limbal ring is dark"
    white = luminance(around(texture, 1.2))
    assert 0.45 < white < 0.65
    # No line: the step from iris to white takes more than a tenth of the radius.
    profile = np.array([luminance(around(texture, radius)) for radius in np.linspace(0.9, 1.25, 60)])
    between = (profile > rim + 0.1 * (white - rim)) & (profile < rim + 0.9 * (white - rim))
    assert between.sum() * 0.35 / 60 > 0.05


def test_veins_are_faint_and_lie_towards_the_corners():
    cover = veins(SIZE, 3)
    t = (np.arange(SIZE) + 0.5) / SIZE * 2 - 1
    x, y = np.meshgrid(t, -t)
    front, corner = (np.hypot(x, y) < 0.38), (np.abs(x) > 0.5) & (np.abs(x) < 0.8) & (np.abs(y) < 0.3)
    assert cover[front].mean() < 0.35 * cover[corner].mean()
    white = luminance(eye_texture(BROWN)[corner])
    assert np.percentile(white, 2) > 0.70 * np.median(white), "no vein is a line of ink"
    assert np.std(white) / np.mean(white) > 0.01, "nor is the white blank"


def test_a_large_photo_gives_the_zone_around_the_pupil_and_the_blotch():
    seen = photographed(BLUE, central=0.7, blotch=0.6)
    look = iris.read(seen, np.zeros(3))
    assert look is not None
    assert look.trust == 1
    assert look.pupil == pytest.approx(0.34, abs=0.05)
    texture, plain = eye_texture(BLUE, look), eye_texture(BLUE)
    warmth = [np.log(around(picture, 0.5)[0] / around(picture, 0.8)[0])
              - np.log(around(picture, 0.5)[2] / around(picture, 0.8)[2]) for picture in (texture, plain)]
    assert warmth[0] > warmth[1] + 0.2
    dark = np.log(luminance(around(texture, 0.68, 215, 265)) / luminance(around(texture, 0.68, 275, 325)))
    assert dark < -0.15
    before = np.log(luminance(around(plain, 0.68, 215, 265)) / luminance(around(plain, 0.68, 275, 325)))
    assert dark < before - 0.15


def test_the_pattern_correlates_with_the_truth_only_when_the_iris_is_large():
    rng = np.random.default_rng(5)
    truth = cv2.GaussianBlur(rng.standard_normal((iris.RADII, iris.ANGLES)).astype(np.float32), (0, 0), 5)
    truth *= 0.25 / truth.std()
    x, y = iris.grid(PATCH, (PATCH / 2 - 0.5,) * 2, PATCH / 2)
    r, angle = rings(PATCH)
    field = cv2.remap(truth, ((angle % (2 * np.pi)) / (2 * np.pi) * iris.ANGLES - 0.5).astype(np.float32),
                      (r * iris.RADII - 0.5).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    shares = {}
    for radius in (30.0, 12.0):
        seen = photographed(BLUE, radius=radius)
        patch = seen.patch * np.where(r < 1, np.exp(field), 1)[..., None].astype(np.float32)
        look = iris.read(EyeSample(seen.iris, seen.sclera, patch, seen.patch_weight, radius), np.zeros(3))
        if look is None:
            shares[radius] = 0.0
            continue
        zone = np.zeros(truth.shape, bool)
        zone[15:26] = True
        zone &= cv2.remap(seen.patch_weight, x, y, cv2.INTER_LINEAR) > 0.9
        wanted = truth - truth.mean(1, keepdims=True)
        shares[radius] = float(np.corrcoef((look.pattern @ [0.2126, 0.7152, 0.0722])[zone], wanted[zone])[0, 1])
    assert shares[30.0] > 0.6
    assert shares[12.0] == 0


def test_neither_the_lids_shadow_nor_a_glint_is_painted_on_the_iris():
    plain, shaded = (iris.read(photographed(BROWN, shadow=shadow, glint=shadow > 0), np.zeros(3))
                     for shadow in (0.0, 1.2))
    assert plain is not None
    assert shaded is not None
    above, below = slice(iris.ANGLES // 8, 3 * iris.ANGLES // 8), slice(5 * iris.ANGLES // 8, 7 * iris.ANGLES // 8)
    rows = slice(14, 28)
    bias = [float(look.pattern[rows, above].mean() - look.pattern[rows, below].mean()) for look in (plain, shaded)]
    assert abs(bias[1]) < 0.10  # of 0.6 that the shadow makes between these two
    assert np.abs(shaded.profile[rows] - plain.profile[rows]).max() < 0.12


def test_eyes_of_two_colours_get_two_textures_and_others_one():
    same = eye_maps((photographed(BLUE), photographed(0.8 * BLUE)), SHADING)
    assert same.right is None
    assert not same.warnings
    pair = (photographed(BLUE), photographed(BROWN))
    assert two_colours(pair)
    odd = eye_maps(pair, SHADING)
    assert odd.right is not None
    assert odd.warnings
    left, right = around(odd.left, 0.7), around(odd.right, 0.7)
    assert left[2] > left[0]
    assert right[0] > 1.5 * right[2]
    small = (photographed(BLUE, radius=8.0), photographed(BROWN, radius=8.0))
    assert eye_maps(small, SHADING).right is None, "too small to be believed"


def test_a_smaller_iris_is_drawn_smaller():
    edges = []
    for size in (1.0, 0.95):
        texture = eye_texture(BROWN, size=size)
        profile = np.array([luminance(around(texture, radius)) for radius in np.linspace(0.8, 1.2, 81)])
        edges.append(np.linspace(0.8, 1.2, 81)[np.argmax(profile > 0.25)])
    assert edges[1] / edges[0] == pytest.approx(0.95, abs=0.012)


def test_an_eye_that_was_not_seen_is_brown_and_whole():
    nothing = EyeSample(np.full(3, np.nan), np.full(3, np.nan), np.zeros((PATCH, PATCH, 3), np.float32),
                        np.zeros((PATCH, PATCH), np.float32))
    maps = eye_maps((nothing, nothing), SHADING)
    np.testing.assert_allclose(maps.irises, np.tile(IRIS_CLASSES[1], (2, 1)), rtol=1e-5)
    assert np.isfinite(maps.left).all()
    assert maps.left.shape == (SIZE, SIZE, 3)


@pytest.fixture(scope="module")
def brows() -> tuple[HeadModel, SkinSpace]:
    head = default_head()
    return head, SkinSpace.of(head, head.template)


def painted(space: SkinSpace, brow: np.ndarray) -> SkinMaps:
    """Maps of a fair skin with hair of `brow` (F, F) 0..1 coverage and of one colour."""
    skin, hair = np.array([0.42, 0.25, 0.18], np.float32), np.array([0.05, 0.03, 0.02], np.float32)
    albedo = skin + brow[..., None].astype(np.float32) * (hair - skin)
    flat = np.zeros((space.size, space.size), np.float32)
    return SkinMaps(albedo, flat, flat, flat, flat, np.zeros((space.size, space.size, 3), np.float32), flat,
                    np.zeros((1, 9, 3)), np.zeros((4, 4, 3), np.float32), np.zeros((2, 3), np.float32), "classical")


def fit_like(head: HeadModel) -> HeadFit:
    """A fit that says nothing but the neutral face."""
    nothing = np.zeros((1, 0))
    return HeadFit(head.id, nothing[0], 0 * head.template, head.template, nothing, nothing, head.template[None],
                   np.zeros((1, 52)), np.eye(3)[None], np.eye(4)[None], np.array([[8, 8]]), np.zeros(1),
                   np.zeros((1, 9, 3)), "prior", 0.1)


def test_brow_hairs_are_drawn_where_the_photo_has_a_brow_in_its_colour(brows):
    head, space = brows
    full = hairs.hair_maps(painted(space, 0.8 * space.brows), fit_like(head), head)["brow_albedo"]
    alpha = full[..., 3]
    assert alpha.max() > 0.5
    assert (alpha.max(0) > 0.3).mean() > 0.5
    assert (alpha[0] <= alpha.max(0)).all()
    seen = full[alpha > 0.3][:, :3].mean(0)
    assert luminance(seen) < 0.12
    assert seen[0] > seen[1] > seen[2], "brown stays brown"


def test_no_brow_no_hairs(brows):
    head, space = brows
    bare = hairs.hair_maps(painted(space, 0 * space.brows), fit_like(head), head)["brow_albedo"]
    assert bare[..., 3].max() < 0.02


def test_a_gap_in_the_brow_stays_a_gap(brows):
    """The photo shows the inner half of the brow: most hairs are drawn there, none far out."""
    head, space = brows
    half = np.abs(space.position[..., 0]) < 0.035
    full, part = (hairs.hair_maps(painted(space, 0.8 * space.brows * keep), fit_like(head), head)["brow_albedo"]
                  for keep in (1, half))
    column = np.arange(0, full.shape[1], hairs.TEXELS)
    corner = head.faces[head.material == head.material_index("brow")]
    uv = head.uvs[head.material == head.material_index("brow")]
    x = np.array([np.abs(head.template[corner[(np.abs(uv[:, :, 0] * len(column) - 0.5 - i) < 0.4) & (corner >= 0)], 0])
                  .mean() for i in range(len(column))])
    was, now = full[:, column, 3].max(0), part[:, column, 3].max(0)
    outer, inner = (x > 0.046) & (was > 0.3), (x < 0.028) & (was > 0.3)
    assert outer.sum() > 3
    assert inner.sum() > 3
    assert now[outer].mean() < 0.15 * was[outer].mean()
    assert now[inner].mean() > 0.7 * was[inner].mean()


def test_lashes_are_dark_and_whole(brows):
    head, space = brows
    maps = hairs.hair_maps(painted(space, 0.8 * space.brows), fit_like(head), head)
    lash = maps["lash_albedo"]
    assert lash.shape[0] == hairs.ALONG
    assert luminance(lash[..., :3]).max() < 0.03
    along = lash[::-1, 0, 3]  # row 0 is the tip, the last the root
    assert along[hairs.ALONG // 4] > 0.9
    assert along[-1] < 0.6
    assert along[0] < 0.3, "it grows out of the skin"


def test_a_head_without_hairs_gets_no_maps_of_them(brows):
    head, space = brows
    skin = head.material == head.material_index("skin")
    bald = replace(head, faces=head.faces[skin], uvs=head.uvs[skin], material=head.material[skin])
    assert hairs.hair_maps(painted(space, space.brows), fit_like(bald), bald) == {}
