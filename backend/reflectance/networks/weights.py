"""Weights of the learned method on disk: safetensors in half precision, the network's shape and card inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from backend.assets import FOLDER, asset_path, manifest
from backend.errors import ModelError
from backend.reflectance.networks.lightnet import LightNet, Shape
from backend.reflectance.networks.mapnet import MapNet, MapShape

Net = TypeVar("Net", LightNet, MapNet)

WEIGHTS = "reflectance/light.safetensors"
"""In the folder of assets; only there when a trained network ships."""

MAPS = ("detail", "completion", "superres")
"""Networks from maps to maps; none of them has to be there for the light's to be used."""


def weights_of(name: str) -> str:
    """The name of a network's file in the folder of assets."""
    return f"reflectance/{name}.safetensors"


def save_net(net: LightNet | MapNet, path: Path, card: str) -> None:
    """Write a network in half precision; `card` is text for people."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().half().contiguous() for name, value in net.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    # One entry: several are written in an order that changes from run to run.
    save_file(tensors, path, metadata={"network": json.dumps({"shape": asdict(net.shape), "card": card})})


def load_light(path: Path) -> LightNet:
    """Read the light network that `save_net` wrote. Raises ModelError for a file that is damaged or of another make."""
    return _read(path, lambda shape: LightNet(Shape(**shape)))


def load_maps(path: Path) -> MapNet:
    """The same for a network from maps to maps."""
    return _read(path, lambda shape: MapNet(MapShape(**shape)))


def _read(path: Path, make: Callable[[dict[str, Any]], Net]) -> Net:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            net = make(json.loads(file.metadata()["network"])["shape"])
            net.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise ModelError(f"The weights {path.name} cannot be read: {error}.",
                         "Reinstall Likeness, or use --reflectance classical.") from error
    return net.eval()


def shipped(name: str = "light") -> bool:
    """Whether this version comes with a trained network of that name."""
    return weights_of(name) in manifest(FOLDER)


def fingerprint() -> str:
    """Changes with the weights that ship. Raises ModelError when there are none."""
    if not shipped():
        raise ModelError("This version has no trained network for skin.", "Use --reflectance classical.")
    listed = manifest(FOLDER)
    return " ".join(str(listed[weights_of(name)]["sha256"]) for name in ("light", *MAPS) if shipped(name))


@cache
def shipped_maps(name: str) -> MapNet | None:
    """A network from maps to maps that ships, read once; None when this version has none."""
    return load_maps(asset_path(weights_of(name))) if shipped(name) else None


@cache
def shipped_light() -> LightNet:
    """The network that ships, read once. Raises ModelError when there is none."""
    fingerprint()
    return load_light(asset_path(WEIGHTS))
