"""From an `ObservedTexture` to `SkinMaps`: light out of the skin, completion, specular, roughness, displacement."""

from __future__ import annotations

from dataclasses import replace

from backend.core.progress import Progress, silent
from backend.errors import InputError
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel
from backend.reflectance.classical import estimate_classical
from backend.reflectance.hairs import hair_maps
from backend.reflectance.maps import SkinMaps
from backend.unwrap.observed import ObservedTexture

METHODS = ("classical", "networks")

__all__ = ["METHODS", "SkinMaps", "estimate"]


def estimate(observed: ObservedTexture, fit: HeadFit, head: HeadModel, *, method: str = "classical",
             device: str = "cpu", progress: Progress = silent) -> SkinMaps:
    """Skin maps at the observed texture's resolution. Networks run on the torch `device`.

    Raises InputError for a method that does not exist and ModelError for one whose weights are not installed.
    """
    if method not in METHODS:
        raise InputError(f"There is no skin method called {method}.", f"Choose one of: {', '.join(METHODS)}.")
    net, others = None, None
    if method == "networks":
        from backend.reflectance.networks.maps import MapNets
        from backend.reflectance.networks.weights import shipped_light

        net, others = shipped_light().to(device), MapNets.shipped(device)
    maps = estimate_classical(observed, fit, head, net=net, others=others, progress=progress)
    hairs = hair_maps(maps, fit, head)
    return replace(maps, brow_albedo=hairs.get("brow_albedo"), lash_albedo=hairs.get("lash_albedo"))
