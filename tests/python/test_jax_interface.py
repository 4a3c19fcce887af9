# SPDX-License-Identifier: Apache-2.0
"""The structures of bindings/python/xla_ffi.h are those of the header that the installed jaxlib brings."""

import pathlib
import re
import shutil
import subprocess

import pytest

jax = pytest.importorskip("jax", reason="jax is missing; scripts/setup.sh tests installs it")

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Ours, theirs, and members by name, in pairs where the names differ.
STRUCTURES = {
    "Extension": ("Extension_Base", "struct_size kind=type next"),
    "Version": (
        "Api_Version",
        "struct_size extensions=extension_start major=major_version minor=minor_version",
    ),
    "ErrorRequest": (
        "Error_Create_Args",
        "struct_size extensions=extension_start message code=errc",
    ),
    "Api": (
        "Api",
        "struct_size extensions=extension_start version=api_version internal=internal_api "
        "create_error=XLA_FFI_Error_Create",
    ),
    "Metadata": ("Metadata", "struct_size version=api_version traits"),
    "MetadataExtension": ("Metadata_Extension", "base=extension_base metadata"),
    "Buffer": ("Buffer", "struct_size extensions=extension_start dtype data rank shape=dims"),
    "Text": ("ByteSpan", "data=ptr size=len"),
    "Buffers": ("Args", "struct_size extensions=extension_start size kinds=types items=args"),
    "Attributes": (
        "Attrs",
        "struct_size extensions=extension_start size kinds=types names items=attrs",
    ),
    "CallFrame": (
        "CallFrame",
        "struct_size extensions=extension_start api context=ctx stage arguments=args results=rets "
        "attributes=attrs",
    ),
}
VALUES = {
    "DataType": {
        "boolean": "PRED",
        "u8": "U8",
        "f32": "F32",
        "f64": "F64",
        "c64": "C64",
        "c128": "C128",
    },
    "ErrorCode": {
        "invalid_argument": "INVALID_ARGUMENT",
        "resource_exhausted": "RESOURCE_EXHAUSTED",
        "unimplemented": "UNIMPLEMENTED",
        "internal": "INTERNAL",
    },
}


def questions():
    """One static_assert a member and value."""
    for ours, (theirs, members) in STRUCTURES.items():
        for member in members.split():
            mine, _, other = member.partition("=")
            a, b = f"lior::xla::{ours}", f"XLA_FFI_{theirs}"
            yield f"offsetof({a}, {mine}) == offsetof({b}, {other or mine})"
            yield f"sizeof({a}::{mine}) == sizeof({b}::{other or mine})"
    for kind, names in VALUES.items():
        theirs = "XLA_FFI_Error_Code" if kind == "ErrorCode" else "XLA_FFI_DataType"
        for ours, other in names.items():
            yield f"int(lior::xla::{kind}::{ours}) == int({theirs}_{other})"
    yield "int(lior::xla::ExtensionKind::metadata) == int(XLA_FFI_Extension_Metadata)"
    yield "XLA_FFI_ArgType_BUFFER == 1 && XLA_FFI_RetType_BUFFER == 1"
    yield "XLA_FFI_AttrType_STRING == 4"
    yield "lior::xla::kMajorVersion == XLA_FFI_API_MAJOR"
    yield "lior::xla::kFirstMinorVersion <= XLA_FFI_API_MINOR"


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is missing")
def test_structures_are_those_of_jaxlibs_header():
    text = ["#include <cstddef>", '#include "xla/ffi/api/c_api.h"', '#include "xla_ffi.h"']
    text += [f'static_assert({question}, "{question}");' for question in questions()]
    done = subprocess.run(
        ["g++", "-std=c++20", "-fsyntax-only", "-x", "c++", "-Wno-invalid-offsetof"]
        + ["-I", jax.ffi.include_dir(), "-I", str(ROOT / "bindings" / "python"), "-"],
        input="\n".join(text) + "\n",
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr


def test_every_member_that_is_written_down_is_compared():
    header = (ROOT / "bindings" / "python" / "xla_ffi.h").read_text()
    held = {}
    for name, body in re.findall(r"^struct (\w+) \{\n(.*?)^\};", header, re.M | re.S):
        held[name] = {
            member
            for line in body.splitlines()
            for member in re.findall(r"\(\*(\w+)\)|[ *](\w+)(?=[,;])", line.split("//")[0])
            for member in member
            if member
        }
    compared = {
        name: {member.partition("=")[0] for member in members.split()}
        for name, (_, members) in STRUCTURES.items()
    }
    assert held == compared
