"""What the light network is shown, and that what it says becomes maps."""

import numpy as np
import pytest
import torch

from backend.core import harmonics
from backend.errors import ModelError
from backend.head.model import default_head
from backend.reflectance.classical import estimate_classical
from backend.reflectance.networks.estimate import mirrored
from backend.reflectance.networks.features import CHANNELS, NUMBERS, Ground, Whites, first_guess, shown
from backend.reflectance.networks.lightnet import LightNet, Shape
from backend.reflectance.networks.weights import load_light, save_net
from backend.unwrap import unwrap
from tests.unwrap.studio import Light, fit_of, paint, photograph, resampled, sky

GRID = 32


@pytest.fixture(scope="module")
def ball():
    """The front of a ball as ground, and its mirror image."""
    y, x = np.mgrid[0:GRID, 0:GRID] / (GRID - 1) * 1.6 - 0.8
    normal = np.stack([x, -np.sqrt(np.maximum(1 - x * x - y * y, 0.05)), -y], -1).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    transfer = harmonics.basis(normal) * harmonics.COSINE_LOBE / np.pi
    flat = np.zeros((GRID, GRID), np.float32)
    eye = np.broadcast_to(np.array([0, -1.0, 0], np.float32), normal.shape)
    return Ground(normal, eye, transfer.astype(np.float32), flat, 0.1 * normal, np.zeros_like(normal), flat + 1)


def of_the_eyes(**change):
    values = {"sclera": np.array([[0.5, 0.45, 0.42]] * 2), "trust": np.ones(2), "eye_shading": np.ones(2),
              "teeth": np.full(3, np.nan), "background": 0.3} | change
    return Whites(**values)


def test_the_first_guess_finds_a_soft_light(ball):
    light = np.zeros((9, 3))
    light[0], light[3], light[1] = [2.6, 2.4, 2.2], [0.6, 0.7, 0.8], [-0.6, -0.6, -0.6]
    colour = (0.3 * ball.transfer @ light).astype(np.float32)
    assert 0.02 < colour.min() < colour.max() < 0.98
    guess = first_guess(colour, np.ones((GRID, GRID), np.float32), ball)
    ratio = np.log(guess / colour)
    assert (ratio - np.median(ratio, (0, 1))).std() < 0.04


def test_a_mirrored_photo_is_shown_mirrored(ball):
    rng = np.random.default_rng(0)
    colour = rng.uniform(0.1, 0.6, (GRID, GRID, 3)).astype(np.float32)
    weight = (rng.random((GRID, GRID)) < 0.9).astype(np.float32)
    straight = shown(colour, weight, ball, of_the_eyes())
    turned = shown(colour[:, ::-1], weight[:, ::-1], ball, of_the_eyes())  # the ball is its own mirror image
    assert np.allclose(mirrored(torch.as_tensor(straight.channels)[None])[0], turned.channels, atol=2e-3)
    assert np.allclose(straight.vector, turned.vector, atol=1e-3)


def test_whites_that_were_not_seen_leave_their_numbers_empty(ball):
    colour = np.full((GRID, GRID, 3), 0.2, np.float32)
    weight = np.ones((GRID, GRID), np.float32)
    blind = shown(colour, weight, ball, of_the_eyes(sclera=np.full((2, 3), np.nan), background=0.0)).vector
    assert blind.shape == (NUMBERS,)
    assert (blind[3:13] == 0).all()  # eyes and teeth
    seeing = shown(colour, weight, ball, of_the_eyes()).vector
    assert seeing[4] == pytest.approx(np.log((0.2126 * 0.5 + 0.7152 * 0.45 + 0.0722 * 0.42) / 0.2), abs=0.01)


def test_weights_come_back_in_half_precision(tmp_path):
    torch.manual_seed(0)
    net = LightNet(Shape(32, 8, 2))
    torch.nn.init.normal_(net.out.weight, std=0.1)
    save_net(net, tmp_path / "net.safetensors", "{}")
    again = load_light(tmp_path / "net.safetensors")
    assert again.shape == net.shape
    seen, told = torch.rand(1, CHANNELS, 32, 32), torch.rand(1, NUMBERS)
    with torch.no_grad():
        assert (again(seen, told).correction - net(seen, told).correction).abs().max() < 0.02


def test_damaged_weights_say_so(tmp_path):
    (tmp_path / "net.safetensors").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"net\.safetensors cannot be read"):
        load_light(tmp_path / "net.safetensors")


def test_a_network_that_knows_nothing_still_gives_a_person():
    """Untrained, it corrects the first guess by nothing: the maps are those of a soft light and a tone from nowhere."""
    torch.manual_seed(0)
    head = default_head()
    albedo = paint(head, (0.42, 0.25, 0.18))
    shot = photograph(head, albedo, Light(sky(0.6, left=0.3, front=0.3)), pixels=320)
    fit = fit_of(head, [shot])
    observed = unwrap([shot.observation], fit, head, 256)
    maps = estimate_classical(observed, fit, head, net=LightNet(Shape(64, 8, 2)).eval())
    assert maps.method == "networks"
    assert np.isfinite(maps.diffuse_albedo).all()
    bare = observed.weight > 0.5
    off = np.log(maps.diffuse_albedo[bare]) - np.log(np.maximum(resampled(albedo, 256)[bare], 1e-3))
    assert np.abs(off - np.median(off, 0)).mean() < 0.25
