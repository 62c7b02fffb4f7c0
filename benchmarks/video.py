"""How well and how quickly a clip is tracked: on clips whose motion is known, beside the landmarker alone.

    python -m benchmarks.video [--clips 2] [--frames 120] [--long 10 60 600] [--finish 3.5] [--replay [FILM ...]]
                               [--only quality|speed|finish|replay]

The landmarker alone is its own scores, and the rotation of its own head matrix. Ours is told twice: on the person's
true head and on the head that the fit finds from the clip's own key frames. A fitted head's rest may be tilted against
the true one's, most about the ears' axis, by as much as nobody can see: rotation is therefore told twice, the second
time less what is the same in all frames. Then how long a film takes to track and how much memory, whatever its length;
how long until a film is a finished avatar with an Action in Blender; and how like the rest of a film the avatar is that
its first 70 % made (`video_replay`).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.fit import fit_head
from backend.head.model import HeadModel, default_head
from backend.tracking.actor import Actor
from backend.tracking.film import CAMERA, track_film
from backend.tracking.landmarker import FrameLandmarker
from backend.video.keyframes import key_frames
from backend.video.stream import Video
from benchmarks import video_replay
from benchmarks.video_clips import FPS, Truth, make_clip, read_truth, write_film

ROOT = Path(__file__).parent.parent
CACHE = ROOT / ".cache" / "bench-video"
IN_BLENDER = """
import sys, bpy, blender_addon
bpy.ops.wm.read_factory_settings(use_empty=True)
blender_addon.register()
assert bpy.ops.likeness.assemble(directory=sys.argv[1]) == {"FINISHED"}
assert bpy.ops.likeness.import_performance(filepath=sys.argv[1] + "/animation.npz") == {"FINISHED"}
assert bpy.data.actions
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1] + "/avatar.blend")
import os
os._exit(0)  # bpy may crash when the interpreter ends
"""
MOVES = 0.1  # weight that a shape must reach in a clip to count as one that moves
RESTS = 0.02
MIDDLE = np.array([0.0, -0.08, 0.0])  # metres, of the face in the rest space
CANONICAL = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # the world's axes to MediaPipe's canonical face


@dataclass(frozen=True)
class Score:
    """Errors of one clip."""

    rotation: float  # degrees, mean
    rotation_95: float  # degrees
    jitter: float  # degrees, mean length of the error's second difference
    place: float  # mm, mean distance of the head's middle from where it is, across the line of sight
    place_jitter: float  # mm per frame squared, before smoothing
    mae: float
    correlation: float  # over the shapes that move
    cross_talk: float  # mean weight of shapes at rest
    about: float  # degrees, as `rotation`, less what is the same in all frames: where a head's zero lies


def score(truth: Truth, rotations: np.ndarray, weights: np.ndarray, places: np.ndarray | None = None) -> Score:
    """Of rotations (T, 3, 3) rest space to camera, weights (T, 52), places (T, 3) metres in the camera."""
    real = truth.world_to_camera[:, :3, :3]
    wrong = np.degrees([cv2.Rodrigues(one @ other.T)[0][:, 0] for one, other in zip(rotations, real, strict=True)])
    size = np.linalg.norm(wrong, axis=1)
    moving = truth.arkit.max(0) > MOVES
    alike = [np.corrcoef(weights[:, k], truth.arkit[:, k])[0, 1] if weights[:, k].std() > 1e-6 else 0.0
             for k in np.flatnonzero(moving)]
    rest = truth.arkit < RESTS
    off, shake = float("nan"), float("nan")
    if places is not None:
        error = (places - true_places(truth)) * 1000
        off = float(np.linalg.norm(error[:, :2], axis=1).mean())
        shake = float(np.linalg.norm(np.diff(error, 2, axis=0)[:, :2], axis=1).mean())
    return Score(float(size.mean()), float(np.percentile(size, 95)),
                 float(np.linalg.norm(np.diff(wrong, 2, axis=0), axis=1).mean()), off, shake,
                 float(np.abs(weights - truth.arkit).mean()), float(np.mean(alike)), float(weights[rest].mean()),
                 float(np.linalg.norm(wrong - wrong.mean(0), axis=1).mean()))


def true_places(truth: Truth) -> np.ndarray:
    """(T, 3) metres in the camera, of the rest space's origin moved to the middle of the face."""
    return truth.world_to_camera[:, :3, :3] @ MIDDLE + truth.world_to_camera[:, :3, 3]


