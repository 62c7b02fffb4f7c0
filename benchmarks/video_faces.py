"""What the landmarker shows of a face that moves, measured on single frames; writes the table that tracking believes
(`backend/tracking/shown.npz`).

    python -m benchmarks.video_faces photograph FOLDER --shards 20 --minutes 30
    python -m benchmarks.video_faces measure FOLDER [--more FOLDER...]

A shard holds three people, each with one camera, one light, and two dozen faces, the first of them calm: what is the
person's own can so be told from what a face does. The same seed and number give the same shard, and shards that exist
are left out. Photos of `benchmarks.fit_faces` and of `backend.training.shape`, one or few of each person, may be added.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from scipy.linalg import block_diag

from backend.arkit import ARKIT_NAMES, mirrored_name
from backend.capture.landmark_mirror import mirror_order
from backend.errors import InputError
from backend.head.model import LANDMARK_COUNT, HeadModel, default_head
from backend.npz import read_arrays, write_arrays
from backend.tracking.landmarker import FrameLandmarker
from backend.tracking.layers import Layers
from backend.tracking.rigid import Rigid, first_guess, solve
from backend.tracking.shown import IRISES, LEAST, MOST, POSE_TERMS, TABLE, WEIGHTS, Shown, arrays_of, pose_terms
from backend.training.render import Person, Settings, make_sample, portrait, random_look
from backend.training.render.lights import random as random_light
from backend.training.skin import generate, random_traits
from benchmarks.fit_faces import random_face
from benchmarks.fit_people import GAZES, PAIRED, SINGLE, face, gaze
from benchmarks.shards import make_shards, shards_parser

SIDE, SKIN_TEXELS, LIGHTS = 232, 256, 6
PEOPLE, FACES = 3, 24  # of a shard, of a person
STRONG = 0.3  # share of faces made of one or two units alone, to their full
GLANCES = 0.4  # share of faces that look about besides
DIRECTIONS, OWN_DIRECTIONS = 120, 20  # of landmarks; in which people differ
LEAST_SIGMA, LEAST_NOISE = 0.005, 1e-6  # face sizes; variance of a feature
DEPTH_SHARE = 0.3  # depths are guesses of the landmarker and count less
ENOUGH_FRAMES = 8  # of a person, to know what is their own
UNKNOWN = 0.4  # share of people of whom nothing is told, in training
RIDGE = 3.0  # frames' worth
HIDDEN, BATCH, EPOCHS, FOLDS = (192, 96), 128, 26, 6
SILENT, SPEAKING = (0.0, 0.005, 0.1), (1.0, 0.03, 1.0)
"""Of landmarks, scores, odds: spread below which a score never fires on renders, and what is taken instead."""
LEAST_SPREAD = 0.02
STRAIGHT_RIDGE = 500.0  # frames' worth; inputs have unit variance
MIRROR = [ARKIT_NAMES.index(mirrored_name(name)) for name in ARKIT_NAMES]
LOOKS = [index for index, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")]
TURN, NOD, TILT = 0.8, 0.14, 0.1  # radians: the largest yaw, the spread of pitch and roll


def photographed(head: HeadModel, random: np.random.Generator) -> dict[str, np.ndarray]:
    """One shard of N frames: landmarks (N, 478, 3), scores (N, 52), weights (N, 52), matrix (N, 4, 4) the
    landmarker's, shape (N, S), cameras, person (N,), calm (N,) bool."""
    rows: list[dict[str, np.ndarray]] = []
    for person in range(PEOPLE):
        skin = generate(head, random_traits(random), SKIN_TEXELS, random)
        who = Person(random.standard_normal(len(head.shape_basis)).astype(np.float32),
                     np.zeros_like(head.template), skin)
        focal, fill = float(np.exp(random.uniform(*np.log((24, 70))))), float(random.uniform(0.5, 0.62))
        light, look = random_light(random), random_look(random)
        for number in range(FACES):
            weights = np.zeros(len(ARKIT_NAMES), np.float32) if number == 0 else moving_face(random)
            yaw = random.normal(0, 0.12) if number == 0 or random.random() < 0.35 else random.uniform(-TURN, TURN)
            view = portrait(head, who, SIDE, SIDE, focal_35mm=focal, yaw=float(yaw), fill=fill,
                            pitch=float(random.normal(0, NOD)), roll=float(random.normal(0, TILT)))
            sample = make_sample(head, who, view, light, random, expression=weights, pose=gaze(head, weights),
                                 look=replace(look, exposure=look.exposure * float(np.exp(random.normal(0, 0.15)))),
                                 settings=Settings(lights=LIGHTS))
            with FrameLandmarker() as landmarker:
                landmarker.see(sample.photo_srgb)  # finds the face; the second look is framed by the first, as in film
                seen = landmarker.see(sample.photo_srgb)
            if seen is not None:
                rows.append({"landmarks": seen.landmarks.astype(np.float32), "scores": seen.scores, "weights": weights,
                             "matrix": seen.head_matrix, "shape": who.shape, "intrinsics": view.intrinsics,
                             "world_to_camera": view.world_to_camera, "person": np.array(person),
                             "calm": np.array(number == 0)})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def moving_face(random: np.random.Generator) -> np.ndarray:
    """(52,) weights of a face in a film."""
    if random.random() < STRONG:
        weights = face(list(random.permutation([*PAIRED, *SINGLE])[:random.integers(1, 3)]), random)
        weights = np.clip(weights * random.uniform(0.5, 1.3), 0, 1)
    else:
        weights = random_face(random)
    if random.random() < GLANCES:
        weights = np.maximum(weights, face([str(random.choice([*GAZES]))], random) * random.uniform(0.3, 1.1))
    if weights[ARKIT_NAMES.index("mouthSmileLeft")] > 0 and random.random() < 0.5:
        for name in ("cheekSquintLeft", "cheekSquintRight"):
            weights[ARKIT_NAMES.index(name)] = 0.6 * weights[ARKIT_NAMES.index("mouthSmileLeft")]
    return np.clip(weights, 0, 1).astype(np.float32)


