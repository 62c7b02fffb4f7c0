"""A head with painted skin, turned by known angles: the skin says where it is when landmarks do not."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from backend.arkit import ARKIT_NAMES
from backend.core.rays import Mesh
from backend.head.model import HeadModel, default_head
from backend.tracking.direct import State, aligned
from backend.tracking.look import learnt, seen_in
from backend.tracking.patches import Picture
from backend.tracking.rigid import Rigid
from backend.tracking.skin import MOVED, Cloth, Skin

WIDTH, HEIGHT = 230, 280
K = np.array([[800.0, 0, WIDTH / 2], [0, 800, HEIGHT / 2], [0, 0, 1]])
UPRIGHT = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
SIGMA = np.full(52, 0.08)
BROW = ARKIT_NAMES.index("browInnerUp")


@dataclass(frozen=True)
class Sitter:
    """A head and its patches."""

    head: HeadModel
    skin: Skin
    corners: np.ndarray  # (2, 2) pixels between which the face lies


@pytest.fixture(scope="module")
def sitter() -> Sitter:
    """The mean head."""
    head = default_head()
    return Sitter(head, Skin.of(head, Cloth.of(head), head.template), np.array([[50.0, 60.0], [180.0, 220.0]]))


def at(yaw: float, pitch: float = 0.0, weights: np.ndarray | None = None) -> State:
    """A head before the camera, degrees."""
    turn = UPRIGHT @ cv2.Rodrigues(np.radians([pitch, 0, 0]))[0] @ cv2.Rodrigues(np.radians([0, 0, yaw]))[0]
    middle = np.array([0.0, -0.06, 0.0])
    return State(Rigid(turn, np.array([0, 0, 0.9]) - turn @ middle), np.zeros(52) if weights is None else weights)


def misread(state: State, turn: np.ndarray) -> State:
    """The state turned by `turn` (3,) degrees about the head's middle, in the camera's axes."""
    middle = np.array([0.0, -0.06, 0.0])
    rotation = cv2.Rodrigues(np.radians(turn))[0] @ state.pose.rotation
    return State(Rigid(rotation, state.pose.camera(middle) - rotation @ middle), np.zeros(52))


def photo(sitter: Sitter, state: State, light: float = 0.0) -> Picture:
    """The head painted with waves of several lengths, lit more on one side by `light`."""
    head = sitter.head
    vertices = head.template + np.tensordot(state.weights, head.arkit_deltas, 1)
    x, y = np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5)
    rays = np.stack([(x - K[0, 2]) / K[0, 0], (y - K[1, 2]) / K[1, 1], np.ones_like(x)], 2).reshape(-1, 3)
    origin = -state.pose.shift @ state.pose.rotation
    hits = Mesh(vertices, head.triangles).cast(np.broadcast_to(origin, rays.shape), rays @ state.pose.rotation)
    rest = np.einsum("pc,pcx->px", hits.barycentric, head.template[head.triangles[np.maximum(hits.triangle, 0)]])
    waves = np.random.default_rng(5).normal(0, 1, (24, 3)) * np.geomspace(150, 700, 24)[:, None]
    paint = 120 + 14 * np.sin(rest @ waves.T + np.arange(24)).sum(1) / 2
    shade = np.where(hits.hit, paint * np.exp(light * (x.ravel() - WIDTH / 2) / WIDTH), 30)
    grey = np.clip(shade, 0, 255).reshape(HEIGHT, WIDTH).astype(np.uint8)
    picture = Picture.of(np.repeat(grey[..., None], 3, 2), sitter.corners, 160.0)
    assert picture is not None
    return picture


def off(state: State, truth: State) -> float:
    """Degrees between two rotations."""
    return float(np.degrees(np.linalg.norm(cv2.Rodrigues(state.pose.rotation @ truth.pose.rotation.T)[0])))


def found(picture: Picture, start: State, sitter: Sitter, look: object, frames: int = 4) -> State:
    """What several frames alike make of landmarks that say `start`."""
    now = start
    for _ in range(frames):
        now = aligned(picture, start, sitter.skin, look, SIGMA, K, now)  # type: ignore[arg-type]
    return now


def test_a_misread_turn_is_put_right_also_in_another_light(sitter: Sitter) -> None:
    known = [at(yaw) for yaw in (-20, 0, 20)]
    pictures = [photo(sitter, state) for state in known]
    look = seen_in(pictures, [one.log() for one in pictures], known, sitter.skin, K)
    for yaw, turn in ((8.0, (0, 2.0, 0)), (-13.0, (1.5, -1.0, 0.7))):
        truth = at(yaw, 3.0)
        start = misread(truth, np.array(turn))
        right = found(photo(sitter, truth, light=0.7), start, sitter, look)
        assert off(start, truth) > 1.9
        assert off(right, truth) < 0.35


def test_a_brow_that_landmarks_missed_is_seen(sitter: Sitter) -> None:
    known = [at(yaw) for yaw in (-15, 0, 15)]
    pictures = [photo(sitter, state) for state in known]
    look = seen_in(pictures, [one.log() for one in pictures], known, sitter.skin, K)
    raised = np.zeros(52)
    raised[BROW] = 0.7
    picture = photo(sitter, at(5, 0, raised))
    right = found(picture, at(5), sitter, look)
    assert right.weights[BROW] > 0.4
    assert np.delete(right.weights, BROW).max() < 0.3
    assert off(right, at(5)) < 0.4
    calm = found(photo(sitter, at(5)), at(5), sitter, look)
    assert calm.weights[BROW] < 0.05


def test_a_look_learnt_from_misread_frames_reads_them_right(sitter: Sitter) -> None:
    random = np.random.default_rng(2)
    truths = [at(yaw, 4 * np.sin(yaw)) for yaw in np.linspace(-30, 30, 11)]
    starts = [misread(state, random.normal(0, 1.2, 3)) for state in truths]
    pictures = [photo(sitter, state) for state in truths]
    taught = learnt(pictures, starts, sitter.skin, SIGMA, K, 1e-3)
    assert taught is not None
    assert taught.lens == pytest.approx(1, abs=0.01)
    before = np.mean([off(start, truth) for start, truth in zip(starts, truths, strict=True)])
    after = np.mean([off(found(picture, start, sitter, taught.look), truth)
                     for picture, start, truth in zip(pictures, starts, truths, strict=True)])
    assert before > 1.5
    assert after < 0.45 * before


def test_a_face_that_is_hidden_is_left_to_the_landmarks(sitter: Sitter) -> None:
    known = [at(yaw) for yaw in (-15, 0, 15)]
    pictures = [photo(sitter, state) for state in known]
    look = seen_in(pictures, [one.log() for one in pictures], known, sitter.skin, K)
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    hidden = Picture.of(noise, sitter.corners, 160.0)
    assert hidden is not None
    start = misread(at(5), np.array([0, 2.0, 0]))
    assert aligned(hidden, start, sitter.skin, look, SIGMA, K) is start


def test_patches_move_as_the_head_does(sitter: Sitter) -> None:
    """The quick way against every sample on the head itself."""
    head, cloth = sitter.head, Cloth.of(sitter.head)
    weights = np.zeros(52)
    weights[BROW] = 0.6
    state = at(10, 5, weights)
    placed = sitter.skin.seen(state.pose, weights[list(MOVED)], K[0, 0], K[:2, 2])
    vertices = head.template + np.tensordot(weights, head.arkit_deltas, 1)
    points = state.pose.camera(np.einsum("nkc,nkcx->nkx", cloth.barycentric,
                                         vertices[head.triangles[cloth.triangle]]))
    slow = points[..., :2] / points[..., 2:] * K[0, 0] + K[:2, 2]
    apart = np.linalg.norm(slow - placed.pixels, axis=2)[cloth.window > 0]
    assert len(placed.pixels) > 150
    assert apart.mean() < 0.05
    assert np.percentile(apart, 99) < 0.5
