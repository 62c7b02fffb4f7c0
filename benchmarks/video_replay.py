"""Self-reenactment: the avatar made from the first 70 % of a film replays the rest, held against the film itself.

Shape, skin, light and wrinkles come from the first part alone; of the rest comes nothing but the motion, tracked on
that avatar. Frames are rendered by the project's own renderer, in the light that the fit found, which stays where it is
when the head turns; a factor a frame and channel matches the exposure, as films drift. Compared is the face alone.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from backend.core.camera import project
from backend.core.colour import linear_to_srgb, srgb_to_linear
from backend.core.harmonics import basis, equirectangular_directions
from backend.fit import fit_head
from backend.fit.headfit import HeadFit
from backend.fit.several.chosen import used
from backend.head.adapt import adapted_deltas
from backend.head.deform import HeadTensors, posed_vertices
from backend.head.model import HeadModel
from backend.reflectance import estimate
from backend.reflectance.maps import SkinMaps
from backend.tracking.actor import Actor
from backend.tracking.film import TrackedFilm, track_film
from backend.tracking.landmarker import FrameLandmarker
from backend.training.render import Settings, View, render
from backend.training.render.lights import SIZE
from backend.training.render.props import shoulders
from backend.training.render.scene import CLOTHES, HAIR, Scene
from backend.unwrap import landmarks as ring
from backend.unwrap import unwrap
from backend.video.keyframes import key_frames
from backend.video.stream import Video
from backend.wrinkles import Wrinkles, wrinkles_of
from backend.wrinkles.filmed import filmed_wrinkles
from backend.wrinkles.groups import GROUPS
from backend.wrinkles.moments import amounts
from benchmarks.fit_likeness import SFace, sface
from benchmarks.lpips import Lpips, lpips

SHARE = 0.7
FRAMES, FACE, LIGHTS = 12, 224, 24  # that are compared; pixels of a face; lights that an environment is cut into
TEXELS = 1024


@dataclass(frozen=True)
class Replayed:
    """Means over the frames; nan where a network's weights are not at hand."""

    psnr: float  # dB, sRGB, on the face
    ssim: float
    lpips: float
    sface: float  # replayed to filmed frame
    sface_film: float  # the film's own frames to one another: what is to be had
    steady: float  # replayed frames to one another
    landmarks: float  # pixels of a face of FACE, the avatar's to those that the film shows
    guessed: tuple[str, ...]  # groups of wrinkles that the film did not tell


@dataclass(frozen=True)
class Avatar:
    """What the first part made."""

    head: HeadModel
    fit: HeadFit
    maps: SkinMaps
    folds: Wrinkles


def made_from(film: Path, head: HeadModel) -> Avatar:
    """An avatar from a film, all stages."""
    observations = key_frames(film, "")
    fit = fit_head(observations, head)
    maps = estimate(unwrap(used(observations, fit), fit, head, TEXELS), fit, head)
    prior = wrinkles_of(head, fit.neutral, relief=maps.displacement_mid, seen=maps.confidence)
    actor = Actor.of_fit(head, fit)
    folds = filmed_wrinkles(film, track_film(film, actor), actor, fit, maps.diffuse_albedo, prior)
    return Avatar(head, fit, maps, folds)


def first_part(film: Path, out: Path) -> int:
    """Write the first SHARE of a film without loss; how many frames that is."""
    with Video(film, 4096) as video:
        count = round(SHARE * (video.film.frames or sum(1 for _ in video)))
        rate = video.film.rate
    writer: cv2.VideoWriter | None = None
    with Video(film, 4096) as video:
        for frame in video:
            if frame.index >= count:
                break
            if writer is None:
                size = (frame.image.shape[1], frame.image.shape[0])
                writer = cv2.VideoWriter(str(out), cv2.VideoWriter.fourcc(*"FFV1"), rate, size)
            writer.write(np.ascontiguousarray(frame.image[..., ::-1]))
    if writer is not None:
        writer.release()
    return count


