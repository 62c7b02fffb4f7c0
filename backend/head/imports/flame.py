"""From a table with FLAME's names to a `RawHead`: FLAME itself, and whatever else says the same things.

FLAME (Li, Bolkart, Black, Li, Romero: Learning a model of facial shape and expression from 4D scans, 2017) has +Y up,
the face along +Z, metres, and the joints root, neck, jaw and two eyes. docs/heads.md lists the names that are read.
"""

from __future__ import annotations

import numpy as np

from backend.arkit import ARKIT_NAMES
from backend.errors import InputError
from backend.head.imports import checks
from backend.head.imports.table import Table
from backend.head.model import JOINTS
from backend.head.raw import RawHead

FLAME_VERTICES = 5023
FLAME_AXES = "+x +y +z"  # the person's left, up, the way the face looks
_NEEDED = ("v_template", "f", "shapedirs")
_RIG = ("J_regressor", "kintree_table", "weights")
_FLAME_SPLIT = (300, 100)
_SPLITS = {150: (100, 50), 20: (10, 10)}
"""Cut-down copies: 100 + 50 as trackers use them, 10 + 10 as SMPL-X packages FLAME."""
_MAX_STEP = 0.5  # metres that a component may move a vertex for each unit; more is another unit or no head
_COMPANIONS = {
    "left_eyeball": "FLAME's vertex masks", "scalp": "FLAME's vertex masks", "tex_dir": "FLAME's texture space",
    "texMU": "FLAME's texture space", "static_lmk_face_idx": "a landmark embedding of FLAME",
    "lmk_face_idx": "a landmark embedding of FLAME", "full_lmk_faces_idx": "a landmark embedding of FLAME",
    "verts_uvs": "FLAME's texture coordinates"}


def raw_head(table: Table) -> RawHead:
    """Read, check and turn everything. Raises InputError naming the file and the entry at fault."""
    table = _with_aliases(table)
    _check_names(table)
    file, notes = table.file, list[str]()
    template = checks.template(file, table.array("v_template"))
    count = len(template)
    faces = checks.faces(file, table.array("f"), count, notes)
    checks.outside(file, template, faces)
    metres = checks.unit(file, template, table.text("units"), notes)
    turn = _turn(file, table.text("axes") or FLAME_AXES)
    identity, expression = _components(table, count, notes)
    for key, values in (("shapedirs", identity), ("exprdirs", expression)):
        _check_steps(file, key, values * metres)
    to_ours = metres * turn

    rig = _rig(table, count, notes)
    order, names = _joints(table, rig, template @ turn.T * metres, notes)
    corrective = _pose_basis(table, count, len(names), order, turn) * metres
    _check_steps(file, "posedirs", corrective)
    is_flame = count == FLAME_VERTICES and names == JOINTS and corrective.shape[2] == 36
    labels = table.texts("expression_names")
    if len(labels) != expression.shape[2]:
        labels = tuple(f"expression_{index:03d}" for index in range(expression.shape[2]))
    return RawHead(
        "flame" if is_flame else "plain", template @ to_ours.T, faces, _turned(identity, to_ours), labels,
        _turned(expression, to_ours), names, _parents(rig, order), rig.regressor[order].astype(np.float32),
        _turned(corrective, turn), rig.weights[:, order].astype(np.float32), _arkit(table, count, to_ours, notes),
        tuple(notes))


def _with_aliases(table: Table) -> Table:
    entries = dict(table.entries)
    for name, other in (("f", "faces"), ("kintree_table", "parents")):
        if name not in entries and other in entries:
            entries[name] = entries[other]
    return Table(table.file, table.sha256, entries)


