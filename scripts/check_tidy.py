#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if clang-tidy finds something in a source file, by the checks of .clang-tidy.

    check_tidy.py              every source of src, apps and bindings, without clang's static analyser
    check_tidy.py FILE...      these sources, which may be tests
    check_tidy.py --analyse    with the analyser, which takes eight times as long: before a release

A file is read again only when it, a file of ours that it includes, the rules or clang-tidy have changed: what
passed is remembered in build/tidy by the hash of all these. Needs the compile commands of a configured build
(build/release) and clang-tidy in build/venv (scripts/setup.sh tests), whose version is pinned.
"""

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "release"
TIDY = ROOT / "build" / "venv" / "bin" / "clang-tidy"
OUT = ROOT / "build" / "tidy"
FOLDERS = ("src", "apps", "bindings")
WHEN_NAMED = ("tests",)
OURS = re.compile(r'^\s*#\s*(?:include|define\s+HWY_TARGET_INCLUDE)\s*"([^"]+)"', re.MULTILINE)
FINDING = re.compile(r"^(\S+?:\d+:\d+: (?:warning|error): .*)$", re.MULTILINE)


def for_clang(arguments):
    """A compile command without the launcher and what only GCC reads."""
    start = next(i for i, word in enumerate(arguments) if word.endswith(("/c++", "/g++")))
    words = arguments[start:]
    kept = []
    skip = False
    for word, following in zip(words, [*words[1:], ""]):
        if skip:
            skip = False
        elif word == "-include" and following.endswith("cmake_pch.hxx"):
            skip = True
        elif word not in ("-fpch-preprocess", "-Winvalid-pch"):
            kept.append(word)
    # g++ 12 has Highway's N_SCALAR as its lowest level, and our tables of kernels name it; clang would
    # have N_EMU128. The header of OpenMP is g++'s, the only one of its own folder that clang can read.
    more = [
        "-DHWY_BROKEN_EMU128=1",
        "-Wno-unknown-warning-option",
        "-isystem",
        str(OUT / "include"),
    ]
    return [*kept, *more]


def link_openmp():
    """Puts a link to g++'s omp.h, if there is one, into a folder of its own."""
    (OUT / "include").mkdir(parents=True, exist_ok=True)
    found = subprocess.run(
        ["g++", "-print-file-name=include/omp.h"], capture_output=True, text=True
    )
    link = OUT / "include" / "omp.h"
    link.unlink(missing_ok=True)
    link.symlink_to(found.stdout.strip())


def commands():
    """The compile command of each source that is looked at, by its path in the tree."""
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    found = {}
    for entry in entries:
        path = Path(entry["file"])
        if path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in FOLDERS + WHEN_NAMED:
            entry["arguments"] = for_clang(shlex.split(entry.pop("command")))
            entry.pop("output", None)
            found[str(path.relative_to(ROOT))] = entry
    return found


def closure(path, texts):
    """The texts of a file and of all files of ours that it includes."""
    if path in texts:
        return
    texts[path] = text = path.read_text()
    for name in OURS.findall(text):
        for folder in (path.parent, ROOT / "include", ROOT / "src", ROOT / "tests"):
            if (folder / name).exists():
                closure((folder / name).resolve(), texts)
                break


def stamp_of(entry, common):
    texts = {}
    closure(Path(entry["file"]), texts)
    parts = [*common, *entry["arguments"], *(f"{p}\0{t}" for p, t in sorted(texts.items()))]
    return OUT / hashlib.sha256("\0".join(parts).encode()).hexdigest()


def findings(entry, common, more):
    """Lines on all that clang-tidy finds in a file; none if it has passed before."""
    stamp = stamp_of(entry, common)
    if stamp.exists():
        return []
    run = subprocess.run(
        [TIDY, "-p", OUT, "--quiet", *more, entry["file"]], capture_output=True, text=True
    )
    found = [line.replace(f"{ROOT}/", "") for line in FINDING.findall(run.stdout)]
    if run.returncode != 0 and not found:
        found = [f"{entry['file']}: clang-tidy ended with {run.returncode}: {run.stderr[-500:]}"]
    if not found:
        stamp.touch()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--analyse", action="store_true", help="with clang's static analyser")
    parser.add_argument("files", nargs="*", help="sources; all, where none is named")
    arguments = parser.parse_args()
    if not TIDY.exists() or not (BUILD / "compile_commands.json").exists():
        sys.exit(
            "check_tidy.py: needs clang-tidy in build/venv and a configured build/release; run "
            "scripts/setup.sh tests and cmake --preset python first"
        )
    known = commands()
    link_openmp()
    (OUT / "compile_commands.json").write_text(json.dumps(list(known.values())))
    names = [os.path.relpath(Path(name).resolve(), ROOT) for name in arguments.files] or sorted(
        name for name in known if Path(name).parts[0] in FOLDERS
    )
    if unknown := [name for name in names if name not in known]:
        sys.exit(f"check_tidy.py: no source of the build: {', '.join(unknown)}")
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True).stdout
    more = [] if arguments.analyse else ["--checks=-clang-analyzer-*"]
    common = [version, (ROOT / ".clang-tidy").read_text(), *more]
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        found = list(pool.map(lambda name: findings(known[name], common, more), names))
    lines = sorted({line for lines in found for line in lines})
    print(*lines, sep="\n", end="\n" if lines else "")
    print(f"tidy: {len(names)} files, {len(lines)} findings")
    sys.exit(1 if lines else 0)


if __name__ == "__main__":
    main()