@dataclass(frozen=True)
class Frames:
    """N measured frames, each also mirrored."""

    off: np.ndarray  # (N, 1434) face sizes by which landmarks are off the head, at the pose that a rigid head has
    scores: np.ndarray  # (N, 52)
    psi: np.ndarray  # (N, 52)
    terms: np.ndarray  # (N, POSE_TERMS)
    misread: np.ndarray  # (N, 6) rotation, then shift: what is to be put right
    person: np.ndarray  # (N,) a number for each person and mirror image
    looks: np.ndarray  # (N,) bool, the eyes turn with the weights

    def take(self, rows: np.ndarray) -> Frames:
        """Some of them."""
        return Frames(*(value[rows] for value in vars(self).values()))


def load(paths: list[Path], head: HeadModel, sigma: np.ndarray, read: bool = True) -> Frames:
    """Frames of all shards, at the poses that are read from them or, without `read`, the true ones."""
    corners = head.triangles[np.maximum(head.landmark_triangles, 0)]
    weights = head.landmark_barycentric.astype(np.float64)
    mean = np.einsum("lc,lcx->lx", weights, head.template[corners])
    basis = np.einsum("lc,slcx->lxs", weights, head.shape_basis[:, corners], optimize=True)
    mean[~head.landmarks_placed] = np.nan
    used, everything = np.isfinite(sigma), flat_table(sigma)
    rows = []
    for number, path in enumerate(paths):
        shard = read_arrays(path)
        psi = shard["weights"] if "weights" in shard else shard["expression"][:, :WEIGHTS]
        for index in range(len(psi)):
            neutral = mean + basis @ shard["shape"][index]
            landmarks = shard["landmarks"][index].astype(np.float64)
            k, camera = shard["intrinsics"][index], shard["world_to_camera"][index]
            size = float(np.linalg.norm(neutral[IRISES[0]] - neutral[IRISES[1]]))
            pose: Rigid | None = Rigid(camera[:3, :3], camera[:3, 3])
            if read:
                pose = first_guess(neutral[used], landmarks[used, :2], k)
                if pose is not None:
                    pose, _ = solve(neutral[used], landmarks[used, :2], sigma[used] * size, k, pose)
            if pose is None:
                continue
            off = everything.features(landmarks, np.zeros(WEIGHTS), neutral, pose, k[0, 0], k[:2, 2])[:off_count()]
            middle = neutral[used].mean(0)
            place, wanted = pose.camera(middle), camera[:3, :3] @ middle + camera[:3, 3]
            turn = cv2.Rodrigues(pose.rotation.T @ camera[:3, :3])[0][:, 0]
            who = int(shard["person"][index]) if "person" in shard else index
            rows.append((off, shard["scores"][index], psi[index], pose_terms(pose.rotation),
                         np.concatenate([turn, (wanted - place) / place[2]]), 1000 * number + who,
                         "weights" in shard))
    found = Frames(*(np.array(column) for column in zip(*rows, strict=True)))
    return both_ways(found)


