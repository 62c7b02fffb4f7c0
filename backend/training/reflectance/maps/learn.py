"""Training of a network from maps to maps: what it is asked and how it does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from backend.head.model import HeadModel
from backend.reflectance.networks.mapnet import MapNet
from backend.training.reflectance.loop import Lesson, run
from backend.training.reflectance.maps.tasks import Batch, Task, batch_of, loss_of, samples_of
from backend.training.reflectance.plans import Plan
from backend.training.reflectance.samples import Maker
from backend.training.reflectance.skins import Coat, cached_coats
from backend.training.reflectance.train import UNSEEN, makers

Question = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Source:
    """Where the questions come from."""

    task: Task
    maker: Maker
    fine: Sequence[Coat]  # at the resolution that `superres` answers
    crop: int

    def made(self, numbers: Sequence[int]) -> list[Question]:
        """The questions of these numbers."""
        return samples_of(self.task, self.maker, self.fine, self.crop, numbers)


def sources(task: Task, head: HeadModel, folder: Path, plan: Plan, seed: int, device: str, skins: Path | None,
            lights: Path | None, workers: int = 0) -> tuple[Source, Source]:
    """Of questions to train on, and of questions about other people."""
    if task.scale > 1:
        few = replace(plan, stages=2, coats=2)
        seen, unseen = makers(head, folder, few, seed, device, None, lights, 0)
        fine = cached_coats(head, folder / "data", plan.fine, seed, range(plan.fine_coats))
        cut = max(1, round(UNSEEN * len(fine)))
        return Source(task, seen, fine[cut:], plan.crop), Source(task, unseen, fine[:cut], plan.crop)
    seen, unseen = makers(head, folder, plan, seed, device, skins, lights, workers)
    return Source(task, seen, (), plan.crop), Source(task, unseen, (), plan.crop)


def train(task: Task, seen: Source, unseen: Source, folder: Path, plan: Plan, seed: int, minutes: float,
          device: str = "cpu", workers: int = 0) -> MapNet | None:
    """The network after `plan.steps`, or None when the minutes were over first: the same call goes on from there."""
    looked_at = unseen.made(range(4))

    def made(step: int) -> list[Question]:
        return seen.made(range(step * plan.batch, (step + 1) * plan.batch))

    def judged(net: Callable[..., Any], questions: list[Question]) -> tuple[torch.Tensor, dict[str, float]]:
        batch = batch_of(task, questions, device)
        return loss_of(net(batch.x.contiguous(memory_format=torch.channels_last)), batch)

    shape = task.shape(plan.shape.width, plan.shape.depth)
    lesson = Lesson(lambda: MapNet(shape), made, judged, lambda path, net: write_sheet(path, task, net, looked_at))
    return run(lesson, folder, plan, seed, minutes, device, workers)


def score(task: Task, net: MapNet, source: Source, count: int) -> dict[str, object]:
    """On people not trained on: L1 of every channel, that of answering nothing, correlation, and ratio of spreads."""
    device = next(net.parameters()).device.type
    told, wanted = [], []
    for number in range(count):
        batch: Batch = batch_of(task, source.made([10_000_000 + number]), device)
        with torch.no_grad():
            answer = net(batch.x)[-1].float()
        clear = (batch.weight > 0.3).expand_as(answer)[0]
        told.append([answer[0, c][clear[c]].cpu().numpy() for c in range(task.outputs)])
        wanted.append([batch.wanted[0, c][clear[c]].cpu().numpy() for c in range(task.outputs)])
    out: dict[str, list[float]] = {"error": [], "nothing": [], "correlation": [], "spread": []}
    for c in range(task.outputs):
        one, other = (np.concatenate([sample[c] for sample in field]) for field in (told, wanted))
        out["error"].append(float(np.abs(one - other).mean()))
        out["nothing"].append(float(np.abs(other).mean()))
        level = one.std() * other.std()
        out["correlation"].append(float(((one - one.mean()) * (other - other.mean())).mean() / level) if level else 0.0)
        out["spread"].append(float(one.std() / max(float(other.std()), 1e-9)))
    return {name: [round(value, 4) for value in values] for name, values in out.items()}


def write_sheet(path: Path, task: Task, net: MapNet, questions: Sequence[Question], tile: int = 200) -> None:
    """A contact sheet: a row a question, first the truth of every channel, then what is told."""
    device = next(net.parameters()).device.type
    rows = []
    for question in questions:
        batch = batch_of(task, [question], device)
        with torch.no_grad():
            answer = net(batch.x)[-1].float()
        fields = [*batch.wanted[0], *answer[0]]
        spread = [max(float(field.std()), 1e-6) for field in batch.wanted[0]] * 2
        tiles = [np.clip(128 + 42 * field.cpu().numpy() / width, 0, 255).astype(np.uint8)
                 for field, width in zip(fields, spread, strict=True)]
        rows.append(np.concatenate([cv2.resize(field, (tile, tile), interpolation=cv2.INTER_AREA) for field in tiles],
                                   1))
    cv2.imwrite(str(path), np.concatenate(rows))
