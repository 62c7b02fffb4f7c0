"""Level 0 with about 18,000 triangles of skin: what the dense mesh has, where the head is round."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest

from blender_addon.bundle import with_dense
from blender_addon.export import levels, presets, refine, source

from .export_check import avatar_of, matched


@pytest.fixture(scope="module")
def made(known) -> SimpleNamespace:
    from blender_addon.bundle import read_bundle

    with avatar_of(known) as avatar:
        whole = source.surface(avatar, presets.PRESETS["unity"])
        return SimpleNamespace(whole=whole, fine=levels.made(avatar, whole, (0,), fine=True)[0],
                               bundle=read_bundle(known.folder))


def triangles(surface: source.Surface, slot: int) -> int:
    return int(((surface.faces[:, 3] >= 0) + 1)[surface.material == slot].sum())


def test_the_skin_has_about_18000_triangles_and_the_eyes_and_teeth_are_as_they_were(made):
    assert refine.SKIN_TRIANGLES - 20 < triangles(made.fine, 0) <= refine.SKIN_TRIANGLES
    names = [entry if isinstance(entry, str) else entry["name"] for entry in made.bundle.metadata["materials"]]
    for name in ("eye", "cornea", "teeth", "lash", "brow", "tear"):
        assert triangles(made.fine, names.index(name)) == triangles(made.whole, names.index(name)), name


def test_every_vertex_lies_and_moves_as_that_of_the_dense_mesh(made):
    """Joints turn the eyes in this preset; elsewhere its targets are the bundle's."""
    dense, fine = with_dense(made.bundle), made.fine
    names = dense["key_names"].tolist()
    chosen = [number for number, name in enumerate(fine.key_names) if not name.startswith("eyeLook")]
    wanted = dense["key_deltas"][[names.index(fine.key_names[number]) for number in chosen]]
    at = matched(dense["vertices"], wanted, fine.vertices, fine.key_deltas[chosen])
    assert np.abs(dense["vertices"][at] - fine.vertices).max() < 1e-6
    assert np.abs(wanted[:, at] - fine.key_deltas[chosen]).max() < 1e-6
    assert np.abs(dense["skin_weights"][at] - fine.weights).max() < 0.02  # at most four influences
    assert len(np.unique(fine.faces[fine.faces >= 0])) == len(fine.vertices)


def test_nothing_gapes(made):
    """A gap would be an edge with one face, twice; the open edges are the base's own, at most bulged."""
    was, now = (open_edges(surface) for surface in (made.whole, made.fine))
    assert abs(now / was - 1) < 0.002


def open_edges(surface: source.Surface) -> float:
    """Metres of edges that have one face."""
    count: Counter[tuple[int, int]] = Counter()
    for face in surface.faces.tolist():
        ring = [corner for corner in face if corner >= 0]
        count.update((min(pair), max(pair)) for pair in zip(ring, [*ring[1:], ring[0]], strict=True))
    ends = np.array([pair for pair, faces in count.items() if faces == 1])
    return float(np.linalg.norm(surface.vertices[ends[:, 0]] - surface.vertices[ends[:, 1]], axis=1).sum())


def test_uvs_of_new_corners_lie_within_their_old_face(made):
    """The area of the skin's UVs stays."""
    def area(surface: source.Surface) -> float:
        mine = surface.material == 0
        uv = surface.uvs[mine].astype(float)
        uv[surface.faces[mine, 3] < 0, 3] = uv[surface.faces[mine, 3] < 0, 0]
        across, up = uv[:, 2] - uv[:, 0], uv[:, 3] - uv[:, 1]
        return float(np.abs(across[:, 0] * up[:, 1] - across[:, 1] * up[:, 0]).sum() / 2)

    assert abs(area(made.fine) / area(made.whole) - 1) < 0.01
