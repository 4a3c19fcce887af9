"""scripts/check_links.py finds a link to a file that is not there, and lets the others pass."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_links.py"


def run(root, line):
    (root / "docs" / "math").mkdir(parents=True)
    (root / "README.md").write_text("[map](HACKING.md)\n")
    (root / "HACKING.md").write_text("[formulas](docs/math/signs.md#errors)\n")
    (root / "docs" / "math" / "signs.md").write_text(f"first\n{line}\n")
    return subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)


@pytest.mark.parametrize(
    "line", ["[up](../../README.md)", "[web](https://example.org/x)", "[here](#errors)", "`a[i](x)`"])
def test_right_link_passes(tmp_path, line):
    result = run(tmp_path, line)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("target", ["../../gone.md", "README.md", "gone.md#errors"])
def test_broken_link_is_named(tmp_path, target):
    result = run(tmp_path, f"[a](signs.md) and [b]({target})")
    assert result.returncode == 1
    assert result.stdout.splitlines() == [
        f"docs/math/signs.md:2: {target} does not exist", "links: 4 read, 1 broken"]
