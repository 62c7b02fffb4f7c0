"""Takes the reference's shapes to the head it was laid on: deformation transfer by local affine frames.

Every point has the affine map that takes the reference's surface about it to the laid one; displacements go through
its linear part (the local form of Sumner and Popovic 2004). The frames are smooth and mix what lies close together,
both lips or both lids, so what met on the reference nearly meets; contacts are then closed exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import diags
from scipy.sparse.linalg import splu
from scipy.spatial import cKDTree

from backend.head.model import HeadModel
from backend.head.register.fitting import Laid
from backend.head.register.reference import Reference
from backend.head.register.smooth import Smooth

FRAME_REACH = 0.008
"""Metres over which an affine frame is fitted (one standard deviation)."""

FRAME_NEIGHBOURS = 200
FRAME_RIDGE = 0.002
"""Metres: a frame turns into the plain similarity where the surface spreads less than this (across flat skin)."""

CLEARANCE = 0.0003
"""Metres by which a lid that moves stays above the eye."""

OPEN, LID_REACH = 0.004, 0.003
"""Metres: a gap between shut lids that is wider than the first was not meant to be shut; how far along a lid the
closing of a gap is felt."""


@dataclass(frozen=True)
class Frames:
    """Local affine maps from the reference's template to the laid sheet: x -> onto + linear @ (x - origin)."""

    origin: np.ndarray  # (P, 3)
    onto: np.ndarray  # (P, 3)
    linear: np.ndarray  # (P, 3, 3)


def frames(reference: Reference, laid: Laid, places: np.ndarray, reach: float = FRAME_REACH,
           neighbours: int = FRAME_NEIGHBOURS) -> Frames:
    """Frames at `places` (P, 3) of the reference's template, from what lies about them on the exposed sheet."""
    used = np.flatnonzero(reference.exposed)
    before, after = reference.template[used], laid.points[used]
    similar = laid.scale * laid.rotation
    distance, index = cKDTree(before).query(places, k=min(neighbours, len(used)))
    weight = np.exp(-(distance**2 - distance[:, :1]**2) / (2 * reach**2))
    weight /= weight.sum(1, keepdims=True)
    origin = np.einsum("pk,pkx->px", weight, before[index])
    onto = np.einsum("pk,pkx->px", weight, after[index])
    one, two = before[index] - origin[:, None], after[index] - onto[:, None]
    spread = np.einsum("pk,pkx,pky->pxy", weight, one, one) + FRAME_RIDGE**2 * np.eye(3)
    cross = np.einsum("pk,pkx,pky->pxy", weight, two, one) + FRAME_RIDGE**2 * similar
    return Frames(origin, onto, np.linalg.solve(spread, cross.transpose(0, 2, 1)).transpose(0, 2, 1))


