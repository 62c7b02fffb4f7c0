"""The few MediaPipe landmark rings that unwrap needs: eye openings, mouth opening, face oval, irises.

Indices from MediaPipe's public face mesh topology (FACEMESH_* connections); "right" is the person's right.
"""

from __future__ import annotations

EYE_RING_RIGHT = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
EYE_RING_LEFT = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
INNER_LIPS = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
FACE_OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
    152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)
IRIS_RIGHT = (468, 469, 470, 471, 472)
"""Centre, then four points of the rim."""
IRIS_LEFT = (473, 474, 475, 476, 477)

NOSE_BRIDGE = 168
CHIN = 152
EYE_OUTER_RIGHT, EYE_OUTER_LEFT = 33, 263
BROW_RIGHT = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
BROW_LEFT = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
