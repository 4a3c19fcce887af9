#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails if the types of the package, lior.torch among it, or of the Python examples are wrong by mypy --strict.
# Reads the package that the build made in build/release/python, whose stubs name what the extension holds.
#   scripts/check_types.sh            mypy, of build/venv (scripts/setup.sh tests)
#   scripts/check_types.sh --pyright  the same, and then lior.torch and the examples by pyright, which must be installed;
#                                     with Transformers, of build/clients-venv (scripts/setup.sh clients)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

package=build/release/python python=build/venv/bin/python
[ -f $package/lior/_lior/__init__.pyi ] || { echo "check_types: needs $package; run make test first" >&2; exit 1; }
case "${1-}" in
  "" | --pyright) ;;
  *) echo "check_types: unknown argument '$1'; expected nothing or --pyright" >&2; exit 2 ;;
esac
MYPYPATH=$package $python -m mypy --cache-dir build/mypy -p lior
MYPYPATH=$package $python -m mypy --cache-dir build/mypy examples/python/*.py
if [ "${1-}" = --pyright ]; then
  PYTHONPATH=$package pyright --pythonpath build/clients-venv/bin/python python/lior/torch examples/python
fi
