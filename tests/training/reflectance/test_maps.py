"""The networks from maps to maps in small: they learn, can be stopped, and leave what is read again; tiles agree."""

import json
import shutil

import numpy as np
import pytest
import torch

from backend.reflectance.networks.mapnet import MapNet, MapShape
from backend.reflectance.networks.tiles import run
from backend.reflectance.networks.weights import load_maps
from backend.training.reflectance.__main__ import main
from backend.training.reflectance.maps.tasks import TASKS, batch_of, loss_of

NAMES = tuple(TASKS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder a network in which the smallest training was done; heads and skins are made once."""
    base = tmp_path_factory.mktemp("maps")
    done = {}
    for name in NAMES:
        done[name] = base / name
        if (base / NAMES[0] / "data").exists() and name != NAMES[0]:
            shutil.copytree(base / NAMES[0] / "data", done[name] / "data")
        assert main(["train", name, "--smoke", "--device", "cpu", "--folder", str(done[name])]) == 0
    return done


@pytest.mark.parametrize("name", NAMES)
def test_it_leaves_weights_and_a_card_with_scores(folders, name):
    net = load_maps(folders[name] / f"{name}.safetensors")
    task = TASKS[name]
    told = net(torch.zeros(1, task.inputs, 64, 64))
    assert len(told) == task.answers
    assert told[-1].shape == (1, task.outputs, 64 * task.scale, 64 * task.scale)
    card = json.loads((folders[name] / f"{name}.json").read_text())
    assert len(card["scores"]["error"]) == task.outputs
    assert all(value > 0 for value in card["scores"]["nothing"])
    assert (folders[name] / "sheet.png").stat().st_size > 1000


def test_stopped_and_gone_on_with_it_ends_the_same(folders, tmp_path):
    whole = folders["completion"]
    shutil.copytree(whole / "data", tmp_path / "data")
    command = ["train", "completion", "--smoke", "--device", "cpu", "--folder", str(tmp_path)]
    assert main([*command, "--minutes", "0"]) == 3
    assert main(command) == 0
    name = "completion.safetensors"
    assert (tmp_path / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_what_it_is_shown(folders, name):
    """Thirty steps on two questions: the loss falls by a quarter at the least."""
    from backend.head.model import default_head
    from backend.training.reflectance.maps.learn import sources
    from backend.training.reflectance.plans import PLANS

    task, plan = TASKS[name], PLANS["smoke"]
    seen, _ = sources(task, default_head(), folders[name], plan, 1, "cpu", None, None)
    batch = batch_of(task, seen.made([0, 1]), "cpu")
    torch.manual_seed(0)
    net = MapNet(task.shape(12, 3))
    optimiser = torch.optim.AdamW(net.parameters(), 4e-3)
    losses = []
    for _ in range(30):
        loss, _ = loss_of(net(batch.x), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert min(losses[-3:]) < 0.75 * losses[0]


def test_tiles_leave_no_seams():
    torch.manual_seed(1)
    net = MapNet(MapShape(4, 4, 8, 2, scale=2, local=True)).eval()
    torch.nn.init.normal_(net.out[0].weight, std=0.3)
    x = np.random.default_rng(0).normal(size=(4, 192, 160)).astype(np.float32)
    x = x[:, :, :158]
    whole, tiled = run(net, x, 1024), run(net, x, 112)
    assert whole.shape == tiled.shape == (4, 384, 316)
    assert np.abs(whole - tiled).max() < 0.05 * whole.std()


def test_completion_knows_the_other_side():
    """What changes on one side of the face is at hand at the same place of the other one, at the finest level."""
    torch.manual_seed(2)
    net = MapNet(TASKS["completion"].shape(8, 2)).eval()
    for layer in net.out:
        torch.nn.init.normal_(layer.weight, std=0.3)
    x = torch.zeros(1, 10, 64, 64)
    y = x.clone()
    y[..., 30:34, 4:8] = 3
    change = (net(y)[-1] - net(x)[-1]).abs().sum(1)[0]
    assert change[32, 64 - 6] > 0.2 * change[32, 6]
    assert change[32, 64 - 6] > 3 * change[8, 40].clamp_min(1e-6)
