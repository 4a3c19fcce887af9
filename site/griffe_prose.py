# SPDX-License-Identifier: Apache-2.0
"""Docstrings reach mkdocstrings as Markdown (prose.markdown): they are plain text with formulas."""

import sys
from pathlib import Path

import griffe

sys.path.insert(0, str(Path(__file__).resolve().parent))
import prose  # noqa: E402


class Prose(griffe.Extension):
    def on_instance(self, *, obj, **_):
        if obj.docstring and not obj.is_alias:
            obj.docstring.value = prose.markdown(obj.docstring.value)
