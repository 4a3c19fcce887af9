# SPDX-License-Identifier: Apache-2.0
"""scripts/check_citations.py finds each kind of wrong citation, and lets right ones pass."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_citations.py"
PAGE = """# Conventions
## 3. Octonions
Associators.
### 3.2 Causal fields
A field, of section 3.
## 4. The recurrence
"""


@pytest.fixture
def run(tmp_path):
    (tmp_path / "docs" / "math").mkdir(parents=True)
    (tmp_path / "docs" / "decisions").mkdir()
    (tmp_path / "docs" / "decisions" / "040-scan-plans.md").write_text("# 040\n")

    def check(file, text, page=PAGE):
        (tmp_path / "docs" / "math" / "conventions.md").write_text(page)
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return subprocess.run([sys.executable, SCRIPT, tmp_path], capture_output=True, text=True)

    return check


@pytest.mark.parametrize(
    "file, text",
    [
        ("src/nn/a.cpp", "// docs/math/conventions.md, section 3.2."),
        ("src/nn/a.cpp", "/// Source: docs/math/conventions.md,\n/// sections 3 and 4."),
        ("include/lior/nn/causal_field.h", "/// Source: docs/math/conventions.md, section 3.2."),
        ("include/lior/nn/causal_field.h", "/// Source: docs/math/conventions.md, section 3."),
        ("src/nn/a.cpp", "// Golub and Van Loan, sections 7.2 and 4.4."),
        (
            "docs/a.md",
            "[conventions](math/conventions.md), section 4; [040](decisions/040-scan-plans.md)",
        ),
        ("src/nn/a.cpp", "// (docs/decisions/040), decision 040"),
    ],
)
def test_right_citation_passes(run, file, text):
    result = run(file, text)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    "file, text, words",
    [
        (
            "src/nn/a.cpp",
            "\n// docs/math/conventions.md, section 3.3.",
            "a.cpp:2: docs/math/conventions.md has no",
        ),
        ("src/nn/a.cpp", "/// docs/math/conventions.md,\n/// section 5.", "no section 5"),
        ("src/nn/a.cpp", "// conventions.md, sections 3 and 5", "no section 5"),
        ("docs/a.md", "section 5 of the [conventions](math/conventions.md)", "no section 5"),
        ("python/lior/a.py", '"""docs/math/conventions.md, section 4.1"""', "no section 4.1"),
        (
            "include/lior/nn/causal_field.h",
            "/// conventions.md, section 4.",
            "section 4 has no word of 'causal_field'",
        ),
        ("src/nn/a.cpp", "// docs/decisions/041-b.md", "no decision 041"),
        ("src/nn/a.cpp", "// docs/decisions/040-scans.md", "decision 040 is 040-scan-plans.md"),
        ("docs/decisions/040-scan-plans.md", "see [041](041-b.md)", "no decision 041"),
        ("docs/a.md", "decision 041", "no decision 041"),
    ],
)
def test_wrong_citation_is_named(run, file, text, words):
    result = run(file, text)
    assert result.returncode == 1
    assert words in result.stdout
    assert "1 wrong" in result.stdout


def test_the_page_itself_is_read(run):
    result = run("docs/a.md", "", page=PAGE + "As in section 4.7.\n")
    assert (
        result.returncode == 1
        and "conventions.md:7: docs/math/conventions.md has no section 4.7" in result.stdout
    )