def off_count() -> int:
    """How many coordinates the landmarks have."""
    return LANDMARK_COUNT * 3


def flat_table(sigma: np.ndarray) -> Shown:
    """A table whose first features are the landmarks' coordinates themselves."""
    count, features = off_count(), off_count() + 2 * WEIGHTS
    return Shown(sigma, np.zeros(count), np.eye(count), np.zeros((features, POSE_TERMS)),
                 np.zeros((features, WEIGHTS)), np.ones(features), np.ones(features), np.zeros((0, features)), (),
                 np.zeros((6, 1)), np.ones(WEIGHTS))


def both_ways(frames: Frames) -> Frames:
    """The frames and their mirror images."""
    off = frames.off.reshape(len(frames.off), LANDMARK_COUNT, 3)[:, mirror_order()] * [-1, 1, 1]
    terms = frames.terms * [1, -1, 1, 1, -1, 1]
    mirrored = Frames(off.reshape(len(off), -1), frames.scores[:, MIRROR], frames.psi[:, MIRROR], terms,
                      frames.misread * [1, -1, -1, -1, 1, 1], frames.person + 500_000_000, frames.looks)
    return Frames(*(np.concatenate([one, other]) for one, other in
                    zip(vars(frames).values(), vars(mirrored).values(), strict=True)))


def linear_part(frames: Frames, sigma: np.ndarray) -> Shown:
    """The table without its network."""
    middle = frames.off.mean(0)
    even = np.tile([1.0, DEPTH_SHARE, 1.0], LANDMARK_COUNT)
    _, _, directions = np.linalg.svd((frames.off - middle)[::2] * even, full_matrices=False)
    space = directions[:DIRECTIONS] * even
    cut = np.clip(frames.scores, LEAST, MOST)
    features = np.hstack([(frames.off - middle) @ space.T, frames.scores, np.log(cut / (1 - cut))])
    design = np.hstack([frames.terms, frames.psi])
    held = np.diag(np.concatenate([np.full(POSE_TERMS, 0.1), np.full(WEIGHTS, RIDGE)]))
    slopes = np.linalg.solve(design.T @ design + held, design.T @ features).T
    rest = features - design @ slopes.T
    names, number, count = np.unique(frames.person, return_inverse=True, return_counts=True)
    means = np.zeros((len(names), rest.shape[1]))
    np.add.at(means, number, rest)
    means /= count[:, None]
    many = count >= ENOUGH_FRAMES
    inside = many[number]
    noise = ((rest - means[number])[inside] ** 2).sum(0) / (inside.sum() - many.sum())
    noise = np.maximum(noise, LEAST_NOISE)
    silent = np.sqrt(noise) < np.repeat(SILENT, (DIRECTIONS, WEIGHTS, WEIGHTS))  # on renders, not on every real face
    noise = np.where(silent, np.repeat(SPEAKING, (DIRECTIONS, WEIGHTS, WEIGHTS)) ** 2, noise)
    own = np.maximum(means[many].var(0) - noise * (1 / count[many]).mean(), 0.05 * noise)
    scaled = means[many] / np.sqrt(own + noise)
    own_space = np.linalg.svd(scaled, full_matrices=False)[2][:OWN_DIRECTIONS]
    return Shown(sigma, middle, space, slopes[:, :POSE_TERMS], slopes[:, POSE_TERMS:], own, noise, own_space, (),
                 np.zeros((6, 1)), np.ones(WEIGHTS))


