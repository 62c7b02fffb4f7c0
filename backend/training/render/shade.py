"""Light on surfaces: direct light with ray-cast shadows, one bounce, GGX highlights, soft skin.

Units: "shading" is irradiance / pi, what a white Lambertian surface sends back; a photo is albedo * shading + specular.
Diffuse light is not reduced under the highlight (the loss is below the 4 % of skin's Fresnel reflectance).
"""

from __future__ import annotations

import numpy as np

from backend.training.render.lights import DirectionalLights
from backend.training.render.scene import EPSILON, Points, Scene

SCATTER_MM = np.array([1.2, 0.45, 0.25])
"""How far red, green and blue light wander in skin before they come out, mm (standard deviation): the root mean
square of d'Eon and Luebke's six Gaussians (2007), rounded up for green and blue, where one Gaussian is too narrow."""

CHUNK = 1 << 14
"""Points shaded at once; keeps the working set inside the cache."""


def visibility(scene: Scene, points: Points, normal: np.ndarray, lights: DirectionalLights) -> np.ndarray:
    """(N, L) bool: light reaches the point. Lights behind both the smooth and the shading normal count as hidden."""
    seen = np.zeros((len(normal), len(lights.direction)), bool)
    facing = np.maximum(normal @ lights.direction.T, points.normal @ lights.direction.T) > 0
    for index, direction in enumerate(lights.direction):
        rows = np.flatnonzero(facing[:, index])
        if len(rows):
            hidden = scene.opaque.solid.occluded(points.start[rows], np.broadcast_to(direction, (len(rows), 3)))
            seen[rows, index] = ~hidden
    return seen


def diffuse(normal: np.ndarray, seen: np.ndarray, lights: DirectionalLights) -> np.ndarray:
    """Shading (N, 3) of direct light on `normal` (N, 3)."""
    out = np.empty((len(normal), 3), np.float32)
    power = lights.power / np.float32(np.pi)
    for start in range(0, len(normal), CHUNK):
        rows = slice(start, start + CHUNK)
        cosine = normal[rows] @ lights.direction.T
        np.maximum(cosine, 0, out=cosine)
        cosine *= seen[rows]
        out[rows] = cosine @ power
    return out


def specular(normal: np.ndarray, to_eye: np.ndarray, seen: np.ndarray, roughness: np.ndarray, f0: np.ndarray,
             lights: DirectionalLights) -> np.ndarray:
    """Radiance (N, 3) of GGX highlights of direct light (Walter 2007; Smith height-correlated as Heitz 2014; Schlick).

    `normal`, `to_eye` (N, 3) unit; `roughness` (N,) as Principled (alpha is its square); `f0` (N,).
    """
    out = np.empty((len(normal), 3), np.float32)
    for start in range(0, len(normal), CHUNK):
        rows = slice(start, start + CHUNK)
        n, v = normal[rows], to_eye[rows]
        alpha2 = (roughness[rows].astype(np.float32) ** 4)[:, None]
        ndotl = np.maximum(n @ lights.direction.T, 0) * seen[rows]
        ndotv = np.maximum(np.einsum("nx,nx->n", n, v), 1e-3)[:, None]
        vdotl = v @ lights.direction.T
        length = np.sqrt(np.maximum(2 + 2 * vdotl, 1e-6))
        ndoth = np.clip((ndotl + ndotv) / length, 0, 1)
        vdoth = np.clip((1 + vdotl) / length, 0, 1)
        bell = ndoth * ndoth * (alpha2 - 1) + 1
        distribution = alpha2 / (np.pi * bell * bell)
        smith = ndotl * np.sqrt(ndotv * ndotv * (1 - alpha2) + alpha2)
        smith += ndotv * np.sqrt(ndotl * ndotl * (1 - alpha2) + alpha2)
        rim = 1 - vdoth
        rim2 = rim * rim
        base = f0[rows, None]
        fresnel = base + (1 - base) * rim2 * rim2 * rim
        out[rows] = (distribution * fresnel * (0.5 * ndotl / np.maximum(smith, 1e-6))) @ lights.power
    return out


