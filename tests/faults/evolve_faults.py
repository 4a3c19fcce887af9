#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails the n-th system call of `lior evolve` on its folder, for every n, with strace.

    build/venv/bin/python tests/faults/evolve_faults.py [--errors EIO ENOSPC] [--calls pwrite64 fsync ...]

A fault must end the run with status 1 (2 where a file could not even be opened) and our words, or leave
all that was to be written; and the run must resume to the whole run's data. The same is done to a
resumption. The last line is `N faults, F that ended wrong`.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from evolve_kills import CONFIG, PROGRAM, differences

CALLS = ["pwrite64", "write", "fsync", "rename", "ftruncate", "pread64", "openat"]
FILES = [
    "",
    "config.toml",
    "config.toml.partial",
    "field.h5",
    "field.h5.partial",
    "diagnostics.jsonl",
]
FILES += ["checkpoint.safetensors", "checkpoint.safetensors.partial"]
FILES += ["field.xdmf", "field.xdmf.partial", "field.points", "field.points.partial"]


def evolve(folder, *flags, strace=()):
    command = [
        *strace,
        PROGRAM,
        "evolve",
        "--out",
        folder,
        "--threads",
        "1",
        "--progress",
        "none",
        *flags,
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--errors", nargs="+", default=["EIO", "ENOSPC"])
    parser.add_argument("--calls", nargs="+", default=CALLS)
    arguments = parser.parse_args()
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="evolve-faults-"))
    configuration = scratch / "run.toml"
    configuration.write_text(CONFIG.format(every=5, steps=120))
    whole, half, folder, log = (
        scratch / name for name in ("whole", "half", "faulty", "strace.log")
    )
    assert evolve(whole, "--config", configuration).returncode == 0
    assert evolve(half, "--config", configuration, "--steps", "60").returncode == 0

    faults, wrong = 0, 0
    for resumed in (False, True):
        flags = ("--resume", "--steps", "120") if resumed else ("--config", configuration)
        for call in arguments.calls:
            for error in arguments.errors:
                for n in range(1, 10000):
                    shutil.rmtree(folder, ignore_errors=True)
                    if resumed:
                        shutil.copytree(half, folder)
                    strace = ["strace", "-f", "-o", log, "-e", f"trace={call}"]
                    strace += ["-e", f"inject={call}:error={error}:when={n}"]
                    for name in FILES:
                        strace += ["-P", folder / name]
                    ended = evolve(folder, *flags, strace=strace)
                    if "(INJECTED)" not in log.read_text():
                        break
                    faults += 1
                    found = []
                    said = ended.stderr.strip().splitlines()[-1:] or ["nothing"]
                    if ended.returncode == 0:
                        found += differences(whole, folder)
                    elif ended.returncode not in (1, 2) or not said[0].startswith("error: "):
                        found.append(f"status {ended.returncode}: {said[0]}")
                    again = (
                        ("--resume", "--steps", "120")
                        if (folder / "config.toml").exists()
                        else flags
                    )
                    after = evolve(folder, *again)
                    found += [after.stderr] if after.returncode else differences(whole, folder)
                    if found:
                        wrong += 1
                    if found or n <= 2:
                        print(
                            f"{'resumed ' * resumed}{call} {error} {n}: {said[0]} {found}",
                            flush=True,
                        )
    print(f"{faults} faults, {wrong} that ended wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
