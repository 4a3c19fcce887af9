# SPDX-License-Identifier: Apache-2.0
"""A setting of lior evolve that another one leaves unread is refused, and not ignored."""

import json

import pytest

NOTHING_UPDATES = "physics.lambda_qr is 0; expected a number other than 0"
NOTHING_REMEMBERS = "physics.lambda_f is 0; expected a number other than 0"
# The setting, a value other than its default, and why nothing reads it in the default run.
UNREAD = [
    ("potential.strength", 0.5, "potential.kind is zero; expected a kind"),
    ("potential.dataset", "U", "potential.file is empty; expected a file"),
    ("source.dataset", "I", "source.file is empty; expected a file"),
    ("bayes.dataset", "F", "bayes.evidence is empty; expected a file"),
    ("bayes.update_every", 5, NOTHING_UPDATES),
    ("bayes.mode", "relax", NOTHING_UPDATES),
    ("bayes.evidence", "builtin:spots", NOTHING_UPDATES),
    ("bayes.expression", "x", NOTHING_UPDATES),
    ("bayes.phase", "y", NOTHING_UPDATES),
    ("physics.tau", 0.25, NOTHING_UPDATES),
    ("physics.alpha", 0.25, NOTHING_REMEMBERS),
    ("memory.tolerance", 0.125, NOTHING_REMEMBERS),
    ("memory.horizon", 7, NOTHING_REMEMBERS),
    ("initial.seed", 3, "initial.kind is packet; expected random"),
    ("initial.file", "x.h5", "initial.kind is packet; expected file"),
    ("initial.dataset", "U", "initial.kind is packet; expected file"),
    ("initial.expression", "x", "initial.kind is packet; expected expression"),
    ("initial.phase", "x", "initial.kind is packet; expected expression"),
]


def config(folder, rest):
    file = folder / "run.toml"
    file.write_text(
        "grid.nx = 8\ngrid.ny = 8\nintegrator.steps = 2\noutput.frames = false\n" + rest
    )
    return ("evolve", "--config", file, "--out", folder / "run")


@pytest.mark.parametrize(("key", "value", "why"), UNREAD, ids=[row[0] for row in UNREAD])
def test_what_nothing_reads_is_refused(refused, tmp_path, key, value, why):
    line = refused(*config(tmp_path, f"{key} = {json.dumps(value)}\n"))
    assert f"{key} is {value}, and nothing reads it, since {why}" in line


@pytest.mark.parametrize(
    ("preset", "key", "kind"),
    [
        ("free", "WIDTH", "plane_wave; expected packet"),
        ("free", "X", "plane_wave; expected packet"),
        ("soliton", "KX", "expression; expected packet or plane_wave"),
    ],
)
def test_what_the_start_of_a_preset_does_not_read_is_refused(refused, tmp_path, preset, key, kind):
    variable = {f"LIOR_EVOLVE_INITIAL_{key}": "1.5"}
    line = refused("evolve", "--preset", preset, "--out", tmp_path / "run", **variable)
    assert (
        f"initial.{key.lower()} is 1.5, and nothing reads it, since initial.kind is {kind}" in line
    )


def test_what_a_run_saved_is_taken_whole(lior, tmp_path):
    first = lior(*config(tmp_path, "physics.tau = 0.25\nphysics.lambda_qr = 0\n"))
    assert first.returncode == 0, first.stderr
    again = lior("evolve", "--config", tmp_path / "run/config.toml", "--out", tmp_path / "again")
    assert again.returncode == 0, again.stderr


def test_the_default_value_may_be_written_out(lior, tmp_path):
    result = lior(*config(tmp_path, "physics.tau = 0.5\nmemory.tolerance = 1e-6\n"))
    assert result.returncode == 0, result.stderr
