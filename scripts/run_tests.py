#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every test of a build and sums them; the last line is `N passed, M failed`.

ctest runs the module tests once per SIMD level, and the installed package; pytest runs the program,
the Python package and the scripts. Counts come from the runners' own reports. A runner that dies, or ends badly without
a failed test to show for it, counts as one failure. A SIMD level that this processor lacks is skipped.
Usage: run_tests.py [BUILD_DIR]; exit status 1 if anything failed or nothing passed.
"""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LEVELS = (
    ".scalar",
    ".avx2",
    ".avx512",
    ".neon",
)  # module.LEVEL is a GoogleTest program; see tests/CMakeLists.txt
NO_SUCH_LEVEL = "SKIP_RETURN_CODE=77"  # as ctest words it


class Count(NamedTuple):
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Count(*(a + b for a, b in zip(self, other)))

    def __str__(self):
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


PASSED, FAILED, SKIPPED = Count(passed=1), Count(failed=1), Count(skipped=1)


def count_googletest(report):
    """The counts of a GoogleTest JSON report; one failure if the program died before it wrote it."""
    try:
        suites = json.loads(report.read_text())["testsuites"]
    except (OSError, ValueError, KeyError):
        return FAILED
    total = Count()
    for test in (test for suite in suites for test in suite["testsuite"]):
        if test["status"] == "NOTRUN":  # disabled or filtered out
            continue
        if test["result"] == "SKIPPED":
            total += SKIPPED
        else:
            total += FAILED if test.get("failures") else PASSED
    return total


def count_junit(report):
    """The counts of pytest's JUnit report; one failure if there is none."""
    try:
        cases = ElementTree.parse(report).iter("testcase")
    except (OSError, ElementTree.ParseError):
        return FAILED
    total = Count()
    for case in cases:
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            total += FAILED
        else:
            total += SKIPPED if "skipped" in kinds else PASSED
    return total


def or_failed(count, ended_well):
    """A run that ended badly has at least one failure."""
    return count if ended_well or count.failed else count + FAILED


def run_ctest(build, results):
    report = results / "ctest.xml"
    subprocess.run(
        ["ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error"]
        + ["--parallel", str(len(os.sched_getaffinity(0))), "--output-junit", report]
    )
    try:
        tests = list(ElementTree.parse(report).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return FAILED
    total = Count()
    for test in tests:
        name, ended_well = test.get("name"), test.get("status") == "run"
        skipped = test.find("skipped")
        if skipped is not None and skipped.get("message") == NO_SUCH_LEVEL:
            total += SKIPPED
        elif name.endswith(LEVELS):
            total += or_failed(count_googletest(results / f"{name}.json"), ended_well)
        else:
            total += PASSED if ended_well else FAILED
    return total


def run_pytest(build, results):
    report = results / "pytest.xml"
    python = ROOT / "build" / "venv" / "bin" / "python"
    if not python.exists():
        print("run_tests.py: no build/venv; run scripts/setup.sh tests first", file=sys.stderr)
        return FAILED
    ended = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "tests"],
        cwd=ROOT,
        env={
            **os.environ,
            "LIOR_BIN": str(build / "bin" / "lior"),
            "LIOR_PYTHON": str(build / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )
    return or_failed(count_junit(report), ended.returncode == 0)


def main():
    if any(word.startswith("-") for word in sys.argv[1:]):
        sys.exit(__doc__.strip())
    build = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "release").resolve()
    results = build / "test-results"
    shutil.rmtree(results, ignore_errors=True)  # a report of an earlier run must not count
    results.mkdir(parents=True)
    total = run_ctest(build, results) + run_pytest(build, results)
    print(total, flush=True)
    sys.exit(1 if total.failed or not total.passed else 0)


if __name__ == "__main__":
    main()
