# SPDX-License-Identifier: Apache-2.0
"""Every command under mpirun: one rank speaks, one writes, and all end with the status of one process."""

import random
import re
import subprocess

import pytest
from mpi import needs_mpi
from program import MPI_PROGRAM, PROGRAM, environment, small_settings

pytestmark = needs_mpi

#: What ranks say is what one process says.
SAY_THE_SAME = (
    ("man", "train"),
    ("geodesic", "--metric", "sphere", "--from", "1,0", "--to", "2,1"),
    ("verify", "--filter", "octonion.norm", "--level", "scalar"),
    ("generate", "--model", "RUN", "--prompt", "alpha", "--max-tokens", "20", "--seed", "1"),
    ("crystallise", "--model", "RUN"),
    ("eval", "--model", "RUN", "--data", "nosuch"),
    # A path that goes nowhere is a run that failed.
    ("geodesic", "--metric", "schwarzschild", "--from", "0,2.000001,1,0", "--velocity", "1,-1,0,0",
     "--rtol", "1e-300", "--atol", "1e-300"),
    ("bench", "--filter", "nosuch"),
    ("image", "--metric", "sphere", "--camera", "r=9,theta=1", "--out", "x.png"),
    ("report", "nosuch", "--out", "x.html"),
    ("evolve", "--preset", "nosuch", "--out", "x"),
    ("train", "--data", "nosuch", "--out", "x", "--accumulate", "4"),
    ("serve", "--model", "nosuch"),
    ("nosuch",),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run of one step."""
    folder = tmp_path_factory.mktemp("commands")
    words, draw = ("alpha ", "beta "), random.Random(1)
    (folder / "text").write_text("".join(draw.choice(words) for _ in range(2000)))
    (folder / "settings.toml").write_text(small_settings())
    command = [PROGRAM, "train", "--data", folder / "text", "--config", folder / "settings.toml"]
    command += ["--out", folder / "run", "--steps", "1", "--progress", "none", "--threads", "1"]
    subprocess.run(list(map(str, command)), check=True, env=environment(), timeout=60)
    return folder / "run"


def errors(result):
    return [line for line in result.stderr.splitlines() if line.startswith("error: ")]


@pytest.mark.parametrize("command", SAY_THE_SAME, ids=lambda words: "_".join(words)[:40])
def test_a_command_of_ranks_says_what_one_process_says(lior, ranks, run, command):
    command = [str(run) if word == "RUN" else word for word in command]
    alone, shared = lior(*command), ranks(4 if command[0] in ("geodesic", "train") else 2, *command)
    assert shared.returncode == alone.returncode, shared
    assert shared.stdout.rstrip("\n") == alone.stdout.rstrip("\n")  # mpirun ends the last line
    assert errors(shared) == errors(alone) and len(errors(alone)) == (alone.returncode != 0)


def test_a_bench_says_what_lies_between_ranks(ranks):
    alone = ranks(2, "bench", "--filter", "^comm")
    assert alone.returncode == 0, alone
    line = (
        r"comm.all_to_all: 2 ranks; L \+ 2 o = [\d.e-]+ us, B = [\d.]+ GB/s \(docs/scaling.md\)\n"
    )
    assert re.fullmatch(line, alone.stdout)
    with_rows = ranks(2, "bench", "--filter", "^comm|^octonion.multiply")
    assert with_rows.returncode == 0, with_rows
    assert re.match(line, with_rows.stdout) and with_rows.stdout.count(", 0 failed") == 1
    wrong = ranks(2, "bench", "--filter", "(")
    assert wrong.returncode == 2 and wrong.stderr.count("is not a regular expression") == 1


def test_a_bench_and_a_doctor_speak_once(ranks, tmp_path):
    report = tmp_path / "bench.json"
    bench = ranks(2, "bench", "--filter", "^octonion.multiply", "--json", report)
    assert bench.returncode == 0, bench
    assert bench.stdout.count(", 0 failed") == 1 and report.read_text().startswith("{")
    doctor = ranks(2, "doctor")
    assert len(set(doctor.stdout.splitlines())) == len(doctor.stdout.splitlines()) > 0


def test_a_picture_and_a_report_are_those_of_one_process(lior, ranks, run, tmp_path):
    image = ("image", "--metric", "schwarzschild", "--camera", "r=20,theta=1.4", "--size", "24x14",
             "--progress", "none", "--out")  # fmt: skip
    assert lior(*image, tmp_path / "1.png").returncode == 0
    result = ranks(2, *image, tmp_path / "2.png")
    assert (result.returncode, result.stdout) == (0, ""), result
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    assert lior("report", run, "--out", tmp_path / "1.html").returncode == 0
    assert ranks(2, "report", run, "--out", tmp_path / "2.html").returncode == 0
    assert (tmp_path / "1.html").read_bytes() == (tmp_path / "2.html").read_bytes()


STARTS = {
    "kerr:spin=.9": "t,r,theta,phi,dr,dtheta,dphi\n"
    + "".join(f"0,{4 + n},1.{n},0,{-n / 50},.00{n},.03\n" for n in range(7)),
    "sphere": "theta,phi,dtheta,dphi\n1.2,0,0,1\n0.4,1,0,2\n2.9,0,.3,.1\n",
    "expr:x, y; (1 + .3*x^2)*dx^2 + dy^2": "x,y,dx,dy\n"
    + "".join(f"{n / 7},0,{1 - n / 9},{n / 5}\n" for n in range(9)),
}


@pytest.mark.parametrize("metric", STARTS)
@pytest.mark.parametrize("method", ("dopri5", "rk4"))
def test_geodesics_are_dealt_out_and_are_those_of_one_process(
    lior, ranks, tmp_path, metric, method
):
    starts = tmp_path / "starts.csv"
    starts.write_text(STARTS[metric])
    command = ["geodesic", "--metric", metric, "--starts", starts, "--length", 9, "--samples", 7]
    command += ["--method", method, "--threads", 1]
    if metric.startswith("kerr"):
        command.append("--timelike")
    alone = lior(*command, "--out", tmp_path / "1.csv")
    assert alone.returncode == 0, alone
    # Of three starts one rank of four has none.
    result = ranks(2 if method == "rk4" else 4, *command, "--out", tmp_path / "n.csv")
    assert (result.returncode, result.stdout) == (0, ""), result
    assert result.stderr == alone.stderr
    assert (tmp_path / "n.csv").read_bytes() == (tmp_path / "1.csv").read_bytes()
    if method == "dopri5":
        event = (*command, "--event", "d" + {"k": "r", "s": "theta", "e": "x"}[metric[0]])
        assert ranks(3, *event).stdout == lior(*event).stdout


@pytest.mark.parametrize(
    "rows, more, words",
    [
        ("theta,phi\n1,2\n", (), "lacks column 'dtheta'"),
        # The last row is another rank's; it has its number of the table.
        ("theta,phi,dtheta,dphi\n1,0,0,1\n1,0,0,1\n7,0,0,1\n", (), "2"),
        ("theta,phi,dtheta,dphi\n1,0,0,1\n", ("--event", "q"), "unknown name 'q'"),
        ("theta,phi,dtheta,dphi\n1,0,0,1\n", ("--method", "q"), "--method"),
        ("theta,phi,dtheta,dphi\n1,0,0,1\n", ("--out", "/nosuch/x"), "/nosuch/x"),
    ],
)
def test_wrong_starts_are_one_line(lior, ranks, tmp_path, rows, more, words):
    starts = tmp_path / "starts.csv"
    starts.write_text(rows)
    command = ("geodesic", "--metric", "sphere", "--starts", starts, *more)
    alone, shared = lior(*command), ranks(2, *command)
    assert (alone.returncode, shared.returncode) == (2, 2), shared
    assert len(errors(shared)) == 1 and words in errors(shared)[0]
    message = errors(alone)[0].removeprefix("error: ")
    assert errors(shared)[0].endswith(message), (shared.stderr, alone.stderr)


def test_another_librarys_launcher_is_refused_by_its_first_process(tmp_path):
    """As MPICH's mpirun: MPI then knows of one process in each."""
    for rank in (0, 1):
        variables = environment(PMI_SIZE="2", PMI_RANK=str(rank))
        line = [MPI_PROGRAM, "train", "--data", "builtin:a5", "--out", tmp_path / "run"]
        result = subprocess.run(line, capture_output=True, text=True, timeout=60, env=variables)
        lines = result.stderr.splitlines()
        assert result.returncode == 2 and len(lines) == (1 if rank == 0 else 0), result
        assert all("2 processes were started together, and MPI knows of one" in x for x in lines)
    assert not (tmp_path / "run").exists()
