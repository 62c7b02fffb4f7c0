"""What pixels tell of a fit's error: evidence for identity from a small network, after the landmarks were heard.

The photo is laid out along the fitted landmarks (`sheet`); the network answers with scores of the face's error, linear
in the places of 468 landmarks, so the same network serves every head model that has them. It was trained on fits of
photos that the project rendered itself (`backend/training/shape`; the card is beside the weights).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from backend.assets import asset_path
from backend.capture.landmark_mirror import mirror_order
from backend.capture.observation import Observation
from backend.core.threads import side_by_side
from backend.errors import ModelError
from backend.fit.config import LearnedConfig
from backend.fit.learned.sheet import COUNT, Layout, shrunk, with_ring
from backend.fit.learned.sheetnet import SheetNet, channels, unrolled
from backend.fit.solver import Belief
from backend.fit.start import HeadPoints, face_unit
from backend.fit.state import State, View

WEIGHTS = "shape/evidence.safetensors"
BLANK = 0.01  # sRGB; a photo with less contrast on the face than this shows none
SURE = 0.97  # of a score's variance; where the network leaves more than that, it has nothing to say


@dataclass(frozen=True)
class Evidence:
    """The network and what its K scores mean."""

    net: SheetNet
    layout: Layout
    modes: np.ndarray  # (K, 468, 3) scores per metre of error, fitted less true
    sign: np.ndarray  # (K,) 1 or -1, what mirroring does to a score
    factor: np.ndarray  # (K,) on the variances the network states, so that they hold for people it had not seen


def save_evidence(evidence: Evidence, path: Path, card: dict[str, str]) -> None:
    """Write weights in half precision, with what `load_evidence` needs."""
    from safetensors.torch import save_file

    tensors = {f"net.{name}": value.half().contiguous() for name, value in evidence.net.state_dict().items()}
    tensors |= {"layout.corners": torch.as_tensor(evidence.layout.corners.astype(np.int16)),
                "layout.weights": torch.as_tensor(evidence.layout.weights).half(),
                "modes": torch.as_tensor(evidence.modes.astype(np.float32)),
                "sign": torch.as_tensor(evidence.sign.astype(np.float32)),
                "factor": torch.as_tensor(evidence.factor.astype(np.float32))}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata=card)


def load_evidence(path: Path) -> Evidence:
    """Read what `save_evidence` wrote. Raises ModelError for a file that is damaged or of another layout."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors = load_file(path)
        net = SheetNet(len(tensors["sign"]))
        net.load_state_dict({name.removeprefix("net."): value.float() for name, value in tensors.items()
                             if name.startswith("net.")})
        layout = Layout(tensors["layout.corners"].numpy().astype(int), tensors["layout.weights"].float().numpy())
        modes, sign, factor = (tensors[name].numpy().astype(np.float64) for name in ("modes", "sign", "factor"))
    except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"The weights {path.name} cannot be read: {error}.", "Reinstall Likeness.") from error
    return Evidence(net.eval(), layout, modes, sign, factor)


@cache
def shipped_evidence() -> Evidence:
    """The network that ships, read once. Raises ModelError."""
    return load_evidence(asset_path(WEIGHTS))


def believed(observations: Sequence[Observation], points: HeadPoints, state: State, config: LearnedConfig,
             evidence: Evidence | None = None) -> Belief | None:
    """What all photos' pixels together say of beta; None for a head that lacks landmarks, or when they say nothing."""
    where = np.searchsorted(points.used, np.arange(COUNT))
    if not np.array_equal(points.used[np.minimum(where, len(points.used) - 1)], np.arange(COUNT)):
        return None
    evidence = evidence or shipped_evidence()
    said = side_by_side(lambda index: scores(evidence, observations[index], points, state, state.views[index]),
                        range(len(observations)))
    found, left = np.array([score for score, _ in said]), np.array([spread for _, spread in said])
    # A score has unit variance before the pixels are seen and `left` after: what they add is the difference. Photos
    # of one face share much of what the network cannot see, so N of them count as a power of N.
    information = np.where(left < SURE, 1 / left - 1, 0)
    value = np.where(left < SURE, found / left, 0)
    total = information.sum(0)
    known = total > 0
    if not known.any():
        return None
    by_beta = np.einsum("klx,lxs->ks", evidence.modes[known], points.points.shape[where], optimize=True)
    root = np.sqrt(total[known] * config.trust * len(said) ** (config.alike - 1))
    return Belief(by_beta * root[:, None], (by_beta @ state.beta - value.sum(0)[known] / total[known]) * root)


def scores(evidence: Evidence, observation: Observation, points: HeadPoints, state: State,
           view: View) -> tuple[np.ndarray, np.ndarray]:
    """(K,) the error that the photo shows of the fit, and (K,) its variance; a mirrored photo changes signs alone."""
    placed = (points.points.posed(state.beta, view.psi, view.turns) - view.pivot) @ view.rotation.T + view.centre
    placed = placed[np.searchsorted(points.used, np.arange(COUNT))]
    photo, factor = shrunk(observation.image, face_unit(view))
    width, height = observation.size
    centre = np.array([width / 2, height / 2])
    mirror = mirror_order()[:COUNT]
    hidden = torch.as_tensor(evidence.layout.hidden)
    answers = []
    with torch.no_grad():
        for turned in (False, True):
            if turned:
                photo, placed = np.ascontiguousarray(photo[:, ::-1]), placed[mirror] * [-1, 1, 1]
            places = on_sheet(evidence.layout, placed)
            pixels = (view.focal * places[..., :2] / places[..., 2:] + centre) * factor
            colour, normal = unrolled(torch.as_tensor(photo).permute(2, 0, 1)[None],
                                      torch.as_tensor(pixels[None]).float(), torch.as_tensor(places[None]).float())
            if float(colour.mean(1).std()) < BLANK:
                return np.zeros(len(evidence.sign)), np.ones(len(evidence.sign))
            answers.append([answer[0].numpy().astype(np.float64) for answer in evidence.net(
                channels(colour, normal, hidden))])
    (found, spread), (mirror_found, mirror_spread) = answers
    return (found + evidence.sign * mirror_found) / 2, np.exp((spread + mirror_spread) / 2) * evidence.factor


def on_sheet(layout: Layout, placed: np.ndarray) -> np.ndarray:
    """(HEIGHT, WIDTH, 3) places of the sheet's pixels, from landmarks (468, 3)."""
    return np.einsum("hwc,hwcx->hwx", layout.weights, with_ring(placed)[layout.corners])
