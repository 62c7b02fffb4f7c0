"""From one face to another: an actor's own neutral and range taken out, so that any avatar can wear the weights.

People differ in what a tracker calls rest, and in how far they go. Per shape, with w its weight over the frames in
which the face was seen:

    n = min(10th percentile of w, 0.3)                    the actor's neutral
    t = the k-th highest w, k = max(2, T / 200)           the actor's top: a blink counts, a single glitch does not
    g = clip(max(R, t) / (t - n), 1, 1.5)                 R = 1 for blinks, which close every eye, else 0.6
    w' = clip(g (w - n), 0, 1)

A shape with t - n < 0.15 was not played, so g = 1; left and right share the larger g of both, so that a crooked smile
stays one. Looks are angles, not efforts: they stay. The head is turned and moved so that its usual place is straight
ahead at the origin.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from . import turns
from .clip import ARKIT_NAMES, Clip

NEUTRAL_PERCENTILE, NEUTRAL_MOST = 10.0, 0.3
"""A clip in which somebody smiles throughout must not lose all of the smile."""
TOP_SHARE, TOP_LEAST = 200, 2
REACH, REACH_OF_BLINK, MOST_GAIN = 0.6, 1.0, 1.5
PLAYED = 0.15
_LOOKS = np.array([name.startswith("eyeLook") for name in ARKIT_NAMES])
_REACHES = np.array([REACH_OF_BLINK if name.startswith("eyeBlink") else REACH for name in ARKIT_NAMES])
_MIRROR = np.array([ARKIT_NAMES.index(name[:-4] + "Right" if name.endswith("Left") else name[:-5] + "Left"
                                      if name.endswith("Right") else name) for name in ARKIT_NAMES])


@dataclass(frozen=True)
class Actor:
    """What an actor's face does at rest and at its furthest, and where the head usually is."""

    neutral: np.ndarray  # (52,)
    gain: np.ndarray  # (52,)
    place: np.ndarray  # (4, 4) metres, world


def measure(clip: Clip) -> Actor:
    """An actor, from a clip of theirs: the one to be retargeted, or a longer one."""
    seen = ~clip.lost if not clip.lost.all() else np.ones(len(clip), bool)
    weights = clip.arkit[seen].astype(np.float64)
    neutral = np.where(_LOOKS, 0, np.minimum(np.percentile(weights, NEUTRAL_PERCENTILE, axis=0), NEUTRAL_MOST))
    rank = min(max(TOP_LEAST, len(weights) // TOP_SHARE), len(weights))
    top = np.partition(weights, -rank, axis=0)[-rank]
    extent = top - neutral
    gain = np.clip(np.maximum(_REACHES, top) / np.maximum(extent, 1e-6), 1, MOST_GAIN)
    gain = np.where((extent < PLAYED) | _LOOKS, 1, gain)
    place = np.eye(4)
    place[:3, :3] = turns.middle(clip.head[seen, :3, :3].astype(np.float64))
    place[:3, 3] = np.median(clip.head[seen, :3, 3], 0)
    return Actor(neutral, np.maximum(gain, gain[_MIRROR]), place)


def retarget(clip: Clip, actor: Actor | None = None, *, beyond: bool = False) -> Clip:
    """The clip as a face with neutral 0 and range 1 would play it; `actor` as `measure` says by default.

    With `beyond` weights may leave 0..1; else none does. `expression` and `pose` are the head model's own and stay.
    """
    actor = actor or measure(clip)
    arkit = actor.gain * (clip.arkit - actor.neutral)
    head = np.linalg.inv(actor.place) @ clip.head
    return replace(clip, arkit=arkit if beyond else np.clip(arkit, 0, 1), head=head)
