"""The converter that docs/heads.md offers runs as it stands, and its file is read."""

import subprocess
import sys
from pathlib import Path

import numpy as np

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
