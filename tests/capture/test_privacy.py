from importlib.util import find_spec
from pathlib import Path

import pytest

UPLOADERS = (b"play.googleapis.com", b"clearcut_uploader", b"firebaselogging")
"""What releases of MediaPipe that report their use to Google hold (seen in 1.2.2, reported of 0.10.35)."""


def native_libraries() -> list[Path]:
    folder = Path(find_spec("mediapipe").submodule_search_locations[0])
    return [path for path in folder.rglob("*") if path.suffix in (".so", ".dll", ".dylib", ".pyd")]


def test_there_is_a_native_library_to_look_into():
    assert native_libraries()


@pytest.mark.parametrize("uploader", UPLOADERS)
def test_the_landmarker_has_nobody_to_report_to(uploader):
    assert not [path.name for path in native_libraries() if uploader in path.read_bytes()]
