"""Opening files that people bring: what the system says when it cannot, in sentences. Reading them is others' work."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.errors import InputError


@contextmanager
def opening(name: str, what: str) -> Iterator[None]:
    """For the block that opens and reads the file `name`, a `what`. Raises InputError for what the system raises."""
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(f"There is no file {name}.", "Check the name and the folder.") from error
    except PermissionError as error:
        raise InputError(f"{name} may not be read.", "Give yourself permission to read the file.") from error
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{name} cannot be read: {reason}.", f"Copy the {what} to another folder.") from error


def plain_size(path: Path) -> int:
    """Bytes of the file at `path`. Raises OSError for a pipe, which would be waited for, or a device without an end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is no file")
    return status.st_size
