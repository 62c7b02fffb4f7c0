"""How well the tone of skin is told: generated people of all tones, photographed as cameras expose.

`python -m benchmarks.tone [--people N] [--seed S] [--weights FILE]` prints a markdown table and what every cue said
against the truth: the numbers in `backend.reflectance.tone` were set on other people, so that these are held out. The
network's tone is a column when it ships, or when weights that do not are named.

Every person is photographed under two random lights against a background of random brightness. The camera meters
centre-weighted with a random priority for the face, follows its meter partly, protects the face's highlights and errs
by 0.45 stops; a remainder of the light's colour stays in the photo.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.core.colour import luminance
from backend.head.model import HeadModel, default_head
from backend.reflectance import tone as tones
from backend.reflectance.classical import told_of, tone_evidence
from backend.reflectance.networks.lightnet import LightNet
from backend.reflectance.networks.weights import load_light, shipped, shipped_light
from backend.training.render import lights
from backend.training.render.photo import developed, random_look
from backend.training.render.picture import Settings
from backend.training.render.sample import Person, TruthSample, make_sample, portrait
from backend.training.skin import generate, random_traits
from backend.training.skin.anatomy import anatomy_of
from backend.training.skin.pigment import individual_typology_angle
from backend.training.skin.traits import TONE
from backend.unwrap import unwrap

RESOLUTION, SIZE = 256, 448
GREY, FOLLOWS, ERROR = 0.20, 0.65, 0.31
"""What a meter aims at, how much of the way, and its error (natural logarithm)."""


def someone(index: int, seed: int, head: HeadModel) -> Person:
    """A person of any tone: the golden ratio spreads them evenly, however many there are."""
    rng = np.random.default_rng([seed, index])
    tone = float(TONE[0] * (TONE[1] / TONE[0]) ** ((index * 0.618034 + 0.3) % 1))
    shape = np.zeros(len(head.shape_basis), np.float32)
    shape[:60] = rng.normal(size=min(60, len(shape))) * 0.8
    return Person(shape, np.zeros_like(head.template), generate(head, random_traits(rng, tone), RESOLUTION, rng))


def photograph(person: Person, head: HeadModel, rng: np.random.Generator) -> TruthSample:
    """A photo of that person by a camera that thinks for itself."""
    view = portrait(head, person, SIZE, SIZE, focal_35mm=float(rng.uniform(28, 85)), yaw=float(rng.uniform(-0.3, 0.3)),
                    pitch=float(rng.uniform(-0.12, 0.12)), fill=float(rng.uniform(0.35, 0.6)))
    background = np.exp(rng.uniform(np.log(0.03), np.log(1.2)) + rng.normal(0, 0.15, 3))
    clothes = np.exp(rng.uniform(np.log(0.02), np.log(0.8)) + rng.normal(0, 0.25, 3))
    look = replace(random_look(rng), exposure=1.0, white_balance=(1.0, 1.0, 1.0), contrast=float(rng.uniform(0, 0.6)))
    settings = Settings(lights=64, background=np.broadcast_to(background, (SIZE, SIZE, 3)).astype(np.float32),
                        clothes=(float(clothes[0]), float(clothes[1]), float(clothes[2])))
    sample = make_sample(head, person, view, lights.random(rng), rng, name="photo.jpg", look=look, settings=settings)
    light = luminance(sample.image)
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE - 0.5
    centre = np.exp(-0.5 * (x * x + y * y) / 0.3**2)
    skin = (sample.triangle >= 0) & (sample.hair_seen < 0.3)
    priority = rng.uniform(0.2, 0.8)
    metered = np.exp(priority * np.log(light[skin].mean())
                     + (1 - priority) * np.log((np.minimum(light, 2) * centre).sum() / centre.sum()))
    exposure = (GREY / metered) ** FOLLOWS * np.exp(rng.normal(0, ERROR))
    exposure = min(exposure, 1.25 / np.percentile(light[skin], 97))
    cast = np.maximum(sample.light_sh[0], 1e-3) ** -rng.uniform(0.5, 1.0)
    cast = cast / cast[1] * np.exp(rng.normal(0, [0.06, 0, 0.09]))
    look = replace(look, exposure=float(exposure), white_balance=(float(cast[0]), 1.0, float(cast[2])))
    gain = (exposure * cast).astype(np.float32)
    return replace(sample, photo_srgb=developed(sample.image, look, rng), look=look, image=sample.image * gain,
                   light_sh=sample.light_sh * gain)


Row = tuple[np.ndarray, tones.Evidence, tones.Tone, tones.Tone | None]


def run(people: int, seed: int, net: LightNet | None = None) -> list[Row]:
    """(albedo of the face (3,), evidence, estimate, the network's) of two photos of everyone, with the true fit."""
    head = default_head()
    a = anatomy_of(head, RESOLUTION)
    rows: list[Row] = []
    for index in range(people):
        person = someone(index, seed, head)
        face = (a.masks["face"] > 0.5) & a.inside & (person.skin.all_hair < 0.3) & (a.masks["eye_opening"] < 0.3)
        truth = person.skin.diffuse_albedo[face].mean(0)
        for light in range(2):
            sample = photograph(person, head, np.random.default_rng([seed, index, light]))
            fit = sample.fit()
            observed = unwrap([sample.observation()], fit, head, RESOLUTION)
            evidence = tone_evidence(observed, fit, head)
            told = told_of(observed, fit, head, net) if net is not None else None
            rows.append((truth, evidence, tones.estimate_tone(evidence), told.tone if told else None))
            error = np.log2(luminance(rows[-1][2].albedo) / luminance(truth))
            print(f"person {index} ({luminance(truth):.3f}): {error:+.2f} stops", file=sys.stderr, flush=True)
    return rows


def table(rows: list[Row]) -> str:
    """Errors by tone, and each cue's own, as markdown."""
    truth = np.array([row[0] for row in rows])
    level = luminance(truth)
    photo = np.array([row[1].skin for row in rows])
    colours = {"photo": photo, "estimate": np.array([row[2].albedo for row in rows])}
    sigmas = {"estimate": np.array([row[2].sigma for row in rows])}
    if all(row[3] is not None for row in rows):
        colours["network"] = np.array([row[3].albedo for row in rows if row[3]])
        sigmas["network"] = np.array([row[3].sigma for row in rows if row[3]])
    stops = {name: np.log2(luminance(colour) / level) for name, colour in colours.items()}
    lines = [f"| | {' | '.join(colours)} |", f"|---|{'---|' * len(colours)}"]
    edges = np.geomspace(*TONE, 4)
    for label, low, high in (("all", 0, 1), ("dark (V, VI)", 0, edges[1]), ("medium (III, IV)", edges[1], edges[2]),
                             ("light (I, II)", edges[2], 1)):
        chosen = (level >= low) & (level < high)
        if chosen.any():
            cells = [f"{np.abs(e[chosen]).mean():.2f}; {e[chosen].mean():+.2f}" for e in stops.values()]
            lines.append(f"| {label}: stops, mean of absolute; bias | {' | '.join(cells)} |")
    angles = [np.abs(individual_typology_angle(c) - individual_typology_angle(truth)).mean() for c in colours.values()]
    lines.append(f"| ITA, degrees, mean of absolute | {' | '.join(f'{angle:.0f}' for angle in angles)} |")
    within = [f"{(np.abs(stops[name]) < s).mean():.0%} / {(np.abs(stops[name]) < 2 * s).mean():.0%} ({s.mean():.2f})"
              for name, s in sigmas.items()]
    lines.append(f"| within 1 / 2 stated sigma (mean of it, stops) | | {' | '.join(within)} |")
    return "\n".join([*lines, "", *cues(rows)])


def cues(rows: list[Row]) -> list[str]:
    """A line a cue: what it reads when the truth is known, mean and spread, in natural logarithms."""
    level = np.log([luminance(row[0]) for row in rows])
    photo = np.log([luminance(row[1].skin) for row in rows])
    slope, offset = np.polyfit(level, photo, 1)
    lines = [f"- exposure: offset {offset:.2f}, slope {slope:.2f}, spread {np.std(photo - slope * level - offset):.2f}"]
    shown = np.log(np.exp(level) + tones.SHEEN)
    whites = [(white.level - (bright - skin), white.sigma) for row, bright, skin in zip(rows, photo, shown, strict=True)
              for white in tones.whites(row[1])]
    if whites:
        off = np.array(whites)
        lines.append(f"- whites: {np.median(off[:, 0]):+.2f} median, {np.std(off[:, 0]):.2f} spread, "
                     f"{np.std(off[:, 0] / off[:, 1]):.2f} stated sigmas")
    expected = np.hypot(tones.SHINE * tones.SHEEN / np.exp(shown), tones.SHINE_FLOOR)
    shine = np.log([max(row[1].shine, 0.05) for row in rows]) - np.log(expected)
    lines.append(f"- shine: {np.nanmedian(shine):+.2f} median, {np.nanstd(shine):.2f} spread")
    chroma = np.array([np.log(row[1].skin[[0, 2]] / row[1].skin[1]) for row in rows])
    light = np.array([tones.typical_albedo(np.array(y)) for y in level]) + tones.SHEEN
    beyond = chroma - tones.SATURATION * np.log(light[:, [0, 2]] / light[:, [1]])
    lines.append(f"- chroma (ln R/G, ln B/G): {beyond.mean(0).round(2)} mean, {beyond.std(0).round(2)} spread")
    return lines


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tone", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=12)
    parser.add_argument("--seed", type=int, default=91_000)
    parser.add_argument("--weights", type=Path, help="of a trained light network; default: those that ship, if any")
    options = parser.parse_args()
    net = load_light(options.weights) if options.weights else shipped_light() if shipped() else None
    print(f"Tone: {options.people} generated people, 2 photos each of {SIZE} pixels, metered by a camera, true fit.\n")
    print(table(run(options.people, options.seed, net)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
