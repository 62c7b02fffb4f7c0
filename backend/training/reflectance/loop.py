"""The way of training that all networks of the skin share: resumable, the same for a seed on a CPU, logged."""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import nn

from backend.training.reflectance.plans import Plan

Net = TypeVar("Net", bound=nn.Module)
Made = TypeVar("Made")

DECAY, STEEPEST = 0.02, 1.0


@dataclass(frozen=True)
class Lesson(Generic[Net, Made]):
    """What differs from network to network."""

    new: Callable[[], Net]  # with weights drawn by torch's generator
    made: Callable[[int], Made]  # the batch of a step; asked by several threads
    judged: Callable[[Callable[..., Any], Made], tuple[torch.Tensor, dict[str, float]]]
    """The loss of what the network, given first, answers; and the loss's parts for the log."""

    sheet: Callable[[Path, Net], None]  # writes a contact sheet


def run(lesson: Lesson[Net, Made], folder: Path, plan: Plan, seed: int, minutes: float, device: str,
        workers: int) -> Net | None:
    """The network after `plan.steps`, or None when the minutes were over first: the same call goes on from there."""
    began = time.monotonic()
    torch.manual_seed(seed)
    net, average = lesson.new().to(device).train(), lesson.new().to(device).eval()
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
    mixed = torch.autocast(device, torch.bfloat16, enabled=device == "cuda")

    def asked(*inputs: torch.Tensor) -> Any:
        with mixed:
            return net(*inputs)

    parts: dict[str, float] = {}
    for step, made in _fed(lesson.made, first, plan.steps, workers):
        if time.monotonic() - began > 60 * minutes:
            _keep(kept, step, net, average, optimiser)
            return None
        for group in optimiser.param_groups:
            group["lr"] = _rate(plan, step)
        loss, now = lesson.judged(asked, made)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), STEEPEST)
        optimiser.step()
        _blend(average, net, min(plan.average, 1 - 1 / (step + 2)))
        parts = {name: 0.98 * parts.get(name, value) + 0.02 * value for name, value in now.items()}
        if step % 50 == 49:
            _log(folder / "log.csv", step + 1, time.monotonic() - began, parts)
        if (step + 1) % plan.sheets == 0:
            lesson.sheet(folder / f"sheet_{step + 1:06d}.png", average)
            _keep(kept, step + 1, net, average, optimiser)
    _keep(kept, plan.steps, net, average, optimiser)
    lesson.sheet(folder / "sheet.png", average)
    return average


def _rate(plan: Plan, step: int) -> float:
    """The learning rate of a step."""
    falling = 0.5 + 0.5 * np.cos(np.pi * min(1, step / plan.steps))
    return float(plan.rate * min(1, (step + 1) / plan.warm) * (0.02 + 0.98 * falling))


def _fed(made: Callable[[int], Made], first: int, steps: int, workers: int) -> Iterator[tuple[int, Made]]:
    """Batches from step `first` on; made ahead by `workers` threads."""
    if workers < 1:
        for step in range(first, steps):
            yield step, made(step)
        return
    with ThreadPoolExecutor(workers) as pool:
        ahead: list[tuple[int, Future[Made]]] = []
        following = first
        try:
            while following < steps or ahead:
                while following < steps and len(ahead) < 2 * workers:
                    ahead.append((following, pool.submit(made, following)))
                    following += 1
                step, future = ahead.pop(0)
                yield step, future.result()
        finally:
            for _, future in ahead:
                future.cancel()


def _blend(average: nn.Module, net: nn.Module, share: float) -> None:
    """Move the running mean of the weights on: it keeps a `share` of itself."""
    with torch.no_grad():
        for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
            mean.lerp_(value, 1 - share)


def _keep(path: Path, step: int, net: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> None:
    """Write what was reached, whole or not at all."""
    beside = path.with_suffix(".new")
    torch.save({"step": step, "net": net.state_dict(), "average": average.state_dict(),
                "optimiser": optimiser.state_dict()}, beside)
    beside.replace(path)


def _log(path: Path, step: int, seconds: float, parts: dict[str, float]) -> None:
    """A line in the table of losses and on stderr."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "seconds", *parts])
        writer.writerow([step, round(seconds), *(round(value, 4) for value in parts.values())])
    print(f"step {step}: " + ", ".join(f"{name} {value:.3f}" for name, value in parts.items()), file=sys.stderr,
          flush=True)
