"""From a head as a file has it to one of ours: register once, carry everything over, give it what it lacks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.core.progress import Progress, part, silent
from backend.errors import InputError
from backend.head.model import JOINTS, LANDMARK_COUNT, HeadModel
from backend.head.raw import RawHead
from backend.head.register import report as reports
from backend.head.register.binding import joint_regressor, skin_weights
from backend.head.register.embedding import with_landmarks
from backend.head.register.faces import Faces, own_faces
from backend.head.register.fitting import Laid, lay_on
from backend.head.register.grafts import Grafts, graft, graft_shapes, wanted_faces
from backend.head.register.looking import look
from backend.head.register.marks import Detect, Marks, find_marks
from backend.head.register.match import Match
from backend.head.register.parts import Parts, take_apart
from backend.head.register.reference import Reference
from backend.head.register.shapes import Eye, above_eye, ball_motions, ball_shapes, lid_shape, met, sheet_shapes
from backend.head.register.symmetry import is_symmetric, nearest_partners, partners
from backend.head.resolution.levels import with_levels

NOTHING = 1e-6
"""Metres; a shape of a file that moves nothing further than this is one that it lacks."""


@dataclass(frozen=True)
class Adoption:
    """A head of ours, made from someone else's."""

    head: HeadModel
    report: dict  # millimetres and shares, see `report.measure`
    picture: np.ndarray  # (h, w, 3) uint8 sRGB: the imported head, the registered one, their distance


def adopt(raw: RawHead, reference: HeadModel, *, name: str, licence: str, attribution: str,
          progress: Progress = silent, detect: Detect | None = None) -> Adoption:
    """Register `reference` on `raw`'s template and make a head model of it. About half a minute on two cores.

    The result's own vertices, shape basis, expression basis, pose correctives and, where `raw` has them, joints and
    weights are `raw`'s, untouched. Raises InputError, with what to do, for what is no head.
    """
    detect = detect or _landmarker
    own = Reference.of(reference)
    vertices = raw.template.astype(np.float64)
    progress(0.0, "taking the mesh apart")
    parts = take_apart(vertices, raw.faces)
    progress(0.02, "looking for the face")
    face = look(vertices, parts, detect)
    triangles = reference.triangles[own.triangle_ids]
    ours = find_marks(reference.template.astype(np.float64), triangles, own.eye_triangles, detect)
    progress(0.08, "looking for the face")
    theirs = find_marks(vertices, parts.skin_triangles, parts.eye_triangles, detect,
                        None if parts.eyes else face.eye_windows)
    reports.refuse_before_laying(own, ours, theirs, vertices, parts)
    symmetric = is_symmetric(vertices, parts)
    laid = lay_on(own, vertices, parts, ours, theirs, symmetric=symmetric, progress=part(progress, 0.12, 0.6))
    figures = reports.measure(own, laid, vertices, parts)
    reports.refuse_what_is_no_head(figures)
    progress(0.6, "carrying over texture coordinates")
    match = Match.of(own, laid, vertices, parts)
    faces = own_faces(own, laid, match, parts, raw.faces, vertices)
    progress(0.7, "carrying over shapes")
    head = _assembled(raw, own, laid, match, parts, faces, theirs, name, licence, attribution,
                      part(progress, 0.7, 0.9))
    head = with_levels(with_landmarks(head, own, laid), part(progress, 0.9, 0.98))
    given = [name for name in head.material_names if head.material_vertices(name)[head.own_vertices:].any()]
    figures |= {"turned_share": faces.turned, "given_parts": given, "faces_left_out": faces.left_out,
                "symmetric": symmetric, "scale": laid.scale}
    picture = reports.picture(own, laid, vertices, parts)
    progress(1.0, "done")
    return Adoption(head, figures, picture)


def _landmarker(picture: np.ndarray) -> np.ndarray | None:
    from backend.capture.mediapipe_models import find_faces

    found = find_faces(picture)
    return found[0].landmarks[:, :2] if found else None


