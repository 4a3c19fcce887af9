"""All rows, in the order of the report."""

import harness
import rows_geometry
import rows_memory
import rows_field
import rows_model
import rows_nn

ORDER = {row.name: i for i, row in enumerate(harness.ROWS)}
