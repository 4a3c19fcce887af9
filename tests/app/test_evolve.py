# SPDX-License-Identifier: Apache-2.0
"""lior evolve: its files as other tools read them, resuming, and bad input."""

import fcntl
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import h5py
import numpy as np
import pytest
from evolve_runs import SMALL, config
from program import PROGRAM

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "faults"))
from evolve_kills import differences


def state(folder):
    """All of the checkpoint but where the frames lie in field.h5."""
    data = (folder / "checkpoint.safetensors").read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    places = ("frames.offset", "frames.offset_before", "field.bytes")
    taken = {
        name: data[8 + length + entry["data_offsets"][0] : 8 + length + entry["data_offsets"][1]]
        for name, entry in header.items()
        if name != "__metadata__" and name not in places
    }
    return header["__metadata__"], taken


def lines(folder):
    return [json.loads(line) for line in (folder / "diagnostics.jsonl").read_text().splitlines()]


def test_field_is_complex_with_axes(lior, tmp_path):
    out = tmp_path / "run"
    result = lior("evolve", "--config", config(tmp_path), "--out", out, "--progress", "none")
    assert result.returncode == 0, result.stderr
    with h5py.File(out / "field.h5") as file:
        field = file["T"]
        assert field.shape == (9, 24, 20, 2, 2)
        assert field.dtype == np.complex128
        assert [axis.label for axis in field.dims] == ["frame", "x", "y", "i", "j"]
        assert np.allclose(field.dims[0][0][:], 0.25 * np.arange(9))
        assert np.array_equal(field.dims[1][0][:], np.arange(24) - 12.0)
        assert np.array_equal(field.dims[2][0][:], np.arange(20) - 10.0)
        norms = [np.sum(np.abs(frame) ** 2) for frame in field]
    recorded = lines(out)
    assert [line["step"] for line in recorded] == list(range(0, 45, 5))
    assert np.allclose([line["norm"] for line in recorded], norms, rtol=1e-12)
    assert recorded[0]["poles"] > 5 and recorded[0]["pole_error"] <= 1e-6
    pictures = sorted((out / "frames").iterdir())
    assert len(pictures) == 9
    assert all(picture.read_bytes().startswith(b"\x89PNG") for picture in pictures)


