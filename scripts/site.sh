#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes the documentation site to build/site. A link that leads nowhere is an error.
#   scripts/site.sh [PACKAGE]    PACKAGE: the folder with the built Python package and its stubs
set -euo pipefail
package=$(realpath "${1-$(dirname "${BASH_SOURCE[0]}")/../build/release/python}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

[ -f "$package/lior/_lior/__init__.pyi" ] || {
  echo "site: $package has no lior with stubs; build the target lior_python first" >&2
  exit 1
}
# The variable silences an advertisement of the theme's.
LIOR_PYTHON=$package NO_MKDOCS_2_WARNING=1 PYTHONDONTWRITEBYTECODE=1 \
  build/site-venv/bin/mkdocs build -q -f site/mkdocs.yml
echo "site: build/site/index.html"
