"""What close-ups of eyes and mouth tell beside landmarks, measured on photographed people; writes the table
`backend/tracking/closeup.npz`.

    python -m benchmarks.video_closeups photograph FOLDER --shards 6 --minutes 30
    python -m benchmarks.video_closeups measure FOLDER [--more FOLDER...]

A shard holds four people, each with one camera, one light and a score of faces, and keeps the photos. Photos of
`backend.training.shape`, one of each face, may be added: their eyes look straight ahead whatever the weights say, so
they teach nothing of gaze. Heads and focal lengths are told a little wrong, as fits tell them.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from backend.head.adapt import adapted_deltas
from backend.head.model import HeadModel, default_head
from backend.npz import read_arrays, write_arrays
from backend.tracking.actor import Actor
from backend.tracking.closeup import EDGES, MOUTH, TABLE, Closer, arrays_of, inputs
from backend.tracking.landmarker import FrameLandmarker, Seen
from backend.tracking.layers import Layers
from backend.tracking.patches import Picture
from backend.tracking.rigid import Rigid
from backend.tracking.shown import WEIGHTS, Told, corrected, measured_shown, pose_terms
from backend.tracking.tracker import Reading, read
from backend.tracking.whole import told_by_all
from backend.training.render import Person, Settings, make_sample, portrait, random_look
from backend.training.render.lights import random as random_light
from backend.training.skin import generate, random_traits
from benchmarks.fit_people import GAZES, face, gaze
from benchmarks.shards import make_shards, shards_parser
from benchmarks.video_faces import LOOKS, MIRROR, NOD, SKIN_TEXELS, TILT, TURN, merged, moving_face

SIDE, LIGHTS, PEOPLE, FACES = 256, 6, 4, 20
BOUNCED = 0.25  # share of photos with light that skin throws on skin
ADAPTED = 0.5  # share of people whose shapes are their own
MORE = (("eyeSquint", "eyeWide", "browDown", "browInnerUp", "browOuterUp", "cheekSquint", "noseSneer", "mouthPress",
         "mouthFunnel", "mouthFrown", "mouthPucker", "jawOpen", "mouthClose", "mouthRollLower", "mouthShrugLower",
         "mouthStretch", "mouthUpperUp"), 0.45)
"""Units of which landmarks show little, and how often one to three of them are added to a face."""
BESIDES = ((tuple(GAZES), 0.35), (("eyeBlink",), 0.15), (("mouthPress",), 0.2))
MISFIT, MISFITS = (0.1, 0.7), 0.6  # of beta's standard deviations; share of heads that are told wrong
LENS = 0.08  # of the logarithm of the focal length
EYE_PARTS, MOUTH_PARTS = 50, 60
HIDDEN, NETS, EPOCHS, BATCH, FOLDS = 128, 3, 40, 128, 6
NOISE, LEAST_VARIANCE = 0.6, 1e-6


def photographed(head: HeadModel, random: np.random.Generator) -> dict[str, np.ndarray]:
    """One shard of N frames: photo (N, SIDE, SIDE, 3), landmarks (N, 478, 3), scores (N, 52), weights (N, 52),
    shape (N, S), cameras, person (N,)."""
    rows: list[dict[str, np.ndarray]] = []
    for person in range(PEOPLE):
        skin = generate(head, random_traits(random), SKIN_TEXELS, random)
        who = Person(random.standard_normal(len(head.shape_basis)).astype(np.float32),
                     np.zeros_like(head.template), skin)
        own = head
        if random.random() < ADAPTED:
            deltas, correctives = adapted_deltas(head, head.template + np.tensordot(who.shape, head.shape_basis, 1))
            own = replace(head, arkit_deltas=deltas, expression_basis=deltas, corrective_deltas=correctives)
        focal, fill = float(np.exp(random.uniform(*np.log((24, 70))))), float(random.uniform(0.5, 0.62))
        light, look = random_light(random), random_look(random)
        for number in range(FACES):
            weights = np.zeros(WEIGHTS, np.float32) if number == 0 else lively(random)
            yaw = random.normal(0, 0.12) if number == 0 or random.random() < 0.3 else random.uniform(-TURN, TURN)
            view = portrait(head, who, SIDE, SIDE, focal_35mm=focal, yaw=float(yaw), fill=fill,
                            pitch=float(random.normal(0, NOD)), roll=float(random.normal(0, TILT)))
            sample = make_sample(own, who, view, light, random, expression=weights, pose=gaze(head, weights),
                                 look=replace(look, exposure=look.exposure * float(np.exp(random.normal(0, 0.15)))),
                                 settings=Settings(lights=LIGHTS, bounces=bool(random.random() < BOUNCED)))
            with FrameLandmarker() as landmarker:
                landmarker.see(sample.photo_srgb)  # finds the face; the second look is framed by the first, as in film
                seen = landmarker.see(sample.photo_srgb)
            if seen is not None:
                rows.append({"photo": sample.photo_srgb, "landmarks": seen.landmarks.astype(np.float32),
                             "scores": seen.scores, "weights": weights, "shape": who.shape,
                             "intrinsics": view.intrinsics, "world_to_camera": view.world_to_camera,
                             "person": np.array(person)})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def lively(random: np.random.Generator) -> np.ndarray:
    """(52,) weights of a face in a film that does more than usual with eyes and lips."""
    weights = moving_face(random)
    if random.random() < MORE[1]:
        for name in random.permutation(MORE[0])[:random.integers(1, 4)]:
            weights = np.maximum(weights, face([str(name)], random) * random.uniform(0.2, 1.1))
    for units, often in BESIDES:
        if random.random() < often:
            weights = np.maximum(weights, face([str(random.choice(units))], random) * random.uniform(0.25, 1.2))
    return np.clip(weights, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Rows:
    """N frames, as tracking meets them."""

    told: np.ndarray  # (N, 52) what landmarks told
    terms: np.ndarray  # (N, 6) of the pose
    seen: np.ndarray  # (N, P) float32 close-ups
    weights: np.ndarray  # (N, 52)
    person: np.ndarray  # (N,)
    looks: np.ndarray  # (N,) bool, the eyes turn with the weights

    def take(self, rows: np.ndarray) -> Rows:
        """Some of them."""
        return Rows(*(value[rows] for value in vars(self).values()))

    def both_ways(self) -> Rows:
        """They and their mirror images."""
        right, left, mouth = np.split(self.seen, EDGES, axis=1)
        mouth = mouth.reshape(-1, MOUTH[1], MOUTH[0])[:, :, ::-1].reshape(len(mouth), -1)
        other = Rows(self.told[:, MIRROR], self.terms * [1, -1, 1, 1, -1, 1], np.hstack([left, right, mouth]),
                     self.weights[:, MIRROR], self.person, self.looks)
        return joined([self, other])


def joined(parts: list[Rows]) -> Rows:
    """All of them."""
    return Rows(*(np.concatenate(column) for column in zip(*(vars(part).values() for part in parts), strict=True)))


def load(path: Path, head: HeadModel, number: int) -> Rows:
    """A shard's frames; `number` makes its people others than those of other shards, and the same every time."""
    shard, random, table = read_arrays(path), np.random.default_rng(number), measured_shown()
    single = "weights" not in shard
    weights = shard["expression"][:, :WEIGHTS] if single else shard["weights"]
    person = np.arange(len(weights)) if single else shard["person"]
    parts = []
    for who in np.unique(person):
        rows, shape = np.flatnonzero(person == who), shard["shape"][np.argmax(person == who)].astype(np.float64)
        if random.random() < MISFITS:
            shape = shape + random.normal(0, random.uniform(*MISFIT), shape.shape)
        actor = Actor.of(head, head.template + np.tensordot(shape, head.shape_basis, 1))
        lens = np.diag([*np.exp(np.full(2, random.normal(0, LENS))), 1.0])
        found = [(row, *one) for row in rows if (one := _read(shard, int(row), actor, lens)) is not None]
        if not found:
            continue
        features = np.stack([reading.features for _, reading, _ in found])
        terms = np.stack([pose_terms(reading.pose.rotation) for _, reading, _ in found])
        if single:
            told = table.answers(features, terms, None)
        else:
            told, _ = told_by_all(table, features, terms, np.array([reading.confidence for _, reading, _ in found]))
        parts.append(Rows(told[:, :WEIGHTS], terms, np.stack([seen for *_, seen in found]),
                          weights[[row for row, *_ in found]], np.full(len(found), 1000 * number + who),
                          np.full(len(found), not single)))
    return joined(parts)


