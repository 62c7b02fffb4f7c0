"""What people give by mistake or on purpose: one sentence that names file and cause, a remedy, and nothing else."""

import gzip
import io
import os
import pickle
import re
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.errors import InputError
from backend.head.imports import read_head
from backend.head.imports.table import MAX_FILE_BYTES
from tests.head.imports import old_pickle
from tests.head.imports.flame_file import Flavour, flame_arrays


def refusal(path: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        read_head(path)
    error = caught.value
    assert error.exit_code == 2
    assert error.remedy.endswith(".")
    assert len(error.remedy) > 10
    assert re.fullmatch(r"[^\n]{10,260}\.", error.message), error.message
    assert str(path.parent) not in str(error), "a file's folder is nobody's business"
    return error


CHANGES: dict[str, tuple[Callable[[dict], Any], str]] = {
    "no faces": (lambda a: a.pop("f"), "lacks f"),
    "no template": (lambda a: a.pop("v_template"), "lacks v_template"),
    "no weights": (lambda a: a.pop("weights"), "lacks weights of its rig"),
    "nothing": (lambda a: [a.pop(key) for key in ("f", "v_template", "shapedirs")], "v_template, f and shapedirs"),
    "too few vertices": (lambda a: a.update(v_template=a["v_template"][:-1]), "outside of 0 to 5,021"),
    "other weights": (lambda a: a.update(weights=a["weights"][:-5]), "weights is 5,018 x 5 and should be 5,023 x 5"),
    "other joints": (lambda a: a.update(weights=a["weights"][:, :4]), "5,023 x 5"),
    "other kintree": (lambda a: a.update(kintree_table=a["kintree_table"][:, :4]), "kintree_table has 4 joints"),
    "other correctives": (lambda a: a.update(posedirs=a["posedirs"][:, :, :27]), "posedirs is"),
    "not a number": (lambda a: a["shapedirs"].__setitem__((4, 1, 7), np.nan), "1 values in shapedirs"),
    "infinite": (lambda a: a["v_template"].__setitem__((4, 1), np.inf), "1 values in v_template"),
    "face beyond": (lambda a: a["f"].__setitem__((0, 0), 5023), "1 corners lie outside of 0 to 5,022"),
    "face below": (lambda a: a.update(f=a["f"].astype(int) - 1), "corners lie outside"),
    "pentagons": (lambda a: a.update(f=np.zeros((9, 5), int)), "neither triangles nor quads"),
    "fractional faces": (lambda a: a.update(f=a["f"] + 0.5), "no whole numbers"),
    "circle": (lambda a: a.update(kintree_table=np.array([[-1, 2, 3, 1, 0], range(5)])), "circle"),
    "two roots": (lambda a: a.update(kintree_table=np.array([[-1, 0, -1, 1, 1], range(5)])), "2 joints without"),
    "no root": (lambda a: a.update(kintree_table=np.array([[1, 0, 1, 1, 1], range(5)])), "0 joints without a parent"),
    "weights of two": (lambda a: a.update(weights=2 * a["weights"]), "do not sum to 1 at 5,023 vertices"),
    "negative weights": (lambda a: a["weights"].__setitem__((3, slice(2)), (1.2, -0.2)), "negative"),
    "regressor": (lambda a: a.update(J_regressor=3 * a["J_regressor"]), "no means of vertices"),
    "lying down": (lambda a: a.update(v_template=a["v_template"][:, [0, 2, 1]] * [1, 1, -1]), "does not stand upright"),
    "upside down": (lambda a: a.update(v_template=a["v_template"] * [-1, -1, 1]), "does not stand upright"),
    "mirrored": (lambda a: a.update(v_template=a["v_template"] * [-1, 1, 1]), "mirrored"),
    "a house": (lambda a: a.update(v_template=a["v_template"] * 5e6), "no head in metres"),
    "a pea": (lambda a: a.update(v_template=a["v_template"] * 1e-2), "no head in metres"),
    "wild components": (lambda a: a.update(shapedirs=a["shapedirs"] * 1e3), "moves a vertex by"),
    "a unit of ells": (lambda a: a.update(units=np.array("ells")), "ells"),
    "mirrored axes": (lambda a: a.update(axes=np.array("-x +y +z")), "axes"),
    "dual quaternions": (lambda a: a.update(bs_style=np.array("dq")), "linear blend skinning"),
    "empty": (lambda a: a.update(shapedirs=np.zeros((5023, 3, 0))), "nothing in shapedirs"),
    "text": (lambda a: a.update(v_template=np.full((5023, 3), "x")), "text where numbers"),
    "a body": (lambda a: a.update(v_template=np.zeros((9, 3))), "9 vertices"),
    "masks": (lambda a: [a.clear(), a.update(scalp=np.arange(9), left_eyeball=np.arange(9))], "vertex masks"),
    "complex": (lambda a: a.update(weights=a["weights"] * 1j), "damaged"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_contradicts_itself_is_refused(tmp_path: Path, change: str) -> None:
    alter, words = CHANGES[change]
    arrays = {name: value[..., :8].copy() if name == "shapedirs" else value.copy()
              for name, value in flame_arrays(0).items()}
    alter(arrays)
    np.savez(tmp_path / "studio.npz", **arrays)
    error = refusal(tmp_path / "studio.npz")
    assert "studio.npz" in error.message
    assert words in error.message


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return buffer.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "empty.pkl": (b"", "is empty"),
    "login.pkl": (b"<!DOCTYPE html><html>Please log in</html>", "web page"),
    "words.pkl": (b"dear diary, today I lost my FLAME model\n" * 20, "neither a pickle nor arrays"),
    "random.pkl": (np.random.default_rng(0).bytes(5000), "neither a pickle nor arrays|damaged"),
    "packed.pkl": (gzip.compress(b"x"), "gzip"),
    "release.zip": (zipped(FLAME2020__generic_model_dot_pkl=b"x"), "archive"),
    "net.pt": (zipped(archive__data_dot_pkl=b"x"), "PyTorch"),
    "matlab.mat": (b"\x89HDF\r\n\x1a\n" + b"\0" * 99, "HDF5"),
    "list.pkl": (pickle.dumps([1, 2, 3]), "no table of arrays"),
    "object.pkl": (old_pickle.dumps(old_pickle.Call("os", "getcwd")), r"asks for os.getcwd.*Nothing in it was run"),
    "long.pkl": (old_pickle.dumps(old_pickle.Call("a" * 300 + "\x1b[31m", "b")), r"asks for a{60},"),
    "torch.pkl": (b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n.", "asks for torch._utils._rebuild_tensor_v2"),
    "cut.npz": (zipped(f_dot_npy=b"x" * 999)[:400], "damaged"),
    "lies.npz": (zipped(**dict.fromkeys(("v_template_dot_npy", "f_dot_npy", "shapedirs_dot_npy"),
                                        b"\x93NUMPY\x01\0\x10\0{'descr':'<f8',}")), "v_template.*damaged"),
    "single.npy": (b"\x93NUMPY\x01\0" + b"\xff\xff" + b"(" * 60000, "damaged"),
    "mesh.ply": (b"ply\nformat ascii 1.0\n", "single mesh"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_another_kind_are_told_apart(tmp_path: Path, name: str) -> None:
    content, words = FILES[name]
    error = refusal(written(tmp_path / name, content))
    assert name in error.message
    assert re.search(words, error.message), error.message
    assert "\x1b" not in error.message


def test_paths_that_lead_to_no_model_are_told_apart(tmp_path: Path) -> None:
    assert "no file ghost.pkl" in refusal(tmp_path / "ghost.pkl").message
    (tmp_path / "folder").mkdir()
    assert "folder without generic_neutral_mesh.obj" in refusal(tmp_path / "folder").message
    if hasattr(os, "mkfifo"):
        assert "no file that holds" in refusal(Path("/dev/zero")).message
    if hasattr(os, "geteuid") and os.geteuid() != 0:
        written(tmp_path / "secret.pkl", b"x").chmod(0)
        assert "may not be read" in refusal(tmp_path / "secret.pkl").message


def test_two_gigabytes_are_refused_before_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.pkl"
    with path.open("wb") as file:
        file.write(b"\x80\x04")
        file.truncate(2 << 30)
    tracemalloc.start()
    started = time.perf_counter()
    assert "2,147 MB" in refusal(path).message
    assert time.perf_counter() - started < 1
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_archives_that_unpack_to_more_than_any_head_are_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9,)})
    content = bytearray(zipped(f_dot_npy=header.getvalue()))
    place = content.index(b"PK\x01\x02") + 24  # the unpacked size in the archive's own list
    content[place:place + 4] = struct.pack("<I", MAX_FILE_BYTES + 1)
    bomb = written(tmp_path / "bomb.npz", bytes(content))
    tracemalloc.start()
    assert "unpacks to more" in refusal(bomb).message
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    short = header.getvalue() + b"few"
    small = written(tmp_path / "small.npz", zipped(v_template_dot_npy=short, f_dot_npy=short, shapedirs_dot_npy=short))
    assert "shorter than it says" in refusal(small).message


def test_a_truncated_download_is_damage(flame: Callable[[Flavour], Path], tmp_path: Path) -> None:
    for flavour in ("2020", "2023", "npz"):
        content = flame(flavour).read_bytes()
        for part in (0.001, 0.4, 0.999):
            cut = written(tmp_path / f"generic_model.{'npz' if flavour == 'npz' else 'pkl'}",
                          content[:int(len(content) * part)])
            assert "damaged" in refusal(cut).message


def test_objects_inside_an_npz_meet_the_same_guard(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple:
            return os.mkdir, (str(mark),)

    arrays: dict[str, Any] = dict(flame_arrays(0))
    arrays["J_regressor"] = np.array(Evil(), object)
    np.savez(tmp_path / "evil.npz", **arrays)
    error = refusal(tmp_path / "evil.npz")
    assert re.search(r"asks for (posix|nt)\.mkdir", error.message)
    assert not mark.exists()
