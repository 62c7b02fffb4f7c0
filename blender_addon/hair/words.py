"""Every text of hair that a person reads, as in `strings`."""

from __future__ import annotations

from ..strings import Words

OPERATOR = {
    "add_hair": Words("Add Hair", "Grow hair curves where the photo shows hair, in its colour and combed its way: an "
                      "object for each part. Painted hair below them fades"),
    "remove_hair": Words("Remove Hair", "Delete the avatar's hair curves; its painted hair comes back"),
}

PANEL = {"hair": "Hair"}

PART = {
    "brows": Words("Brows", "Hairs in place of the painted brows"),
    "lashes": Words("Lashes", "Hairs along the head's own lashes"),
    "beard": Words("Beard", "Stubble or beard, where the photo shows one"),
    "scalp": Words("Short Hair", "Short hair on the scalp, whatever the length in the photo. The back of the head is "
                   "a guess"),
}

PROPERTY = {
    "amount": Words("Density", "How many hairs grow; 1 is usual"),
}

INPUT = {
    "Length": "Length of the hairs; 1 is usual for the part",
    "Thickness": "Thickness of the hairs; 1 is a little more than real",
    "Viewport Amount": "Share of the hairs that the viewport shows",
    "Render Amount": "Share of the hairs that are rendered",
}
"""Inputs of the modifier, drawn under their own names."""

LABEL = {name: name for name in INPUT}

POLL = {
    "no_hair": "This avatar has no hair curves",
}

REPORT = {
    "no_maps": "The avatar {folder} was made before hair could be grown.",
    "make_again": "Make it again from its photo.",
    "map_gone": "The map {file} of this avatar cannot be read.",
    "unlike_maps": "The maps of hair of {folder} do not fit together.",
    "grown": "{name}: {parts}",
    "part": "{count} {part}",
    "none_of": "no {part} seen",
    "nothing": "No part is chosen.",
    "choose": "Choose at least one.",
    "removed": "The hair of {name} is removed",
}
