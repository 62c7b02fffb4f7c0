"""Command line of the learned evidence for identity.

    python -m backend.training.shape make FOLDER --minutes 60     photos of people who do not exist, and fits of them
    python -m backend.training.shape train FOLDER --steps 8000    the network, its variances, its card
    python -m backend.training.shape evaluate FOLDER              what it explains on people it has not seen
    python -m backend.training.shape make OTHER --views 3 --seed 77 --shards 4
    python -m backend.training.shape worth OTHER                  what it is worth beside the landmarks, and of several

Making and training go on where they stopped when `--minutes` were over. The same folder, start and number of steps give
the same network.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from backend.assets import FOLDER, MANIFEST
from backend.errors import InputError, LikenessError
from backend.fit.config import FitConfig
from backend.fit.learned.evidence import WEIGHTS, Evidence, load_evidence, save_evidence
from backend.fit.learned.sheet import COUNT, layout_of
from backend.fit.noise import measured_noise
from backend.fit.start import HeadPoints
from backend.head.model import default_head
from backend.npz import read_arrays, write_arrays
from backend.training.shape.basis import error_modes, metres_of
from backend.training.shape.fits import fit_shard
from backend.training.shape.samples import load_shards, make_shards
from backend.training.shape.several import worth
from backend.training.shape.sheets import Fits, Sheets, sheets_of
from backend.training.shape.train import Report, report_on, train

SCORES = 48
UNSEEN = 0.12  # share of skins, and of the people in them, that are kept for testing


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked."""
    parser = argparse.ArgumentParser(prog="python -m backend.training.shape")
    commands = parser.add_subparsers(required=True, dest="command")
    for name, words in (("make", "photos with known truth, and fits of them"), ("train", "the network"),
                        ("evaluate", "what the network explains on people it has not seen"),
                        ("worth", "what it says is worth beside the landmarks, of one photo and of several")):
        command = commands.add_parser(name, help=words)
        command.add_argument("folder", type=Path)
        command.add_argument("--seed", type=int, default=1)
        if name == "make":
            command.add_argument("--shards", type=int, default=40, help="of 48 photos each")
            command.add_argument("--views", type=int, default=1, help="photos of each person; more are for worth")
        if name in ("make", "train"):
            command.add_argument("--minutes", type=float, default=60)
        if name == "train":
            command.add_argument("--steps", type=int, default=8000)
            command.add_argument("--start", type=Path, help="weights to begin with")
            command.add_argument("--fresh", type=int, nargs="*",
                                 help="seeds of the shards to hold people back from, where --start has seen the others")
        if name != "make":
            command.add_argument("--weights", type=Path, default=FOLDER / WEIGHTS)
    options = parser.parse_args(arguments)
    try:
        return {"make": _make, "train": _train, "evaluate": _evaluate, "worth": _worth}[options.command](options)
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _make(options: argparse.Namespace) -> int:
    head, config, noise = default_head(), FitConfig(), measured_noise()
    make_shards(head, options.folder, options.seed, range(options.shards), options.minutes, views=options.views)
    if options.views > 1:
        return 0
    points = HeadPoints.of(head, config)
    pool: list[tuple[np.ndarray, float]] = []
    for path in sorted(options.folder.glob("faces_*.npz")):
        out = path.with_name(path.name.replace("faces_", "fits_"))
        if not out.exists():
            random = np.random.default_rng((options.seed, len(pool)))
            write_arrays(out, fit_shard(load_shards([path]), points, config, noise, pool, random), compress=False)
            print(out.name, file=sys.stderr, flush=True)
    return 0


