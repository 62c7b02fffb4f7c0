"""A network over a map that is too large for the memory: tiles that overlap and fade into each other, without seams."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from backend import devices
from backend.reflectance.networks.mapnet import MapNet

OVERLAP = 64
"""Input texels by which neighbouring tiles overlap; the outer quarter of it counts for nothing."""

SHARE = 0.25
"""Of the memory that is free, what a network may use."""

BYTES = 4 * 40
"""A texel's cost per channel of the finest level: some forty maps of float32 are alive at once, measured on the CPU."""


def largest(net: MapNet, free: int) -> int:
    """Side of the largest tile, input texels, a multiple of what the network halves."""
    texels = SHARE * free / (BYTES * net.shape.width * max(1, net.shape.scale))
    step = net.shape.multiple
    return max(step * ((4 * OVERLAP) // step), int(np.sqrt(max(texels, 1)) // step * step))


def free_bytes(device: str) -> int:
    """Memory that can be had now on a torch device."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return devices.memory_bytes() // 2


def run(net: MapNet, x: np.ndarray, tile: int | None = None) -> np.ndarray:
    """(outputs, scale * H, scale * W) finest answer to (inputs, H, W). `tile` in input texels; by default measured.

    A network that fuses mirror images sees the whole map at once: tiles would part it from its mirror.
    """
    device = next(net.parameters()).device
    height, width = x.shape[1:]
    tile = tile or largest(net, free_bytes(device.type))
    if net.shape.symmetric or max(height, width) <= tile:
        return _asked(net, x, device)
    scale, step = net.shape.scale, net.shape.multiple
    # Tiles start where the whole would be halved too: what a texel is pooled with must not depend on its tile.
    x = np.pad(x, ((0, 0), (0, -height % step), (0, -width % step)), mode="edge")
    (asked_height, asked_width), (height, width) = (height, width), x.shape[1:]
    total = np.zeros((net.shape.outputs, scale * height, scale * width), np.float32)
    weight = np.zeros((scale * height, scale * width), np.float32)
    for rows in _spans(height, tile, step):
        for columns in _spans(width, tile, step):
            part = _asked(net, x[:, rows, columns], device)
            fade = np.outer(_fade(rows, height, scale), _fade(columns, width, scale))
            there = (slice(scale * rows.start, scale * rows.stop), slice(scale * columns.start, scale * columns.stop))
            total[(slice(None), *there)] += part * fade
            weight[there] += fade
    return (total / weight)[:, :scale * asked_height, :scale * asked_width]


def _asked(net: MapNet, x: np.ndarray, device: torch.device) -> np.ndarray:
    """The answer to a picture of any size: it is continued to what the network can halve."""
    height, width = x.shape[1:]
    step = net.shape.multiple
    padded = np.pad(x, ((0, 0), (0, -height % step), (0, -width % step)), mode="edge")
    if net.shape.symmetric and padded.shape[2] != width:
        raise ValueError(f"a symmetric network needs a width that is a multiple of {step}, not {width}")
    given = torch.as_tensor(np.ascontiguousarray(padded, np.float32), device=device)[None]
    with torch.no_grad():
        told = net(given.contiguous(memory_format=torch.channels_last))[-1][0].float().cpu().numpy()
    return told[:, :net.shape.scale * height, :net.shape.scale * width]


def _spans(length: int, tile: int, step: int) -> Iterator[slice]:
    """Slices of at most `tile` that cover `length`, starting at multiples of `step`, overlapping by about `OVERLAP`."""
    count = max(1, -(-(length - OVERLAP) // (tile - OVERLAP)))
    for number in range(count):
        start = round(number * max(length - tile, 0) / max(count - 1, 1)) // step * step
        yield slice(start, min(start + tile, length) if number < count - 1 else length)


def _fade(span: slice, length: int, scale: int) -> np.ndarray:
    """(n,) weights along a span: 1 inside, falling to next to nothing at ends that have a neighbour."""
    place = np.arange(scale * (span.stop - span.start)) + 0.5
    quiet, reach = scale * OVERLAP / 4, scale * OVERLAP / 2
    rise = np.clip((place - quiet) / reach, 1e-4, 1) if span.start > 0 else np.ones_like(place)
    fall = np.clip((place[::-1] - quiet) / reach, 1e-4, 1) if span.stop < length else np.ones_like(place)
    return np.minimum(rise, fall).astype(np.float32)