def _read(shard: dict[str, np.ndarray], row: int, actor: Actor, lens: np.ndarray) -> tuple[Reading, np.ndarray] | None:
    """What one photo shows of `actor`, and its close-ups (P,)."""
    photo, k, table = shard["photo"][row], shard["intrinsics"][row] @ lens, measured_shown()
    seen = Seen(shard["landmarks"][row].astype(np.float64), shard["scores"][row].astype(np.float64), np.eye(4))
    reading = read(seen, actor, k, (photo.shape[1], photo.shape[0]), table)
    picture = Picture.of(photo, seen.landmarks, actor.face_mm)
    if reading is None or reading.confidence == 0 or picture is None or actor.close_ups is None:
        return None
    straight = table.straight(reading.features[None], pose_terms(reading.pose.rotation)[None])[0]
    used = np.isfinite(table.sigma) & np.isfinite(actor.neutral).all(1)
    pose: Rigid = corrected(reading.pose, Told(np.zeros(WEIGHTS), straight[:3], straight[3:]),
                            actor.neutral[used].mean(0))
    return reading, actor.close_ups.seen(picture, pose, k)


def parts_of(seen: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(P,) the mean, and (count, P) main components, by standard deviation, of windows (N, P)."""
    mean = seen.mean(0)
    values, vectors = np.linalg.eigh((seen - mean).T @ (seen - mean) / len(seen))
    return mean, (vectors[:, ::-1][:, :count] / np.sqrt(np.maximum(values[::-1][:count], LEAST_VARIANCE))).T


def trained(rows: Rows, nets: int, epochs: int) -> Closer:
    """What is learnt of all `rows`."""
    rows = rows.both_ways()
    right, _, mouth = np.split(rows.seen, EDGES, axis=1)
    closer = Closer(*parts_of(right, EYE_PARTS), *parts_of(mouth, MOUTH_PARTS), ())
    shown = inputs(rows.told, rows.terms, closer.components(rows.seen))
    return replace(closer, layers=merged([_network(rows, shown, epochs, seed) for seed in range(nets)]))


def _network(rows: Rows, shown: np.ndarray, epochs: int, seed: int) -> Layers:
    """One network that says what to add to what landmarks told."""
    import torch

    torch.manual_seed(seed)
    counted = np.ones(rows.weights.shape, np.float32)
    counted[np.ix_(~rows.looks, np.array(LOOKS))] = 0
    given, wanted, counts = (torch.tensor(np.asarray(part, np.float32)) for part in
                             (shown, rows.weights - np.clip(rows.told, 0, 1), counted))
    net = torch.nn.Sequential(
        torch.nn.Dropout(0.1), torch.nn.Linear(given.shape[1], HIDDEN), torch.nn.SiLU(), torch.nn.Dropout(0.5),
        torch.nn.Linear(HIDDEN, HIDDEN), torch.nn.SiLU(), torch.nn.Dropout(0.1), torch.nn.Linear(HIDDEN, WEIGHTS))
    torch.nn.init.zeros_(net[-1].weight)  # type: ignore[arg-type]
    torch.nn.init.zeros_(net[-1].bias)  # type: ignore[arg-type]
    amount = torch.full((given.shape[1],), NOISE)
    amount[2 * EYE_PARTS + MOUTH_PARTS:] *= 0.1
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, epochs * (len(given) // BATCH))
    for _ in range(epochs):
        order = torch.randperm(len(given))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            some = order[start:start + BATCH]
            loss = (((net(given[some] + amount * torch.randn(BATCH, len(amount))) - wanted[some]) ** 2)
                    * counts[some]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return tuple((part.weight.detach().numpy(), part.bias.detach().numpy()) for part in net
                 if isinstance(part, torch.nn.Linear))


def said(closer: Closer, rows: Rows) -> np.ndarray:
    """(N, 52) the weights that landmarks and close-ups tell."""
    return np.clip(closer.weights(rows.told, rows.terms, closer.components(rows.seen)), 0, 1)


def measure(options: argparse.Namespace) -> None:
    """Write the table from all shards, and say how well it tells people that it has not seen."""
    head = default_head()
    paths = sorted(options.folder.glob("closeup_*.npz"))
    if not paths:
        raise InputError(f"There are no photos in {options.folder.name}.", "Run the command photograph first.")
    more = [path for folder in options.more for path in sorted(folder.glob("faces_*.npz"))]
    rows = joined([load(path, head, number) for number, path in enumerate([*paths, *more])])
    held = rows.person // 1000 % FOLDS == 0 if len(paths) >= FOLDS else rows.person % FOLDS == 0
    if 2 * (~held).sum() < BATCH:  # mirror images count as well
        raise InputError(f"{len(held)} photos are too few to learn from.", "Photograph more shards, three at least.")
    check = rows.take(held & rows.looks)
    weights = said(trained(rows.take(~held), NETS - 1, options.epochs), check)
    for text, one in (("landmarks", np.clip(check.told, 0, 1)), ("and close-ups", weights)):
        alike = [np.corrcoef(one[:, k], check.weights[:, k])[0, 1] for k in range(WEIGHTS)
                 if check.weights[:, k].std() > 0.01]
        print(f"{text}: MAE {np.abs(one - check.weights).mean():.4f}, correlation {np.nanmean(alike):.3f}, cross-talk "
              f"{one[check.weights < 0.02].mean():.4f}", flush=True)
    write_arrays(options.out, arrays_of(trained(rows, NETS, options.epochs)))
    print(f"{len(rows.told)} photos of {len(np.unique(rows.person))} people, {len(ARKIT_NAMES)} weights")


def main() -> None:
    """Run one command."""
    parser = shards_parser("video_closeups", __doc__, 77, 20, TABLE)
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="shards of backend.training.shape with photos")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    if options.command == "photograph":
        make_shards(options, "closeup", photographed)
    else:
        measure(options)


if __name__ == "__main__":
    main()
