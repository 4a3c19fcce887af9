# SPDX-License-Identifier: Apache-2.0
"""Where the built program is: LIOR_BIN, or build/release/bin/lior."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("LIOR_BIN", str(ROOT / "build" / "release" / "bin" / "lior"))
