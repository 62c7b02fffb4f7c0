"""The converter that docs/heads.md offers runs as it stands, and its file is read."""

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backend.errors import InputError
from backend.head.imports import read_head

SCRIPT = Path(__file__).parents[3] / "docs" / "convert_head.py"


def test_the_template_of_a_converter_writes_a_file_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "my_head.npz"
    done = subprocess.run([sys.executable, str(SCRIPT), str(path)], capture_output=True, text=True, check=True)
    assert "Now: head import" in done.stdout
    reading = read_head(path)
    raw = reading.raw
    assert (raw.kind, reading.licence, raw.expression_names) == ("plain", "CC0-1.0", ("frown",))
    assert len(raw.shape_basis) == 2
    np.testing.assert_allclose(raw.template.max(0)[2] - raw.template.min(0)[2], 0.26, atol=1e-9)
    nose = raw.template[np.argmin(raw.template[:, 1])]
    assert abs(nose[0]) < 0.01
    assert abs(nose[2]) < 0.05
    assert {note.split(";")[0] for note in raw.notes} == {"The file has no joints"}


@pytest.mark.filterwarnings("error")
def test_a_damaged_copy_is_refused_and_breaks_nothing(tmp_path: Path) -> None:
    """Bytes changed, lost, added and moved where the structure is: every outcome is a head or a sentence."""
    subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "whole.npz")], capture_output=True, check=True)
    with np.load(tmp_path / "whole.npz") as file:
        arrays = dict(file)
    random, refused = np.random.default_rng(0), 0
    copy = tmp_path / "copy"
    for whole in ((tmp_path / "whole.npz").read_bytes(), *(pickle.dumps(arrays, protocol) for protocol in (0, 2, 4))):
        for _ in range(150):
            content = bytearray(whole)
            for _ in range(random.integers(1, 4)):
                place = int(random.choice([random.integers(2000), len(content) - 1 - random.integers(1500)]))
                place = min(place, len(content) - 1)
                piece = random.integers(0, 256, random.integers(0, 5)).astype(np.uint8).tobytes()
                content[place:place + int(random.integers(0, 5))] = piece
            copy.write_bytes(content)
            try:
                read_head(copy)
            except InputError:
                refused += 1
    assert 200 < refused < 600, "some survive: numbers may change without a trace"
