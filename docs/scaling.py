#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The computed efficiencies of docs/scaling.md: prints its table, and with a path draws its curves (matplotlib).

    docs/scaling.py [docs/gallery/scaling.png]

Nothing here is measured: the model and its constants are those of the page, in its words.
"""

import sys

MODELS = {"medium (30 M)": 30e6, "300 M": 300e6}
RANKS = (2, 4, 16, 64, 256, 1024)
LINKS = {"100 Gbit/s": 12.5e9, "10 Gbit/s": 1.25e9, "1 Gbit/s": 125e6}  # bytes a second
LATENCY = 30e-6  # seconds, with what both ends do
CORES, SPEED = 16, 230e9  # of a rank; operations a second of a core
TOKENS = 36_000  # a rank and step
MEMORY = 10e9  # bytes a second that a rank's memory moves
ROWS = (1024, 4096)  # of a field


def training(weights, ranks, bandwidth=LINKS["10 Gbit/s"]):
    work = TOKENS * 6 * weights / (CORES * SPEED)
    send = 8 * weights * (ranks - 1) / ranks / bandwidth + 2 * (ranks - 1) * LATENCY
    return work / (work + send)


def splitting(ranks, bandwidth=LINKS["10 Gbit/s"]):
    """A step of strang on any grid: a byte of a rank's field is read and written twice, and nearly all is sent twice."""
    work, send = 4 / MEMORY, 2 * (1 - 1 / ranks) / bandwidth
    return work / (work + send)


def runge_kutta(rows, ranks, bandwidth=LINKS["10 Gbit/s"]):
    """A step of rk4: each of four stages reads and writes the field, and sends two rows to either side."""
    work, send = 8 / MEMORY, (8 * ranks / rows if ranks > 1 else 0) / bandwidth
    return work / (work + send)


def table():
    yield "| ranks | " + " | ".join(MODELS) + " |"
    yield "|---:|" + "---:|" * len(MODELS)
    for ranks in RANKS:
        values = (f"{training(weights, ranks):.2f}" for weights in MODELS.values())
        yield f"| {ranks:,} | " + " | ".join(values) + " |"


def draw(path):
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot

    powers = [2**i for i in range(11)]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True, layout="tight")
    for link, bandwidth in LINKS.items():
        for (model, weights), dash in zip(MODELS.items(), ("-", "--"), strict=True):
            values = [training(weights, ranks, bandwidth) for ranks in powers]
            left.plot(powers, values, dash, label=f"{model}, {link}")
    left.set_title(f"training, {TOKENS:,} tokens a rank and step (computed)")
    for rows in ROWS:
        few = [ranks for ranks in powers if 4 * ranks <= rows]  # rk4 needs four rows of each
        values = [runge_kutta(rows, ranks) for ranks in few]
        right.plot(few, values, label=f"rk4, {rows} rows")
    right.plot(powers, [splitting(ranks) for ranks in powers], label="strang, any grid")
    right.set_title("a field over 10 Gbit/s (computed)")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(powers[::2], [f"{ranks:,}" for ranks in powers[::2]])
        axes.set_xlabel("ranks, each a host of 16 cores")
        axes.set_ylim(0, 1.02)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    left.set_ylabel("efficiency")
    figure.savefig(path, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    print(*table(), sep="\n")
    if len(sys.argv) > 1:
        draw(sys.argv[1])
