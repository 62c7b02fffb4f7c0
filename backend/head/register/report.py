"""How well a head was laid on another: millimetres, a picture, and the refusal of what is no head."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.spatial import cKDTree

from backend.core.camera import frontal, pixel_rays
from backend.core.rays import Mesh, vertex_normals
from backend.errors import InputError
from backend.head.register.fitting import TRUSTED, Laid
from backend.head.register.marks import Marks
from backend.head.register.parts import Parts
from backend.head.register.reference import Reference
from backend.head.register.smooth import similarity
from backend.head.register.surface import Surface

WORST_FACE = 1.5  # mm, median: a face that the reference cannot be laid on
WORST_SHAPE = 6.0  # mm, median: no human head is so far from every head of the shape space
WORST_ALONE = 0.35  # share of the vertices without counterpart: this is more than a head

BEYOND = 0.04  # metres from our head, put roughly in place, that are no part of a head
LEAST_LANDMARKS = 20  # of 43

FAR = 2.0  # mm at the end of the picture's colour scale
SIZE = 420  # pixels, side of each of the picture's views
LEGEND = 64


def measure(reference: Reference, laid: Laid, vertices: np.ndarray, parts: Parts) -> dict:
    """Millimetres from the other head's seen skin to the laid surface, and shares of vertices."""
    used = np.unique(laid.seen)
    points = vertices[used]
    surface = Surface(laid.points, reference.triangles)
    triangle, weights, distance = surface.closest(points)
    face = np.einsum("nc,nc->n", weights, reference.weight("face_front")[reference.triangles[triangle]]) > 0.5
    alone = distance > TRUSTED
    fitted = Surface(laid.fitted, reference.triangles).closest(points)[2]
    answer: dict = {"vertices": len(vertices), "skin_vertices": len(np.unique(parts.skin_triangles))}
    for name, chosen in (("face", face), ("head", np.ones(len(used), bool))):
        millimetres = distance[chosen] * 1000
        answer[f"{name}_mm"] = {
            "median": round(float(np.median(millimetres)), 3), "mean": round(float(millimetres.mean()), 3),
            "p95": round(float(np.quantile(millimetres, 0.95)), 3), "max": round(float(millimetres.max()), 3)}
    answer["shape_face_mm"] = round(float(np.median(fitted[face]) * 1000), 3)
    answer["without_counterpart"] = round(float(alone.mean()), 4)
    answer["beta_norm"] = round(float(np.linalg.norm(laid.beta)), 2)
    return answer


def refuse_before_laying(reference: Reference, ours: Marks, theirs: Marks, vertices: np.ndarray, parts: Parts) -> None:
    """Raise InputError for what shows no mouth and for what is much more than a head, before time is spent on it."""
    goal = theirs.points(vertices, parts.skin_triangles)
    place = ours.points(reference.template, reference.triangles)
    known = np.isfinite(goal).all(1) & np.isfinite(place).all(1)
    if (known & (ours.kind == "landmark")).sum() < LEAST_LANDMARKS or not (known & (ours.kind == "lip-upper")).any():
        raise InputError("Neither a mouth nor the rest of a face can be placed on this mesh.",
                         "Give a human head with a neutral face that stands upright.")
    scale, rotation, shift = similarity(place[known], goal[known], scaled=True, mirrored=False)
    head = cKDTree(scale * reference.template @ rotation.T + shift)
    corners = vertices[parts.skin_triangles]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    share = float(area[head.query(corners.mean(1))[0] > BEYOND].sum() / area.sum())
    if share > WORST_ALONE:
        raise InputError(f"{share:.0%} of this mesh lies nowhere on a head.", "Give the head alone, cut at the neck.")


def refuse_what_is_no_head(figures: dict) -> None:
    """Raise InputError when a head could not be laid on."""
    if figures["without_counterpart"] > WORST_ALONE or figures["face_mm"]["median"] > WORST_FACE \
            or figures["shape_face_mm"] > WORST_SHAPE:
        raise InputError(f"This is not the form of a human head: our own misses its face by "
                         f"{figures['shape_face_mm']:.2g} mm.", "Give a human head with a neutral face.")


