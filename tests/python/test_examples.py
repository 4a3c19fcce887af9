# SPDX-License-Identifier: Apache-2.0
"""The examples run, hold what they assert, and draw their pictures."""

import os
import pathlib
import subprocess
import sys

import lior
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example(name, tmp_path):
    picture = tmp_path / "picture.png"
    draws = "PICTURE.png" in (EXAMPLES / name).read_text()
    package = str(pathlib.Path(lior.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-P", EXAMPLES / name, *([picture] if draws else [])],
        env={**os.environ, "PYTHONPATH": package, "MPLBACKEND": "agg"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout
    assert not draws or picture.read_bytes().startswith(b"\x89PNG")
