# SPDX-License-Identifier: Apache-2.0
"""lior evolve with an inverse metric that has components off its diagonal: what is refused, and a scheme that is not."""

import json

import pytest

GRID = (
    "[grid]\nnx = 8\nny = 6\nD = 1\n[output]\nframes = false\n[integrator]\nsteps = 4\ndt = 0.05\n"
)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("[metric]\ngxy = 1.5\n", "off it, g^xy = 1.5; expected it positive definite"),
        ("[metric]\ngxz = 0.1\n", "metric.gxz is there, and the grid has no axis z"),
        (
            '[metric]\ngxy = 0.1\ngxy_expression = "0.1*x/Lx"\n',
            "metric.gxy is 0.1, and metric.gxy_expression says what it is; give one of them",
        ),
        (
            '[metric]\ngxy_expression = "0.1*x/Lx"\nbump = 1\n',
            "each say how the metric varies; give one of them",
        ),
        (
            '[metric]\ngxy_expression = "0.1*sin(2*pi*x/Lx)"\n',
            "strang cannot run with a metric that varies in space; expected one of: crank_nicolson, rk4",
        ),
    ],
)
def test_what_cannot_run_is_named(lior, tmp_path, more, message):
    config = tmp_path / "run.toml"
    config.write_text(GRID + more)
    result = lior("evolve", "--config", config, "--out", tmp_path / "out")
    assert result.returncode == 2 and message in result.stderr, result.stderr


def test_walls_are_refused_where_the_axis_has_a_part_in_it(lior, tmp_path):
    config = tmp_path / "run.toml"
    config.write_text(
        GRID.replace("D = 1\n", 'D = 1\nboundary_y = "dirichlet"\n') + "[metric]\ngxy = 0.3\n"
    )
    result = lior("evolve", "--config", config, "--out", tmp_path / "out")
    assert result.returncode == 2
    assert "g^xy, which is for periodic axes; the boundary of y is dirichlet" in result.stderr


@pytest.mark.parametrize("scheme", ["strang", "yoshida4", "crank_nicolson", "rk4", "chebyshev"])
def test_every_scheme_keeps_norm_and_energy(lior, tmp_path, scheme):
    """A bump multiplies all components, and a number alone is for splittings too."""
    varies = scheme not in ("strang", "yoshida4")
    config = tmp_path / "run.toml"
    config.write_text(
        GRID
        + f'kind = "{scheme}"\n[metric]\ngxx = 1.5\ngxy = -0.6\n'
        + ("bump = 0.5\n" if varies else "")
        + "[initial]\nwidth = 1.5\nkx = 0.4\n"
    )
    out = tmp_path / "out"
    result = lior("evolve", "--config", config, "--out", out)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in (out / "diagnostics.jsonl").read_text().splitlines()]
    for name in ("norm", "energy"):
        assert lines[-1][name] == pytest.approx(lines[0][name], rel=1e-7), name
