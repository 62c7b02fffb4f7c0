"""Training of the light network: what it is asked and how it does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.head.model import HeadModel, default_head
from backend.reflectance.networks.lightnet import LightNet
from backend.training.reflectance.lighting import read_pictures
from backend.training.reflectance.loop import Lesson, run
from backend.training.reflectance.losses import batch_of, loss_of
from backend.training.reflectance.plans import Plan
from backend.training.reflectance.samples import Lit, Maker
from backend.training.reflectance.sheet import sheet
from backend.training.reflectance.skins import cached_coats, pictured_coats
from backend.training.reflectance.stages import cached_stages
from backend.training.skin.traits import TONE

UNSEEN = 0.1
"""Share of heads and skins kept for the scores."""


@dataclass(frozen=True)
class Scores:
    """On heads and skins that were not trained on."""

    shading: float  # mean |ln|, each photo's own level a channel taken out
    guess: float  # the same of the first guess
    stops: float  # mean |log2| of the tone's luminance
    bias: tuple[float, float, float]  # log2, dark, medium and light skin; NaN when there was none
    sigma: float  # mean stated standard deviation, stops


def makers(head: HeadModel, folder: Path, plan: Plan, seed: int, device: str, skins: Path | None,
           lights: Path | None, workers: int = 0) -> tuple[Maker, Maker]:
    """Of samples to train on, and of samples of other people. What is missing is made by so many processes."""
    grid = plan.shape.grid
    prepare(folder / "data", plan, seed, workers)
    stages = cached_stages(head, folder / "data", grid, seed, range(plan.stages))
    coats = cached_coats(head, folder / "data", grid, seed, range(plan.coats))
    cut, cut_coats = (max(1, round(UNSEEN * count)) for count in (len(stages), len(coats)))
    pictures = read_pictures(lights)
    worn = coats[cut_coats:] + (pictured_coats(skins, grid, coats[cut_coats:]) if skins else [])
    return (Maker(head, stages[cut:], worn, seed, device, pictures),
            Maker(head, stages[:cut], coats[:cut_coats], seed + 1_000_003, device, pictures))


def prepare(folder: Path, plan: Plan, seed: int, workers: int) -> None:
    """Make heads and skins by several processes; without workers they are made when they are read."""
    if workers < 2:
        return
    jobs = [("stage", number) for number in range(plan.stages)] + [("coat", number) for number in range(plan.coats)]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        list(pool.map(partial(_made, folder=folder, grid=plan.shape.grid, seed=seed), jobs, chunksize=4))


def _made(job: tuple[str, int], folder: Path, grid: int, seed: int) -> None:
    torch.set_num_threads(1)
    kind, number = job
    (cached_stages if kind == "stage" else cached_coats)(_head(), folder, grid, seed, [number])


@cache
def _head() -> HeadModel:
    """A worker process reads it once."""
    return default_head()


def train(head: HeadModel, folder: Path, plan: Plan, seed: int, minutes: float, device: str = "cpu",
          skins: Path | None = None, lights: Path | None = None, workers: int = 0) -> LightNet | None:
    """The network after `plan.steps`, or None when the minutes were over first: the same call goes on from there."""
    folder.mkdir(parents=True, exist_ok=True)
    seen, unseen = makers(head, folder, plan, seed, device, skins, lights, workers)
    looked_at = [unseen.sample(number) for number in range(6)]

    def made(step: int) -> list[Lit]:
        samples = [seen.sample(step * plan.batch + place) for place in range(plan.batch)]
        for lit in samples:
            _ = lit.shown  # made here, in the thread
        return samples

    def judged(net: Callable[..., Any], samples: list[Lit]) -> tuple[torch.Tensor, dict[str, float]]:
        batch = batch_of(samples, device)
        return loss_of(net(batch.channels.contiguous(memory_format=torch.channels_last), batch.vector), batch)

    lesson = Lesson(lambda: LightNet(plan.shape), made, judged, lambda path, net: write_sheet(path, looked_at, net))
    return run(lesson, folder, plan, seed, minutes, device, workers)


def score(net: LightNet, maker: Maker, count: int) -> Scores:
    """How the network does on `count` samples."""
    device = next(net.parameters()).device.type
    shading: list[float] = []
    guess: list[float] = []
    stops, tones, sigma = [], [], []
    for number in range(count):
        lit = maker.sample(10_000_000 + number)
        batch = batch_of([lit], device)
        with torch.no_grad():
            answer = net(batch.channels, batch.vector)
        for told, out in ((answer.correction.float(), shading), (torch.zeros_like(batch.correction), guess)):
            off = told - batch.correction
            total = batch.clear.sum().clamp_min(1e-3)
            level = (off * batch.clear).sum((2, 3), keepdim=True) / total
            out.append(float(((off - level).abs() * batch.clear).sum() / total / 3))
        stops.append(float(answer.tone[0, 0] - batch.tone[0, 0]) / np.log(2))
        tones.append(float(lit.tone[0]))
        sigma.append(float(answer.doubt[0, 0].exp()) / np.log(2))
    edges = np.log(np.geomspace(*TONE, 4))
    off, level_of = np.array(stops), np.array(tones)
    bias = [float(off[chosen].mean()) if (chosen := np.digitize(level_of, edges[1:3]) == place).any() else float("nan")
            for place in range(3)]
    return Scores(float(np.mean(shading)), float(np.mean(guess)), float(np.abs(off).mean()),
                  (bias[0], bias[1], bias[2]), float(np.mean(sigma)))


def as_json(scores: Scores) -> dict[str, object]:
    """For the card."""
    return {name: [round(v, 3) if np.isfinite(v) else None for v in value] if isinstance(value, tuple)
            else round(value, 4) for name, value in asdict(scores).items()}


def write_sheet(path: Path, samples: list[Lit], net: LightNet | None = None) -> None:
    """A contact sheet as a PNG."""
    import cv2

    cv2.imwrite(str(path), sheet(samples, net)[..., ::-1])
