# SPDX-License-Identifier: Apache-2.0
"""Safetensors files beside their definition: a length, a JSON header, the arrays."""

import json
import subprocess
import sys

import lior
import numpy as np
import pytest
from lior import io

DTYPES = {
    "BOOL": "bool",
    "U8": "u1",
    "I8": "i1",
    "I16": "i2",
    "U16": "u2",
    "I32": "i4",
    "U32": "u4",
    "I64": "i8",
    "U64": "u8",
    "F16": "f2",
    "F32": "f4",
    "F64": "f8",
    "C64": "c8",
}


def parts(path):
    """The header and the arrays' bytes of a file."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def test_every_dtype_is_written_and_read(tmp_path, rng):
    path = tmp_path / "all.safetensors"
    arrays = {name: rng.integers(0, 2, (2, 3)).astype(dtype) for name, dtype in DTYPES.items()}
    arrays["empty"], arrays["scalar"] = np.zeros((0, 4), "f4"), np.array(2.5)
    io.write_safetensors(str(path), arrays, {"made": "by a test"})
    header, data = parts(path)
    assert header.pop("__metadata__") == {"made": "by a test"}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert data[begin:end] == arrays[name].tobytes()
        assert entry["shape"] == list(arrays[name].shape)
        assert name not in DTYPES or entry["dtype"] == name
    back = io.read_safetensors(path)
    assert set(back) == set(arrays)
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype and (back[name] == array).all()


def test_layouts_and_complex(tmp_path, rng):
    path = str(tmp_path / "some.safetensors")
    z = rng.standard_normal((3, 4)) + 1j * rng.standard_normal((3, 4))
    io.write_safetensors(path, {"z": z, "reversed": z.real[::-1, ::2]})
    file = io.SafeTensors(path)
    assert file.info("z") == ("F64", (3, 4, 2)) and "z" in file and "y" not in file
    assert (file.read_complex("z") == z).all()
    assert (file.read("reversed") == z.real[::-1, ::2]).all()


def test_bfloat16_becomes_float32(tmp_path):
    path = tmp_path / "b.safetensors"
    header = json.dumps({"b": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([0x80, 0x3F, 0x00, 0xC0]))
    array = io.read_safetensors(path)["b"]
    assert array.dtype == np.float32 and (array == [1, -2]).all()


def test_damage_is_named(tmp_path):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(lior.Error, match="bad.safetensors"):
        io.SafeTensors(str(path))
    with pytest.raises(TypeError, match="a is a list; expected an array"):
        io.write_safetensors(str(path), {"a": [1.0]})
    io.write_safetensors(str(path), {"a": np.ones(2)})
    with pytest.raises(lior.Error, match="'?b'?"):
        io.SafeTensors(str(path)).read("b")


class Temporary:
    """Speaks DLPack by an array that nothing else refers to."""

    def __init__(self, value, tensors=None):
        self.value, self.tensors = value, tensors

    def __dlpack__(self, **options):
        if self.tensors is not None:  # what is being written changes meanwhile
            self.tensors.clear()
            self.tensors["other"] = np.zeros(1)
        return np.full((256, 256), self.value).__dlpack__()

    def __dlpack_device__(self):
        return (1, 0)


def test_temporaries_live_until_they_are_written(tmp_path):
    path = str(tmp_path / "t.safetensors")
    names = [f"t{k}" for k in range(20)]
    io.write_safetensors(path, {name: Temporary(float(k)) for k, name in enumerate(names)})
    back = io.read_safetensors(path)
    assert all((back[name] == k).all() for k, name in enumerate(names))


def test_the_dict_may_change_while_it_is_written(tmp_path):
    path = str(tmp_path / "t.safetensors")
    tensors = {}
    for k in range(20):
        tensors[f"t{k}"] = Temporary(float(k), tensors)
    io.write_safetensors(path, tensors)
    back = io.read_safetensors(path)
    assert len(back) == 20 and all((back[f"t{k}"] == k).all() for k in range(20))


def test_names_that_no_file_can_hold_are_refused(tmp_path):
    path = tmp_path / "t.safetensors"
    with pytest.raises(TypeError, match="a tensor's name is a int; expected a string"):
        io.write_safetensors(str(path), {1: np.ones(2)})
    with pytest.raises(lior.Error, match="a tensor's name holds a letter without UTF-8"):
        io.write_safetensors(str(path), {"\udcff": np.ones(2)})
    with pytest.raises(lior.Error, match="NUL byte"):
        io.write_safetensors(str(tmp_path / "n\0x"), {"a": np.ones(2)})
    assert not list(tmp_path.iterdir())


AT_EXIT = """
import sys, threading, time, numpy as np, lior
begun = threading.Barrier(5)
def work():
    begun.wait()
    while True:
        {call}
x, long = np.ones((8, 20000)), np.ones(20000)
lior.set_threads(1)
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
begun.wait()
time.sleep(0.2)
"""


# The long one asks Python for signals on its way, and does so while the interpreter ends.
@pytest.mark.parametrize(
    "call",
    ["lior.algebra.octonion_multiply(x, x)", "lior.memory.product_trapezoid(0.5, 0.1, long)"],
)
def test_daemon_threads_inside_the_library_do_not_abort_the_exit(call):
    for _ in range(3):
        ended = subprocess.run(
            [sys.executable, "-c", AT_EXIT.format(call=call)],
            env={"PYTHONPATH": lior.__path__[0] + "/.."},
            capture_output=True,
            timeout=120,
        )
        assert (ended.returncode, ended.stderr) == (0, b"")
