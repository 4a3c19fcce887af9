# SPDX-License-Identifier: Apache-2.0
"""The examples, which are notebooks too, run as programs, and hold what they assert."""

import os
import pathlib
import subprocess
import sys

import lior
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example(name, tmp_path):
    text = (EXAMPLES / name).read_text()
    assert "# %% [markdown]\n# # " in text and "assert " in text
    if "import jax" in text:
        pytest.importorskip("jax", reason="jax is missing; scripts/setup.sh tests installs it")
    package = str(pathlib.Path(lior.__file__).parents[1])
    result = subprocess.run(
        [sys.executable, "-P", EXAMPLES / name],
        env={**os.environ, "PYTHONPATH": package, "MPLBACKEND": "agg"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout
