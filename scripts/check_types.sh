#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails if types are wrong: of the package, lior.torch among it, and of the Python examples by mypy --strict, and of
# lior.torch and the examples by pyright, which editors run.
# Reads the package that the build made in build/release/python, whose stubs name what the extension holds. Both tools are
# of build/venv (scripts/setup.sh tests); pyright sees Transformers where build/clients-venv has it (scripts/setup.sh clients).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

package=build/release/python tools=build/venv/bin
[ -f $package/lior/_lior/__init__.pyi ] || { echo "check_types: needs $package; run make test first" >&2; exit 1; }
MYPYPATH=$package $tools/python -m mypy --cache-dir build/mypy -p lior
MYPYPATH=$package $tools/python -m mypy --cache-dir build/mypy examples/python/*.py

python=build/clients-venv/bin/python
[ -x $python ] || python=$tools/python
PYTHONPATH=$package $tools/python -m pyright --pythonpath $python python/lior/torch examples/python