def through(linear: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Displacements (K, P, 3) through each point's linear map (P, 3, 3)."""
    return np.einsum("pxy,kpy->kpx", linear, deltas)


@dataclass(frozen=True)
class Eye:
    """An eyeball as lids feel it: how far out its surface, cornea included, reaches in every direction."""

    centre: np.ndarray  # (3,) metres
    radius: float
    directions: cKDTree  # of unit vectors from the centre
    reach: np.ndarray  # (n,) metres in each of those directions

    @classmethod
    def of(cls, centre: np.ndarray, points: np.ndarray) -> Eye:
        """From points (n, 3) of ball and cornea."""
        arm = points - centre
        length = np.linalg.norm(arm, axis=1)
        return cls(centre, float(np.median(length)), cKDTree(arm / length[:, None]), length)

    def height(self, points: np.ndarray) -> np.ndarray:
        """(N,) metres of points (N, 3) above the eye's surface."""
        arm = points - self.centre
        length = np.maximum(np.linalg.norm(arm, axis=1), 1e-9)
        _, near = self.directions.query(arm / length[:, None], k=3)
        return length - self.reach[near].max(1)


def sheet_shapes(reference: Reference, laid: Laid, deltas: np.ndarray, names: tuple[str, ...],
                 eyes: tuple[Eye, Eye]) -> np.ndarray:
    """Shapes (K, V, 3) of the reference, by name, on the laid sheet: (K, N, 3). `eyes`: left and right."""
    linear = frames(reference, laid, reference.template).linear
    moved = through(linear, deltas[:, reference.sheet].astype(np.float64))
    for side, eye in zip(("Left", "Right"), eyes, strict=True):
        if f"eyeBlink{side}" in names:
            number = names.index(f"eyeBlink{side}")
            blink = deltas[number, reference.sheet].astype(np.float64)
            moved[number] += _closing(reference, laid, blink, moved[number], linear, side)
        for number, name in enumerate(names):
            if lid_shape(name, side):
                moved[number] = above_eye(laid.points, moved[number], eye)
    return moved


def lid_shape(name: str, side: str) -> bool:
    """Whether a shape by itself (no corrective) moves the lids of the eye of that side."""
    return name.startswith(("eye", "cheekSquint")) and name.endswith(side) and "__" not in name


def above_eye(rest: np.ndarray, deltas: np.ndarray, eye: Eye) -> np.ndarray:
    """Displacements (N, 3) of points `rest` (N, 3) that keep lids above the eye, cornea included.

    A point may be as low as it is at rest, but no lower than CLEARANCE needs.
    """
    near = np.flatnonzero((np.linalg.norm(rest - eye.centre, axis=1) < 1.7 * eye.radius)
                          & (rest[:, 1] < eye.centre[1]) & (np.abs(deltas).max(1) > 1e-6))
    if not len(near):
        return deltas
    least = np.clip(eye.height(rest[near]), -CLEARANCE, CLEARANCE)
    moved = rest[near] + deltas[near]
    missing = np.maximum(least - eye.height(moved), 0)
    outward = moved - eye.centre
    front = outward[:, 1] < 0  # behind the middle of the eye nothing is a lid any more
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-9)
    answer = deltas.copy()
    answer[near] += outward * (np.minimum(missing, 0.3 * eye.radius) * front)[:, None]
    return answer


def met(points: np.ndarray, blink: np.ndarray, upper: np.ndarray, lower: np.ndarray, upper_deltas: np.ndarray,
        lower_deltas: np.ndarray) -> np.ndarray:
    """A blink (n, 3) of skin vertices `points` (n, 3), bent so that the head's own lid edges meet.

    `upper`, `lower` (m, 3): points along the edges at rest, `*_deltas` (m, 3) what the blink does there.
    """
    shut_upper, shut_lower = upper + upper_deltas, lower + lower_deltas
    fine = np.linspace(0, len(lower) - 1, 8 * len(lower))
    curve = np.stack([np.interp(fine, np.arange(len(lower)), shut_lower[:, k]) for k in range(3)], 1)
    distance, near = cKDTree(curve).query(shut_upper)
    missing = np.where((distance < OPEN)[:, None], curve[near] - shut_upper, 0)
    squared = ((points[:, None] - upper[None]) ** 2).sum(2)
    weight = np.exp(-(squared - squared.min(1, keepdims=True)) / (2 * LID_REACH**2))
    size = np.linalg.norm(blink, axis=1)
    follows = np.clip(size / max(np.linalg.norm(upper_deltas, axis=1).max(), 1e-9) / 0.6 - 0.5, 0, 1)
    follows *= np.exp(-squared.min(1) / (2 * (3 * LID_REACH) ** 2))
    return blink + follows[:, None] * (weight @ missing) / weight.sum(1, keepdims=True)