def test_resumed_run_is_the_whole_run_bit_for_bit(lior, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    file = config(tmp_path)
    assert lior("evolve", "--config", file, "--out", whole).returncode == 0
    half = lior("evolve", "--config", file, "--out", parts, "--steps", 20)
    assert half.returncode == 0
    assert half.stderr.splitlines()[-2:] == [
        f"finished at step 20 of 20; saved in {parts}",
        f"to go further: lior evolve --out {parts} --resume --steps 40",
    ]
    assert lior("evolve", "--out", parts, "--resume", "--steps", 40).returncode == 0
    with h5py.File(whole / "field.h5") as a, h5py.File(parts / "field.h5") as b:
        assert np.array_equal(a["T"][:], b["T"][:])
    assert lines(whole) == lines(parts)
    assert state(whole) == state(parts)


def test_ctrl_c_saves_and_the_run_goes_on_bit_for_bit(lior, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    file = config(tmp_path, SMALL.replace("{steps}", "2000").replace("every = 5", "every = 500"))
    assert lior("evolve", "--config", file, "--out", whole).returncode == 0
    command = [PROGRAM, "evolve", "--config", str(file), "--out", str(cut), "--progress", "plain"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (cut / "config.toml").exists():
        time.sleep(0.01)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1].splitlines()
    assert process.returncode in (130, 0)  # 0: it was faster than the signal
    if process.returncode == 130:
        assert said[-1].startswith("interrupted at step ")
        assert said[-1].endswith(
            f" of 2000; saved in {cut}; to go on: lior evolve --out {cut} --resume"
        )
    assert lior("evolve", "--out", cut, "--resume").returncode == 0
    with h5py.File(whole / "field.h5") as a, h5py.File(cut / "field.h5") as b:
        assert np.array_equal(a["T"][:], b["T"][:])


def test_presets_run_and_stay_finite(lior, tmp_path):
    listed = lior("evolve", "--help").stdout.split("Presets:\n")[1].split("\n\n")[0]
    presets = [line.split()[0] for line in listed.splitlines()]
    assert len(presets) >= 7
    for preset in presets:
        out = tmp_path / preset
        command = ("evolve", "--preset", preset, "--steps", 20, "--out", out, "--progress", "none")
        result = lior(*command)
        assert result.returncode == 0, result.stderr
        assert all(np.isfinite(line["energy"]) for line in lines(out))


def test_plane_wave_keeps_its_frequency(lior, tmp_path):
    out = tmp_path / "run"
    assert lior("evolve", "--preset", "free", "--steps", 40, "--out", out).returncode == 0
    with h5py.File(out / "field.h5") as file:
        turn = np.angle(file["T"][2, 0, 0, 0, 0] / file["T"][0, 0, 0, 0, 0])
        time_passed = file["time"][2]
    k = 2 * np.pi / 64 * np.array([2, 1])
    frequency = 0.1 / 2 * np.sum(4 * np.sin(k / 2) ** 2)
    assert abs(turn + frequency * time_passed) < 1e-12


def test_evidence_and_source_come_from_hdf5(lior, tmp_path):
    random = np.random.default_rng(1)
    evidence = random.normal(size=(24, 20, 2, 2)) + 1j * random.normal(size=(24, 20, 2, 2))
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["E"] = evidence
        file["J"] = evidence.real
    text = SMALL.replace("[bayes]", f'[bayes]\nevidence = "{tmp_path}/e.h5"')
    text += f'[source]\nfile = "{tmp_path}/e.h5"\n'
    out = tmp_path / "run"
    result = lior("evolve", "--config", config(tmp_path, text), "--out", out)
    assert result.returncode == 0, result.stderr


def test_error_check_reports_a_second_order_difference(lior, tmp_path):
    out = tmp_path / "run"
    result = lior("evolve", "--preset", "harmonic", "--steps", 60, "--out", out, "--error-check")
    assert result.returncode == 0
    assert result.stdout.startswith("error check: ")
    numbers = re.search(
        r"differs by (\S+) at most, (\S+) of .* order (\S+) in dt .* about (\S+)\n", result.stdout
    )
    difference, relative, order, error = map(float, numbers.groups())
    assert 0 < relative < 0.05 and order == 2
    assert error == pytest.approx(difference * 4 / 3, rel=0.01)  # of printed digits


def test_error_check_of_a_scheme_exact_in_time(lior, tmp_path):
    text = SMALL.replace("dt = 0.05", 'kind = "chebyshev"\ndt = 0.05')
    text = text.replace("lambda_qr = 0.1", "lambda_qr = 0").replace(
        "lambda_f = 0.01", "lambda_f = 0"
    )
    result = lior(
        "evolve", "--config", config(tmp_path, text), "--out", tmp_path / "run", "--error-check"
    )
    assert result.returncode == 0, result.stderr
    assert "exact in time" in result.stdout and "inf" not in result.stdout


def test_a_step_that_leaves_no_phase_is_refused(refused, tmp_path):
    for kind in ("strang", "crank_nicolson", "yoshida4"):
        text = f'[integrator]\nkind = "{kind}"\ndt = 1e300\n'
        message = refused("evolve", "--config", config(tmp_path, text), "--out", tmp_path / "run")
        assert "a step of dt = 1e+300 turns the phase" in message and "the largest dt" in message


def test_a_finished_run_that_is_resumed_says_so(lior, tmp_path):
    out = tmp_path / "run"
    assert lior("evolve", "--config", config(tmp_path), "--out", out).returncode == 0
    result = lior("evolve", "--out", out, "--resume")
    assert result.returncode == 0
    assert f"the run in {out} was over, at step 40 of 40; nothing was evolved" in result.stderr


def test_a_long_step_is_interrupted_within(lior, tmp_path):
    out = tmp_path / "run"
    text = """
[grid]
nx = 64
ny = 64
dx = 0.1
[integrator]
kind = "chebyshev"
dt = 20000
steps = 3
[output]
every = 1
frames = false
"""
    words = ["evolve", "--config", config(tmp_path, text), "--out", out, "--progress", "plain"]
    process = subprocess.Popen([PROGRAM, *map(str, words)], stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (out / "field.h5").exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    said = process.communicate(timeout=60)[1]
    assert time.monotonic() - began < 5  # a step takes minutes
    assert process.returncode == 130 and "interrupted at step 0 of 3" in said


def test_a_run_past_the_memorys_horizon_names_its_key(lior, tmp_path):
    text = "[grid]\nnx = 8\nny = 8\n[physics]\nlambda_f = 0.1\n[integrator]\nsteps = 9\n"
    text += "[memory]\nhorizon = 5\n[output]\nframes = false\n"
    result = lior("evolve", "--config", config(tmp_path, text), "--out", tmp_path / "run")
    assert result.returncode == 1
    assert "holds for 5 steps" in result.stderr and "memory.horizon" in result.stderr


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[grid]\nnx = 0\n", "bad.toml:2: grid.nx is 0; it must be an integer from 1 to 65536"),
        ("[grid]\nD = 0\n", "bad.toml:2: grid.D is 0"),
        ("[grid]\nwidth = 3\n", "bad.toml:2: unknown key grid.width; the keys are grid.nx, "),
        ("[grid]\nnx = 3.5\n", "grid.nx is 3.5; it must be an integer"),
        ("[physics]\ntau = 0\n", "bad.toml:2: physics.tau is 0; it must be a number above 0"),
        (
            "[physics]\nalpha = 1.5\n",
            "physics.alpha is 1.5; it must be a number above 0 and below 1",
        ),
        ("[metric]\ngxx = -1\n", "metric.gxx is -1; it must be a number above 0"),
        ("[metric]\ngxx = nan\n", "metric.gxx is nan; it must be a number above 0"),
        ("[integrator]\nkind = 'rk4'\ndt = 1000\n", "the largest step that is stable is"),
        (
            "[integrator]\nkind = 'euler'\n",
            'integrator.kind is the string "euler"; it must be one of "strang", "yoshida4"',
        ),
        (
            "[potential]\nkind = 'box'\n",
            'bad.toml:2: potential.kind is the string "box"; it must be one of',
        ),
        ("[source]\nfile = 'none.h5'\n", "none.h5: is missing or no HDF5 file"),
        ("[grid\n", "a configuration is a TOML file"),
    ],
)
def test_bad_input_is_one_clear_line(refused, tmp_path, text, expected):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert expected in refused("evolve", "--config", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_evidence_of_another_shape(refused, tmp_path):
    with h5py.File(tmp_path / "e.h5", "w") as file:
        file["E"] = np.zeros((4, 4, 2, 2), complex)
    text = SMALL.replace("[bayes]", f'[bayes]\nevidence = "{tmp_path}/e.h5"')
    message = refused("evolve", "--config", config(tmp_path, text), "--out", tmp_path / "run")
    assert "E has shape [4, 4, 2, 2]; expected [24, 20, 2, 2]" in message


def test_folder_in_use_and_missing_arguments(refused, tmp_path):
    (tmp_path / "something").write_text("")
    assert "is not empty" in refused("evolve", "--preset", "free", "--out", tmp_path)
    assert "--preset" in refused("evolve", "--out", tmp_path / "run")
    assert "unknown" in refused("evolve", "--preset", "fire", "--out", tmp_path / "run")
    assert "no run" in refused("evolve", "--out", tmp_path / "run", "--resume")


def test_another_configuration_cannot_resume(lior, refused, tmp_path):
    out = tmp_path / "run"
    assert lior("evolve", "--preset", "free", "--steps", 20, "--out", out).returncode == 0
    message = refused("evolve", "--preset", "packet", "--out", out, "--resume")
    assert "--preset: initial.kind is packet, but the run to resume has plane_wave" in message


def test_the_environment_stands_between_file_and_flag(lior, refused, tmp_path):
    command = ("evolve", "--preset", "free", "--out")
    result = lior(
        *command,
        tmp_path / "run",
        "--steps",
        2,
        LIOR_EVOLVE_INTEGRATOR_STEPS="7",
        LIOR_EVOLVE_GRID_NX="16",
        LIOR_EVOLVE_GRID_NW="16",
    )
    assert result.returncode == 0, result.stderr
    assert "LIOR_EVOLVE_GRID_NW is in the environment and is no setting" in result.stderr
    saved = (tmp_path / "run" / "config.toml").read_text()
    assert "nx = 16\n" in saved and "steps = 2\n" in saved
    assert 'LIOR_EVOLVE_GRID_NX is "0"; it must be an integer' in refused(
        *command, tmp_path / "other", LIOR_EVOLVE_GRID_NX="0"
    )


def test_a_field_that_breaks_names_its_step_and_cell(lior, tmp_path):
    # J drives one cell by dt / hbar 1e307 = 5e306 a step: 36 steps would reach the largest double,
    # 37 do, since H spreads a little of it.
    source = np.zeros((24, 20, 2, 2), complex)
    source[5, 7, 1, 0] = 1e307
    with h5py.File(tmp_path / "j.h5", "w") as file:
        file["J"] = source
    text = (
        "[grid]\nnx = 24\nny = 20\n[integrator]\nkind = 'rk4'\ndt = 0.05\nsteps = {steps}\n"
        f"[source]\nfile = '{tmp_path}/j.h5'\n[output]\nevery = 10\n"
    )
    out = tmp_path / "run"
    result = lior("evolve", "--config", config(tmp_path, text), "--out", out)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1].startswith(
        "error: the field is no longer finite at step 37, cell (5, 7); "
    )
    with h5py.File(out / "field.h5") as file:
        assert np.all(np.isfinite(file["T"][:]))


def shown_on_a_terminal(out, columns):
    """The text that lior evolve draws on a terminal of this width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [PROGRAM, "evolve", "--preset", "free", "--steps", "40", "--out", out]
    subprocess.run(command, stderr=slave, check=True, timeout=120)
    os.close(slave)
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    return shown


def test_the_bar_makes_way_for_the_numbers(tmp_path):
    line = re.compile(r"\r(▕█*▏ |)(100%  step 40/40  0:00 left  .*? steps/s)\x1b")
    bars = []
    for columns in (100, 52, 45):
        bar, text = line.findall(shown_on_a_terminal(tmp_path / str(columns), columns))[-1]
        assert len(bar) + len(text) < columns
        bars.append(len(bar))
    assert bars[0] == 24 + 3 and 0 < bars[1] < bars[0] and bars[2] == 0


def test_fewer_steps_than_are_done_change_nothing(lior, tmp_path):
    out = tmp_path / "run"
    assert lior("evolve", "--preset", "free", "--steps", 40, "--out", out).returncode == 0
    before = (out / "config.toml").read_bytes()
    result = lior("evolve", "--out", out, "--resume", "--steps", 10)
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        f"the run in {out} stands at step 40, past --steps 10: nothing was evolved"
    ]
    assert (out / "config.toml").read_bytes() == before


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(lior, tmp_path):
    shown = shown_on_a_terminal(tmp_path / "bar", 100)
    assert "\r▕" in shown and "▏ 100%  step 40/40  0:00 left  " in shown
    result = lior("evolve", "--preset", "free", "--steps", 40, "--out", tmp_path / "plain")
    assert result.stderr.splitlines()[-3].startswith("step 40/40  0:00 left  ")
    assert "\r" not in result.stderr


def test_help_lists_what_is_written(lior):
    text = lior("evolve", "--help").stdout
    names = ("field.h5", "diagnostics.jsonl", "frames/", "config.toml", "checkpoint.safetensors")
    assert all(name in text for name in names)


def test_the_last_state_is_a_frame_and_a_longer_run_has_none_there(lior, tmp_path):
    file = config(tmp_path)
    whole, out, again = (tmp_path / name for name in ("whole", "run", "again"))
    assert lior("evolve", "--config", file, "--out", whole).returncode == 0
    assert lior("evolve", "--config", file, "--out", out, "--steps", 37).returncode == 0
    assert [line["step"] for line in lines(out)] == [0, 5, 10, 15, 20, 25, 30, 35, 37]
    with h5py.File(out / "field.h5") as a:
        assert a["T"].shape[0] == 9 and a["time"][-1] == 37 * 0.05
    shutil.copytree(out, again)
    assert lior("evolve", "--out", again, "--resume").returncode == 0
    assert differences(out, again) == []
    assert lior("evolve", "--out", out, "--resume", "--steps", 40).returncode == 0
    assert differences(whole, out) == []


def test_paths_in_a_saved_configuration_hold_from_any_folder(lior, tmp_path, monkeypatch):
    with h5py.File(tmp_path / "j.h5", "w") as file:
        file["J"] = np.zeros((24, 20, 2, 2))
    monkeypatch.chdir(tmp_path)
    file = config(tmp_path, SMALL + "[source]\nfile = 'j.h5'\n")
    assert lior("evolve", "--config", file, "--out", "run", "--steps", 20).returncode == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert lior("evolve", "--out", tmp_path / "run", "--resume", "--steps", 40).returncode == 0


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "[grid]\nD = 9223372036854775807\n",
            "grid.D is 9223372036854775807; it must be an integer from 1",
        ),
        (
            "[grid]\nnx = 2147483648\nny = 2147483648\n",
            "grid.nx is 2147483648; it must be an integer from 1",
        ),
        ("[grid]\nnx = 65536\nny = 65536\n", "are available; choose a smaller grid"),
        (
            "[grid]\ndx = 1e-160\n[integrator]\nkind = 'chebyshev'\n",
            "more than its numbers hold; the spacing dx",
        ),
        ("[integrator]\nkind = 'chebyshev'\ndt = 1e9\n", "the largest dt that works is"),
        (
            "[integrator]\nkind = 'chebyshev'\nsymbol = 'continuous'\n",
            "chebyshev cannot run with symbol continuous",
        ),
        (
            "[integrator]\nkind = 'rk4'\nsymbol = 'continuous'\n",
            "expected one of: strang, yoshida4",
        ),
    ],
)
def test_what_cannot_run_says_what_would(refused, tmp_path, text, expected):
    path = tmp_path / "bad.toml"
    path.write_text(text)
    assert expected in refused("evolve", "--config", path, "--out", tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_energy_is_that_of_the_symbol(lior, tmp_path):
    # A coherent state of the harmonic preset: the energy of the plane waves' Laplacian stays within
    # the splitting's O(dt^2) oscillation, 1e-4; that of the differences varies by a third.
    out = tmp_path / "run"
    assert (
        lior("evolve", "--preset", "harmonic", "--out", out, "--progress", "none").returncode == 0
    )
    energy = [line["energy"] for line in lines(out)]
    assert max(energy) - min(energy) < 2e-4 * energy[0]
