"""A few photos, their fits, a few steps of training: the whole path in small, the same twice."""

import numpy as np
import pytest
import torch

from backend.capture.landmark_mirror import mirror_order
from backend.fit.config import FitConfig
from backend.fit.learned.sheet import COUNT, HEIGHT, WIDTH, layout_of
from backend.fit.noise import measured_noise
from backend.fit.start import HeadPoints
from backend.head.model import default_head
from backend.npz import write_arrays
from backend.training.shape.__main__ import load_fits, main, split
from backend.training.shape.basis import error_modes, metres_of, weighing
from backend.training.shape.fits import fit_shard
from backend.training.shape.samples import load_shards, make_shards
from backend.training.shape.several import Worth
from backend.training.shape.sheets import Augment


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two shards of two people, and their fits."""
    path = tmp_path_factory.mktemp("shape")
    head = default_head()
    assert make_shards(head, path, 5, range(2), 5, size=2) == 2
    points, pool = HeadPoints.of(head), []
    for shard in sorted(path.glob("faces_*.npz")):
        made = fit_shard(load_shards([shard]), points, FitConfig(), measured_noise(), pool, np.random.default_rng(0))
        write_arrays(shard.with_name(shard.name.replace("faces_", "fits_")), made)
    return path


def test_fits_are_off_by_millimetres_and_keep_their_photos(folder):
    fits = load_fits(folder)
    assert 2 <= len(fits.yaw) <= 4
    off = np.linalg.norm(fits.error - fits.error.mean(2, keepdims=True), axis=-1).mean((1, 2))
    assert (off > 0.0003).all()
    assert np.median(off) < 0.006
    pixels = fits.focal[..., None, None] * fits.placed[..., :2] / fits.placed[..., 2:] + fits.photo.shape[1] / 2
    inside = fits.seen[0][tuple(pixels[0, 0, :COUNT].astype(int).T[::-1])]
    assert inside.mean() > 0.9  # of the first face's landmarks lie on the person


def test_training_is_the_same_twice(folder, tmp_path, capsys):
    files = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for file in files:
        assert main(["train", str(folder), "--steps", "3", "--weights", str(file), "--seed", "2"]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    assert main(["evaluate", str(folder), "--weights", str(files[0]), "--seed", "2"]) == 0
    assert "unseen, own errors" in capsys.readouterr().out


def test_no_skin_is_trained_on_and_tested_with():
    skin = np.repeat(np.arange(30), 3)
    known, unseen = split(skin, 1)
    assert 3 <= len(unseen) <= 30
    assert len(known) + len(unseen) == 90
    assert not set(skin[known]) & set(skin[unseen])
    _, more = split(np.r_[skin, 30 + skin], 1)
    assert set(unseen) == {row for row in more if row < 90}


def test_heads_look_about_and_screw_up_their_eyes(folder):
    samples = load_shards(sorted(folder.glob("faces_*.npz")))
    gaze = -samples["turns"][:, 1, :, 1]
    assert (np.arccos(-gaze[:, 1]) < 0.8).all()
    assert np.abs(gaze[:, 0]).max() > 0.02
    np.testing.assert_array_equal(samples["turns"][:, 1], samples["turns"][:, 2])


def test_disturbed_pictures_are_the_same_twice_and_pictures_still():
    colour, outside = torch.rand(12, 3, HEIGHT, WIDTH), torch.zeros(12, HEIGHT, WIDTH, dtype=torch.bool)
    outside[:, :20] = True
    normal = torch.zeros(12, 3, HEIGHT, WIDTH)
    normal[:, 2] = -1
    once, twice, other = (Augment(seed)(colour.clone(), outside, normal) for seed in (4, 4, 5))
    assert torch.equal(once, twice)
    assert not torch.equal(once, other)
    assert float(once.min()) >= 0
    assert float(once.max()) <= 1
    assert float(once.std((2, 3)).median()) > 0.02


def test_evidence_is_weighed_on_people_in_several_photos(tmp_path, capsys):
    """Errors that are alike on all photos count as one photo's, independent ones as so many."""
    assert Worth(1, 1, 1, 1, 1, 1.0).power(3) == pytest.approx(0)
    assert Worth(1, 1, 1, 1, 1, 0.0).power(3) == pytest.approx(1)
    assert Worth(1, 1.2, 0.4, 1, 1, 0.0).overstated == pytest.approx(3)
    make_shards(default_head(), tmp_path, 6, range(1), 5, size=2, views=2)
    assert main(["worth", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "in 2 photos" in said
    assert "nan" not in said


def test_an_empty_folder_is_a_sentence(tmp_path, capsys):
    assert main(["train", str(tmp_path)]) == 2
    assert "Run the command make first" in capsys.readouterr().err


def test_scores_do_not_see_size_and_place_and_are_even_or_odd():
    points = HeadPoints.of(default_head())
    mean = points.points.mean[np.searchsorted(points.used, np.arange(COUNT))]
    random = np.random.default_rng(1)
    errors = np.einsum("lxs,ns->nlx", points.points.shape[np.searchsorted(points.used, np.arange(COUNT))],
                       random.normal(0, 0.5, (80, points.points.shape.shape[2])))
    modes, sign = error_modes(errors, mean, 10)
    even = (mean + mean[mirror_order()[:COUNT]] * [-1, 1, 1]) / 2
    about = even - even.mean(0)
    for moved in (np.ones_like(mean), about, np.cross(about, [0, 1.0, 0])):
        np.testing.assert_allclose(np.einsum("klx,lx->k", modes, moved), 0, atol=1e-6 * np.abs(modes).max())
    flipped = errors[:, mirror_order()[:COUNT]] * [-1, 1, 1]
    np.testing.assert_allclose(np.einsum("klx,nlx->nk", modes, flipped), np.einsum("klx,nlx->nk", modes, errors) * sign,
                               atol=1e-6)
    assert (np.diff(metres_of(modes, errors, mean)) < 1e-5).all()
    assert (np.linalg.det(weighing(mean)[0]) > 0).all()


def test_the_sheet_has_its_places_in_order():
    points = HeadPoints.of(default_head())
    layout = layout_of(points.points.mean[np.searchsorted(points.used, np.arange(COUNT))])
    assert layout.corners.shape == (HEIGHT, WIDTH, 3)
    np.testing.assert_allclose(layout.weights.sum(2), 1, atol=1e-4)
    nose = np.argwhere((layout.corners == 1).any(2)).mean(0)
    chin = np.argwhere((layout.corners == 152).any(2)).mean(0)
    assert chin[0] > nose[0] + 15
    assert abs(nose[1] - WIDTH / 2) < 2
