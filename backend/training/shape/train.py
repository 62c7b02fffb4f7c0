"""Training of the network, and what it leaves unexplained on people it has not seen."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from backend.fit.learned.sheetnet import SheetNet, channels, mirrored
from backend.training.shape.sheets import Augment, Sheets

BATCH = 32
RATE, DECAY, DROP = 1.2e-3, 0.05, 0.25
OWN = 0.35  # share of a batch shown with the photo's own landmark errors
PLAIN = 0.25  # weight of plain squared error beside the likelihood
AGAIN = 0.5  # of the rate, where training goes on from weights
KEPT = 200  # steps after which what is reached is kept


@dataclass(frozen=True)
class Report:
    """On people that were not trained on, each photo with its own fit."""

    explained: float  # 0..1 of the squared error, in metres
    straight: float  # the same of faces seen from about the front
    factor: np.ndarray  # (K,) mean square of what is left, per variance stated
    left: np.ndarray  # (K,) share of each score's variance that is left


def train(sheets: Sheets, rows: np.ndarray, sign: np.ndarray, weight: np.ndarray, seed: int, steps: int,
          minutes: float = np.inf, kept: Path | None = None, start: SheetNet | None = None) -> SheetNet | None:
    """A network trained on `rows` (N,) for so many steps, the same each time; None when the minutes were over first.

    `weight` (K,) metres of a score: a score counts by its root. What is reached is kept in the file `kept`, and gone
    on with from there. `start`: a network to begin with. In half precision where that is quicker (bfloat16).
    """
    torch.manual_seed(seed)
    count, ways = sheets.target.shape[2], sheets.target.shape[1]
    net = SheetNet(count, drop=DROP).train()
    if start is not None:
        net.load_state_dict(start.state_dict())
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in its stub
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    turn, hidden = torch.as_tensor(sign).float(), torch.as_tensor(sheets.hidden)
    importance = torch.as_tensor(np.sqrt(weight / weight.mean())).float()
    began, first, said = time.monotonic(), 0, 0.0
    if kept is not None and kept.exists():
        reached = torch.load(kept, weights_only=True)
        first = reached["step"]
        net.load_state_dict(reached["net"])
        optimiser.load_state_dict(reached["optimiser"])
    for step in range(first, steps):
        over = time.monotonic() - began > 60 * minutes
        if kept is not None and (over or (step % KEPT == 0 and step > first)):
            torch.save({"step": step, "net": net.state_dict(), "optimiser": optimiser.state_dict()}, kept)
        if over:
            return None
        rate = float(RATE * (AGAIN if start is not None else 1) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-5)
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, step / 100 + 0.05)
        random, augment = np.random.default_rng((seed, step)), Augment(seed * 1_000_003 + step)
        torch.manual_seed(seed * 1_000_003 + step)  # of the dropout
        which = np.where(random.random(BATCH) < OWN, 0, random.integers(min(1, ways - 1), ways, BATCH))
        colour, normal, outside, target = sheets.batch(random.choice(rows, BATCH), which)
        seen = channels(augment(colour, outside, normal), normal, hidden)
        flip = augment.flips(BATCH)
        seen = torch.where(flip[:, None, None, None], mirrored(seen), seen)
        target = torch.where(flip[:, None], target * turn, target)
        with torch.autocast("cpu", torch.bfloat16):
            found, spread = net(seen.contiguous(memory_format=torch.channels_last))
        found, spread = found.float(), spread.float()
        squared = (target - found) ** 2
        loss = (importance * (0.5 * (squared * torch.exp(-spread) + spread) + PLAIN * squared)).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimiser.step()
        said = 0.98 * said + 0.02 * loss.item()
        if step % 200 == 199:
            print(f"step {step + 1} of {steps}, loss {said:.3f}", file=sys.stderr, flush=True)
    return net.to(memory_format=torch.contiguous_format).eval()  # type: ignore[call-overload]


def predicted(net: SheetNet, sheets: Sheets, rows: np.ndarray, sign: np.ndarray,
              which: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(N, K) what it says of undisturbed photos, and the variances it states."""
    turn, hidden = torch.as_tensor(sign).float(), torch.as_tensor(sheets.hidden)
    found, stated = [], []
    with torch.no_grad():
        for start in range(0, len(rows), 64):
            part = rows[start:start + 64]
            colour, normal, *_ = sheets.batch(part, np.full(len(part), which))
            score, spread = net.both_ways(channels(colour, normal, hidden), turn)
            found.append(score.numpy())
            stated.append(spread.exp().numpy())
    return np.concatenate(found), np.concatenate(stated)


def report_on(net: SheetNet, sheets: Sheets, rows: np.ndarray, sign: np.ndarray, weight: np.ndarray, yaw: np.ndarray,
           which: int = 0) -> Report:
    """How the network does on `rows`; `yaw` (N,) of all photos."""
    target = sheets.target[rows, which]
    found, stated = predicted(net, sheets, rows, sign, which)
    off = (target - found) ** 2
    before, straight = target * target, np.abs(yaw[rows]) < 0.3
    metres = weight * weight
    explained = [float(1 - (off[part] @ metres).sum() / max((before[part] @ metres).sum(), 1e-30))
                 for part in (np.ones_like(straight), straight)]
    return Report(explained[0], explained[1], (off / stated).mean(0), off.mean(0) / before.mean(0))
