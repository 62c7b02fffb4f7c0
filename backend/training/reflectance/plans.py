"""How much is trained, as data: for a data-centre GPU, for two CPU cores in about an hour, for coarse light and tone
in some minutes, and for a test.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.reflectance.networks.lightnet import Shape


@dataclass(frozen=True)
class Plan:
    """What a training uses and how long it goes on."""

    shape: Shape
    stages: int  # heads
    coats: int  # skins
    batch: int
    steps: int
    rate: float = 1.5e-3  # of AdamW, falling to a fiftieth by half a cosine
    warm: int = 100  # steps until it is reached
    average: float = 0.99  # of the weights' running mean, which is what is kept
    sheets: int = 500  # steps between contact sheets
    held_out: int = 48  # samples of heads and skins not trained on, for the scores
    fine: int = 1024  # texels of the skins that finer detail is learnt from
    fine_coats: int = 24  # how many of them
    crop: int = 128  # texels of the pieces that are cut from them


PLANS = {
    "gpu": Plan(Shape(grid=256, width=40, depth=5), 256, 512, 8, 12_000, 1e-3, 300, 0.999, 1000, 160,
                2048, 64, 256),
    "cpu": Plan(Shape(grid=128, width=24, depth=4), 40, 96, 2, 2_400),
    "quick": Plan(Shape(grid=64, width=24, depth=3), 64, 96, 4, 2_000, sheets=400, held_out=120),
    "smoke": Plan(Shape(grid=64, width=8, depth=3), 2, 3, 2, 4, warm=1, sheets=2, held_out=3, fine=256, fine_coats=2,
                  crop=64),
}
"""`auto` takes "gpu" where there is one and "cpu" where not."""
