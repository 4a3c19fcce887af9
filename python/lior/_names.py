# SPDX-License-Identifier: Apache-2.0
"""Names that lior.torch and lior.jax share."""

#: The parameters of a learned metric, as its file has them, in the order of the operators.
LEARNED_METRIC = (
    "L",
    "metric_net.0.weight",
    "metric_net.0.bias",
    "metric_net.2.weight",
    "metric_net.2.bias",
    "resilience_net.0.weight",
    "resilience_net.0.bias",
    "resilience_net.2.weight",
    "resilience_net.2.bias",
)
