#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if a file includes a higher layer, a module that its own does not use, or what is private.

A file may include its own module and the lower layers that cmake/modules.cmake says this one uses. tests/M
may include all lower layers, and check, whose registry the tests run. include/lior may include no file of src/.
Usage: check_layers.py [ROOT]; one line a violation on stdout, exit status 1 if there is one.
"""

import re
import sys
from pathlib import Path, PurePosixPath

MAP = Path(__file__).resolve().parent.parent / "cmake" / "modules.cmake"
PART = re.compile(r"^lior_part\((\d+) (\w+)\s*(.*)\)$", re.MULTILINE)
PROGRAM_MODULE = re.compile(r"^lior_program_module\((\d+) (\w+)\)$", re.MULTILINE)


def module_of_part(part):
    return part.split("_")[0]


def parts_used():
    """The parts of the map that each part uses, itself among them."""
    reached = {}
    for _, part, used in PART.findall(MAP.read_text()):
        reached[part] = {part}.union(*(reached[other] for other in used.split()))
    return reached


def read_map():
    """The layer of each module, and the modules that each may include, itself among them. What only
    programs use, uses everything below."""
    text = MAP.read_text()
    layers = {module_of_part(part): int(layer) for layer, part, _ in PART.findall(text)}
    uses = {module: set() for module in layers}
    for part, used in parts_used().items():
        uses[module_of_part(part)] |= set(map(module_of_part, used))
    for layer, module in PROGRAM_MODULE.findall(text):
        uses[module] = {module, *(other for other in layers if layers[other] < int(layer))}
        layers[module] = int(layer)
    return layers, uses


LAYER_OF, USES = read_map()

SOURCE_SUFFIXES = {".h", ".cpp"}
# foreach_target.h includes the file that HWY_TARGET_INCLUDE names.
INCLUDE = re.compile(r'^\s*#\s*(?:include|define\s+HWY_TARGET_INCLUDE)\s*[<"]([^>"]+)[>"]')


def module_of_file(path):
    """The module of include/lior/M/…, src/M/… or tests/M/…; None for programs and shared test code,
    which stand above every layer."""
    parts = path.parts
    depth = 2 if parts[:2] == ("include", "lior") else 1
    if parts[0] not in ("include", "src", "tests") or len(parts) <= depth + 1:
        return None
    if parts[0] == "tests" and parts[1] in ("package", "support", "faults", "fuzz", "python"):
        return None
    return parts[depth]


def module_of_include(target):
    """The module that `#include "target"` reaches into; None for a system or sibling header."""
    parts = PurePosixPath(target).parts
    if parts[0] == "lior":
        return parts[1] if len(parts) > 2 else None
    return parts[0] if parts[0] in LAYER_OF and len(parts) > 1 else None


def violation(path, target):
    """Why the file `path` may not include `target`, or None."""
    if ".." in PurePosixPath(target).parts:
        return "leaves its folder by '..'; name it from include/ or src/"
    module = module_of_file(path)
    if target == "lior/lior.h":
        return "is for users of the library; include what is used" if module else None
    reached = module_of_include(target)
    if path.parts[0] == "include" and reached and not target.startswith("lior/"):
        return "is private to src/, and public headers are installed without it"
    if module is None or reached is None or reached == module:
        return None
    if reached not in LAYER_OF:
        return f"names module '{reached}', which has no layer in cmake/modules.cmake"
    if path.parts[0] == "tests" and reached == "check":
        return None
    here, there = LAYER_OF[module], LAYER_OF[reached]
    if there > here:
        return f"goes up: {module} is layer {here}, {reached} is layer {there}"
    if there == here:
        return f"goes sideways: {module} and {reached} are both layer {here}"
    if path.parts[0] != "tests" and reached not in USES[module]:
        return f"is not used by {module}, says cmake/modules.cmake"
    return None


def check(root):
    """All violations under `root`, and the number of files read."""
    violations = []
    files = sorted(
        path
        for top in ("include", "src", "tests", "apps", "bindings", "examples")
        for path in (root / top).rglob("*")
        if path.suffix in SOURCE_SUFFIXES
    )
    for file in files:
        path = file.relative_to(root)
        module = module_of_file(path)
        if module is not None and module not in LAYER_OF:
            violations.append(f"{path}: module '{module}' has no layer in cmake/modules.cmake")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            reason = match and violation(path, match[1])
            if reason:
                violations.append(f"{path}:{number}: {match[1]} {reason}")
    return violations, len(files)


def main():
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    violations, count = check(root)
    print(*violations, sep="\n", end="\n" if violations else "")
    print(f"layers: {count} files, {len(violations)} violations")
    if count == 0:
        sys.exit(f"check_layers.py: {root} has no sources; expected the root of the project")
    sys.exit(1 if violations else 0)


if __name__ == "__main__":
    main()
