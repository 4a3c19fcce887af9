# SPDX-License-Identifier: Apache-2.0
"""scripts/check_spdx.py finds a source without its licence, and puts the line where it belongs."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_spdx.py"
LINE = "SPDX-License-Identifier: Apache-2.0"


def run(root, *flags):
    return subprocess.run([sys.executable, SCRIPT, *flags, root], capture_output=True, text=True)


@pytest.mark.parametrize(
    "file, before, after",
    [
        ("include/lior/a.h", "#pragma once\n", f"// {LINE}\n#pragma once\n"),
        ("src/core/a.cpp", "", f"// {LINE}\n"),
        (
            "scripts/a.py",
            '#!/usr/bin/env python3\n"""A."""\n',
            f'#!/usr/bin/env python3\n# {LINE}\n"""A."""\n',
        ),
        (".ci/run", "#!/bin/bash\n# What\n", f"#!/bin/bash\n# {LINE}\n# What\n"),
        ("src/CMakeLists.txt", "add_library(a)\n", f"# {LINE}\nadd_library(a)\n"),
    ],
)
def test_line_is_asked_for_and_written(tmp_path, file, before, after):
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_text(before)
    lacking = run(tmp_path)
    assert lacking.returncode == 1
    assert f"{file}: lacks" in lacking.stdout
    assert path.read_text() == before
    assert run(tmp_path, "--fix").returncode == 0
    assert path.read_text() == after
    assert run(tmp_path).returncode == 0
    run(tmp_path, "--fix")
    assert path.read_text() == after


def test_what_is_no_source_needs_none(tmp_path):
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "py.typed").write_text("")
    result = run(tmp_path)
    assert result.returncode == 0 and "0 files" in result.stdout