def by_landmarker(film: Path, truth: Truth) -> Score:
    """The landmarker's own scores and head matrix."""
    flip, turns, scores = np.diag([1.0, -1, -1]), list[np.ndarray](), list[np.ndarray]()
    with Video(film) as video, FrameLandmarker() as landmarker:
        for frame in video:
            seen = landmarker.see(frame.image)
            if seen is None:
                turns.append(turns[-1] if turns else np.eye(3))
                scores.append(np.zeros(len(ARKIT_NAMES)))
                continue
            linear = seen.head_matrix[:3, :3]
            turns.append(flip @ (linear / np.cbrt(np.linalg.det(linear))) @ CANONICAL)
            scores.append(seen.scores)
    return score(truth, np.array(turns), np.array(scores))


def by_us(film: Path, truth: Truth, actor: Actor) -> Score:
    """Ours on `actor`'s head."""
    tracked = track_film(film, actor)
    rotations = CAMERA[:3, :3].T @ tracked.clip.head[:, :3, :3].astype(np.float64)
    places = tracked.raw[:, :3, :3] @ MIDDLE + tracked.raw[:, :3, 3]
    return score(truth, rotations, tracked.clip.arkit.astype(np.float64), places)


def true_actor(head: HeadModel, truth: Truth) -> Actor:
    """The person as they are."""
    return Actor.of(head, head.template + np.tensordot(truth.shape, head.shape_basis, 1))


def fitted_actor(head: HeadModel, film: Path) -> Actor:
    """The person as the fit finds them in the film's own key frames."""
    return Actor.of_fit(head, fit_head(key_frames(film, ""), head))


def quality(numbers: list[int], frames: int, fitted: bool) -> str:
    """A row per clip and kind."""
    head = default_head()
    lines = ["| clip | who | rotation mean/95 % ° | about its own zero ° | jitter ° | ARKit MAE | correlation "
             "| cross-talk | place mm |",
             "|---|---|---|---|---|---|---|---|---|"]
    for number in numbers:
        film = clip_of(head, number, frames)
        truth = read_truth(film.with_suffix(".npz"))
        rows = [("landmarker alone", by_landmarker(film, truth)), ("on the true head",
                                                                   by_us(film, truth, true_actor(head, truth)))]
        if fitted:
            rows.append(("on the fitted head", by_us(film, truth, fitted_actor(head, film))))
        lines += [f"| {number} | {who} | {found.rotation:.2f} / {found.rotation_95:.2f} | {found.about:.2f} "
                  f"| {found.jitter:.2f} | {found.mae:.3f} | {found.correlation:.2f} | {found.cross_talk:.3f} "
                  f"| {'-' if np.isnan(found.place) else format(found.place, '.1f')} |" for who, found in rows]
    return "\n".join(lines)


def clip_of(head: HeadModel, number: int, frames: int) -> Path:
    """The film of clip `number`, made where it is not there."""
    film = CACHE / f"clip_{number}.mp4"
    if not film.exists():
        make_clip(head, number, frames, CACHE)
    return film


def long_of(number: int, length: float) -> Path:
    """The 720p film of `length` seconds, made where it is not there."""
    film = CACHE / f"long_{number}_{length:g}.mp4"
    if not film.exists():
        _long(CACHE / f"clip_{number}.mp4", film, length)
    return film


def speed(number: int, lengths: list[float]) -> str:
    """Milliseconds a frame at 720p, and peak memory, per length in seconds."""
    lines = ["| 720p film | decode and landmarker ms | all ms | times as much | peak MB |", "|---|---|---|---|---|"]
    for length in lengths:
        film = long_of(number, length)
        values = [_child("alone", film, number), _child("all", film, number)]
        (alone, _), (whole, memory) = values
        lines.append(f"| {length:g} s | {alone:.1f} | {whole:.1f} | {whole / alone:.2f} | {memory:.0f} |")
    return "\n".join(lines)