def lid_margins(reference: Reference, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Vertices of the sheet on the upper and on the lower lid's margin, inner to outer corner, which both hold."""
    lining = np.zeros(len(reference.sheet), bool)
    lining[reference.triangles[~reference.skin]] = True
    skin = np.zeros(len(reference.sheet), bool)
    skin[reference.triangles[reference.skin]] = True
    head = reference.head
    centre = head.joint_regressor[head.joint(f"eye_{side.lower()}")].astype(np.float64) @ head.template
    place = reference.template - centre
    margin = np.flatnonzero(lining & skin & (np.linalg.norm(place, axis=1) < 0.025))
    sign = 1 if side == "Left" else -1
    across = place[margin, 0] * sign
    inner, outer = margin[across.argmin()], margin[across.argmax()]
    share = (place[margin] - place[inner]) @ (place[outer] - place[inner]) / ((place[outer] - place[inner])**2).sum()
    level = place[inner, 2] + share * (place[outer, 2] - place[inner, 2])
    corner = np.isin(margin, (inner, outer))
    halves = []
    for above in (True, False):
        half = margin[((place[margin, 2] > level) == above) | corner]
        halves.append(half[np.argsort(place[half, 0] * sign, kind="stable")])
    return halves[0], halves[1]


def _closing(reference: Reference, laid: Laid, blink: np.ndarray, moved: np.ndarray, linear: np.ndarray,
             side: str) -> np.ndarray:
    """What must be added to a blink (N, 3) so that the upper lid's margin meets the lower one as on the reference."""
    upper, lower = lid_margins(reference, side)
    shut = reference.template + blink
    distance, pair = cKDTree(shut[lower]).query(shut[upper])
    partner = lower[pair]
    gap = np.einsum("nxy,ny->nx", linear[upper], shut[upper] - shut[partner])
    wanted = laid.points[partner] + moved[partner] + gap - laid.points[upper] - moved[upper]
    wanted[distance > 0.003] = 0
    wanted[[0, -1]] = 0
    reach = np.linalg.norm(blink, axis=1)
    still = reach < 0.05 * reach.max()
    still[lower] = True
    return spread(Smooth(laid.points, reference.triangles), upper[1:-1], wanted[1:-1], still)


def spread(solver: Smooth, held: np.ndarray, values: np.ndarray, still: np.ndarray) -> np.ndarray:
    """(N, 3) the field of least bending with `values` (h, 3) at `held` (h,) and nothing where `still` (N,)."""
    fixed = still.copy()
    fixed[held] = True
    field = np.zeros((len(still), 3))
    field[held] = values
    free = ~fixed
    rows = solver.bending[free]
    field[free] = splu((rows[:, free] + diags(np.full(free.sum(), 1e-9))).tocsc()).solve(-rows[:, fixed] @ field[fixed])
    return field


def ball_motions(reference: HeadModel, deltas: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
    """How each shape (K, V, 3) turns (K, 3, 3) and shifts (K, 3) the reference's eyeball of one side (Kabsch)."""
    joint = reference.joint(f"eye_{side.lower()}")
    own = reference.material_vertices("eye") & (reference.skin_weights[:, joint] > 0.5)
    rest = reference.template[own].astype(np.float64)
    arm = rest - rest.mean(0)
    turns, shifts = [], []
    for delta in deltas[:, own].astype(np.float64):
        moved = rest + delta
        u, _, vt = np.linalg.svd((moved - moved.mean(0)).T @ arm)
        turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
        turns.append(turn if np.abs(delta).max() > 1e-7 else np.eye(3))
        shifts.append(delta.mean(0))
    return np.array(turns), np.array(shifts)


def ball_shapes(points: np.ndarray, centre: np.ndarray, turns: np.ndarray, shifts: np.ndarray,
                laid: Laid) -> np.ndarray:
    """(K, n, 3) displacements of eyeball vertices (n, 3) that turn and shift as the reference's."""
    turn = laid.rotation @ turns @ laid.rotation.T
    return np.einsum("kxy,ny->knx", turn - np.eye(3), points - centre) \
        + laid.scale * np.einsum("xy,ky->kx", laid.rotation, shifts)[:, None]
