# SPDX-License-Identifier: Apache-2.0
"""Quaternions, octonions, complex octonions (CI8), Clifford generators, spinor bilinears.

Points lie in planes: components first, points last, as (8, N).
"""

from lior._lior.algebra import *
