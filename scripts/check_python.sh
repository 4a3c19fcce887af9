#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails if a Python file is not as ruff formats it, or breaks a rule of pyproject.toml. To write it so:
# scripts/check_python.sh --fix. ruff is of build/venv (scripts/setup.sh tests), so its version is pinned.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ruff=build/venv/bin/ruff
[ -x $ruff ] || { echo "check_python: needs $ruff; run scripts/setup.sh tests first" >&2; exit 1; }
case "${1-}" in
  "") check=(check -q) format=(format -q --diff) ;;
  --fix) check=(check -q --fix) format=(format -q) ;;
  *) echo "check_python: unknown argument '$1'; expected nothing or --fix" >&2; exit 2 ;;
esac
$ruff "${check[@]}" --no-cache .
$ruff "${format[@]}" --no-cache .
echo "python: as ruff writes it, and by the rules of pyproject.toml"
