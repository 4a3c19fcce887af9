# SPDX-License-Identifier: Apache-2.0
"""scripts/check_links.py finds a link that leads nowhere in any paper."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_links.py"


def run(root, page, text):
    path = root / page
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    (root / "there.md").write_text("")
    return subprocess.run([sys.executable, SCRIPT, root], capture_output=True, text=True)


@pytest.mark.parametrize("text", ["[a](there.md#b)", "[a](https://example.org/no.md)", "`x[0](y)`"])
def test_right_link_passes(tmp_path, text):
    result = run(tmp_path, "README.md", text)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/a.md", "docs/math/a.md"])
def test_broken_link_is_named(tmp_path, page):
    result = run(tmp_path, page, "\n[a](nowhere.md)\n")
    assert result.returncode == 1
    assert f"{page}:2: nowhere.md does not exist" in result.stdout
