"""The add-on's own error tree. It mirrors the `kind`s of the backend's protocol; nothing is imported from there.

Every error carries a sentence for a person (`message`) and what to do about it (`remedy`).
"""

from __future__ import annotations


def plain(text: str) -> str:
    """Text as one line that can be shown as it is: names of files may hold line ends and worse."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split()))


class AddonError(Exception):
    """Something a person can act on; `str()` joins message and remedy in one line."""

    kind = "error"

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = plain(message)
        self.remedy = plain(remedy)
        super().__init__(f"{self.message} {self.remedy}".strip())


class InputError(AddonError):
    """A photo, a folder, a bundle or an option that cannot be used."""

    kind = "input"


class ModelError(AddonError):
    """An asset of the backend (head, weights, landmarker) is missing or damaged."""

    kind = "model"


class BackendError(AddonError):
    """The backend process died, answered nonsense, or is of another version."""

    kind = "backend"


class SetupError(AddonError):
    """The backend's environment could not be made."""

    kind = "setup"


class Cancelled(AddonError):  # noqa: N818 - it is no error, it only travels as one
    """The user stopped it; nothing was changed."""

    kind = "cancelled"

    def __init__(self, message: str = "Cancelled.", remedy: str = "") -> None:
        super().__init__(message, remedy)


_BY_KIND: dict[str, type[AddonError]] = {
    error.kind: error for error in (InputError, ModelError, BackendError, SetupError, Cancelled)}


def of_kind(kind: str, message: str, remedy: str = "") -> AddonError:
    """The error for a protocol `kind`; a kind this add-on does not know becomes a plain AddonError."""
    return _BY_KIND.get(kind, AddonError)(message, remedy)
