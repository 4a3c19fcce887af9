#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every check of the sources that needs no build: seconds. Fails if one of them does.
# `git config core.hooksPath scripts/hooks` runs it before each commit.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

failed=0
for check in layers.py headers.py format.sh links.py citations.py spdx.py python.sh; do
  "scripts/check_$check" || failed=1
done
exit $failed
