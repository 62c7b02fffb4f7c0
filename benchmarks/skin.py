"""How well skin comes out of a photo: generated people whose albedo is known, under several lights.

`python -m benchmarks.skin [--people N] [--lights NAME...] [--fit truth|real] [--photos 1|2|3] [--resolution R]
[--finer N] [--weights FILE]` prints a markdown table. The networks are a column of it when they ship, or when weights
that do not are named. With several photos of a person each is taken from another side in another light.
The people are drawn evenly over the skin tones, with shapes, cameras and sensors of their own, from seeds that no
training uses (`SEED`). Albedo is compared in sRGB where the photo showed skin and the truth has no hair.

- absolute: PSNR as it is. scaled: after the best gain per channel (linear), so that exposure and tint do not count.
- tone: mean of |log2| of the luminance ratio on the cheeks, in stops, and the difference in ITA, degrees.
- displacement, where the photo counts for most of the map: correlation with the truth, regression slope (1: right
  height) and ratio of standard deviations, both heights band-passed to wavelengths of 1.5 to 8 mm; specular albedo and
  roughness: correlation and mean difference.
- cross-light: the same person under all lights; standard deviation of the albedo a texel, absolute and after every
  map was divided by its mean luminance.
- hidden, relit and finer skin, of one photo a person: see `benchmarks.skin_more`.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from backend.capture.observation import Observation
from backend.core.colour import linear_to_srgb, luminance
from backend.fit.headfit import HeadFit
from backend.head.model import HeadModel, default_head
from backend.reflectance.classical import estimate_classical
from backend.reflectance.displacement import MID_HIGH, MID_LOW
from backend.reflectance.filters import MetricBlur
from backend.reflectance.maps import SkinMaps
from backend.reflectance.networks.lightnet import LightNet
from backend.reflectance.networks.weights import load_light, shipped, shipped_light
from backend.reflectance.regions import FIELD, SkinSpace
from backend.training.render import lights
from backend.training.render.photo import random_look
from backend.training.render.picture import Settings
from backend.training.render.sample import Person, TruthSample, auto_exposure, make_sample, portrait
from backend.training.skin import generate, random_traits
from backend.training.skin.anatomy import Anatomy, anatomy_of
from backend.training.skin.pigment import individual_typology_angle
from backend.training.skin.traits import TONE
from backend.unwrap import unwrap
from backend.unwrap.surface import enlarge
from benchmarks import skin_more as more

SEED = 92_000
LIGHTS = ("studio", "window", "side", "evening")
SIDES = (0.52, -0.52)  # radians of yaw from the first photo to the second and third


@dataclass(frozen=True)
class Score:
    """One estimate of one photo against its truth."""

    person: int
    tone: float
    absolute: float  # dB
    scaled: float  # dB
    similarity: float  # SSIM
    stops: float  # signed, > 0: estimated too bright
    angle: float  # degrees, signed
    detail: Detail | None = None  # None for methods that make no such maps


@dataclass(frozen=True)
class Detail:
    """The other maps of one photo against their truth."""

    relief: float  # correlation
    slope: float  # of the estimate on the truth
    energy: float  # ratio of standard deviations
    gloss: float  # correlation of specular albedo
    gloss_off: float  # mean difference
    rough: float  # correlation
    rough_off: float  # mean difference


@dataclass
class Column:
    """All scores of one method."""

    name: str
    scores: list[Score] = field(default_factory=list)
    albedos: dict[int, list[np.ndarray]] = field(default_factory=dict)  # person -> (R, R, 3) linear, one a light
    masks: dict[int, list[np.ndarray]] = field(default_factory=dict)
    seconds: float = 0.0
    hidden: list[more.Hidden] = field(default_factory=list)
    finer: list[more.Finer] = field(default_factory=list)
    relit: list[more.Relit] = field(default_factory=list)


def person_of(index: int, count: int, head: HeadModel, resolution: int) -> Person:
    """The `index`-th of `count` held-out people."""
    rng = np.random.default_rng([SEED, index])
    tone = float(TONE[0] * (TONE[1] / TONE[0]) ** ((index + 0.5) / count))
    shape = np.zeros(len(head.shape_basis), np.float32)
    shape[:60] = rng.normal(size=min(60, len(shape))) * 0.8
    return Person(shape, np.zeros_like(head.template), generate(head, random_traits(rng, tone), resolution, rng))


def photograph(person: Person, index: int, light: str, head: HeadModel, size: int, aside: float = 0.0) -> TruthSample:
    """A held-out person under a named light, by a camera that depends on the person alone; `aside` radians of yaw."""
    rng = np.random.default_rng([SEED, index, 1])
    focal, yaw, pitch = rng.uniform(28, 85), rng.uniform(-0.25, 0.25), rng.uniform(-0.1, 0.1)
    view = portrait(head, person, size, size, focal_35mm=float(focal), yaw=float(yaw) + aside, pitch=float(pitch),
                    roll=float(rng.normal(0, 0.03)), fill=0.45)
    look = random_look(rng)
    tone = person.skin.traits.tone
    look = replace(look, exposure=auto_exposure(tone, tone) * float(np.exp(rng.normal(0, 0.15))), contrast=0.0)
    return make_sample(head, person, view, lights.named(light), np.random.default_rng([SEED, index, 2]),
                       name=f"person{index}_{light}.jpg", look=look, settings=Settings(lights=64))


def together(samples: Sequence[TruthSample]) -> HeadFit:
    """The perfect fit of several photos of one person."""
    fits = [sample.fit() for sample in samples]
    each = ("expression", "pose", "posed", "arkit", "intrinsics", "world_to_camera", "image_size", "landmark_rmse",
            "light_sh")
    joined: dict[str, Any] = {name: np.concatenate([getattr(fit, name) for fit in fits]) for name in each}
    return replace(fits[0], **joined)


def compared(a: Anatomy, sample: TruthSample, weight: np.ndarray) -> np.ndarray:
    """(R, R) bool: bare skin of the face that the photo showed well."""
    skin = (a.masks["face"] > 0.5) & a.inside & (sample.all_hair < 0.3) & (a.masks["eye_opening"] < 0.3)
    return skin & (weight > 0.3)


def detail(sample: TruthSample, maps: SkinMaps, mask: np.ndarray, texel: np.ndarray) -> Detail | None:
    """Compare relief and gloss where `mask` (R, R) and the photo's own detail is; `texel` (R, R) metres."""
    where = mask & (maps.confidence > 0.5)
    if where.sum() < 500:
        return None

    def banded(height: np.ndarray) -> np.ndarray:
        blurred = MetricBlur(height.astype(np.float32), np.ones(height.shape, np.float32), texel)
        return (blurred.blur(MID_LOW) - blurred.blur(MID_HIGH))[where]

    def correlation(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else 0.0

    found, true = banded(maps.displacement_mid + maps.displacement_high), banded(sample.displacement)
    relief = correlation(found, true)
    energy = float(found.std() / max(true.std(), 1e-9))
    gloss, shine = maps.specular_albedo[where], sample.specular_albedo[where]
    rough, dull = maps.roughness[where], sample.roughness[where]
    return Detail(relief, relief * energy, energy, correlation(gloss, shine), float((gloss - shine).mean()),
                  correlation(rough, dull), float((rough - dull).mean()))


def score(a: Anatomy, index: int, sample: TruthSample, albedo: np.ndarray, mask: np.ndarray,
          other: Detail | None = None) -> Score:
    """Compare an albedo (R, R, 3) linear with the sample's; `other` is passed on."""
    from skimage.metrics import structural_similarity

    truth = sample.diffuse_albedo
    gain = (truth[mask] * albedo[mask]).sum(0) / np.maximum((albedo[mask] ** 2).sum(0), 1e-9)
    cheek = mask & (a.masks["cheeks"] > 0.5)
    cheek = cheek if cheek.any() else mask
    found, true = albedo[cheek].mean(0), truth[cheek].mean(0)

    def shown(linear: np.ndarray) -> np.ndarray:
        return linear_to_srgb(np.clip(linear, 0, 1))

    def decibels(first: np.ndarray) -> float:
        return float(-10 * np.log10(((shown(first)[mask] - shown(truth)[mask]) ** 2).mean() + 1e-12))

    both = [np.where(mask[..., None], shown(image), 0) for image in (albedo, truth)]
    _, similarity = structural_similarity(*both, channel_axis=-1, data_range=1.0, full=True)
    angles = individual_typology_angle(np.clip(np.stack([found, true]), 1e-4, 1))
    return Score(index, sample.traits.tone, decibels(albedo), decibels(albedo * gain), float(similarity[mask].mean()),
                 float(np.log2(luminance(found) / luminance(true))), float(angles[0] - angles[1]), other)


def real_fit(sample: TruthSample, head: HeadModel) -> tuple[HeadFit, Observation]:
    """What capture and fit make of the sample's file."""
    from backend.capture import observe
    from backend.fit import fit_head

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / sample.name
        path.write_bytes(sample.file)
        observation = observe(path)
    return fit_head([observation], head), observation


def run(people: int, light_names: Sequence[str], resolution: int, size: int, fitted: str,
        say: Callable[[str], None] = lambda text: None, net: LightNet | None = None,
        photos: int = 1, finer: int = 0) -> list[Column]:
    """Photograph, estimate and score everyone; `fitted` is "truth" or "real".

    With two or three `photos`, each photo is joined by others from `SIDES`, each under the next of the lights. The
    first `finer` people are asked for a map of twice the resolution too.
    """
    head = default_head()
    a = anatomy_of(head, resolution)
    photo = Column("photo as albedo")
    methods: list[tuple[Column, LightNet | None]] = [(Column("classical"), None)]
    methods += [(Column("networks"), net)] if net is not None else []
    for index in range(people):
        person = person_of(index, people, head, resolution)
        for number, light in enumerate(light_names):
            sample = photograph(person, index, light, head, size)
            if fitted == "truth":
                after = [light_names[(number + step) % len(light_names)] for step in range(1, photos)]
                taken = [sample, *(photograph(person, index, other, head, size, side)
                                   for other, side in zip(after, SIDES[:photos - 1], strict=True))]
                fit, observations = together(taken), [one.observation() for one in taken]
            else:
                fit, observation = real_fit(sample, head)
                observations = [observation]
            observed = unwrap(observations, fit, head, resolution)
            mask = compared(a, sample, observed.weight)
            texel = enlarge(SkinSpace.of(head, fit.neutral).texel_metres, resolution) * (FIELD / resolution)
            found: list[tuple[Column, np.ndarray, Detail | None]] = [(photo, observed.colour, None)]
            picture = more.picture_of(head, person) if number == 0 and fitted == "truth" else None
            if picture is not None:
                photo.relit.append(more.relit(head, person, more.whole(observed, mask), picture))
            for column, told_by in methods:
                start = time.perf_counter()
                maps = estimate_classical(observed, fit, head, net=told_by)
                column.seconds += time.perf_counter() - start
                found.append((column, maps.diffuse_albedo, detail(sample, maps, mask, texel)))
                if picture is not None:
                    column.relit.append(more.relit(head, person, maps, picture))
                    column.hidden.append(more.hidden(
                        observed, mask, sample.diffuse_albedo, np.random.default_rng([SEED, index, 3]),
                        partial(estimate_classical, fit=fit, head=head, net=told_by)))
                if picture is not None and index < finer:
                    column.finer.append(twice(maps, index, people, light, head, size, told_by))
            for column, albedo, other in found:
                column.scores.append(score(a, index, sample, albedo, mask, other))
                column.albedos.setdefault(index, []).append(albedo)
                column.masks.setdefault(index, []).append(mask)
                last = column.scores[-1]
                say(f"person {index} ({sample.traits.tone:.3f}), {light}, {column.name}: {last.absolute:.1f} / "
                    f"{last.scaled:.1f} dB, {last.stops:+.2f} stops, ITA {last.angle:+.0f}")
    return [photo, *(column for column, _ in methods)]


def twice(maps: SkinMaps, index: int, people: int, light: str, head: HeadModel, size: int,
          net: LightNet | None) -> more.Finer:
    """The person's map of twice the resolution of `maps`, from a photo of twice the `size`, against both truths."""
    resolution = 2 * len(maps.diffuse_albedo)
    a = anatomy_of(head, resolution)
    sample = photograph(person_of(index, people, head, resolution), index, light, head, 2 * size)
    fit = sample.fit()
    observed = unwrap([sample.observation()], fit, head, resolution)
    large = estimate_classical(observed, fit, head, net=net).diffuse_albedo
    texel = enlarge(SkinSpace.of(head, fit.neutral).texel_metres, resolution) * (FIELD / resolution)
    return more.finer(maps.diffuse_albedo, large, sample.diffuse_albedo, compared(a, sample, observed.weight), texel)


def cross_light(column: Column) -> tuple[float, float]:
    """Standard deviation over lights, absolute and luminance-normalised, mean over texels and people."""
    plain, normalised = [], []
    for person, albedos in column.albedos.items():
        mask = np.logical_and.reduce(column.masks[person])
        if len(albedos) < 2 or not mask.any():
            continue
        stack = np.stack([albedo[mask] for albedo in albedos])
        plain.append(linear_to_srgb(np.clip(stack, 0, 1)).std(0).mean())
        level = luminance(stack).mean(1)[:, None, None]
        normalised.append(linear_to_srgb(np.clip(stack / level * level.mean(), 0, 1)).std(0).mean())
    return float(np.mean(plain)), float(np.mean(normalised))


def table(columns: Sequence[Column], title: str) -> str:
    """The result as markdown."""
    out = io.StringIO()
    names = " | ".join(column.name for column in columns)
    print(f"{title}\n\n| | {names} |\n|---|{'---|' * len(columns)}", file=out)

    def row(label: str, cells: Sequence[str]) -> None:
        print(f"| {label} | {' | '.join(cells)} |", file=out)

    def mean(column: Column, name: str, tones: tuple[float, float] = (0, 1)) -> float:
        return float(np.mean([getattr(s, name) for s in column.scores if tones[0] <= s.tone < tones[1]]))

    def off(column: Column, name: str, low: float, high: float) -> float:
        return float(np.mean([abs(getattr(s, name)) for s in column.scores if low <= s.tone < high]))

    row("PSNR absolute / scaled per channel / SSIM", [
        f"{mean(c, 'absolute'):.1f} / {mean(c, 'scaled'):.1f} / {mean(c, 'similarity'):.2f}" for c in columns])
    row("worst photo, absolute dB", [f"{min(s.absolute for s in c.scores):.1f}" for c in columns])
    row("luminance error, stops (mean of absolute; bias)", [
        f"{np.mean([abs(s.stops) for s in c.scores]):.2f}; {mean(c, 'stops'):+.2f}" for c in columns])
    row("ITA error, degrees (mean of absolute)", [f"{np.mean([abs(s.angle) for s in c.scores]):.1f}" for c in columns])
    spreads = [cross_light(column) for column in columns]
    row("cross-light std, absolute / luminance-normalised", [f"{plain:.3f} / {even:.3f}" for plain, even in spreads])
    edges = np.geomspace(*TONE, 4)
    for label, low, high in (("dark (V, VI)", 0, edges[1]), ("medium (III, IV)", edges[1], edges[2]),
                             ("light (I, II)", edges[2], 1)):
        if any(low <= s.tone < high for s in columns[0].scores):
            row(f"{label}: absolute dB; luminance error in stops; bias; ITA error", [
                f"{mean(c, 'absolute', (low, high)):.1f}; {off(c, 'stops', low, high):.2f}; "
                f"{mean(c, 'stops', (low, high)):+.2f}; {off(c, 'angle', low, high):.0f}" for c in columns])
    def details(column: Column, *names: str) -> str:
        known = [s.detail for s in column.scores if s.detail is not None]
        return " / ".join(f"{np.mean([getattr(d, name) for d in known]):.2f}" for name in names) if known else "–"

    row("displacement: correlation / slope / ratio of spreads", [details(c, "relief", "slope", "energy")
                                                                  for c in columns])
    row("specular albedo: correlation / mean difference", [details(c, "gloss", "gloss_off") for c in columns])
    row("roughness: correlation / mean difference", [details(c, "rough", "rough_off") for c in columns])
    def means(rows: Sequence[Any], form: str, *names: str) -> str:
        return " / ".join(format(float(np.mean([getattr(r, name) for r in rows])), form) for name in names)

    if any(column.hidden for column in columns):
        row("hidden skin, scaled: dB / RMSE (mean skin: dB)", [
            f"{means(c.hidden, '.1f', 'decibels')} / {means(c.hidden, '.3f', 'rmse')} "
            f"({means(c.hidden, '.1f', 'plain_decibels')})" if c.hidden else "–" for c in columns])
    if any(column.finer for column in columns):
        row("twice the resolution: dB / share of fine detail (enlarged by bicubic: the same)", [
            f"{means(c.finer, '.1f', 'decibels')} / {means(c.finer, '.2f', 'energy')} "
            f"({means(c.finer, '.1f', 'enlarged')} / {means(c.finer, '.2f', 'enlarged_energy')})" if c.finer else "–"
            for c in columns])
    if any(column.relit for column in columns):
        row("relit from another side in another light: PSNR / SSIM", [
            f"{means(c.relit, '.1f', 'decibels')} / {means(c.relit, '.2f', 'similarity')}" for c in columns])
    row("seconds a photo", ["0" if not c.seconds else f"{c.seconds / len(c.scores):.1f}" for c in columns])
    return out.getvalue()


def main() -> int:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.skin", description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=6)
    parser.add_argument("--lights", nargs="+", default=list(LIGHTS), choices=lights.NAMES)
    parser.add_argument("--fit", choices=("truth", "real"), default="truth")
    parser.add_argument("--photos", type=int, default=1, choices=(1, 2, 3), help="of every person, with the true fit")
    parser.add_argument("--resolution", type=int, default=512)
    parser.add_argument("--size", type=int, default=640, help="side of the photos, pixels")
    parser.add_argument("--finer", type=int, default=2, help="people whose map of twice the resolution is scored too")
    parser.add_argument("--weights", type=Path, help="of a trained light network; default: those that ship, if any")
    options = parser.parse_args()
    if options.photos > 1 and options.fit == "real":
        parser.error("--photos needs --fit truth")
    net = load_light(options.weights) if options.weights else shipped_light() if shipped() else None
    columns = run(options.people, options.lights, options.resolution, options.size, options.fit,
                  lambda text: print(text, file=sys.stderr, flush=True), net, options.photos, options.finer)
    title = (f"Skin: {options.people} generated people, {len(options.lights)} lights ({', '.join(options.lights)}), "
             f"{'' if options.photos == 1 else f'{options.photos} '}photos of {options.size} pixels, maps of "
             f"{options.resolution}, {options.fit} fit.")
    print(table(columns, title))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
