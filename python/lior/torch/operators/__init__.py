# SPDX-License-Identifier: Apache-2.0
"""One file a subject; lior.torch.ops has them all."""
