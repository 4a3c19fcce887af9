# SPDX-License-Identifier: Apache-2.0
"""Forward and backward pairs of layers, and the model that they make.

Every op is a pair: `x_forward` gives its result and what its `x_backward` reads again.
"""

from lior._lior.mixers import *
from lior._lior.nn import *
