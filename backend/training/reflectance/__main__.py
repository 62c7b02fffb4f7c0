"""Command line of the skin's networks.

    python -m backend.training.reflectance train light --minutes 60      what `build.py train` calls
    python -m backend.training.reflectance sheet OUT.png                 photos as the network is shown them
    python -m backend.training.reflectance pin FOLDER                    makes a trained network the one that ships

A training lives in one folder: kept heads and skins, what was reached, the log, sheets, at the end the weights and
their card. The same command goes on where it stopped; on a CPU the same seed and steps give the same bytes, and a GPU
adds up in another order.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from backend import devices
from backend.assets import FOLDER, MANIFEST, manifest
from backend.errors import InputError, LikenessError
from backend.head.model import default_head
from backend.reflectance.networks.lightnet import LightNet
from backend.reflectance.networks.mapnet import MapNet
from backend.reflectance.networks.weights import MAPS, save_net, weights_of
from backend.training.reflectance.maps import learn
from backend.training.reflectance.maps.tasks import TASKS
from backend.training.reflectance.plans import PLANS, Plan
from backend.training.reflectance.train import as_json, makers, score, train, write_sheet

NETWORKS = ("light", *TASKS)
"""What can be trained. The light's is asked first; the others are used beside it when they ship."""

SMALL = 15 << 20
"""Bytes that one network's file may have."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 3 when the minutes were over before the training."""
    parser = argparse.ArgumentParser(prog="python -m backend.training.reflectance")
    commands = parser.add_subparsers(required=True, dest="command")
    learn = commands.add_parser("train", help="train a network, or go on with it")
    learn.add_argument("name", choices=NETWORKS, nargs="?", default="light")
    learn.add_argument("--minutes", type=float, default=60, help="stop after these; the same command goes on")
    learn.add_argument("--folder", type=Path, help="where the training lives; default: build/train/NAME")
    learn.add_argument("--smoke", action="store_true", help="all of it, as small as it gets: for tests")
    learn.add_argument("--workers", type=int, default=-1, help="threads that make samples ahead; default: for a GPU, "
                                                               "as many as cores")
    look = commands.add_parser("sheet", help="a contact sheet of training samples")
    look.add_argument("out", type=Path)
    look.add_argument("--count", type=int, default=8)
    for command in (learn, look):
        command.add_argument("--seed", type=int, default=1)
        command.add_argument("--device", choices=devices.CHOICES, default="auto")
        command.add_argument("--plan", choices=[name for name in PLANS if name != "smoke"],
                             help="how much; default: by the device")
        command.add_argument("--steps", type=int, help="instead of the plan's")
        command.add_argument("--skins", type=Path, help="a folder of albedo maps in the default head's square")
        command.add_argument("--lights", type=Path, help="a folder of OpenEXR environments")
    pin = commands.add_parser("pin", help="make a trained network the one that ships")
    pin.add_argument("folder", type=Path)
    pin.add_argument("--assets", type=Path, default=FOLDER, help="where what ships lies")
    options = parser.parse_args(arguments)
    try:
        return {"train": _train, "sheet": _sheet, "pin": _pin}[options.command](options)
    except LikenessError as error:
        print(error, file=sys.stderr)
        return error.exit_code


def _train(options: argparse.Namespace) -> int:
    device, plan = _plan(options)
    folder = options.folder or Path("build") / "train" / ("smoke" if options.smoke else options.name)
    workers = options.workers if options.workers >= 0 else (devices.cpu_count() if device == "cuda" else 0)
    head = default_head()
    if options.name == "light":
        net: LightNet | MapNet | None = train(head, folder, plan, options.seed, options.minutes, device, options.skins,
                                              options.lights, workers)
        what = "the light on unwrapped skin: shading, highlight, what is not skin, and the skin's tone"
    else:
        task = TASKS[options.name]
        folder.mkdir(parents=True, exist_ok=True)
        seen, others = learn.sources(task, head, folder, plan, options.seed, device, options.skins, options.lights,
                                     workers)
        net, what = learn.train(task, seen, others, folder, plan, options.seed, options.minutes, device,
                                workers), task.what
    if net is None:
        print("The minutes are over; the same command goes on.", file=sys.stderr)
        return 3
    if isinstance(net, LightNet):
        _, unseen = makers(head, folder, plan, options.seed, device, options.skins, options.lights)
        scores = as_json(score(net, unseen, plan.held_out))
    else:
        scores = learn.score(task, net, others, plan.held_out)
    card = json.dumps({
        "what": what,
        "data": "the project's own heads, skins and lights; no photo of a person"
                + ("; skins of a folder" if options.skins else "") + ("; environments of a folder" if options.lights
                                                                      else ""),
        "licence": "GPL-3.0-or-later", "seed": options.seed, "device": device, "steps": plan.steps,
        "samples": plan.steps * plan.batch, "heads": plan.stages, "skins": plan.coats,
        "command": _command(options, plan),
        "scores": scores,
    }, indent=1)
    path = folder / f"{options.name}.safetensors"
    save_net(net, path, card)
    path.with_suffix(".json").write_text(card + "\n")
    print(card)
    return 0


def _sheet(options: argparse.Namespace) -> int:
    device, plan = _plan(options)
    few = replace(plan, stages=min(plan.stages, options.count), coats=min(plan.coats, 2 * options.count))
    folder = Path("build") / "train" / "sheet"
    maker, _ = makers(default_head(), folder, few, options.seed, device, options.skins, options.lights)
    write_sheet(options.out, [maker.sample(number) for number in range(options.count)])
    print(options.out)
    return 0


def _pin(options: argparse.Namespace) -> int:
    """Copy weights and card to the assets, and write size and SHA-256 into the manifest."""
    found = [name for name in ("light", *MAPS) if (options.folder / f"{name}.safetensors").is_file()]
    if not found:
        raise InputError(f"There are no trained weights in {options.folder.name}.", "Train to the end first.")
    source = options.folder / f"{found[0]}.safetensors"
    if source.stat().st_size > SMALL:
        raise InputError(f"{source.name} has more than {SMALL >> 20} MiB.", "Train a narrower network.")
    weights = weights_of(found[0])
    target = options.assets / weights
    target.parent.mkdir(exist_ok=True)
    shutil.copyfile(source, target)
    shutil.copyfile(source.with_suffix(".json"), target.with_suffix(".json"))
    listed = manifest(options.assets)
    listed[weights] = {"bytes": target.stat().st_size, "sha256": hashlib.sha256(target.read_bytes()).hexdigest(),
                       "licence": "GPL-3.0-or-later", "source": "backend.training.reflectance; card beside it"}
    (options.assets / MANIFEST).write_text(json.dumps(listed, indent=2) + "\n")
    print(target)
    return 0


def _plan(options: argparse.Namespace) -> tuple[str, Plan]:
    device = devices.choose(options.device).kind
    if getattr(options, "smoke", False):
        plan = PLANS["smoke"]
    else:
        plan = PLANS[options.plan or ("cpu" if device == "cpu" else "gpu")]
    return device, replace(plan, steps=options.steps) if options.steps else plan


def _command(options: argparse.Namespace, plan: Plan) -> str:
    words = ["python3 build.py train", options.name, f"--seed {options.seed}", f"--steps {plan.steps}"]
    words += [f"--plan {options.plan}"] if options.plan else []
    words += ["--smoke"] if options.smoke else []
    words += [f"--{name} FOLDER" for name in ("skins", "lights") if getattr(options, name)]
    return " ".join(words)


if __name__ == "__main__":
    sys.exit(main())
