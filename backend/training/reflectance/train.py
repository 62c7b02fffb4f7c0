"""Training of the light network: resumable, the same for a seed on a CPU, with a log, contact sheets and scores."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from torch import nn

from backend.head.model import HeadModel, default_head
from backend.reflectance.networks.lightnet import LightNet
from backend.training.reflectance.lighting import read_pictures
from backend.training.reflectance.losses import batch_of, loss_of
from backend.training.reflectance.plans import Plan
from backend.training.reflectance.samples import Lit, Maker
from backend.training.reflectance.sheet import sheet
from backend.training.reflectance.skins import cached_coats, pictured_coats
from backend.training.reflectance.stages import cached_stages
from backend.training.skin.traits import TONE

UNSEEN = 0.1
"""Share of heads and skins kept for the scores."""

DECAY, STEEPEST = 0.02, 1.0


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
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    seen, unseen = makers(head, folder, plan, seed, device, skins, lights, workers)
    torch.manual_seed(seed)
    net, average = LightNet(plan.shape).to(device).train(), LightNet(plan.shape).to(device).eval()
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), plan.rate, weight_decay=DECAY)
    kept, first = folder / "reached.pt", 0
    if kept.exists():
        reached = torch.load(kept, weights_only=True, map_location=device)
        first = reached["step"]
        net.load_state_dict(reached["net"])
        average.load_state_dict(reached["average"])
        optimiser.load_state_dict(reached["optimiser"])
    looked_at = [unseen.sample(number) for number in range(6)]
    mixed = torch.autocast(device, torch.bfloat16, enabled=device == "cuda")
    parts: dict[str, float] = {}
    for step, samples in _fed(seen, plan, first, workers):
        if time.monotonic() - began > 60 * minutes:
            keep(kept, step, net, average, optimiser)
            return None
        for group in optimiser.param_groups:
            group["lr"] = rate_of(plan, step)
        batch = batch_of(samples, device)
        with mixed:
            answer = net(batch.channels.contiguous(memory_format=torch.channels_last), batch.vector)
        loss, now = loss_of(answer, batch)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), STEEPEST)
        optimiser.step()
        blend(average, net, min(plan.average, 1 - 1 / (step + 2)))
        parts = {name: 0.98 * parts.get(name, value) + 0.02 * value for name, value in now.items()}
        if step % 50 == 49:
            log(folder / "log.csv", step + 1, time.monotonic() - began, parts)
        if (step + 1) % plan.sheets == 0:
            write_sheet(folder / f"sheet_{step + 1:06d}.png", looked_at, average)
            keep(kept, step + 1, net, average, optimiser)
    keep(kept, plan.steps, net, average, optimiser)
    write_sheet(folder / "sheet.png", looked_at, average)
    return average


def rate_of(plan: Plan, step: int) -> float:
    """The learning rate of a step."""
    falling = 0.5 + 0.5 * np.cos(np.pi * min(1, step / plan.steps))
    return float(plan.rate * min(1, (step + 1) / plan.warm) * (0.02 + 0.98 * falling))


def _fed(maker: Maker, plan: Plan, first: int, workers: int) -> Iterator[tuple[int, list[Lit]]]:
    """Batches from step `first` on; made ahead by `workers` threads."""
    def batch(step: int) -> list[Lit]:
        made = [maker.sample(step * plan.batch + place) for place in range(plan.batch)]
        for lit in made:
            _ = lit.shown
        return made

    if workers < 1:
        for step in range(first, plan.steps):
            yield step, batch(step)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[tuple[int, Future[list[Lit]]]] = []
        following = first
        try:
            while following < plan.steps or ahead:
                while following < plan.steps and len(ahead) < 2 * workers:
                    ahead.append((following, pool.submit(batch, following)))
                    following += 1
                step, future = ahead.pop(0)
                yield step, future.result()
        finally:
            for _, future in ahead:
                future.cancel()


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


def blend(average: nn.Module, net: nn.Module, share: float) -> None:
    """Move the running mean of the weights on: it keeps a `share` of itself."""
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            mean.lerp_(value, 1 - share)


def keep(path: Path, step: int, net: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Write what was reached, whole or not at all."""
    beside = path.with_suffix(".new")
    torch.save({"step": step, "net": net.state_dict(), "average": average.state_dict(),
                "optimiser": optimiser.state_dict()}, beside)
    beside.replace(path)


def log(path: Path, step: int, seconds: float, parts: dict[str, float]) -> None:
    """A line in the table of losses and on stderr."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "seconds", *parts])
        writer.writerow([step, round(seconds), *(round(value, 4) for value in parts.values())])
    print(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in parts.items()), file=sys.stderr,
          flush=True)
