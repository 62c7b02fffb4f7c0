"""The whole training in small: it can be stopped, goes on to the same end, and leaves what the pipeline reads."""

import json
import shutil

import pytest
import torch

from backend.assets import FOLDER, MANIFEST, verified
from backend.errors import InputError, ModelError
from backend.reflectance.networks.features import CHANNELS, NUMBERS
from backend.reflectance.networks.weights import WEIGHTS, load_light
from backend.training.reflectance.__main__ import main


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder in which the smallest training was done."""
    folder = tmp_path_factory.mktemp("train") / "whole"
    assert main(["train", "light", "--smoke", "--device", "cpu", "--folder", str(folder)]) == 0
    return folder


def test_it_leaves_weights_a_card_and_pictures(trained):
    net = load_light(trained / "light.safetensors")
    answer = net(torch.zeros(1, CHANNELS, 64, 64), torch.zeros(1, NUMBERS))
    assert answer.correction.shape == (1, 3, 64, 64)
    card = json.loads((trained / "light.json").read_text())
    assert card["steps"] == 4
    assert card["samples"] == 8
    assert card["scores"]["guess"] > 0
    assert (trained / "sheet.png").stat().st_size > 1000


def test_stopped_and_gone_on_with_it_ends_the_same(trained, tmp_path):
    shutil.copytree(trained / "data", tmp_path / "data")
    command = ["train", "light", "--smoke", "--device", "cpu", "--folder", str(tmp_path)]
    assert main([*command, "--minutes", "0"]) == 3
    assert not (tmp_path / "light.safetensors").exists()
    assert main(command) == 0
    assert (tmp_path / "light.safetensors").read_bytes() == (trained / "light.safetensors").read_bytes()


def test_a_finished_one_ships_with_its_hash(trained, tmp_path):
    shutil.copy(FOLDER / MANIFEST, tmp_path)
    assert main(["pin", str(trained), "--assets", str(tmp_path)]) == 0
    path = verified(tmp_path, WEIGHTS)
    assert path.read_bytes() == (trained / "light.safetensors").read_bytes()
    assert json.loads(path.with_suffix(".json").read_text())["licence"] == "GPL-3.0-or-later"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="was changed"):
        verified(tmp_path, WEIGHTS)


def test_an_unfinished_training_cannot_ship(tmp_path, capsys):
    assert main(["pin", str(tmp_path)]) == InputError.exit_code
    assert "Train to the end first" in capsys.readouterr().err
