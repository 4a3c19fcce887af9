# SPDX-License-Identifier: Apache-2.0
import json
import re
import subprocess

from program import PROGRAM

FEW = ("--filter", r"^octonion\.moufang", "--level", "scalar")


def test_prints_each_error_beside_its_tolerance_then_the_count(lior):
    result = lior("verify", *FEW)
    assert result.returncode == 0, result.stderr
    *rows, last = result.stdout.splitlines()
    assert last == f"{len(rows)} checks, 0 failed"
    for row in rows:
        error, tolerance = re.search(r"(\S+) <= (\S+)  ok$", row).groups()
        assert float(error) <= float(tolerance)


def levels(lior):
    """Lowest first."""
    return re.search(r"processor runs (.*)", lior("info").stdout).group(1).split(", ")


def test_runs_every_level_by_default(lior, tmp_path):
    file = tmp_path / "report.json"
    assert lior("verify", *FEW[:2], "--json", file).returncode == 0
    assert {row["level"] for row in json.loads(file.read_text())["rows"]} == set(levels(lior))


def test_environment_chooses_the_level_and_the_flag_beats_it(lior):
    by_environment = lior("verify", *FEW[:2], LIOR_SIMD="scalar").stdout.splitlines()
    assert all(row.startswith("scalar") for row in by_environment[:-1])
    by_flag = lior("verify", *FEW, LIOR_SIMD=levels(lior)[-1]).stdout.splitlines()
    assert all(row.startswith("scalar") for row in by_flag[:-1])


def test_json_is_the_contract(lior, tmp_path):
    file = tmp_path / "report.json"
    result = lior("verify", *FEW, "--json", file)
    report = json.loads(file.read_text())
    assert set(report) == {"checks", "failed", "not_covered", "rows"}
    assert report["checks"] == len(report["rows"]) > 0
    assert report["failed"] == 0 and report["not_covered"] == []
    assert f"{report['checks']} checks, 0 failed" in result.stdout
    for row in report["rows"]:
        assert set(row) == {
            "name", "module", "dtype", "level", "shape", "error", "tolerance", "pass",
        }  # fmt: skip
        assert row["pass"] is True and 0 <= row["error"] <= row["tolerance"]


def test_unknown_flag(refused):
    line = refused("verify", "--bogus")
    assert "--bogus" in line and "lior verify --help" in line


def test_unknown_command(refused):
    line = refused("verifi")
    assert "verifi" in line and "verify" in line.replace("'verifi'", "")


def test_no_command(refused):
    assert "verify" in refused()


def test_no_threads(refused):
    line = refused("verify", "--threads", "0")
    assert "--threads 0" in line and "1 to" in line


def test_threads_that_are_no_number(refused):
    assert "--threads" in refused("verify", "--threads", "two")
    assert "--threads" in refused("verify", "--threads", "1.5")
    assert "--threads needs a value" in refused("verify", "--threads")


def test_unknown_level(refused):
    line = refused("verify", "--level", "sse9")
    assert re.search("'sse9'.* expected scalar(, avx2 or avx512| or neon)$", line)
    assert "sse9" in refused("verify", LIOR_SIMD="sse9")


def test_filter_that_is_malformed_or_chooses_nothing(refused):
    assert "regular expression" in refused("verify", "--filter", "[")
    assert "nosuchcheck" in refused("verify", "--filter", "nosuchcheck")


def test_json_in_a_folder_that_is_missing(refused, tmp_path):
    assert str(tmp_path) in refused("verify", *FEW, "--json", tmp_path / "missing" / "report.json")


def test_output_that_cannot_be_written_is_a_failed_run():
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [PROGRAM, "verify", *FEW], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1


def write_safetensors(path, name="x"):
    """One F64 tensor [1]."""
    header = json.dumps({name: {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    header += b" " * (-len(header) % 8)
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))


def test_cases_folder_that_is_missing_or_empty(refused, tmp_path):
    missing = tmp_path / "missing"
    line = refused("verify", "--cases", missing)
    assert str(missing) in line and "does not exist" in line
    line = refused("verify", "--cases", tmp_path)
    assert str(tmp_path) in line and "holds no .safetensors file" in line


def test_case_file_of_an_unknown_name_is_listed_and_does_not_fail(lior, tmp_path):
    write_safetensors(tmp_path / "mystery.safetensors")
    report = tmp_path / "report.json"
    result = lior("verify", *FEW, "--cases", tmp_path, "--json", report)
    assert result.returncode == 0, result.stderr
    assert "not covered: mystery.safetensors" in result.stdout
    assert json.loads(report.read_text())["not_covered"] == ["mystery.safetensors"]


def test_a_filter_that_matches_nothing_leaves_the_report(refused, tmp_path):
    report = tmp_path / "mine.json"
    report.write_text("mine")
    assert "matches no check" in refused("verify", "--json", report, "--filter", "nosuch")
    assert [path.name for path in tmp_path.iterdir()] == [
        "mine.json"
    ] and report.read_text() == "mine"