def _assembled(raw: RawHead, own: Reference, laid: Laid, match: Match, parts: Parts, faces: Faces, marks: Marks,
               name: str, licence: str, attribution: str, progress: Progress) -> HeadModel:
    reference, count = own.head, len(raw.template)
    chosen = wanted_faces(own, eyes=parts.eyes is None, bag=not faces.has_bag)
    grafts = graft(own, laid, match, chosen, raw.template.astype(np.float64), parts.eyes)
    sight = _eyes(own, grafts, parts, raw.template.astype(np.float64))
    progress(0.2, "carrying over shapes")
    arkit = _shapes(raw, own, laid, match, parts, faces, grafts, sight, marks, reference.arkit_deltas, ARKIT_NAMES,
                    raw.arkit_deltas)
    correctives = _shapes(raw, own, laid, match, parts, faces, grafts, sight, marks, reference.corrective_deltas,
                          reference.corrective_names, None)
    progress(0.5, "joints and weights")
    joint_names = raw.joint_names or JOINTS
    if joint_names[:len(JOINTS)] != JOINTS:
        raise InputError("The rig's joints are not neck, head, jaw and eyes.", "Name them so, in this order.")
    weights = skin_weights(raw, own, match, parts, faces, grafts, joint_names)
    regressor = joint_regressor(raw, own, laid, match, parts, grafts, joint_names)

    def whole(own_field: np.ndarray, *, skull: bool) -> np.ndarray:
        given = grafts.follow(own_field[:, match.vertices], own_field, skull=skull)
        return np.concatenate([own_field, given], 1).astype(np.float32)

    progress(0.7, "carrying over the bases")
    # Where psi is ARKit the two are the same shapes, with teeth and tongue in them.
    is_arkit = not len(raw.expression_basis) or raw.expression_names == ARKIT_NAMES
    if raw.joint_names:
        pose = whole(raw.pose_basis, skull=False)
    else:
        pose = _shapes(raw, own, laid, match, parts, faces, grafts, sight, marks, reference.pose_basis,
                       ("",) * len(reference.pose_basis), None)
    rest = np.concatenate([raw.template, grafts.points]).astype(np.float32)
    regions = np.concatenate([_own_regions(own, match, count), reference.regions[:, grafts.source]], 1)
    kind = np.concatenate([faces.kind, np.zeros(len(grafts.points), int)])
    given_faces = np.where(grafts.faces >= 0, grafts.faces + count, -1)
    return HeadModel(
        id=name, licence=licence, attribution=attribution, template=rest,
        faces=np.concatenate([faces.faces, given_faces]).astype(np.int32),
        uvs=np.concatenate([faces.uvs, reference.uvs[grafts.face_source]]).astype(np.float32),
        material=np.concatenate([faces.material, reference.material[grafts.face_source]]).astype(np.int32),
        material_names=reference.material_names, shape_basis=whole(raw.shape_basis, skull=True),
        expression_names=ARKIT_NAMES if is_arkit else raw.expression_names,
        expression_basis=arkit if is_arkit else whole(raw.expression_basis, skull=False),
        arkit_deltas=arkit, joint_names=joint_names,
        joint_parents=raw.joint_parents if raw.joint_names else reference.joint_parents,
        joint_regressor=regressor, pose_basis=pose, skin_weights=weights,
        region_names=reference.region_names, regions=regions.astype(np.float32),
        landmark_triangles=np.full(LANDMARK_COUNT, -1, np.int32),
        landmark_barycentric=np.zeros((LANDMARK_COUNT, 3), np.float32),
        mirror_vertices=_mirror(own, laid, match, rest, kind, grafts, count), own_vertices=count,
        corrective_names=reference.corrective_names, corrective_drivers=reference.corrective_drivers,
        corrective_deltas=correctives)


def _eyes(own: Reference, grafts: Grafts, parts: Parts, vertices: np.ndarray) -> tuple[Eye, Eye]:
    """Both eyeballs with their corneas, the head's own or the given ones."""
    is_ball = own.head.material_vertices("eye")[grafts.source]
    sides = []
    for number, placed in enumerate(grafts.balls):
        if parts.eyes is not None:
            ball = parts.eyes[number]
            sides.append(Eye.of(ball.centre, np.concatenate([vertices[ball.vertices], grafts.points[placed]])))
        else:
            points = grafts.points[placed[is_ball[placed]]]
            sides.append(Eye.of((points.min(0) + points.max(0)) / 2, grafts.points[placed]))
    return sides[0], sides[1]


