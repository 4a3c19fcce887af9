# SPDX-License-Identifier: Apache-2.0
"""Files of a run that only its owner may read stay so, and links among them are not followed."""

import stat

import pytest
from program import small_settings

FIELD = "[grid]\nnx = 6\nny = 6\n[integrator]\nsteps = 4\n[output]\nevery = 2\nframes = false\n"


def train(folder, out):
    (folder / "small.toml").write_text(small_settings())
    (folder / "text.txt").write_text("a text that repeats itself " * 40)
    data = ("--data", folder / "text.txt", "--config", folder / "small.toml")
    return ("train", *data, "--out", out, "--steps", 4, "--threads", 1, "--progress", "none")


def evolve(folder, out):
    (folder / "field.toml").write_text(FIELD)
    return ("evolve", "--config", folder / "field.toml", "--out", out, "--progress", "none")


@pytest.mark.parametrize("begin", [train, evolve])
def test_files_stay_private_and_links_are_not_followed(lior, tmp_path, begin):
    out = tmp_path / "run"
    assert lior(*begin(tmp_path, out)).returncode == 0
    somebodys = tmp_path / "somebodys"
    somebodys.write_text("is not the run's")
    written = [path for path in out.iterdir() if path.name != ".lock"]
    for path in written:
        path.chmod(0o600)
        (out / f"{path.name}.partial").symlink_to(somebodys)
    resume = (begin.__name__, "--out", out, "--resume", "--steps", 8, "--progress", "none")
    ended = lior(*resume)
    assert ended.returncode == 0, ended.stderr
    assert somebodys.read_text() == "is not the run's"
    for path in written:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path.name
        assert not path.is_symlink()
