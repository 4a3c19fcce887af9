#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Fails if a C++ file is not as clang-format 14 writes it. To write it so: scripts/check_format.sh --fix
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

formatter=$(command -v clang-format-14 || command -v clang-format || true)
if ! "${formatter:-false}" --version 2>/dev/null | grep -q 'version 14\.'; then
  echo "check_format: needs clang-format 14 (versions differ in what they write)" >&2
  exit 1
fi
case "${1-}" in
  "") action=(--dry-run -Werror) ;;
  --fix) action=(-i) ;;
  *) echo "check_format: unknown argument '$1'; expected nothing or --fix" >&2; exit 2 ;;
esac
mapfile -d '' files < <(find include src apps bindings tests python -name '*.h' -print0 -o -name '*.cpp' -print0 \
  -o -name '*.cu' -print0 -o -name '*.cuh' -print0)
printf '%s\0' "${files[@]}" | xargs -0 -n 16 -P "$(nproc)" "$formatter" "${action[@]}"
echo "format: ${#files[@]} files are as clang-format writes them"
