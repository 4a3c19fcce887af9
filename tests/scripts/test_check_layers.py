# SPDX-License-Identifier: Apache-2.0
"""scripts/check_layers.py finds each kind of wrong include, and lets right ones pass."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_layers.py"


def run(root, file, line):
    path = root / file
    path.parent.mkdir(parents=True)
    path.write_text(f"#pragma once\n{line}\n")
    return subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)


@pytest.mark.parametrize(
    "file, line",
    [
        ("include/lior/algebra/a.h", '#include "lior/core/view.h"'),
        ("include/lior/algebra/a.h", '#include "lior/algebra/octonion.h"'),
        ("include/lior/core/a.h", "#include <fmt/core.h>"),
        ("src/nn/a.cpp", '#include "algebra/kernels/ci8.inl.h"'),
        ("src/check/a.cpp", '#include "lior/train/loss.h"'),
        ("tests/algebra/a.cpp", '#include "lior/check/compare.h"'),
        ("apps/lior/a.cpp", '#include "lior/check/registry.h"'),
        ("tests/package/a.cpp", "#include <lior/lior.h>"),
    ],
)
def test_right_include_passes(tmp_path, file, line):
    result = run(tmp_path, file, line)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "file, line, word",
    [
        ("include/lior/core/a.h", '#include "lior/simd/dispatch.h"', "goes up"),
        ("src/algebra/a.cpp", "#  include <lior/nn/ci8_scan.h>", "goes up"),
        ("src/algebra/kernels/a.inl.h", '#include "nn/kernels/b.inl.h"', "goes up"),
        ("src/algebra/a.cpp", '#define HWY_TARGET_INCLUDE "nn/kernels/b.inl.h"', "goes up"),
        ("tests/algebra/a.cpp", '#include "lior/train/loss.h"', "goes up"),
        ("src/simd/a.cpp", '#include "lior/io/safetensors.h"', "goes sideways"),
        ("src/geometry/a.cpp", '#include "lior/memory/fractional.h"', "goes sideways"),
        ("src/nn/a.cpp", '#include "lior/geometry/metric.h"', "is not used by nn"),
        ("src/plot/a.cpp", '#include "lior/check/registry.h"', "goes sideways"),
        ("include/lior/nn/a.h", '#include "algebra/kernels/ci8.inl.h"', "private"),
        ("src/nn/a.cpp", '#include "../core/a.h"', "leaves its folder"),
        ("src/nn/a.cpp", '#include "lior/new/a.h"', "no layer"),
        ("src/new/a.cpp", "#include <vector>", "no layer"),
        ("src/nn/a.cpp", "#include <lior/lior.h>", "users of the library"),
    ],
)
def test_wrong_include_fails(tmp_path, file, line, word):
    result = run(tmp_path, file, line)
    assert result.returncode == 1
    assert file in result.stdout and word in result.stdout


def test_folder_without_sources_fails(tmp_path):
    result = subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True)
    assert result.returncode == 1 and "no sources" in result.stderr
