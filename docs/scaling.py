#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of computed efficiencies in docs/scaling.md: the model there, in its words."""

MODELS = {"medium (30 M)": 30e6, "300 M": 300e6}
RANKS = (2, 4, 16, 64, 256, 1024)
BANDWIDTH = 1.25e9  # bytes a second: 10 Gbit/s
LATENCY = 30e-6  # seconds, with what both ends do
CORES, SPEED = 16, 230e9  # of a rank; operations a second of a core
TOKENS = 36_000  # a rank and step


def efficiency(weights, ranks):
    work = TOKENS * 6 * weights / (CORES * SPEED)
    send = 8 * weights * (ranks - 1) / ranks / BANDWIDTH + 2 * (ranks - 1) * LATENCY
    return work / (work + send)


def table():
    yield "| ranks | " + " | ".join(MODELS) + " |"
    yield "|---:|" + "---:|" * len(MODELS)
    for ranks in RANKS:
        values = (f"{efficiency(weights, ranks):.2f}" for weights in MODELS.values())
        yield f"| {ranks:,} | " + " | ".join(values) + " |"


if __name__ == "__main__":
    print(*table(), sep="\n")
