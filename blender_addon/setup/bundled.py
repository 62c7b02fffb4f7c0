"""The uv that comes with the extension: a wheel, whose one executable is unpacked where it may be run. No bpy."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path
from uuid import uuid4

from ..errors import SetupError


def unpack_uv(wheels: Path, folder: Path) -> Path | None:
    """The executable from the uv wheel in `wheels`, put into `folder` once per version; None where no wheel is.

    Raises SetupError when the wheel is damaged or `folder` cannot be written.
    """
    wheel = next(iter(sorted(wheels.glob("uv-*.whl"))), None)
    if wheel is None:
        return None
    ending = ".exe" if sys.platform == "win32" else ""
    target = folder / f"uv-{wheel.name.split('-')[1]}{ending}"
    try:
        with zipfile.ZipFile(wheel) as file:
            inside = next(item for item in file.infolist() if item.filename.endswith(f".data/scripts/uv{ending}"))
            if target.is_file() and target.stat().st_size == inside.file_size:
                return target
            folder.mkdir(parents=True, exist_ok=True)
            half = target.with_name(f"{target.name}.{uuid4().hex[:8]}.half")
            try:
                with file.open(inside) as source, half.open("wb") as copy:
                    shutil.copyfileobj(source, copy)
                half.chmod(0o755)
                os.replace(half, target)  # noqa: PTH105 - replaces on every system, also a file that is there
            finally:
                half.unlink(missing_ok=True)
    except (zipfile.BadZipFile, StopIteration) as error:
        raise SetupError(f"The file {wheel.name} of the extension is damaged.", "Reinstall Likeness.") from error
    except OSError as error:
        raise SetupError(f"The folder {folder.name} cannot be written: {error.strerror}.",
                         "Choose a folder that you may write to.") from error
    return target
