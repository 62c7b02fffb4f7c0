"""What networks from maps to maps may change, and what they may not."""

import numpy as np
import pytest
import torch

from backend.errors import ModelError
from backend.head.model import default_head
from backend.reflectance.albedo import Clean, region_prior
from backend.reflectance.completion import Completion
from backend.reflectance.displacement import Relief
from backend.reflectance.networks.features import CHANNELS, NUMBERS, Shown
from backend.reflectance.networks.mapnet import MapNet, MapShape
from backend.reflectance.networks.maps import completed, detailed, finer
from backend.reflectance.networks.weights import load_maps, save_net
from backend.reflectance.regions import SkinSpace
from backend.reflectance.specular import PLAIN
from backend.unwrap.observed import ObservedTexture


@pytest.fixture(scope="module")
def space() -> SkinSpace:
    head = default_head()
    return SkinSpace.of(head, head.template)


def answering(shape: MapShape, value: float) -> MapNet:
    """A network that answers `value` everywhere."""
    torch.manual_seed(0)
    net = MapNet(shape).eval()
    torch.nn.init.constant_(net.out[0].bias, value)
    return net


def test_completion_leaves_what_was_seen(space):
    size = space.size
    prior = (np.log([0.4, 0.25, 0.18]) + region_prior(space)).astype(np.float32)
    seen = np.zeros((size, size), np.float32)
    seen[:, :200] = 1
    blank = np.zeros((size, size), np.float32)
    colour = np.zeros((size, size, 3), np.float32)
    clean = Clean(colour + 1, prior + 0.1, prior, seen, colour)
    plan = Completion(prior + 0.1, seen, blank, colour, np.zeros((3, 3)))
    made = completed(answering(MapShape(10, 3, 8, 3, symmetric=True, answers=3), -0.2), space, clean, plan,
                     region_prior(space))
    np.testing.assert_array_equal(made.base[:, :200], plan.base[:, :200])
    np.testing.assert_allclose(made.base[:, 220:], prior[:, 220:] - 0.2, atol=1e-3)


def test_detail_counts_where_the_photo_does():
    size = 256
    seen = np.zeros((128, 128), np.float32)
    seen[:, :64] = 1
    relief = Relief(np.full((size, size), 5e-5, np.float32), np.full((size, size), 1e-5, np.float32))
    gloss, rough = np.full((size, size), 0.5, np.float32), np.full((size, size), 0.6, np.float32)
    shown = Shown(np.zeros((CHANNELS, 64, 64), np.float32), np.zeros(NUMBERS, np.float32), np.ones((64, 64, 3)),
                  np.full(3, 0.2))
    made, level, dull = detailed(answering(MapShape(CHANNELS, 4, 8, 3), 0.1), shown, seen, relief, gloss, rough)
    assert level[128, 60] == pytest.approx(PLAIN[0] + 0.1, abs=1e-3)
    assert dull[128, 60] == pytest.approx(PLAIN[1] + 0.1, abs=1e-3)
    assert made.mid[128, 60] == pytest.approx(1e-5, rel=0.01)
    assert level[128, 200] == pytest.approx(0.5)
    assert made.mid[128, 200] == pytest.approx(5e-5)


def test_finer_detail_is_only_added_where_the_photo_is_coarse():
    size = 256
    density = np.full((size, size), 0.2, np.float32)
    density[:, :128] = 1.5
    inside = np.ones((size, size), bool)
    blank = np.zeros((size, size, 3), np.float32)
    observed = ObservedTexture(blank, inside.astype(np.float32), blank, blank, inside, np.zeros((1, 3)),
                               np.zeros((size, size), np.int16), density, ())
    albedo = np.full((size, size, 3), 0.3, np.float32)
    none = np.zeros((size, size), np.float32)
    shape = MapShape(4, 4, 8, 2, scale=4, local=True)
    made, relief = finer(answering(shape, 0.1), observed, albedo, Relief(none, none))
    np.testing.assert_array_equal(made[:, :120], albedo[:, :120])
    np.testing.assert_allclose(made[:, 140:], 0.3 * np.exp(0.1), rtol=1e-3)
    assert relief.high[128, 200] == pytest.approx(1e-5, rel=0.01)
    same, _ = finer(answering(shape, 0.0), observed, albedo, Relief(none, none))
    np.testing.assert_array_equal(same, albedo)


def test_weights_are_the_same_bytes_every_time(tmp_path):
    net = answering(MapShape(4, 4, 8, 2), 0.3)
    files = []
    for number in range(6):
        save_net(net, tmp_path / f"{number}.safetensors", '{"a": 1}')
        files.append((tmp_path / f"{number}.safetensors").read_bytes())
    assert len(set(files)) == 1
    assert load_maps(tmp_path / "0.safetensors").shape == net.shape
    (tmp_path / "bad.safetensors").write_bytes(files[0][:50])
    with pytest.raises(ModelError, match=r"bad\.safetensors cannot be read"):
        load_maps(tmp_path / "bad.safetensors")