def replayed(film: Path, head: HeadModel, folder: Path) -> Replayed:
    """Fit, replay, compare; pictures of what was compared go into `folder`."""
    half = folder / f"{film.stem}_first.avi"
    count = first_part(film, half)
    avatar = made_from(half, head)
    half.unlink()
    tracked = track_film(film, Actor.of_fit(head, avatar.fit))
    there = np.flatnonzero(tracked.clip.confidence > 0.5)
    there = there[there >= count]
    wanted = [int(index) for index in there[np.linspace(0, len(there) - 1, FRAMES).astype(int)]]
    pairs = []
    with Video(film) as video, FrameLandmarker() as landmarker:
        for frame in video:
            if frame.index in wanted and (seen := landmarker.see(frame.image)) is not None:
                pairs.append(_pair(avatar, tracked, frame.index, frame.image, seen.landmarks[:, :2]))
            if frame.index >= wanted[-1]:
                break
    cv2.imwrite(str(folder / f"{film.stem}_replayed.png"), np.vstack([
        np.hstack([(np.clip(one, 0, 1) * 255).astype(np.uint8)[..., ::-1] for one in (pair.film, pair.ours)])
        for pair in pairs[::3]]))
    return _told(pairs, avatar.folds, sface(), lpips())


@dataclass(frozen=True)
class Pair:
    """One frame, cut to the face: sRGB 0..1 before grey, with landmarks in pixels of the cut."""

    film: np.ndarray  # (FACE, FACE, 3)
    ours: np.ndarray
    mask: np.ndarray  # (FACE, FACE) bool
    film_marks: np.ndarray  # (478, 2)
    our_marks: np.ndarray


def _pair(avatar: Avatar, tracked: TrackedFilm, index: int, image: np.ndarray, marks: np.ndarray) -> Pair:
    head = avatar.head
    low, high = marks.min(0), marks.max(0)
    side = float((high - low).max()) * 1.15
    corner = (low + high) / 2 - side / 2
    scale = FACE / side
    cut = cv2.warpAffine(image, np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]]),
                         (FACE, FACE), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    width, height = tracked.size
    k = np.diag([scale, scale, 1]) @ np.array([[tracked.focal, 0, width / 2 - corner[0]],
                                               [0, tracked.focal, height / 2 - corner[1]], [0, 0, 1]])
    weights = tracked.clip.arkit[index]
    posed = _posed(avatar, weights)
    camera = tracked.raw[index]
    scene = Scene(head, posed, (shoulders(head, posed),))
    made = render(scene, _skin(avatar, weights), View(k, camera, FACE, FACE), _turned(avatar, camera),
                  Settings(lights=LIGHTS, background=np.full((FACE, FACE, 3), 0.2, np.float32)))
    filmed = srgb_to_linear(cut.astype(np.float32) / 255)
    oval = cv2.convexHull(((marks[list(ring.FACE_OVAL)] - corner) * scale).astype(np.int32))
    inside = cv2.fillConvexPoly(np.zeros((FACE, FACE), np.uint8), oval, 1) > 0
    of_head = (made.material >= 0) & ~np.isin(made.material, (CLOTHES, HAIR))
    mask = cv2.erode((inside & of_head).astype(np.uint8), np.ones((3, 3))) > 0
    ours = made.radiance * (np.median(filmed[mask], 0) / np.maximum(np.median(made.radiance[mask], 0), 1e-4))
    both = [np.where(mask[..., None], linear_to_srgb(np.clip(one, 0, 1)), 0.5) for one in (filmed, ours)]
    found, _ = project(head.landmark_points(posed.astype(np.float64)), k, camera)
    return Pair(both[0], both[1], mask, (marks - corner) * scale, found)