def bounce(scene: Scene, lights: DirectionalLights, albedo: np.ndarray, rays: int = 48) -> np.ndarray:
    """Shading (V, 3) of the head's vertices by light that met the head once before; none for props.

    `albedo` (T, 3): a mean colour of every triangle. Gathers over `rays` cosine-distributed directions a vertex.
    """
    mine = slice(0, scene.head_vertices)
    normal, position = scene.normals[mine], scene.vertices[mine]
    start = position + normal * (5 * EPSILON)
    nowhere = np.zeros(len(normal), np.int32)
    distance = np.zeros(len(normal), np.float32)
    at_vertices = Points(nowhere, position, position, normal, start, position[:, :2], nowhere, distance)
    direct = np.zeros(scene.vertices.shape, np.float32)
    direct[mine] = diffuse(normal, visibility(scene, at_vertices, normal, lights), lights)
    radiance = direct[scene.triangles].mean(1) * albedo
    local = cosine_directions(rays)
    tangent, bitangent = frames(normal)
    gathered = np.zeros(scene.vertices.shape, np.float32)
    for x, y, z in local:
        direction = tangent * x + bitangent * y + normal * z
        hits = scene.opaque.solid.cast(start, direction)
        met = np.flatnonzero(hits.hit)
        gathered[met] += radiance[scene.opaque.index[hits.triangle[met]]]
    return gathered / rays


def cosine_directions(count: int) -> np.ndarray:
    """(count, 3) float32 unit directions about +Z with cosine density: a Fibonacci spiral on the disk."""
    index = np.arange(count) + 0.5
    radius, angle = np.sqrt(index / count), index * np.pi * (3 - np.sqrt(5))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle), np.sqrt(1 - radius**2)], -1).astype(np.float32)


def frames(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (N, 3) that stand on `normal` (N, 3) and on each other (Duff 2017)."""
    x, y, z = normal.T
    sign = np.where(z >= 0, 1.0, -1.0).astype(np.float32)
    a = -1 / (sign + z)
    b = x * y * a
    return (np.stack([1 + sign * x * x * a, sign * b, -sign * x], -1).astype(np.float32),
            np.stack([b, sign + y * y * a, -y], -1).astype(np.float32))


def softened(shading: np.ndarray, depth: np.ndarray, mask: np.ndarray, focal: float) -> np.ndarray:
    """Let light wander in skin: blur `shading` (H, W, 3) over `mask` (H, W) by `SCATTER_MM`, per channel.

    The kernel's width in pixels follows the median `depth` (H, W, metres); a neighbour more than 4 mm nearer or farther
    does not count, so that a nose does not leak onto the cheek behind it.
    """
    if not mask.any():
        return shading
    scale = focal / float(np.median(depth[mask])) / 1000
    out = shading.copy()
    weight_mask = mask.astype(np.float32)
    safe_depth = np.where(mask, depth, 0).astype(np.float32)
    for channel, millimetres in enumerate(SCATTER_MM):
        plane = np.where(mask, shading[..., channel], 0).astype(np.float32)
        for axis in (0, 1):
            plane = _gated_blur(plane, safe_depth, weight_mask, millimetres * scale, axis)
        out[..., channel] = np.where(mask, plane, shading[..., channel])
    return out


def _gated_blur(plane: np.ndarray, depth: np.ndarray, mask: np.ndarray, sigma: float, axis: int) -> np.ndarray:
    reach = int(np.ceil(2.5 * sigma))
    total, weight = plane * mask, mask.copy()
    for step in range(1, reach + 1):
        strength = np.float32(np.exp(-0.5 * (step / sigma) ** 2))
        for sign in (step, -step):
            moved_mask = _moved(mask, sign, axis) * (np.abs(_moved(depth, sign, axis) - depth) < 0.004)
            total += strength * moved_mask * _moved(plane, sign, axis)
            weight += strength * moved_mask
    return np.where(mask > 0, total / np.maximum(weight, 1e-6), plane)


def _moved(plane: np.ndarray, step: int, axis: int) -> np.ndarray:
    """Shifted by `step` along `axis`, zeros entering."""
    out = np.zeros_like(plane)
    target: list[slice] = [slice(None), slice(None)]
    source: list[slice] = [slice(None), slice(None)]
    target[axis] = slice(max(step, 0), plane.shape[axis] + min(step, 0))
    source[axis] = slice(max(-step, 0), plane.shape[axis] + min(-step, 0))
    out[tuple(target)] = plane[tuple(source)]
    return out
