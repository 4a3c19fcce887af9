# SPDX-License-Identifier: Apache-2.0
"""scripts/check_tidy.py gives clang-tidy commands that clang can follow."""

import importlib.util
import shlex
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_tidy.py"


def module():
    spec = importlib.util.spec_from_file_location("check_tidy", SCRIPT)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_launcher_and_precompiled_header_are_left_out():
    command = (
        "/usr/bin/cmake -E env CCACHE_DEPEND=1 /usr/bin/ccache /usr/bin/c++ -DA -I/x -O3 "
        "-fpch-preprocess -Winvalid-pch -include /b/cmake_pch.hxx -o a.o -c /x/a.cpp"
    )
    words = module().for_clang(shlex.split(command))
    assert words[0] == "/usr/bin/c++"
    assert {"-DA", "-I/x", "-O3", "-c", "/x/a.cpp"} <= set(words)
    assert not any("pch" in word or "ccache" in word for word in words)


def test_includes_that_are_not_precompiled_stay():
    words = module().for_clang(["/usr/bin/g++", "-include", "own.h", "-c", "a.cpp"])
    assert words[:3] == ["/usr/bin/g++", "-include", "own.h"]


def test_a_file_is_read_again_when_what_it_includes_changes(tmp_path):
    check = module()
    check.ROOT = check.OUT = tmp_path
    (tmp_path / "include" / "lior").mkdir(parents=True)
    (tmp_path / "include" / "lior" / "a.h").write_text("int a();\n")
    (tmp_path / "a.cpp").write_text('#include "lior/a.h"\n')
    entry = {"file": str(tmp_path / "a.cpp"), "arguments": ["c++"]}
    before = check.stamp_of(entry, ["1"])
    assert check.stamp_of(entry, ["1"]) == before != check.stamp_of(entry, ["2"])
    (tmp_path / "include" / "lior" / "a.h").write_text("int a(int);\n")
    assert check.stamp_of(entry, ["1"]) != before
