"""Wrinkles that follow expression: what the skin folds into where Apple's shapes press it together.

No photo shows them all, so they come from the rig: where a shape compresses the skin and in which direction
(`strain`), furrows run across that direction (`furrows`), in the places, at the distances and as deep as faces have
them (`groups`). `maps` packs them into pictures, `mapping` says what drives them.

A film shows some of them: `filmed` takes frames in which a face is made (`moments`), takes the light off them
(`bared`), and solves for what the prior has wrong (`solve`).
"""

from backend.wrinkles.maps import Wrinkles, wrinkles_of

__all__ = ["Wrinkles", "wrinkles_of"]