def picture(reference: Reference, laid: Laid, vertices: np.ndarray, parts: Parts) -> np.ndarray:
    """(h, w, 3) uint8 sRGB: the imported head, ours laid on it, and their distance in colour, from two sides."""
    own = np.concatenate([parts.skin_triangles, parts.eye_triangles])
    distance = np.zeros(len(vertices))
    used = np.unique(parts.skin_triangles)
    distance[used] = Surface(laid.points, reference.triangles).closest(vertices[used])[2] * 1000
    head = laid.points[reference.exposed & (reference.weight("neck") < 0.5)]
    target = (head.min(0) + head.max(0)) / 2
    extent = float(np.ptp(head[:, 2])) * 1.25
    rows = []
    for yaw in (0.0, -0.7):
        views = [_view(vertices, own, yaw, target, extent),
                 _view(laid.points, reference.triangles, yaw, target, extent),
                 _view(vertices, own, yaw, target, extent, distance)]
        rows.append(np.concatenate(views, 1))
    image = np.concatenate(rows)
    image = np.concatenate([np.full((34, image.shape[1], 3), 24, np.uint8), image, _legend(image.shape[1])])
    for number, text in enumerate(("imported", "default head laid on it", "distance, mm")):
        _write(image, text, (SIZE * number + 12, 23))
    return image


def _view(vertices: np.ndarray, triangles: np.ndarray, yaw: float, target: np.ndarray, extent: float,
          distance: np.ndarray | None = None) -> np.ndarray:
    fine = SIZE * 2
    k, camera = frontal(fine * 3, fine, fine, target, 3 * extent, yaw)
    pixels = np.stack(np.meshgrid(np.arange(fine) + 0.5, np.arange(fine) + 0.5), -1).reshape(-1, 2)
    hits = Mesh(vertices, triangles).cast(*pixel_rays(pixels, k, camera))
    corners = triangles[hits.triangle]
    normal = np.einsum("nc,ncx->nx", hits.barycentric, vertex_normals(vertices, triangles)[corners])
    normal = normal @ camera[:3, :3].T
    light = 0.2 + 0.6 * np.clip(normal @ [-0.35, -0.5, -0.8], 0, 1) + 0.25 * np.clip(normal @ [0.7, 0.1, -0.7], 0, 1)
    colour = np.array([0.72, 0.70, 0.68])
    if distance is not None:
        colour = scale_colour(np.einsum("nc,nc->n", hits.barycentric, distance[corners])) ** 2.2
    image = np.where(hits.hit[:, None], light[:, None] * colour, 0.012)
    image = np.clip(image, 0, 1).reshape(SIZE, 2, SIZE, 2, 3).mean((1, 3))
    return (image ** (1 / 2.2) * 255).astype(np.uint8)


def scale_colour(millimetres: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB 0..1 of a distance: pale grey-blue for none over yellow to dark red from FAR on."""
    stops = np.array([[0.55, 0.72, 0.82], [0.72, 0.84, 0.62], [0.97, 0.86, 0.35], [0.93, 0.50, 0.20],
                      [0.62, 0.08, 0.12]])
    at = np.clip(millimetres / FAR, 0, 1) * (len(stops) - 1)
    return np.stack([np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)], -1)


def _legend(width: int) -> np.ndarray:
    image = np.full((LEGEND, width, 3), 24, np.uint8)
    left, right = width // 4, width * 3 // 4
    ramp = scale_colour(np.linspace(0, FAR, right - left))
    image[12:28, left:right] = (ramp * 255).astype(np.uint8)
    for step in range(5):
        at = left + (right - left) * step // 4
        image[28:34, min(at, right - 1)] = 230
        text = f"{FAR * step / 4:g}" + (" mm and more" if step == 4 else "")
        _write(image, text, (at - 8, 52))
    return image


def _write(image: np.ndarray, text: str, place: tuple[int, int]) -> None:
    cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (230, 230, 230), 1, cv2.LINE_AA)
