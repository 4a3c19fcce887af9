# SPDX-License-Identifier: Apache-2.0
"""All rows, in the order of the report."""
# ruff: noqa: F401, I001  (each module registers its rows as it is imported)

import harness
import rows_geometry
import rows_memory
import rows_field
import rows_model
import rows_llama_cpp
import rows_nn

ORDER = {row.name: i for i, row in enumerate(harness.ROWS)}