def _check_names(table: Table) -> None:
    missing = [name for name in _NEEDED if name not in table]
    if missing:
        for name, what in _COMPANIONS.items():
            if name in table:
                raise InputError(f"{table.file} holds {what}, not the model.",
                                 "Give the model itself, such as generic_model.pkl or flame2023.pkl.")
        if len(missing) == len(_NEEDED):
            raise InputError(f"{table.file} is no head model: it lacks {_listed(missing)}.",
                             "Give the model itself, such as generic_model.pkl; docs/heads.md lists what is read.")
        raise InputError(f"{table.file} is incomplete: it lacks {_listed(missing)}.",
                         "Download the file again; docs/heads.md lists what is read.")
    rig = [name for name in _RIG if name not in table]
    if 0 < len(rig) < len(_RIG):
        raise InputError(f"{table.file} is incomplete: it lacks {_listed(rig)} of its rig.",
                         "Add what is missing, or leave all of J_regressor, kintree_table and weights out.")
    style, kind = table.text("bs_style"), table.text("bs_type")
    if style not in (None, "lbs"):
        raise InputError(f"{table.file} is skinned by {style[:20]!r}, which is not linear blend skinning.",
                         "Give a model with bs_style lbs.")
    if kind not in (None, "lrotmin") and "posedirs" in table:
        raise InputError(f"{table.file} has pose correctives of the kind {kind[:20]!r}, which are not read.",
                         "Give a model with bs_type lrotmin, or leave posedirs out.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _turn(file: str, axes: str) -> np.ndarray:
    """(3, 3) rotation from the file's axes to ours, from its words for left, up and front, as in `+x +y +z`."""
    rows = []
    for word in axes.lower().split():
        if len(word) == 2 and word[0] in "+-" and word[1] in "xyz":
            rows.append((1 if word[0] == "+" else -1) * np.eye(3)["xyz".index(word[1])])
    if len(rows) != 3 or len(axes.split()) != 3 or not np.isclose(np.linalg.det(np.array(rows)), 1):
        raise InputError(f"{file} says that its axes are {axes[:30]!r}.",
                         "Name the axes of the person's left, up and front, as in '+x +y +z', right-handed.")
    left, up, front = rows
    return np.stack([left, -front, up])


def _components(table: Table, count: int, notes: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Identity (V, 3, S) and expression (V, 3, E), in the file's axes and units."""
    both = checks.basis(table.file, "shapedirs", table.array("shapedirs"), count)
    have = both.shape[2]
    if "exprdirs" in table:
        return both, checks.basis(table.file, "exprdirs", table.array("exprdirs"), count)
    first = _FLAME_SPLIT[0] if have > _FLAME_SPLIT[0] else _SPLITS.get(have, (have, 0))[0]
    if (first, have - first) != _FLAME_SPLIT:
        notes.append(f"The file has {have} components: {first} were read as identity and {have - first} as expression.")
    return both[..., :first], both[..., first:]


def _check_steps(file: str, key: str, values: np.ndarray) -> None:
    farthest = float(np.abs(values).max()) if values.size else 0.0
    if farthest > _MAX_STEP:
        raise InputError(f"{file} has a component in {key} that moves a vertex by {farthest:.2g} m.",
                         "Scale the components so that one unit is one standard deviation.")


def _turned(values: np.ndarray, to_ours: np.ndarray) -> np.ndarray:
    """(V, 3, K) in the file's axes -> (K, V, 3) float32 in ours."""
    return np.einsum("ab,vbk->kva", to_ours, values, optimize=True).astype(np.float32)


def _rig(table: Table, count: int, notes: list[str]) -> checks.Rig:
    if "J_regressor" not in table:
        notes.append("The file has no joints; they are placed by registration.")
        return checks.Rig(np.zeros(0, np.int32), np.zeros((0, count)), np.zeros((count, 0)))
    regressor = checks.regressor(table.file, table.array("J_regressor"), count)
    joints = len(regressor)
    return checks.Rig(checks.parents(table.file, table.array("kintree_table"), joints), regressor,
                      checks.weights(table.file, table.array("weights"), count, joints))


def _joints(table: Table, rig: checks.Rig, template: np.ndarray,
            notes: list[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Order of the file's joints and our names for them. `template` (V, 3) in our axes, metres.

    Which eye is which, and which of the root's grandchildren is the jaw, is read off their places.
    """
    count = len(rig.parents)
    said = table.texts("joint_names")
    if said:
        if len(said) != count or len(set(said)) != count:
            raise InputError(f"{table.file} does not fit together: {len(said)} names for {count} joints.",
                             "Give every joint a name of its own.")
        first = [name for name in JOINTS if name in said]
        order = [said.index(name) for name in [*first, *(name for name in said if name not in JOINTS)]]
    elif _is_flame_tree(rig.parents):
        place = rig.regressor @ template
        child = int(np.flatnonzero(rig.parents == 0)[0])
        ends = np.flatnonzero(rig.parents == child)
        right, jaw, left = ends[np.argsort(place[ends, 0])]
        _check_pose(table.file, place[[0, child, jaw, left, right]])
        order, said = [0, child, int(jaw), int(left), int(right)], tuple("?" * count)
        return np.array(order), JOINTS
    else:
        order, said = list(range(count)), tuple(f"joint_{index}" for index in range(count))
        if count:
            notes.append(f"The file has {count} joints without names; neck, head, jaw and eyes come by registration.")
    return _parents_first(order, rig.parents), tuple(said[index] for index in _parents_first(order, rig.parents))


def _parents_first(order: list[int], parents: np.ndarray) -> np.ndarray:
    """The same joints, each after its parent, otherwise in the order given."""
    done: list[int] = []
    while len(done) < len(order):
        done.append(next(joint for joint in order if joint not in done and (parents[joint] < 0
                                                                            or parents[joint] in done)))
    return np.array(done, int)


def _is_flame_tree(parents: np.ndarray) -> bool:
    """A root with one child, which has three."""
    if len(parents) != 5 or (parents == 0).sum() != 1:
        return False
    return int((parents == np.flatnonzero(parents == 0)[0]).sum()) == 3


def _check_pose(file: str, places: np.ndarray) -> None:
    """Joints neck, head, jaw, eye_left, eye_right (5, 3) of a head that stands upright and looks along -Y."""
    eyes = places[3:]
    middle = eyes.mean(0)
    apart = float(eyes[0, 0] - eyes[1, 0])
    if not (0.03 < apart < 0.1 and middle[2] > places[0, 2] and middle[1] < places[0, 1]
            and abs(eyes[0, 2] - eyes[1, 2]) < 0.02):
        raise InputError(f"{file} does not stand upright and face forwards in its axes.",
                         "FLAME has +Y up and the face along +Z; name other axes in an entry axes (docs/heads.md).")


def _parents(rig: checks.Rig, order: np.ndarray) -> np.ndarray:
    """(J,) int32 in the new order."""
    new = np.full(len(order) + 1, -1, np.int32)
    new[order] = np.arange(len(order))
    return new[rig.parents[order]]


def _pose_basis(table: Table, count: int, joints: int, order: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Pose correctives (V, 3, 9 (J - 1)), rows still in the file's axes, columns for our rotations in our order.

    The file's are linear in R - I of each joint but the root. Its rotations are ours in its axes, turn^T R turn, so
    element (i, k) of ours moves what elements (a, b) of the file's move, each with turn[i, a] turn[k, b].
    """
    if "posedirs" not in table or joints == 0:
        return np.zeros((count, 3, 0))
    array = table.array("posedirs")
    if array.ndim == 2 and array.shape == (9 * (joints - 1), 3 * count):  # as SMPL-X packages it
        array = array.T.reshape(count, 3, -1)
    values = checks.numbers(table.file, "posedirs", array, count, 3, 9 * (joints - 1))
    by_joint = values.reshape(count, 3, joints - 1, 3, 3)[:, :, order[1:] - 1]
    return np.einsum("vxjab,ia,kb->vxjik", by_joint, turn, turn, optimize=True).reshape(count, 3, -1)




def _arkit(table: Table, count: int, to_ours: np.ndarray, notes: list[str]) -> np.ndarray | None:
    """(52, V, 3) float32 metres, when the file brings Apple's shapes."""
    if "arkit" not in table:
        return None
    deltas = checks.basis(table.file, "arkit", table.array("arkit"), count)
    names = table.texts("arkit_names") or ARKIT_NAMES
    if len(names) != deltas.shape[2] or len(set(names)) != len(names):
        raise InputError(f"{table.file} does not fit together: {deltas.shape[2]} shapes in arkit, {len(names)} names.",
                         "Name every shape once in arkit_names.")
    unknown = [name for name in names if name not in ARKIT_NAMES]
    if unknown:
        raise InputError(f"{table.file} has no ARKit shape with the name {unknown[0][:30]!r}.",
                         "Spell them as Apple does, as in eyeBlinkLeft.")
    turned = _turned(deltas, to_ours)
    full = np.zeros((len(ARKIT_NAMES), count, 3), np.float32)
    full[[ARKIT_NAMES.index(name) for name in names]] = turned
    lacking = [name for name in ARKIT_NAMES if name not in names]
    if lacking:
        notes.append(f"The file has no {_listed(lacking)}, which will do nothing.")
    return full
