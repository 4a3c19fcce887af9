# SPDX-License-Identifier: Apache-2.0
"""The Python in README.md runs as it stands there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def blocks():
    """Indented blocks that import lior."""
    text = (ROOT / "README.md").read_text()
    for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.MULTILINE):
        if "import" in block and "lior" in block:
            yield "".join(line[4:] for line in block.splitlines(keepends=True))


def test_there_are_blocks_with_and_without_torch():
    texts = list(blocks())
    assert len(texts) == 2 and ["lior.torch" in text for text in texts] == [False, True]


@pytest.fixture
def run(program, tmp_path, monkeypatch):
    """A folder with a run of lior train named `run`."""
    (tmp_path / "book.txt").write_text("In the beginning was the word. " * 100)
    program(
        "train",
        *("--data", tmp_path / "book.txt", "--out", tmp_path / "run", "--steps", 2),
        *("--length", 16, "--threads", 1, "--progress", "none"),
    )
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("block", blocks(), ids=["numpy", "torch"])
def test_block_runs(run, block):
    if "torch" in block:
        pytest.importorskip("torch")
    exec(compile(block, "README.md", "exec"), {})
