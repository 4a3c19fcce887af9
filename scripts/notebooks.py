#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the notebooks of examples/python and writes them, with what they printed and drew, to build/notebooks.

A cell that fails ends it with status 1 and the cell's error. Needs the environment of `scripts/setup.sh notebooks`;
LIOR_PYTHON is the folder with the built package, build/release/python by default.
Usage: build/notebook-venv/bin/python scripts/notebooks.py [NAME ...]
"""

import os
import sys
import tempfile
from pathlib import Path

import jupyter_client
import jupytext
import nbclient

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path(os.environ.get("LIOR_PYTHON", ROOT / "build" / "release" / "python")).resolve()
SLOWEST = 120  # seconds a cell, of a busy machine


class Kernel(jupyter_client.AsyncKernelManager):
    """One that is reached by sockets of files, not of the network."""

    def __init__(self, **options):
        super().__init__(transport="ipc", **options)


def executed(source):
    """The notebook that a file of percent cells is, with its outputs."""
    notebook = jupytext.read(source)
    notebook.cells = notebook.cells[first_text(notebook.cells) :]
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    try:
        nbclient.NotebookClient(notebook, timeout=SLOWEST, kernel_manager_class=Kernel).execute()
    except nbclient.exceptions.CellExecutionError as error:
        sys.exit(f"{source.relative_to(ROOT)}: {error}")
    for cell in notebook.cells:  # they print what they have to say
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if out.output_type != "execute_result"]
    return notebook


def first_text(cells):
    """The number of the first cell of text: before it stands the line of the licence."""
    return next(number for number, cell in enumerate(cells) if cell.cell_type == "markdown")


def main():
    os.environ["PYTHONPATH"] = str(PACKAGE)
    os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that wait leave others the cores
    output = ROOT / "build" / "notebooks"
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # where kernels leave their sockets
        for source in sorted((ROOT / "examples" / "python").glob("*.py")):
            if not sys.argv[1:] or source.stem in sys.argv[1:]:
                jupytext.write(executed(source), output / f"{source.stem}.ipynb")
                print(f"notebooks: build/notebooks/{source.stem}.ipynb")


if __name__ == "__main__":
    main()
