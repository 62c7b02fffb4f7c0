"""The eye's own numbers and shape, shared by the head builder, reflectance and Blender.

An eye is two surfaces about the gaze axis: the eyeball (material `eye`: sclera, recessed iris, pupil) and the cornea
cap over it (material `cornea`). Both use one UV square, the same for the two eyes: azimuthal equidistant about the
gaze axis, uv = 0.5 + 0.5 * (theta / UV_EXTENT) * (cos phi, sin phi), seen from in front: u towards +X (the person's
left), v towards +Z. Angles of iris points are those of the full sphere: sin(theta) = distance from the axis / radius.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EYEBALL_RADIUS = 0.0120  # metres, adult mean (axial length about 24 mm)
IRIS_RADIUS = 0.00585  # metres: the visible iris is 11.7 mm wide in adults, whatever the face
PUPIL_RADIUS = 0.0019  # metres, indoors
CORNEA_CURVATURE = 0.0078  # metres, radius of the cornea's front (Gullstrand's eye)
UV_EXTENT = np.deg2rad(110.0)  # angle from the gaze axis that lies on the UV square's inscribed circle

IRIS_ANGLE = float(np.arcsin(IRIS_RADIUS / EYEBALL_RADIUS))
PUPIL_ANGLE = float(np.arcsin(PUPIL_RADIUS / EYEBALL_RADIUS))
IRIS_UV_RADIUS = 0.5 * IRIS_ANGLE / float(UV_EXTENT)
PUPIL_UV_RADIUS = 0.5 * PUPIL_ANGLE / float(UV_EXTENT)

SEGMENTS = 24  # around the gaze axis; divisible by 4, so that mirrored and cardinal vertices exist

_IRIS_CONCAVITY = 0.0005  # metres, how much deeper the iris' inner border and the pupil lie than the limbus


@dataclass(frozen=True)
class EyeGeometry:
    """One surface about the gaze axis, in units of the eyeball's radius; axis -Y, centre at the origin."""

    points: np.ndarray  # (N, 3)
    quads: np.ndarray  # (F, 4) int32, -1 last for a triangle
    uvs: np.ndarray  # (F, 4, 2)
    rings: np.ndarray  # (N,) ring of each vertex, 0 = on the axis


def direction_uv(directions: np.ndarray) -> np.ndarray:
    """Unit directions from the eyeball's centre (..., 3), gaze along -Y -> uv (..., 2), clamped at the circle."""
    theta = np.arccos(np.clip(-directions[..., 1], -1, 1))
    sine = np.linalg.norm(directions[..., ::2], axis=-1)
    radius = 0.5 * np.minimum(theta / UV_EXTENT, 1)
    return 0.5 + radius[..., None] * directions[..., ::2] / np.maximum(sine, 1e-12)[..., None]


def eyeball() -> EyeGeometry:
    """The closed eyeball: pupil, iris, limbus, sclera."""
    iris = np.linspace(PUPIL_ANGLE, IRIS_ANGLE, 4)
    theta = np.concatenate([[0.0], iris, np.deg2rad([33, 40, 52, 66, 80, 90, 105, 130, 155])])
    limbus = np.cos(IRIS_ANGLE)
    inner = np.clip((np.sin(IRIS_ANGLE) - np.sin(theta)) / (np.sin(IRIS_ANGLE) - np.sin(PUPIL_ANGLE)), 0, 1)
    height = np.where(theta > IRIS_ANGLE, np.cos(theta), limbus - _IRIS_CONCAVITY / EYEBALL_RADIUS * inner)
    height[0] = limbus - _IRIS_CONCAVITY / EYEBALL_RADIUS
    return _turned(theta, np.sin(theta), height, closed=True)


def cornea() -> EyeGeometry:
    """The cornea's cap: bulges over the iris and dives below the sclera just outside the limbus."""
    theta = np.concatenate([np.linspace(0, IRIS_ANGLE, 6), np.deg2rad([32, 36])])
    curvature = CORNEA_CURVATURE / EYEBALL_RADIUS
    sine = np.sin(theta)
    apex = np.cos(IRIS_ANGLE) - np.sqrt(curvature**2 - np.sin(IRIS_ANGLE) ** 2)
    bulge = apex + np.sqrt(np.maximum(curvature**2 - sine**2, 0))
    shell = np.array([0, 0, 0, 0, 0, 0.004, 0.003, -0.006])  # just proud of the limbus, then under the sclera
    cap = theta <= IRIS_ANGLE + 1e-9
    radius = np.where(cap, sine, sine * (1 + shell))
    height = np.where(cap, bulge + shell, np.cos(theta) * (1 + shell))
    return _turned(theta, radius, height, closed=False)


def _turned(theta: np.ndarray, radius: np.ndarray, height: np.ndarray, closed: bool) -> EyeGeometry:
    """A profile turned about the gaze axis; the first ring is a point, and so is the back pole when `closed`."""
    phi = np.arange(SEGMENTS) * 2 * np.pi / SEGMENTS
    circle = np.stack([np.cos(phi), np.sin(phi)], -1)
    rings = [np.array([[0, -height[0], 0]])]
    for r, h in zip(radius[1:], height[1:], strict=True):
        rings.append(np.stack([r * circle[:, 0], np.full(SEGMENTS, -h), r * circle[:, 1]], -1))
    count = len(rings)
    if closed:
        rings.append(np.array([[0.0, 1.0, 0.0]]))
    angle = np.concatenate([theta, [np.pi]])
    face, uv = [], []

    def corner(ring: int, segment: int) -> tuple[int, np.ndarray]:
        wedge = segment % SEGMENTS
        middle = phi[wedge] if segment < SEGMENTS else 2 * np.pi
        if ring == 0:
            return 0, np.array([0.5, 0.5])
        where = 0.5 + 0.5 * min(angle[ring] / UV_EXTENT, 1) * np.array([np.cos(middle), np.sin(middle)])
        return 1 + (ring - 1) * SEGMENTS + (wedge if ring < count else 0), where

    for segment in range(SEGMENTS):
        for ring in range(count if closed else count - 1):
            # Seen from in front (from -Y, +X right, +Z up) phi turns counter-clockwise; outward faces keep that sense.
            around = [(ring, segment), (ring + 1, segment), (ring + 1, segment + 1), (ring, segment + 1)]
            if ring == 0:
                around = around[:3]
            elif ring + 1 == count:
                around = [around[0], around[1], around[3]]
            parts = [corner(*place) for place in around]
            index = [part[0] for part in parts]
            where = [part[1] for part in parts]
            if len(parts) == 3:
                index.append(-1)
                where.append(np.zeros(2))
            face.append(index)
            uv.append(where)
    ring_of = np.concatenate([np.full(len(ring), number) for number, ring in enumerate(rings)])
    return EyeGeometry(np.concatenate(rings), np.array(face, np.int32), np.array(uv), ring_of)


def surface_radius(directions: np.ndarray) -> np.ndarray:
    """Radius of the eye's outer surface, cornea included, in eyeball radii; unit directions (..., 3), gaze along -Y."""
    sine = np.sin(np.linspace(0, IRIS_ANGLE, 32))
    curvature = CORNEA_CURVATURE / EYEBALL_RADIUS
    height = np.cos(IRIS_ANGLE) - np.sqrt(curvature**2 - sine[-1] ** 2) + np.sqrt(curvature**2 - sine**2)
    polar = np.arccos(np.clip(-directions[..., 1], -1, 1))
    return np.interp(polar, np.arctan2(sine, height), np.hypot(sine, height))
