# SPDX-License-Identifier: Apache-2.0
"""scripts/run_tests.py counts what the runners report, and misses no run that died."""

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "run_tests.py"
spec = importlib.util.spec_from_file_location("run_tests", SCRIPT)
run_tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(run_tests)
Count = run_tests.Count


def googletest(**test):
    return {"name": "x", "status": "RUN", "result": "COMPLETED", **test}


@pytest.mark.parametrize(
    "tests, count",
    [
        ([googletest(), googletest()], Count(passed=2)),
        ([googletest(), googletest(failures=[{"failure": "x"}])], Count(passed=1, failed=1)),
        ([googletest(result="SKIPPED")], Count(skipped=1)),
        ([googletest(status="NOTRUN", result="SUPPRESSED")], Count()),
    ],
)
def test_googletest_report(tmp_path, tests, count):
    report = tmp_path / "report.json"
    report.write_text(json.dumps({"testsuites": [{"testsuite": tests}]}))
    assert run_tests.count_googletest(report) == count


@pytest.mark.parametrize("text", [None, "", '{"testsuites": [{"testsu', "{}"])
def test_googletest_that_died_is_a_failure(tmp_path, text):
    report = tmp_path / "report.json"
    if text is not None:
        report.write_text(text)
    assert run_tests.count_googletest(report) == Count(failed=1)


def test_junit_report(tmp_path):
    report = tmp_path / "report.xml"
    report.write_text(
        "<testsuites><testsuite><testcase/><testcase><skipped/></testcase>"
        "<testcase><failure/></testcase><testcase><error/></testcase></testsuite></testsuites>"
    )
    assert run_tests.count_junit(report) == Count(passed=1, failed=2, skipped=1)
    assert run_tests.count_junit(tmp_path / "none.xml") == Count(failed=1)


def test_bad_end_counts_once():
    assert run_tests.or_failed(Count(passed=3), ended_well=True) == Count(passed=3)
    assert run_tests.or_failed(Count(passed=3), ended_well=False) == Count(passed=3, failed=1)
    assert run_tests.or_failed(Count(failed=2), ended_well=False) == Count(failed=2)


def test_sum_is_the_line_that_is_read():
    assert str(Count(5, 0)) == "5 passed, 0 failed"
    assert str(Count(5, 1) + Count(1, 0, 2)) == "6 passed, 1 failed, 2 skipped"
