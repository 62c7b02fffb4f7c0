"""Pickles of strangers: what builds arrays is read, whatever wants more is refused, and nothing is ever run."""

import os
import pickle
import struct
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from backend.head.imports.arrays import array_of
from backend.head.imports.machine import MAX_OPCODES
from backend.head.imports.pickles import load_pickle
from backend.head.imports.values import DamagedError, RefusedError, Thing
from tests.head.imports import old_pickle
from tests.head.imports.old_pickle import Call, Instance, chumpy

REFUSED = (RefusedError, DamagedError)


def through(array: np.ndarray, protocol: int) -> np.ndarray:
    return array_of(load_pickle(pickle.dumps(array, protocol)))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("array", [
    np.arange(24.0).reshape(2, 3, 4), np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
    np.array([2**32 - 1, 0], np.uint32), np.array(3.5), np.zeros((0, 3)), np.array([True, False]),
    np.arange(10, dtype=np.float16)[::2]], ids=lambda a: f"{a.dtype}{a.shape}")
def test_arrays_come_back_as_they_were(array: np.ndarray, protocol: int) -> None:
    back = through(array, protocol)
    assert back.shape == array.shape
    np.testing.assert_array_equal(back, array)


@pytest.mark.parametrize("protocol", range(6))
def test_tables_of_numbers_and_texts_come_back(protocol: int) -> None:
    value = {"a": [1, -2, 3.5, True, None, 10**12], "β": ("text\n'\"\\", b"\x00\xffbytes"), "n": {"deep": [[]]}}
    assert load_pickle(pickle.dumps(value, protocol)) == value
    assert array_of(load_pickle(pickle.dumps(np.float64(2.5), protocol))) == 2.5


@pytest.mark.parametrize("form", ["csc", "csr", "coo"])
def test_sparse_matrices_come_back_dense(form: str) -> None:
    dense = np.random.default_rng(0).uniform(size=(5, 40)) * (np.arange(200).reshape(5, 40) % 3 == 0)
    matrix = sparse.csc_matrix(dense).asformat(form)
    np.testing.assert_array_equal(array_of(load_pickle(pickle.dumps(matrix))), dense)
    if form != "coo":
        np.testing.assert_array_equal(array_of(load_pickle(old_pickle.dumps(old_pickle.sparse(matrix)))), dense)


def test_what_chumpy_left_is_worked_out() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    stored = chumpy(x)

    def node(name: str, module: str = "reordering", **state: Any) -> Instance:
        return Instance(f"chumpy.{module}", name, state)

    cases = [
        (stored, x),
        (node("Select", a=stored, idxs=np.array([5, 0, 23]), preferred_shape=(3, 1)), x.ravel()[[5, 0, 23]][:, None]),
        (node("transpose", a=stored, axes=(2, 0, 1)), x.transpose(2, 0, 1)),
        (node("Reshape", a=stored, newshape=(-1, 4)), x.reshape(-1, 4)),
        (node("Concatenate", dterms=["m0", "m1"], axis=2, m0=stored, m1=chumpy(2 * x)), np.concatenate([x, 2 * x], 2)),
        (node("add", "ch_ops", a=stored, b=chumpy(np.array([[1.0]]))), x + 1),
        (node("multiply", "ch_ops", a=node("subtract", "ch_ops", a=stored, b=stored), b=stored), 0 * x)]
    for protocol in (1, 2):
        for value, expected in cases:
            np.testing.assert_array_equal(array_of(load_pickle(old_pickle.dumps(value, protocol))), expected)


def test_a_python_2_array_in_letters_reads() -> None:
    """Protocol 0 spells an array's bytes as Python source."""
    text = (b"cnumpy.core.multiarray\n_reconstruct\np0\n(cnumpy\nndarray\np1\n(I0\ntp2\nS'b'\np3\ntp4\nRp5\n"
            b"(I1\n(I2\ntp6\ncnumpy\ndtype\np7\n(S'f8'\np8\nI0\nI1\ntp9\nRp10\n"
            b"(I3\nS'<'\np11\nNNNI-1\nI-1\nI0\ntp12\nbI00\n"
            b"S'\\x00\\x00\\x00\\x00\\x00\\x00\\xf0?\\x00\\x00\\x00\\x00\\x00\\x00\\x00@'\np13\ntp14\nb.")
    np.testing.assert_array_equal(array_of(load_pickle(text)), [1.0, 2.0])


