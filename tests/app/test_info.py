# SPDX-License-Identifier: Apache-2.0
import re


def test_names_version_build_licence_levels_threads_and_libraries(lior):
    result = lior("info")
    assert result.returncode == 0, result.stderr
    fields = dict(re.split(r"\s+", line, maxsplit=1) for line in result.stdout.splitlines())
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    by_fftw = "FFTW" in fields["libraries"]
    assert fields["licence"] == ("GPL-3.0-or-later" if by_fftw else "Apache-2.0")
    assert "scalar" in fields["simd"]
    assert fields["bf16"].startswith(("native", "not native"))
    for library in ("oneDNN", "HDF5", "libpng", "zstd", "PCRE2", "Highway", "Eigen"):
        assert re.search(library + r" \d+\.\d+", fields["libraries"])
    assert {"build", "processor", "threads"} <= set(fields)


def test_threads_follow_the_flag(lior):
    assert re.search(r"threads +1 of", lior("info", "--threads", "1").stdout)


def test_many_threads_are_one_line_on_stderr(lior):
    result = lior("info", "--threads", "1000")
    assert result.returncode == 0
    assert result.stderr.startswith("note: 1000 threads on ") and result.stderr.count("\n") == 1


def test_an_unknown_flag_comes_before_a_missing_one(refused):
    assert "unknown flag '--metrics'" in refused("geodesic", "--metrics", "sphere")


def test_level_in_force_follows_the_environment(lior, refused):
    assert "scalar in force" in lior("info", LIOR_SIMD="scalar").stdout
    assert "mmx" in refused("info", LIOR_SIMD="mmx")


def test_version_and_help(lior):
    assert re.fullmatch(r"lior \d+\.\d+\.\d+\n", lior("--version").stdout)
    text = lior("--help").stdout
    for command in ("verify", "info"):
        assert command in text
        assert "--threads N" in lior(command, "--help").stdout