def shown_to(table: Shown, frames: Frames, random: np.random.Generator | None) -> np.ndarray:
    """(N, I) inputs of the network. What is a person's own is told of people with many frames: from all of them, or,
    with `random`, from some, and often not at all."""
    cut = np.clip(frames.scores, LEAST, MOST)
    features = np.hstack([(frames.off - table.middle) @ table.space.T, frames.scores, np.log(cut / (1 - cut))])
    rest = table.rest(features, frames.terms, frames.psi)
    inputs = table.inputs(features, frames.terms, None)
    for who in np.unique(frames.person):
        rows = np.flatnonzero(frames.person == who)
        if len(rows) < ENOUGH_FRAMES or (random is not None and random.random() < UNKNOWN):
            continue
        told = rows if random is None else random.permutation(rows)[:random.integers(4, len(rows) + 1)]
        own = rest[told].mean(0) * table.own / (table.own + table.noise / len(told))
        inputs[rows] = table.inputs(features[rows], frames.terms[rows], own)
    return inputs


def trained(table: Shown, frames: Frames, epochs: int, check: Frames | None, nets: int = 3) -> Shown:
    """The table with what is learnt from `frames`: some networks as one, and the lines for misread poses."""
    table = replace(table, misread=straightened(table, frames))
    done = replace(table, layers=merged([_network(table, frames, epochs, seed) for seed in range(nets)]))
    if check is not None:
        features = _features(table, check)
        straight = done.answers(features, check.terms, None)[:, WEIGHTS:]
        for text, inputs in (("person unknown", table.inputs(features, check.terms, None)),
                             ("person known", shown_to(table, check, None))):
            print(f"{text}: {_score(np.hstack([done.network(inputs), straight]), check)}", flush=True)
    return done


def straightened(table: Shown, frames: Frames) -> np.ndarray:
    """(6, G + 1) by regression held to nought."""
    inputs = table.linear_inputs(_features(table, frames), frames.terms)
    mean, spread = inputs.mean(0), inputs.std(0)
    spread = np.maximum(spread, LEAST_SPREAD)
    scaled, target = (inputs - mean) / spread, frames.misread - frames.misread.mean(0)
    lines = np.linalg.solve(scaled.T @ scaled + STRAIGHT_RIDGE * np.eye(scaled.shape[1]), scaled.T @ target).T / spread
    return np.column_stack([lines, frames.misread.mean(0) - lines @ mean])


def _network(table: Shown, frames: Frames, epochs: int, seed: int) -> Layers:
    """One network that tells weights."""
    import torch

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    target = torch.tensor(frames.psi, dtype=torch.float32)
    counted = np.ones(target.shape, np.float32)
    counted[np.ix_(~frames.looks, np.array(LOOKS))] = 0
    counts = torch.tensor(counted)
    width = shown_to(table, frames.take(np.arange(2)), None).shape[1]
    net = torch.nn.Sequential(
        torch.nn.Dropout(0.05), torch.nn.Linear(width, HIDDEN[0]), torch.nn.SiLU(), torch.nn.Dropout(0.2),
        torch.nn.Linear(HIDDEN[0], HIDDEN[1]), torch.nn.SiLU(), torch.nn.Linear(HIDDEN[1], WEIGHTS))
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, epochs * (len(target) // BATCH))
    for epoch in range(epochs):
        if epoch % 4 == 0:
            inputs = torch.tensor(shown_to(table, frames, random))
        net.train()
        order = random.permutation(len(target))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start:start + BATCH]
            given = inputs[rows] + 0.1 * torch.randn(BATCH, width)
            loss = (((net(given) - target[rows]) ** 2) * counts[rows]).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return tuple((part.weight.detach().numpy(), part.bias.detach().numpy()) for part in net
                 if isinstance(part, torch.nn.Linear))