def _posed(avatar: Avatar, weights: np.ndarray) -> np.ndarray:
    head = avatar.head
    deltas, correctives = adapted_deltas(head, avatar.fit.neutral)
    own = replace(head, arkit_deltas=deltas, expression_basis=deltas, corrective_deltas=correctives)
    pose = Actor.of_fit(head, avatar.fit).pose(weights[None])[0]
    pose[head.joint("jaw")] = 0  # Apple's jawOpen turns the jaw already
    return posed_vertices(HeadTensors.of(own), torch.as_tensor(avatar.fit.neutral.astype(np.float32)),
                          torch.as_tensor(weights), torch.as_tensor(pose, dtype=torch.float32)).numpy()


def _skin(avatar: Avatar, weights: np.ndarray) -> SkinMaps:
    """The maps with the wrinkles that the face has."""
    height = np.zeros(avatar.folds.maps[GROUPS[0].map].shape[:2], np.float32)
    left = np.arange(len(height)) >= len(height) // 2
    for group, (one, other) in zip(GROUPS, amounts(weights[None])[0], strict=True):
        height += avatar.folds.maps[group.map][..., group.channel] * np.where(left, one, other).astype(np.float32)
    size = len(avatar.maps.displacement_mid)
    return replace(avatar.maps, displacement_mid=avatar.maps.displacement_mid
                   + cv2.resize(height, (size, size), interpolation=cv2.INTER_AREA))


def _turned(avatar: Avatar, camera: np.ndarray) -> np.ndarray:
    """The light that stands still in the room, as a head that has turned meets it."""
    directions, _ = equirectangular_directions(*SIZE)
    first = avatar.fit.world_to_camera[0][:3, :3]
    return (basis(directions @ (first.T @ camera[:3, :3]).T) @ avatar.maps.light_sh[0]).astype(np.float32)


def _told(pairs: list[Pair], folds: Wrinkles, faces: SFace | None, looks: Lpips | None) -> Replayed:
    error = [float(np.mean((pair.film - pair.ours)[pair.mask] ** 2)) for pair in pairs]
    nan = float("nan")
    same = film = steady = nan
    if faces is not None:
        filmed, ours = (np.stack([faces.embedding(srgb_to_linear(picture.astype(np.float32)), pair.film_marks)
                                  for pair in pairs for picture in [getattr(pair, name)]])
                        for name in ("film", "ours"))
        same = float((filmed * ours).sum(1).mean())
        film, steady = (float((one @ one.T)[np.triu_indices(len(one), 1)].mean()) for one in (filmed, ours))
    off = [float(np.nanmean(np.linalg.norm(pair.film_marks - pair.our_marks[:len(pair.film_marks)], axis=1)))
           for pair in pairs]
    return Replayed(
        float(np.mean([-10 * np.log10(max(value, 1e-9)) for value in error])),
        float(np.mean([ssim(pair.film, pair.ours, pair.mask) for pair in pairs])),
        nan if looks is None else float(np.mean([looks.distance(pair.film, pair.ours) for pair in pairs])),
        same, film, steady, float(np.mean(off)),
        tuple(group.name for group in GROUPS if not folds.told.get(group.name)))


def ssim(one: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float:
    """Structural similarity (Wang et al. 2004) of pictures (H, W, 3) 0..1, Gaussian of 1.5 pixels, where `mask` is."""
    def blur(picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture, (11, 11), 1.5)

    x, y = one.astype(np.float64), other.astype(np.float64)
    mx, my = blur(x), blur(y)
    xx, yy, xy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    first, second = 0.01**2, 0.03**2
    field = (2 * mx * my + first) * (2 * xy + second) / ((mx * mx + my * my + first) * (xx + yy + second))
    return float(field.mean(-1)[mask].mean())


def row(name: str, told: Replayed) -> str:
    """Of the table."""
    values = [format(getattr(told, one.name), ".1f" if one.name in ("psnr", "landmarks") else ".3f")
              for one in fields(told) if one.name != "guessed"]
    return f"| {name} | {' | '.join(values)} | {len(GROUPS) - len(told.guessed)} of {len(GROUPS)} |"


HEAD = ("| film | PSNR dB | SSIM | LPIPS | SFace | film's own frames | replayed frames | landmarks px "
        "| wrinkles seen |\n"
        "|---|---|---|---|---|---|---|---|---|")
