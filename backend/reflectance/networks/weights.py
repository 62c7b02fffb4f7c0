"""Weights of the learned method on disk: safetensors in half precision, the network's shape and card inside."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from backend.assets import FOLDER, asset_path, manifest
from backend.errors import ModelError
from backend.reflectance.networks.lightnet import LightNet, Shape

WEIGHTS = "reflectance/light.safetensors"
"""In the folder of assets; only there when a trained network ships."""


def save_light(net: LightNet, path: Path, card: str) -> None:
    """Write a network in half precision; `card` is text for people."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().half().contiguous() for name, value in net.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"shape": json.dumps(asdict(net.shape)), "card": card})


def load_light(path: Path) -> LightNet:
    """Read what `save_light` wrote. Raises ModelError for a file that is damaged or of another make."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            net = LightNet(Shape(**json.loads(file.metadata()["shape"])))
            net.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ModelError(f"The weights {path.name} cannot be read: {error}.",
                         "Reinstall Likeness, or use --reflectance classical.") from error
    return net.eval()


def shipped() -> bool:
    """Whether this version comes with a trained network."""
    return WEIGHTS in manifest(FOLDER)


def fingerprint() -> str:
    """Changes with the weights that ship. Raises ModelError when there are none."""
    if not shipped():
        raise ModelError("This version has no trained network for skin.", "Use --reflectance classical.")
    return str(manifest(FOLDER)[WEIGHTS]["sha256"])


@cache
def shipped_light() -> LightNet:
    """The network that ships, read once. Raises ModelError when there is none."""
    fingerprint()
    return load_light(asset_path(WEIGHTS))
