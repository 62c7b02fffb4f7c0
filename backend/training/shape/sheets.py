"""Photos and fits turned into what the network is shown, and into the scores it should answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from backend.fit.learned.evidence import on_sheet
from backend.fit.learned.sheet import COUNT, HEIGHT, WIDTH, Layout
from backend.fit.learned.sheetnet import box, unrolled
from backend.fit.start import HeadPoints

EYES = (36.0, 17.0)
"""The eyes' row on the sheet, and how far from its middle."""


@dataclass(frozen=True)
class Fits:
    """N photos, each with A fits: its own first, then those with errors of others. L landmarks as `HeadPoints` has."""

    photo: np.ndarray  # (N, H, H, 3) uint8
    seen: np.ndarray  # (N, H, H) bool, where the person is
    placed: np.ndarray  # (N, A, L, 3) metres in the camera's axes
    focal: np.ndarray  # (N, A) pixels
    error: np.ndarray  # (N, A, 468, 3) metres of the neutral face, fitted less true
    yaw: np.ndarray  # (N,) radians
    skin: np.ndarray  # (N,)


@dataclass(frozen=True)
class Sheets:
    """The same, laid out."""

    colour: np.ndarray  # (N, A, 3, HEIGHT, WIDTH) uint8 sRGB
    normal: np.ndarray  # (N, A, 3, HEIGHT, WIDTH) int8, 127 is one
    outside: np.ndarray  # (N, A, HEIGHT, WIDTH) bool, where the photo shows what is behind the person
    target: np.ndarray  # (N, A, K) scores of the error
    hidden: np.ndarray  # (HEIGHT, WIDTH) bool, see `Layout`

    def batch(self, rows: np.ndarray, which: np.ndarray) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Colour 0..1, normal, outside, target of rows (B,) and fits (B,)."""
        return (torch.as_tensor(self.colour[rows, which]).float() / 255,
                torch.as_tensor(self.normal[rows, which]).float() / 127, torch.as_tensor(self.outside[rows, which]),
                torch.as_tensor(self.target[rows, which]).float())


def sheets_of(fits: Fits, points: HeadPoints, layout: Layout, modes: np.ndarray) -> Sheets:
    """Lay out all photos along all their fits; `modes` (K, 468, 3) as in `basis`."""
    count, ways = fits.focal.shape
    colour = np.empty((count, ways, 3, HEIGHT, WIDTH), np.uint8)
    normal = np.empty((count, ways, 3, HEIGHT, WIDTH), np.int8)
    outside = np.empty((count, ways, HEIGHT, WIDTH), bool)
    where = np.searchsorted(points.used, np.arange(COUNT))
    for row in range(count):
        photo = np.concatenate([fits.photo[row].astype(np.float32), 255 * fits.seen[row][..., None]], 2)
        places = np.stack([on_sheet(layout, placed[where]) for placed in fits.placed[row].astype(np.float64)])
        pixels = fits.focal[row][:, None, None, None] * places[..., :2] / places[..., 2:] + photo.shape[0] / 2
        seen = torch.as_tensor(photo, dtype=torch.float32).permute(2, 0, 1)[None].expand(ways, -1, -1, -1)
        shown, facing = unrolled(seen, torch.as_tensor(pixels).float(), torch.as_tensor(places).float())
        colour[row], outside[row] = shown[:, :3].round().byte().numpy(), shown[:, 3].numpy() < 128
        normal[row] = (facing * 127).round().to(torch.int8).numpy()
    target = np.einsum("klx,nalx->nak", modes, fits.error, optimize=True).astype(np.float32)
    return Sheets(colour, normal, outside, target, layout.hidden)


class Augment:
    """Other light, colours, lenses, backgrounds and things in the way. Deterministic by its seed.

    Real photos differ from renders in all of these, and in ways nobody has listed: so each is overdone.
    """

    def __init__(self, seed: int) -> None:
        self._random = torch.Generator().manual_seed(seed)

    def __call__(self, colour: Tensor, outside: Tensor, normal: Tensor) -> Tensor:
        """`colour` (B, 3, HEIGHT, WIDTH) 0..1, `outside` (B, HEIGHT, WIDTH) and the fitted `normal` (B, 3, HEIGHT,
        WIDTH) -> the same colours, disturbed.
        """
        colour = self._relit(colour, normal)
        colour = torch.where(outside[:, None] & (self._even(len(colour), 1, 1, 1) < 0.8), self._scene(len(colour)),
                             colour)
        for share, change in ((0.7, self._uneven), (0.3, self._shadow), (0.6, self._toned), (0.4, self._bearded),
                              (0.35, self._haired), (0.1, self._glasses), (1.0, self._developed), (0.15, self._coarse),
                              (0.6, self._lens), (0.1, self._grey), (0.2, self._patch), (0.6, self._noise)):
            rows = torch.nonzero(self._even(len(colour)) < share)[:, 0]
            if len(rows):
                colour[rows] = change(colour[rows])
        return colour.clamp(0, 1)

    def flips(self, count: int) -> Tensor:
        """(count,) bool, every second one."""
        return self._even(count) < 0.5

    def _scene(self, count: int) -> Tensor:
        """Something behind the person: plain, blurred or full of edges."""
        scene = self._even(count, 3, 1, 1) * self._even(count, 1, 1, 1)
        for nodes in (7, 30):
            scene = scene + self._even(count, 1, 1, 1) ** 2 * (self._field(count, 3, nodes) - 0.5)
        edges = torch.sign(self._field(count, 1, 10) - 0.5) * self._even(count, 3, 1, 1) * 0.5
        return (scene + edges * (self._even(count, 1, 1, 1) < 0.3)).clamp(0, 1)

    def _uneven(self, colour: Tensor) -> Tensor:
        """Skin that is not as even as ours: marks, make-up, pores."""
        for nodes in (6, 14, 40):
            strength = 0.8 * self._even(len(colour), 1, 1, 1) ** 2
            tint = 0.3 * (self._field(len(colour), 3, nodes) - 0.5) if nodes < 40 else 0
            colour = colour * torch.exp(strength * (self._field(len(colour), 1, nodes) - 0.5 + tint))
        return colour

    def _relit(self, colour: Tensor, normal: Tensor) -> Tensor:
        """More light from some side, as the face's form takes it, in a share of the pictures."""
        count = len(colour)
        square = torch.cat([normal[:, :1] * normal[:, 1:2], normal[:, 1:2] * normal[:, 2:],
                            normal[:, :1] * normal[:, 2:], normal * normal], 1)
        light = (torch.cat([normal, square], 1) * self._normal(count, 9, 1, 1)).sum(1, keepdim=True)
        strength = 0.4 * self._even(count, 1, 1, 1) * (self._even(count, 1, 1, 1) < 0.5)
        return colour * torch.exp(strength * (light - light.mean((2, 3), keepdim=True)))

    def _toned(self, colour: Tensor) -> Tensor:
        """Shading made flatter, as phones do, or deeper: form seems stronger or weaker than it is."""
        light = colour.mean(1, keepdim=True) + 0.02
        around = box(box(light, int(torch.randint(3, 10, (1,), generator=self._random)) * 2 + 1), 7)
        power = 1.6 * self._even(len(colour), 1, 1, 1) - 0.6
        return colour * (around / around.mean((2, 3), keepdim=True)) ** power

    def _shadow(self, colour: Tensor) -> Tensor:
        """Cast shadows, or light that falls through something."""
        count = len(colour)
        height = (self._field(count, 1, 4) - self._even(count, 1, 1, 1)) / (0.01 + 0.15 * self._even(count, 1, 1, 1))
        return colour * torch.exp((1.6 * self._even(count, 1, 1, 1) - 1.2) * torch.sigmoid(height))

    def _bearded(self, colour: Tensor) -> Tensor:
        """From under the nose or the lip, or along the jaw, to somewhere below the chin."""
        count, (y, x) = len(colour), _grid()
        aside = ((x - WIDTH / 2).abs() / (WIDTH / 2)).clamp(0, 1)
        top = 66 + 26 * self._even(count, 1, 1) - 45 * self._even(count, 1, 1) * aside**2
        edge = top + 14 * (self._field(count, 1, 9)[:, 0] - 0.5)
        inside = torch.sigmoid((y - edge) / (0.5 + 3 * self._even(count, 1, 1)))
        inside = inside * torch.sigmoid((96 + 30 * self._even(count, 1, 1) - y) / (0.5 + 3 * self._even(count, 1, 1)))
        lips = (((y - 77) / 8) ** 2 + ((x - WIDTH / 2) / 12) ** 2 < 1) & (self._even(count, 1, 1) < 0.8)
        return self._grown(colour, torch.where(lips, 0.0, inside))

    def _haired(self, colour: Tensor) -> Tensor:
        """Hair or cloth around the face, down to somewhere."""
        count, (y, x) = len(colour), _grid()
        away = torch.sqrt(((y - 58) / 50) ** 2 + ((x - WIDTH / 2) / 38) ** 2)
        edge = 0.75 + 0.4 * self._even(count, 1, 1) + 0.3 * (self._field(count, 1, 8)[:, 0] - 0.5)
        inside = torch.sigmoid((away - edge) / (0.01 + 0.04 * self._even(count, 1, 1)))
        return self._grown(colour, inside * torch.sigmoid((20 + 95 * self._even(count, 1, 1) - y) / 4))

    def _grown(self, colour: Tensor, where: Tensor) -> Tensor:
        """Hair of some colour."""
        count = len(colour)
        tone = colour.mean((2, 3), keepdim=True) * (0.1 + 1.2 * self._even(count, 1, 1, 1))
        tone = tone * torch.exp(0.15 * self._normal(count, 3, 1, 1))
        strands = box(self._normal(count, 1, HEIGHT, WIDTH), 3) + self._field(count, 1, 14) - 0.5
        tone = tone * torch.exp(self._even(count, 1, 1, 1) * strands)
        cover = where[:, None] * (0.3 + 0.7 * self._even(count, 1, 1, 1))
        return colour + cover * (tone - colour)

    def _glasses(self, colour: Tensor) -> Tensor:
        """Two rims and a bridge about the eyes, and glass that takes some light or mirrors some."""
        count, (y, x) = len(colour), _grid()
        x, y = (x - WIDTH / 2).abs(), y - EYES[0] - 6 * (self._even(count, 1, 1) - 0.4)
        power = 2 + 4 * self._even(count, 1, 1)
        away = (((x - EYES[1]) / (11 + 4 * self._even(count, 1, 1))).abs() ** power
                + (y / (7 + 5 * self._even(count, 1, 1))).abs() ** power) ** (1 / power)
        width = 0.04 + 0.12 * self._even(count, 1, 1)
        rim = ((away - 1).abs() < width) | ((x < EYES[1] - 11) & ((y + 2).abs() < 8 * width))
        rim = rim | ((x > EYES[1] + 12) & ((y + 3).abs() < 8 * width))
        glass = (1 - 0.5 * self._even(count, 1, 1, 1) ** 2) * colour + 0.3 * self._even(count, 1, 1, 1) ** 3
        colour = torch.where((away < 1)[:, None], glass, colour)
        return torch.where(rim[:, None], self._even(count, 3, 1, 1) ** 2, colour)

    def _developed(self, colour: Tensor) -> Tensor:
        """The camera's curve and colours, and light that falls off across the face."""
        count = len(colour)
        colour = colour.clamp(1e-4, 1) ** torch.exp(0.25 * self._normal(count, 1, 1, 1))
        colour = colour + (self._even(count, 1, 1, 1) - 0.3) * (colour * colour * (3 - 2 * colour) - colour)
        colour = colour * torch.exp(0.12 * self._normal(count, 3, 1, 1))
        return colour * torch.exp(1.2 * self._even(count, 1, 1, 1) * (self._field(count, 1, 3) - 0.5))

    def _coarse(self, colour: Tensor) -> Tensor:
        """A small photo, enlarged."""
        small = functional.interpolate(colour, scale_factor=float(0.4 + 0.5 * self._even(1)), mode="bilinear",
                                       antialias=True)
        return functional.interpolate(small, size=(HEIGHT, WIDTH), mode="bilinear")

    def _lens(self, colour: Tensor) -> Tensor:
        """Blurred or sharpened."""
        return colour + (2.2 * self._even(len(colour), 1, 1, 1) - 1) * (colour - box(colour, 3))

    def _grey(self, colour: Tensor) -> Tensor:
        return colour.mean(1, keepdim=True).expand_as(colour)

    def _noise(self, colour: Tensor) -> Tensor:
        """Of the sensor, and what is left of it after a camera smoothed it."""
        count = len(colour)
        noise = self._normal(*colour.shape)
        smooth = functional.interpolate(self._normal(count, 3, HEIGHT // 3, WIDTH // 3), size=(HEIGHT, WIDTH),
                                        mode="bilinear")
        return colour + 0.025 * (self._even(count, 1, 1, 1) * noise + self._even(count, 1, 1, 1) * smooth)

    def _patch(self, colour: Tensor) -> Tensor:
        """Something in the way."""
        count, (y, x) = len(colour), _grid()
        middle, half = self._even(count, 2, 1, 1), 4 + 16 * self._even(count, 2, 1, 1)
        inside = ((y - middle[:, 0] * HEIGHT).abs() < half[:, 0]) & ((x - middle[:, 1] * WIDTH).abs() < half[:, 1])
        return torch.where(inside[:, None], self._even(count, 3, 1, 1), colour)

    def _field(self, count: int, depth: int, nodes: int) -> Tensor:
        return functional.interpolate(self._even(count, depth, nodes, nodes), size=(HEIGHT, WIDTH), mode="bilinear",
                                      align_corners=True)

    def _even(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self._random)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self._random)


def _grid() -> tuple[Tensor, Tensor]:
    """Rows (1, HEIGHT, 1) and columns (1, 1, WIDTH) of the sheet."""
    return torch.arange(HEIGHT).float()[None, :, None], torch.arange(WIDTH).float()[None, None]