def _train(options: argparse.Namespace) -> int:
    points = HeadPoints.of(default_head(), FitConfig())
    mean = points.points.mean[np.searchsorted(points.used, np.arange(COUNT))]
    fits = load_fits(options.folder)
    known, unseen = split(fits.skin, options.seed)
    if options.fresh is not None:
        known = np.flatnonzero(~np.isin(np.arange(len(fits.skin)), unseen)
                               | ~np.isin(fits.skin // 1_000_000, options.fresh))
        unseen = np.setdiff1d(unseen, known)
    start = load_evidence(options.start) if options.start else None
    modes, sign = (start.modes, start.sign) if start else error_modes(fits.error[known, 0], mean, SCORES)
    metres, layout = metres_of(modes, fits.error[known, 0], mean), start.layout if start else layout_of(mean)
    sheets = sheets_of(fits, points, layout, modes)
    kept = options.folder / f"reached_{options.seed}_{options.steps}.pt"
    net = train(sheets, known, sign, metres, options.seed, options.steps, options.minutes, kept,
                start.net if start else None)
    if net is None:
        print("The minutes are over; the same command goes on.", file=sys.stderr)
        return 0
    kept.unlink(missing_ok=True)
    report = report_on(net, sheets, unseen, sign, metres, fits.yaw)
    card = _card(options, report, fits, len(known), len(unseen))
    save_evidence(Evidence(net, layout, modes, sign, report.factor), options.weights, {"card": card})
    options.weights.with_suffix(".json").write_text(card + "\n")
    if options.weights == FOLDER / WEIGHTS:
        _pin(options.weights)
    print(card)
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    points, evidence = HeadPoints.of(default_head(), FitConfig()), load_evidence(options.weights)
    mean = points.points.mean[np.searchsorted(points.used, np.arange(COUNT))]
    fits = load_fits(options.folder)
    known, unseen = split(fits.skin, options.seed)
    sheets: Sheets = sheets_of(fits, points, evidence.layout, evidence.modes)
    metres = metres_of(evidence.modes, fits.error[known, 0], mean)
    for name, rows in (("trained on", known), ("unseen", unseen)):
        for which, whose in ((0, "own errors"), (1, "errors of others")):
            report = report_on(evidence.net, sheets, rows, evidence.sign, metres, fits.yaw, which)
            print(f"{name}, {whose}: {len(rows)} photos, explained {report.explained:.3f}, "
                  f"straight {report.straight:.3f}")
    return 0


def _worth(options: argparse.Namespace) -> int:
    """Photos of a folder made with `--views`, of people the network has not seen."""
    config = FitConfig()
    points, evidence, noise = HeadPoints.of(default_head(), config), load_evidence(options.weights), measured_noise()
    samples = load_shards(sorted(options.folder.glob("faces_*.npz")))
    key = samples["skin"] * 1000 + samples["person"]
    groups = [np.flatnonzero(key == one).tolist() for one in np.unique(key)]
    most = max(len(group) for group in groups)
    groups = [group for group in groups if len(group) == most]
    metres = np.sqrt(1 / (evidence.modes**2).sum((1, 2)))
    alone = worth(evidence, [[row] for group in groups for row in group], samples, points, metres, config, noise)
    print(f"{alone.people} photos: landmarks off {alone.before:.2f}, claimed {alone.claimed:.2f}; {alone.after:.2f} "
          f"with what the pixels say, whose square per variance stated is {alone.honest:.2f}: "
          f"trust {alone.overstated / alone.honest:.2f}, before any discount")
    if most > 1:
        all_of = worth(evidence, groups, samples, points, metres, config, noise)
        alike = all_of.power(most) + np.log(all_of.overstated / alone.overstated) / np.log(most)
        print(f"{all_of.people} people in {most} photos: off {all_of.before:.2f}, claimed {all_of.claimed:.2f}; "
              f"{all_of.after:.2f} with what the pixels say; errors of photos correlate {all_of.together:.2f}, "
              f"information grows with the power {all_of.power(most):.2f}, beside such landmarks {alike:.2f}")
    return 0


def load_fits(folder: Path) -> Fits:
    """All photos of a folder with their fits. Raises InputError when there are none."""
    paths = sorted(folder.glob("fits_*.npz"))
    if not paths:
        raise InputError(f"There are no fits in {folder.name}.", "Run the command make first.")
    parts = []
    for path in paths:
        found, faces = read_arrays(path), read_arrays(path.with_name(path.name.replace("fits_", "faces_")))
        rows = found.pop("row")
        seed, number = (int(part) for part in path.stem.split("_")[1:])
        parts.append({name: found[name] for name in ("placed", "focal", "error", "yaw")}
                     | {name: faces[name][rows] for name in ("photo", "seen")}
                     | {"skin": faces["skin"][rows] + 1000 * number + 1_000_000 * seed})
    most = max(part["focal"].shape[1] for part in parts)
    for part in parts:  # shards with fewer swapped errors show theirs more often
        ways = np.r_[0, np.arange(most - 1) % (part["focal"].shape[1] - 1) + 1] if most > 1 else [0]
        part |= {name: part[name][:, ways] for name in ("placed", "focal", "error")}
    return Fits(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def split(skin: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to test on, no skin and no person in both; a skin stays where it is as others come."""
    skins = np.unique(skin)
    drawn = np.array([np.random.default_rng((seed, int(one))).random() for one in skins])
    unseen = np.isin(skin, skins[drawn <= max(UNSEEN, drawn.min())])  # at least one
    return np.flatnonzero(~unseen), np.flatnonzero(unseen)


def _card(options: argparse.Namespace, report: Report, fits: Fits, known: int, tested: int) -> str:
    begun = {}
    if options.start:
        begun = {"start": hashlib.sha256(options.start.read_bytes()).hexdigest(),
                 "start_command": json.loads(_text_of(options.start)).get("command", "")}
    command = f"python -m backend.training.shape train FOLDER --seed {options.seed} --steps {options.steps}"
    command += " --start START" if options.start else ""
    command += f" --fresh {' '.join(map(str, options.fresh))}" if options.fresh is not None else ""
    return json.dumps({
        "what": "scores of the landmark fit's error from a photo laid out along the fitted landmarks",
        "data": "photos rendered from the project's own heads and skins; no photo of a person",
        "photos": len(fits.yaw), "trained_on": known, "tested_on": tested, "licence": "GPL-3.0-or-later",
        "seed": options.seed, "command": command, **begun,
        "explained_on_unseen_people": round(report.explained, 3), "explained_straight": round(report.straight, 3),
    }, indent=1)


def _text_of(weights: Path) -> str:
    card = weights.with_suffix(".json")
    return card.read_text() if card.exists() else "{}"


def _pin(path: Path) -> None:
    listed = json.loads((FOLDER / MANIFEST).read_text())
    listed[WEIGHTS] = {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                       "licence": "GPL-3.0-or-later", "source": "backend.training.shape; card beside it"}
    (FOLDER / MANIFEST).write_text(json.dumps(listed, indent=2) + "\n")


if __name__ == "__main__":
    sys.exit(main())
