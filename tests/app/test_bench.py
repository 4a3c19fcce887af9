# SPDX-License-Identifier: Apache-2.0
import json

ROW = ("--filter", "^octonion.multiply$", "--threads", "1")
KEYS = {
    "name", "shape", "dtype", "threads", "before_s", "after_s", "before_spread", "after_spread",
    "ratio", "flops", "bytes", "floor_s", "limit_fraction",
}  # fmt: skip


def test_rows_stand_beside_their_limit(lior, tmp_path):
    file = tmp_path / "bench.json"
    result = lior("bench", *ROW, "--json", file, timeout=600)
    assert result.returncode == 0, result.stderr
    legend, header = result.stdout.splitlines()[:2]
    assert all(
        f"{column}: " in legend and column in header.split()
        for column in ("before", "after", "ratio", "limit")
    )
    report = json.loads(file.read_text())
    assert set(report) == {"version", "machine", "probe", "rows", "growth"}
    assert set(report["machine"]) == {"cpu", "threads", "levels"}
    for side in ("before", "after"):
        probe = report["probe"][side]
        assert probe["fma_f32"] > 0 and probe["fma_f64"] > 0
        assert all(row[k] > 0 for row in probe["bandwidth"] for k in ("read", "write", "triad"))
    assert result.stdout.splitlines()[-1] == f"{len(report['rows'])} rows, 0 failed"
    assert report["rows"]
    for row in report["rows"]:
        # A row whose limits never held still says so, on a busy machine.
        assert KEYS <= set(row) <= KEYS | {"probe_moved"}
        assert row["threads"] == 1
        assert row["before_s"] > 0 and row["after_s"] > 0
        assert abs(row["ratio"] - row["before_s"] / row["after_s"]) < 1e-9 * row["ratio"]
        assert abs(row["limit_fraction"] - row["floor_s"] / row["after_s"]) < 1e-9


def test_bad_arguments(refused, tmp_path):
    assert "nosuchrow" in refused("bench", "--filter", "nosuchrow")
    assert "regular expression" in refused("bench", "--filter", "(")
    assert "--cases" in refused("bench", "--cases", tmp_path)
    assert "--threads 0" in refused("bench", "--threads", "0")