def _shapes(raw: RawHead, own: Reference, laid: Laid, match: Match, parts: Parts, faces: Faces, grafts: Grafts,
            sight: tuple[Eye, Eye], marks: Marks, deltas: np.ndarray, names: tuple[str, ...],
            given: np.ndarray | None) -> np.ndarray:
    """(K, V, 3) float32 shapes of all vertices; `given` (K, V_raw, 3) are the file's own, where it has them.

    A shape that the file has but leaves empty (a tongue it has not) is transferred like those of other heads.
    """
    if not names:
        return np.zeros((0, len(raw.template) + len(grafts.points), 3), np.float32)
    sheet = sheet_shapes(own, laid, deltas, names, sight)
    on_grafts = graft_shapes(own, laid, grafts, deltas, sheet, sight)
    answer = np.zeros((len(names), len(raw.template), 3))
    skin = np.moveaxis(match.carried(own, np.moveaxis(sheet, 0, 1)), 0, 1)
    answer[:, match.vertices] = skin = _with_lids(skin, names, match, sight, marks)
    for side, ball in zip(("left", "right"), parts.eyes or (), strict=False):
        turns, shifts = ball_motions(own.head, deltas, side)
        shells = np.concatenate([ball.vertices, ball.inner])
        answer[:, shells] = ball_shapes(raw.template[shells], ball.centre, turns, shifts, laid)
    answer[:, faces.rest] = faces.rest_field(np.moveaxis(deltas, 0, 1)).transpose(1, 0, 2)
    if given is not None:
        there = np.flatnonzero(np.abs(given).max((1, 2)) > NOTHING)
        files = given.astype(np.float64)
        blinks = tuple(name if name.startswith("eyeBlink") else "" for name in names)
        files[:, match.vertices] = _with_lids(files[:, match.vertices], blinks, match, sight, marks)
        size = _sizes(files[:, match.vertices], skin)
        # What was given moves as the transfer has it, and beyond that as the file's shapes differ from the transfer.
        beyond = files - answer
        follow = on_grafts + grafts.follow(beyond[:, match.vertices], beyond, skull=False, turning=False)
        scaled = on_grafts[:, grafts.arch] * size[:, None, None]
        given_to = np.concatenate([grafts.hairs, grafts.bag, *(grafts.balls if parts.eyes else ())])
        on_grafts[there[:, None], given_to] = follow[there[:, None], given_to]
        on_grafts[there[:, None], grafts.arch] = scaled[there]
        answer[there] = files[there]
    return np.concatenate([answer, on_grafts], 1).astype(np.float32)


def _with_lids(skin: np.ndarray, names: tuple[str, ...], match: Match, sight: tuple[Eye, Eye],
               marks: Marks) -> np.ndarray:
    """Shapes (K, n, 3) of the skin: blinks closed on the head's own lid edges, lids kept above its own eyes."""
    skin = skin.copy()
    for eye, side in zip(sight, ("Left", "Right"), strict=True):
        for number, name in enumerate(names):
            if name == f"eyeBlink{side}":
                skin[number] = _lids_met(match, marks, skin[number], side)
            if lid_shape(name, side):
                skin[number] = above_eye(match.points, skin[number], eye)
    return skin


def _lids_met(match: Match, marks: Marks, blink: np.ndarray, side: str) -> np.ndarray:
    """The blink (n, 3) closed along the edges that `marks` traced on the head's own lids."""
    rows = []
    for kind in ("lid-upper", "lid-lower"):
        both = np.flatnonzero(marks.kind == kind)
        half = both[:len(both) // 2] if side == "Left" else both[len(both) // 2:]
        half = half[marks.triangle[half] >= 0]
        corners = match.triangles[marks.triangle[half]]
        rows.append((np.einsum("lc,lcx->lx", marks.barycentric[half], match.points[corners]),
                     np.einsum("lc,lcx->lx", marks.barycentric[half], blink[corners])))
    (upper, upper_deltas), (lower, lower_deltas) = rows
    if min(len(upper), len(lower)) < 5:
        return blink
    return met(match.points, blink, upper, lower, upper_deltas, lower_deltas)


def _sizes(given: np.ndarray, transferred: np.ndarray) -> np.ndarray:
    """(K,) how large the file's own shapes (K, n, 3) are against the transferred ones, where those are strong."""
    strength = np.linalg.norm(transferred, axis=2)
    strong = strength > 0.4 * strength.max(1, keepdims=True)
    along = (given * transferred).sum(2) * strong
    return np.clip(along.sum(1) / np.maximum((strength**2 * strong).sum(1), 1e-12), 0, 1.5)


def _own_regions(own: Reference, match: Match, count: int) -> np.ndarray:
    """(R, V_raw)."""
    answer = np.zeros((len(own.head.region_names), count))
    answer[:, match.vertices] = np.clip(match.carried(own, own.head.regions[:, own.sheet].T.astype(np.float64)), 0,
                                        1).T
    return answer


def _mirror(own: Reference, laid: Laid, match: Match, rest: np.ndarray, kind: np.ndarray, grafts: Grafts,
            count: int) -> np.ndarray:
    """(V,) int32 the vertex on the other side: at the mirrored place, else at the mirrored place of the reference."""
    places = rest.astype(np.float64).copy()
    if not laid.symmetric:
        back = (places - laid.shift) @ laid.rotation / laid.scale
        places = back
        places[match.vertices[match.trusted]] = match.at(own, own.template)[match.trusted]
    answer = nearest_partners(places[:count], kind[:count])
    exact = partners(match.points, match.triangles)
    if exact is not None:
        paired = exact >= 0
        answer[match.vertices[paired]] = match.vertices[exact[paired]]
    index = np.full(len(own.head.template), -1)
    index[grafts.source] = np.arange(len(grafts.source))
    given = index[own.head.mirror_vertices[grafts.source]]
    return np.concatenate([answer, given + count]).astype(np.int32)
