"""The one exception tree. Every error carries a sentence for a person: what is wrong and what to do.

Exit codes of the command line are decided here, once (see `exit_code`).
"""

from __future__ import annotations


def plain(text: str) -> str:
    """Text as one line that a terminal shows as it is: names of files may hold line ends and worse."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in " ".join(text.split()))


class LikenessError(Exception):
    """Something a person can act on.

    `message` says what is wrong, `remedy` what to do about it; `str()` joins the two in one line.
    """

    kind = "error"
    exit_code = 1

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message = plain(message)
        self.remedy = plain(remedy)
        super().__init__(f"{self.message} {self.remedy}".strip())


class InputError(LikenessError):
    """What the user gave cannot be used: a file, a folder, an option. Names the file and the cause."""

    kind = "input"
    exit_code = 2


class ModelError(LikenessError):
    """An asset of ours (head, weights, landmarker) is missing, damaged or of another version."""

    kind = "model"
    exit_code = 1


class BackendError(LikenessError):
    """The backend process or its environment failed: it died, answered nonsense, is of another version."""

    kind = "backend"
    exit_code = 1


class Cancelled(LikenessError):  # noqa: N818 - it is no error, it only travels as one
    """The user stopped the job. Nothing was changed."""

    kind = "cancelled"
    exit_code = 130

    def __init__(self, message: str = "Cancelled.", remedy: str = "") -> None:
        super().__init__(message, remedy)
