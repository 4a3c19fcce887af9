#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails unless each public header compiles alone, twice in a row, without a warning.

A header is compiled again only when it, a header of ours that it includes, the compiler or the flags
have changed: what passed is remembered in build/header-check by the hash of all these.
Usage: check_headers.py; exit status 1 if a header fails.
"""

import hashlib
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = ROOT / "include"
PASSED = ROOT / "build" / "header-check"
COMPILER = os.environ.get("CXX", "g++")
FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
OURS = re.compile(r'^\s*#\s*include\s*[<"](lior/[^>"]+)[>"]', re.MULTILINE)


def closure(header, seen):
    """The texts of the header and of all headers of ours below it, in a fixed order."""
    if header in seen or not (INCLUDE / header).exists():
        return
    seen[header] = text = (INCLUDE / header).read_text()
    for below in OURS.findall(text):
        closure(below, seen)


def key(header, compiler):
    texts = {}
    closure(header, texts)
    parts = [compiler, *FLAGS, *(part for entry in texts.items() for part in entry)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def compile_alone(header, compiler):
    """The compiler's complaint, or an empty string."""
    stamp = PASSED / key(header, compiler)
    if stamp.exists():
        return ""
    line = f'#include "{header}"\n'
    run = subprocess.run(
        [COMPILER, *FLAGS, "-I", INCLUDE, "-x", "c++", "-"],
        input=line + line,
        capture_output=True,
        text=True,
    )
    if run.returncode == 0:
        stamp.touch()
        return ""
    return f"{header} does not compile alone:\n{run.stderr}"


def main():
    headers = sorted(str(path.relative_to(INCLUDE)) for path in INCLUDE.rglob("*.h"))
    PASSED.mkdir(parents=True, exist_ok=True)
    compiler = subprocess.run([COMPILER, "--version"], capture_output=True, text=True).stdout
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        complaints = list(filter(None, pool.map(lambda h: compile_alone(h, compiler), headers)))
    print(*complaints, sep="\n", end="\n" if complaints else "")
    print(f"headers: {len(headers)} files, {len(complaints)} do not compile alone")
    sys.exit(1 if complaints or not headers else 0)


if __name__ == "__main__":
    main()