def finish(number: int, lengths: list[float]) -> str:
    """Seconds from a 720p film to an avatar, and to its Action in Blender, and the backend's peak memory."""
    lines = ["| 720p film | avatar s | of that, stages s | avatar and Action in Blender s | together s | peak MB |",
             "|---|---|---|---|---|---|"]
    for length in lengths:
        film = long_of(number, length)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "avatar"
            spent, memory = _child("create", film, number, str(out))
            stages = json.loads((out / "avatar.json").read_text("utf-8"))["stages"]
            told = ", ".join(f"{stage['name']} {stage['seconds']:.1f}" for stage in stages)
            inside = _in_blender(out)
        lines.append(f"| {length:g} s, {round(length * FPS)} frames | {spent / 1000:.1f} | {told} "
                     f"| {'-' if inside is None else format(inside, '.1f')} | {spent / 1000 + (inside or 0):.1f} "
                     f"| {memory:.0f} |")
    return "\n".join(lines)


def _in_blender(bundle: Path) -> float | None:
    """Seconds, Blender's start included, until the avatar plays and is saved; None where no Blender is at hand."""
    blender = next(iter(sorted(ROOT.glob(".venv-blender-*/bin/python"), reverse=True)), None)
    if blender is None:
        return None
    began = time.perf_counter()
    subprocess.run([str(blender), "-c", IN_BLENDER, str(bundle)], cwd=ROOT, check=True, capture_output=True)
    return time.perf_counter() - began


def replay(films: list[Path]) -> str:
    """Self-reenactment, a row a film."""
    rows = [video_replay.row(film.stem, video_replay.replayed(film, default_head(), CACHE)) for film in films]
    return "\n".join([video_replay.HEAD, *rows])


def _long(clip: Path, film: Path, seconds: float) -> None:
    """The clip forwards and backwards again and again, at 720p."""
    with Video(clip) as video:
        frames = [cv2.copyMakeBorder(cv2.resize(frame.image[..., ::-1], (720, 720), interpolation=cv2.INTER_CUBIC),
                                     0, 0, 280, 280, cv2.BORDER_REPLICATE) for frame in video]
    around = frames + frames[-2:0:-1]
    write_film(film, [around[index % len(around)] for index in range(round(seconds * FPS))])


def _child(what: str, film: Path, number: int, out: str = "") -> tuple[float, float]:
    """Milliseconds a frame (of an avatar: altogether) and peak megabytes (Linux), of a process of its own."""
    answer = subprocess.run([sys.executable, "-m", "benchmarks.video", "--measure", what, str(film), str(number), out],
                            capture_output=True, check=True, encoding="utf-8")
    first, second = answer.stdout.split()[-2:]
    return float(first), float(second)


def _measure(what: str, film: Path, number: int, out: str) -> None:
    began, frames = time.perf_counter(), 1
    if what == "create":
        from backend.pipeline import Options, create

        create([film], Path(out), Options(), Path(f"{out}.work"), lambda *_: None)
    elif what == "all":
        actor, began = true_actor(default_head(), read_truth(CACHE / f"clip_{number}.npz")), time.perf_counter()
        frames = len(track_film(film, actor).clip)
    else:
        with Video(film) as video, FrameLandmarker() as landmarker:
            frames = sum(1 for frame in video for _ in [landmarker.see(frame.image)])
    spent = (time.perf_counter() - began) / max(frames, 1) * 1000
    status = Path("/proc/self/status").read_text()  # not getrusage: that remembers the process we were started from
    print(spent, int(status.split("VmHWM:")[1].split()[0]) / 1024)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.video", description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--long", type=float, nargs="*", default=[10, 60, 600], metavar="SECONDS",
                        help="600 is ten minutes")
    parser.add_argument("--finish", type=float, nargs="*", default=[3.5], metavar="SECONDS", help="3.5 is 105 frames")
    parser.add_argument("--replay", type=Path, nargs="*", metavar="FILM", help="by default the clips")
    parser.add_argument("--only", nargs="*", choices=("quality", "speed", "finish", "replay"),
                        default=["quality", "speed", "finish", "replay"])
    parser.add_argument("--true-only", action="store_true", help="do not fit heads")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        _measure(options.measure[0], Path(options.measure[1]), int(options.measure[2]), options.measure[3])
        return
    numbers = list(range(options.clips))
    clips = [clip_of(default_head(), number, options.frames) for number in numbers or [0]]
    if "quality" in options.only:
        print(quality(numbers, options.frames, not options.true_only))
    if "speed" in options.only and options.long:
        print(f"\n{speed(0, options.long)}")
    if "finish" in options.only and options.finish:
        print(f"\n{finish(0, options.finish)}")
    if "replay" in options.only:
        print(f"\n{replay(options.replay or clips)}")


if __name__ == "__main__":
    main()
