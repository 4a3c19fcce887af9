"""What the package says of itself: stubs, docstrings, exports."""

import ast
import pathlib

import pytest

import lior
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