def merged(nets: list[Layers]) -> Layers:
    """Some networks of three layers as one that answers their mean."""
    first, second, third = zip(*nets, strict=True)
    return ((np.concatenate([matrix for matrix, _ in first]), np.concatenate([shift for _, shift in first])),
            (block_diag(*[matrix for matrix, _ in second]), np.concatenate([shift for _, shift in second])),
            (np.concatenate([matrix for matrix, _ in third], 1) / len(nets), np.mean([shift for _, shift in third], 0)))


def _features(table: Shown, frames: Frames) -> np.ndarray:
    cut = np.clip(frames.scores, LEAST, MOST)
    return np.hstack([(frames.off - table.middle) @ table.space.T, frames.scores, np.log(cut / (1 - cut))])


def _score(said: np.ndarray, frames: Frames) -> str:
    weights, truth = np.clip(said[:, :WEIGHTS], 0, 1), frames.psi
    alike = [np.corrcoef(weights[:, k], truth[:, k])[0, 1] for k in range(WEIGHTS) if truth[:, k].std() > 0.01]
    wrong = np.degrees(np.linalg.norm(frames.misread[:, :3] - said[:, WEIGHTS:WEIGHTS + 3], axis=1)).mean()
    before = np.degrees(np.linalg.norm(frames.misread[:, :3], axis=1)).mean()
    raw = np.abs(frames.scores - truth).mean()
    return (f"MAE {np.abs(weights - truth).mean():.4f} (scores {raw:.4f}), correlation {np.nanmean(alike):.3f}, "
            f"cross-talk {weights[truth < 0.02].mean():.4f}, rotation {wrong:.2f} degrees ({before:.2f} as read)")


def measure(options: argparse.Namespace) -> None:
    """Write the table from all shards, and say how well it tells people that it has not seen."""
    head = default_head()
    moving = sorted(options.folder.glob("moving_*.npz"))
    if not moving:
        raise InputError(f"There are no frames in {options.folder.name}.", "Run the command photograph first.")
    more = [path for folder in options.more for path in sorted(folder.glob("faces_*.npz"))]
    sigma = rigid_sigma(moving, head)
    frames, others = load(moving, head, sigma), load(more, head, sigma) if more else None
    group = frames.person // 1000 % 500_000
    held = group % FOLDS == 0
    everything = joined(frames, others)
    if held.any() and not held.all():
        known = joined(frames.take(~held), others)
        trained(linear_part(known, sigma), known, options.epochs, frames.take(held))
    table = trained(linear_part(everything, sigma), everything, options.epochs, None)
    said = np.clip(table.network(shown_to(table, frames, None)), 0, 1)
    table = replace(table, sigma_weights=np.sqrt(((said - frames.psi) ** 2).mean(0)))
    write_arrays(options.out, arrays_of(table))
    print(f"{len(everything.psi) // 2} frames, {len(frames.psi) // 2} of them of people with many")


def joined(one: Frames, other: Frames | None) -> Frames:
    """Both."""
    if other is None:
        return one
    return Frames(*(np.concatenate(pair) for pair in zip(vars(one).values(), (
        other.off, other.scores, other.psi, other.terms, other.misread, other.person + 100_000_000, other.looks),
        strict=True)))


def rigid_sigma(paths: list[Path], head: HeadModel) -> np.ndarray:
    """(478,) face sizes by which landmarks are off a head that keeps still, faces and the landmarker's errors together:
    across the face and upwards, at the true poses of the frames in `paths`."""
    off = load(paths, head, np.where(head.landmarks_placed, 1.0, np.inf), read=False).off
    spread = off.reshape(len(off), LANDMARK_COUNT, 3)[:, :, [0, 2]].std(0)
    sigma = np.maximum(np.sqrt((spread**2).mean(1)), LEAST_SIGMA)
    sigma[~head.landmarks_placed] = np.inf
    sigma[LANDMARK_COUNT - 10:] = np.inf  # the irises look about
    return sigma


def main() -> None:
    """Run one command."""
    parser = shards_parser("video_faces", __doc__, 88, 20, TABLE)
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="shards of fit_faces and of training.shape")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    if options.command == "photograph":
        make_shards(options, "moving", photographed)
    else:
        measure(options)


if __name__ == "__main__":
    main()
