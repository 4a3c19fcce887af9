# SPDX-License-Identifier: Apache-2.0
"""The package's description of itself: stubs, docstrings, exports."""

import ast
import os
import pathlib
import subprocess
import sys

import lior
import pytest
from lior import _lior

PACKAGE = pathlib.Path(lior.__file__).parent
MODULES = ["algebra", "field", "geometry", "io", "memory", "nn", "train"]


def public(module):
    return {name for name in vars(module) if not name.startswith("_")}


@pytest.mark.parametrize("name", MODULES)
def test_stubs_hold_every_public_name(name):
    tree = ast.parse((PACKAGE / "_lior" / f"{name}.pyi").read_text())
    held = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            held.add(node.name)
        elif isinstance(node, ast.AnnAssign):
            held.add(node.target.id)
    assert public(getattr(_lior, name)) <= held
    assert (PACKAGE / "py.typed").exists()


@pytest.mark.parametrize("name", MODULES)
def test_every_function_and_class_is_documented(name):
    module = getattr(lior, name)
    exported = getattr(module, "__all__", public(module))
    for item in exported:
        value = getattr(module, item)
        if callable(value) and getattr(value, "__module__", "").startswith("lior"):
            lines = (value.__doc__ or "").strip().splitlines()
            assert [line for line in lines if not line.startswith(f"{item}(")], f"{name}.{item}"


@pytest.mark.parametrize("name", MODULES)
def test_modules_show_the_compiled_ones(name):
    shown = public(getattr(lior, name))
    assert public(getattr(_lior, name)) <= shown


def test_version_is_the_librarys():
    assert lior.__version__ == lior.info()["version"]
    assert set(lior.__all__) <= set(vars(lior))


def run(code, **environment):
    """The output of a fresh interpreter."""
    kept = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    kept["PYTHONPATH"] = str(PACKAGE.parent)
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=kept | environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    ).stdout.strip()


def test_imports_again_after_it_was_taken_out_of_sys_modules():
    code = """
import sys, numpy, lior
first = lior
for name in [name for name in sys.modules if name.split(".")[0] == "lior"]: del sys.modules[name]
import lior, lior._lior.memory
assert lior is not first and lior.Error is first.Error
assert lior.memory.PowerLawRule is first.memory.PowerLawRule is lior._lior.memory.PowerLawRule
try: lior.memory.PowerLawRule(2, 1)
except lior.Error: print("same", lior.threads() == first.threads())
"""
    assert run(code) == "same True"


def test_threads_wait_as_the_program_chooses_and_the_environment_stays():
    code = """
import os
seen = []
class Environment(type(os.environ)):
    def __setitem__(self, key, value):
        if key.startswith(("OMP", "GOMP")):
            seen.append((key, value))
        super().__setitem__(key, value)
os.environ.__class__ = Environment
import lior
print(seen, "GOMP_SPINCOUNT" in os.environ)
"""
    assert run(code) in ("[('GOMP_SPINCOUNT', '0')] False", "[('GOMP_SPINCOUNT', '1000')] False")
    assert run(code, OMP_WAIT_POLICY="active") == "[] False"
    assert run(code, GOMP_SPINCOUNT="7") == "[] True"


def test_level_of_the_environment_in_either_case():
    assert run("import lior; print(lior.level())", LIOR_SIMD="Scalar") == "scalar"


def test_objects_say_what_they_are():
    config = lior.train.Config({"data": "builtin:parity", "batch": 3, "length": 8})
    assert (
        repr(config)
        == f"Config(data='builtin:parity', batch=3, length=8, lr={config.lr:g}, seed=0)"
    )
    data = lior.train.Data("builtin:parity", 0.1)
    config.fit(data)
    model = lior.train.Model(config)
    model.initialize(0)
    result = model.evaluate([[0, 1]], [[0, 1]])
    assert (
        repr(result) == f"LossResult(loss={result.loss:.6g}, targets=2, correct={result.correct})"
    )


def in_a_new_process(code, **environment):
    """What the code prints, in a Python whose environment says so; 60 s at most, since a fault here is a hang."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={
            **os.environ,
            "PYTHONPATH": str(pathlib.Path(lior.__file__).parents[1]),
            **environment,
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()


def test_threads_are_those_of_openmps_variable():
    code = "import lior; print(lior.threads())"
    assert in_a_new_process(code, OMP_NUM_THREADS="3,2") == ["3"]
    cores = str(len(os.sched_getaffinity(0)))
    for unusable in ("", "0", "many"):
        assert in_a_new_process(code, OMP_NUM_THREADS=unusable) == [cores]


@pytest.mark.parametrize("modules", ["lior, torch", "torch, lior"])
def test_torch_and_lior_share_one_libgomp(modules):
    """Two would be two teams of threads on the same cores. They share it by its name, which a wheel must keep."""
    code = f"""
import {modules}
loaded = {{line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}}
print(*loaded)
"""
    loaded = in_a_new_process(code)
    assert len(loaded) == 1, loaded


FORK = """
import os, lior, numpy as np
lior.set_threads(2)
x = np.random.default_rng(1).normal(size=(100_000, 4))
work = lambda: lior.algebra.Bilinears(np.ones((3, 4, 4))).forward(x)[0].sum()
products = lambda: lior.nn.linear_forward(x[:4000].repeat(64, 1), np.ones((256, 256))).sum()
before = work(), products()
child = os.fork()
if child == 0:
    os._exit(int((work(), products()) != before or lior.threads() != 1))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), lior.threads())
"""


def test_a_forked_child_works_on_one_thread():
    assert in_a_new_process(FORK) == ["0", "2"]


TORCH = """
import torch, lior
lior.set_threads(4)
import lior.torch as lt
act = lambda: lt.ops.readout(torch.ones(1, 2, 8, 2))
counts = []
for change in (lambda: None, lambda: torch.set_num_threads(3), lambda: lior.set_threads(2),
               lambda: torch.set_num_threads(1)):
    change(); act(); counts.append(lior.threads())
print(*counts)
"""


def test_torchs_number_of_threads_is_followed_when_it_changes():
    pytest.importorskip("torch")
    assert in_a_new_process(TORCH) == ["4", "3", "2", "1"]
    first = "import torch; torch.set_num_threads(1); import lior.torch, lior; print(lior.threads())"
    assert in_a_new_process(first) == ["1"]