class Touches:
    """Makes a file when Python's own unpickler reads it."""

    def __init__(self, function: Callable, *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.call


def content_that_makes(folder: Path, protocol: int) -> bytes:
    return pickle.dumps(Touches(os.mkdir, str(folder)), protocol)


@pytest.mark.parametrize("protocol", range(6))
def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(tmp_path: Path, protocol: int) -> None:
    mark = tmp_path / "ran"
    for function, arguments in ((os.system, (f"touch {mark}",)), (os.mkdir, (str(mark),)),
                                (eval, (f"open({str(mark)!r}, 'w')",)), (__import__, ("antigravity",)),
                                (getattr, (mark, "touch"))):
        content = pickle.dumps({"v_template": Touches(function, *arguments)}, protocol)
        with pytest.raises(RefusedError, match="asks for"):
            load_pickle(content)
        assert not mark.exists()
    pickle.loads(content_that_makes(mark, protocol))
    assert mark.exists(), "the same pickle does run where nobody looks"


@pytest.mark.parametrize("value", [
    Call("os", "system", ("true",)), Call("posix", "system", ("true",)), Call("subprocess", "Popen", (["true"],)),
    Call("__builtin__", "eval", ("1",)), Call("builtins", "getattr", ("x", "y")), Call("numpy", "load", ("x",)),
    Call("numpy.core.multiarray", "fromfile", ("/etc/passwd",)), Call("numpy", "memmap", ("/etc/passwd",)),
    Call("numpy.testing._private.utils", "runstring", ("1", {})), Call("chumpy.ch", "os.system", ("true",)),
    Call("chumpy.ch", "Ch", (1,)), Call("scipy.sparse.csc", "csc_matrix", ((3, 3),)),
    Call("torch", "_utils._rebuild_tensor_v2", ()), Call("copy_reg", "_reconstructor", (1, 2, 3)),
    Call("numpy", "dtype", (Call("os", "getcwd"),)), Call("joblib.numpy_pickle", "NumpyArrayWrapper"),
    Instance("chumpy.ch", "Evil"), Instance("os", "environ")], ids=str)
def test_names_that_no_array_needs_are_refused(value: object) -> None:
    for protocol in (1, 2):
        with pytest.raises(RefusedError):
            load_pickle(old_pickle.dumps({"f": value}, protocol))


def test_no_module_is_imported_because_a_file_names_it() -> None:
    import sys

    for module in ("antigravity", "this", "turtle", "scipy.sparse.csc", "chumpy"):
        sys.modules.pop(module, None)
        with pytest.raises(REFUSED):
            load_pickle(old_pickle.dumps([Call(module, "x"), Instance(module, "csc_matrix"), None]))
        assert module not in sys.modules
    made = load_pickle(old_pickle.dumps(Instance("scipy.sparse.csc", "csc_matrix", {"data": 1})))
    assert isinstance(made, Thing)
    assert "scipy.sparse.csc" not in sys.modules


@pytest.mark.parametrize("content", [
    b"cos\nsystem\n(S'true'\ntR.", b"(S'true'\nios\nsystem\n.", b"(cos\nsystem\nS'true'\no.",  # REDUCE, INST, OBJ
    b"Pid\n.", b"\x80\x02Q.", b"\x80\x02\x82\x01.", b"\x80\x02\x84\x01\x00\x00\x00.",  # PERSID, extensions
    b"\x80\x05\x97.", b"\x80\x04\x8c\x02os\x8c\x06system\x93.",  # buffers outside, STACK_GLOBAL
    b"](]Nsb.", b"}}}ub.", b"N(tR.", b"(NNtN\x81.", b"\x80\x02K\x01)}\x92."], ids=repr)
def test_opcodes_that_do_more_than_hold_values_are_refused(content: bytes) -> None:
    with pytest.raises(REFUSED):
        load_pickle(content)


@pytest.mark.parametrize("content", [
    b"", b".", b"\x80", b"\x80\x09.", b"0.", b"(1.", b"h\x05.", b"t.", b"u.", b"}(K\x01u.", b"R.", b"b.", b"\xff",
    b"e.", b"S'open\n.", b"I12x\n.", b"Fnot\n.", b"\x80\x02U\xffshort", b"X\x02\x00\x00\x00\xff\xff.", b"a.", b"\x85.",
    b"2.", b"T\xff\xff\xff\xff.", b"N" * 50, b"\x95" + b"\xff" * 8 + b".", b"g-1\n."], ids=repr)
def test_nonsense_is_damage(content: bytes) -> None:
    with pytest.raises(REFUSED):
        load_pickle(content)


def test_every_cut_of_a_file_is_damage() -> None:
    content = old_pickle.dumps({"v_template": chumpy(np.arange(6.0)), "f": np.arange(3)})
    for end in range(len(content)):
        with pytest.raises(REFUSED):
            load_pickle(content[:end])


def test_flipped_bytes_never_do_more_than_fail() -> None:
    random = np.random.default_rng(0)
    whole = bytearray(old_pickle.dumps({"f": np.arange(3), "J": old_pickle.sparse(sparse.csc_matrix(np.eye(3)))}))
    outcomes = set()
    for _ in range(3000):
        content = bytearray(whole)
        for place in random.integers(0, len(content), random.integers(1, 4)):
            content[place] = random.integers(256)
        try:
            value = load_pickle(bytes(content))
            if isinstance(value, dict):
                for item in value.values():
                    array_of(item)
            outcomes.add("read")
        except REFUSED:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


def declared(length: int, code: bytes, form: str) -> bytes:
    return b"\x80\x04" + code + struct.pack(form, length) + b"few bytes"


@pytest.mark.parametrize("content", [
    declared(2**62, b"\x8e", "<Q"), declared(2**62, b"\x8d", "<Q"), declared(2**62, b"\x96", "<Q"),
    declared(2**31, b"B", "<I"), declared(2**31 - 1, b"T", "<i"), declared(2**31 - 1, b"\x8b", "<i"),
    old_pickle.dumps({"a": Call("__builtin__", "bytearray", (2**40,))}),
    old_pickle.dumps(chumpy(np.zeros(1))).replace(struct.pack("<i", 1), struct.pack("<i", 2**31 - 1)),
    b"\x80\x02Nr\xff\xff\xff\xff" * 2 + b"t."], ids=lambda c: repr(c[:8]))
def test_declared_sizes_take_no_memory(content: bytes) -> None:
    tracemalloc.start()
    with pytest.raises(REFUSED):
        load_pickle(content)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_what_multiplies_itself_is_refused_soon() -> None:
    cases = {
        "texts made bytes over and over":
            b"\x80\x02X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x000"
            + b"c_codecs\nencode\nq\x010" + b"(" + b"h\x01h\x00\x85R" * 3000 + b"t.",
        "tuples of tuples as a key": b"\x80\x02}()" + b"2\x86" * 60 + b"Nu.",
        "more steps than any head": b"\x80\x02" + b"N0" * MAX_OPCODES + b"N.",
    }
    for what, content in cases.items():
        started = time.perf_counter()
        with pytest.raises(RefusedError):
            load_pickle(content)
        assert time.perf_counter() - started < 10, what


def test_arrays_that_unfold_are_refused_soon() -> None:
    x = chumpy(np.zeros(1 << 16))
    tower: Any = chumpy(np.zeros((1, 2)))
    for _ in range(100):
        tower = Instance("chumpy.ch_ops", "add", {"a": tower, "b": 1.0})
    wide = Instance("chumpy.ch_ops", "add", {"a": chumpy(np.zeros((1 << 16, 1))), "b": chumpy(np.zeros((1, 1 << 16)))})
    many = Instance("chumpy.reordering", "Concatenate", {
        "axis": 0, "dterms": ["m0"] * 5000, "m0": x})
    huge = Instance("scipy.sparse.csc", "csc_matrix", {
        "_shape": (2**20, 2**20), "data": np.zeros(0), "indices": np.zeros(0, np.int32),
        "indptr": np.zeros(2**20 + 1, np.int32)})
    for value in (tower, wide, many, huge):
        with pytest.raises(RefusedError):
            array_of(load_pickle(old_pickle.dumps(value)))
    circle = b"\x80\x02]q\x00(h\x00h\x00h\x00e."
    with pytest.raises(RefusedError, match="contains itself"):
        array_of(load_pickle(circle))


def test_deep_nesting_is_read_and_let_go() -> None:
    deep = load_pickle(b"\x80\x02N" + b"\x85" * 400_000 + b".")
    assert isinstance(deep, tuple)
    with pytest.raises(RefusedError, match="deeply"):
        array_of(deep)
    del deep


@pytest.mark.parametrize("state", [
    {"_shape": (2, 2), "data": np.ones(1), "indices": np.array([7]), "indptr": np.array([0, 1, 1])},
    {"_shape": (2, 2), "data": np.ones(1), "indices": np.array([-1]), "indptr": np.array([0, 1, 1])},
    {"_shape": (2, 2), "data": np.ones(1), "indices": np.array([0]), "indptr": np.array([0, 9, 1])},
    {"_shape": (2, 2), "data": np.ones(1), "indices": np.array([0]), "indptr": np.array([0, 1])},
    {"_shape": (-2, 2), "data": np.ones(1), "indices": np.array([0]), "indptr": np.array([0, 1, 1])},
    {"data": np.ones(1), "indices": np.array([0]), "indptr": np.array([0, 1, 1])},
    {"_shape": (2, 2), "data": np.ones(1), "indices": np.array([0.5]), "indptr": np.array([0, 1, 1])}],
    ids=["beyond", "before", "order", "length", "negative", "no shape", "fraction"])
def test_sparse_matrices_that_point_elsewhere_are_damage(state: dict) -> None:
    with pytest.raises(DamagedError):
        array_of(load_pickle(old_pickle.dumps(Instance("scipy.sparse.csc", "csc_matrix", state))))


def test_arrays_of_objects_hold_what_they_hold_and_no_more() -> None:
    boxed = np.array(None, object)
    boxed[()] = np.arange(3.0)
    np.testing.assert_array_equal(array_of(load_pickle(pickle.dumps(boxed))), np.arange(3.0))
    with pytest.raises(RefusedError, match="objects"):
        array_of(load_pickle(pickle.dumps(np.array(["a", None], object))))
    with pytest.raises(RefusedError, match="asks for"):
        load_pickle(pickle.dumps(np.array([Touches(os.getcwd)], object)))
