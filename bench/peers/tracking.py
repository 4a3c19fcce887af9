#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""State tracking: our recurrence beside the published ones (peer_recurrences.py), on finite machines (peer_machines.py).

    build/venv/bin/python bench/peers/tracking.py --tokens 10000000 --seeds 0 1 2

Trained at lengths of at most 40, tested at 40 to 256, where a run's accuracy is the mean over these lengths. Counts of
parameters are within 5 % of each other; where ours has a second layer, a convolution or a SwiGLU, so have the published
recurrences. Every model has the same tokens, curriculum, batches and optimiser; each peer's rate is the best of five at
--sweep-tokens from the first seed, by the sum of what it has right at the three lengths, and the sweep stays in the
file. "CPU s" are the seconds of one core that training took, without the test. The command as it stands above takes
hours; a run that has ended is a line of docs/tracking.jsonl and a number in the tables of docs/results.md, and the
command, given again, goes on where it was stopped.
"""

import argparse
import csv
import json
import resource
import shlex
import statistics
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import torch
from environment import settle
from peer_machines import MACHINES
from peer_models import PEERS, count, fitted
from peer_recurrences import RECURRENCES, tracker
from peer_training import Curriculum, task_accuracy, train
from probe import machine, versions
from quality import ROOT, SEQUENCES, WITHIN, Program, Results, spread_text
from report import machine_line, replace_section

OURS, EXACT = "geometric mamba", "geometric mamba, made exact"
RATES = (1e-3, 2e-3, 4e-3, 8e-3, 16e-3)
LENGTH, BATCH = 40, 64  # of training
LONGEST = 256  # of the test
FAR = 1024
BLOCKS = {  # what our presets have besides the recurrence
    "even_pairs": dict(taps=2),
    "modular_arithmetic": dict(layers=2, taps=2, swiglu=True),
}
NEVER_EXACT = tuple(BLOCKS)  # a convolution, and gates
COLUMNS = {"short": "1 to 40", "long": "40 to 256", "far": "1 to 1,024"}
# Accuracies in per cent, each by its source's own protocol.
PUBLISHED = """Published, each by its own protocol: S3 x S3 with a hard projection, 250 of 250 final states at 1,048,576
(trained at length 8; J. Lee, arXiv:2606.07254); the four formal-language tasks, trained at lengths up to 40 and tested
at 40 to 256, best mean .988 by report (the table itself was not seen here)."""


def peer(kind, source, parameters, blocks):
    if kind in RECURRENCES:
        return tracker(kind, source.vocabulary, source.classes, parameters, **blocks)
    return fitted(kind, source.vocabulary, source.classes, parameters)


def right_between(rows, first, last):
    """Of the rows of `lior eval --by-position`, positions from 1."""
    here = [row for row in rows if first <= int(row["begin"]) + 1 <= last]
    return sum(int(row["correct"]) for row in here) / sum(int(row["targets"]) for row in here)


def seconds_of_children():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def our_run(program, key, options):
    with tempfile.TemporaryDirectory() as folder:
        run, name = Path(folder) / "run", f"builtin:{key['data']}"
        steps = max(1, key["tokens"] // (BATCH * LENGTH))
        start = seconds_of_children()
        program.run(
            *("train", "--data", name, "--out", run, "--seed", key["seed"], "--steps", steps),
            *("--length", LENGTH, "--batch", BATCH, "--eval-every", steps),
            *("--crystallise", "auto" if key["model"] == EXACT else "off"),
            *("--threads", options.threads, "--progress", "none"),
        )
        seconds = seconds_of_children() - start
        table = Path(folder) / "positions.csv"
        program.run(
            *("eval", "--model", run, "--data", name, "--length", LONGEST, "--count", SEQUENCES),
            *("--by-position", table),
        )
        with open(table) as file:
            rows = list(csv.DictReader(file))
        far = program.evaluated(run, name, "--length", FAR, "--count", SEQUENCES)["accuracy"]
        accuracy = {
            "short": right_between(rows, 1, LENGTH),
            "long": right_between(rows, LENGTH, LONGEST),
            "far": far,
        }
        lines = (run / "metrics.jsonl").read_text().splitlines()
        seen = json.loads(lines[-1])["tokens"]
        return {
            "parameters": program.parameters(run),
            "seen": seen,
            "cpu_seconds": seconds,
            "accuracy": accuracy,
        }


def peer_run(key, parameters):
    torch.manual_seed(key["seed"])
    source = MACHINES[key["data"]]()
    model = peer(key["model"], source, parameters, BLOCKS.get(key["data"], {}))
    if count(model) < (1 - WITHIN) * parameters:
        sys.exit(
            f"tracking.py: {key['model']} has {count(model):,} parameters, ours {parameters:,}"
        )
    start = time.process_time()
    _, seen = train(
        model,
        source,
        seconds=None,
        most_tokens=key["tokens"],
        rate=key["rate"],
        batch=BATCH,
        length=LENGTH,
        seed=key["seed"],
        curriculum=Curriculum(LENGTH, len(source.generators) > 0),
        floor=0.0,
    )
    seconds = time.process_time() - start
    accuracy = {
        "short": task_accuracy(model, source, LENGTH, SEQUENCES),
        "long": task_accuracy(model, source, LONGEST, SEQUENCES, first=LENGTH),
        "far": task_accuracy(model, source, FAR, SEQUENCES),
    }
    return {
        "parameters": count(model),
        "seen": seen,
        "cpu_seconds": seconds,
        "accuracy": accuracy,
    }


def table(runs):
    """Markdown: a row for each model, of its best rate; means and extremes over the seeds that it has."""
    lines = [*dict.fromkeys(machine_line(r["machine"], r["versions"], r["date"]) for r in runs), ""]
    lines += [*PUBLISHED.splitlines(), ""]
    finished = [run for run in runs if not run["is_sweep"]]
    for data, tokens in dict.fromkeys((run["data"], run["tokens"]) for run in finished):
        here = [run for run in finished if (run["data"], run["tokens"]) == (data, tokens)]
        lines += [
            f"### {data}, {tokens:,} tokens a run",
            "",
            "| model | parameters | rate | CPU s | seeds | "
            + " | ".join(f"right at {text}" for text in COLUMNS.values())
            + " |",
            "|---|" + "---:|" * (4 + len(COLUMNS)),
        ]
        for model in dict.fromkeys(run["model"] for run in here):
            mine = [run for run in here if run["model"] == model]
            cells = [spread_text([run["accuracy"][key] for run in mine], 3) for key in COLUMNS]
            rate = mine[0]["rate"]
            head = [
                model,
                f"{mine[0]['parameters']:,}",
                f"{rate:g}" if rate else "preset",
                f"{statistics.median(run['cpu_seconds'] for run in mine):.3g}",
                str(len(mine)),
            ]
            lines.append("| " + " | ".join([*head, *cells]) + " |")
        lines.append("")
    return lines


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=list(MACHINES), choices=list(MACHINES))
    parser.add_argument("--tokens", type=int, default=10_000_000, help="of training, a run")
    parser.add_argument("--sweep-tokens", type=int, help="the same for the sweep (--tokens)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    peers = [*RECURRENCES, *PEERS]
    parser.add_argument("--models", nargs="+", default=peers, choices=peers, metavar="MODEL")
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/lior"))
    parser.add_argument(
        "--out",
        type=Path,
        default=ROOT / "docs",
        help="the folder of results.md and tracking.jsonl",
    )
    return parser.parse_args()


def main():
    options = arguments()
    settle()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # as our kernels do
    program = Program(options.program, options.threads)
    results = Results(options.out / "tracking.jsonl")
    sweep_tokens = options.sweep_tokens or options.tokens
    command = shlex.join(["python", "bench/peers/tracking.py", *sys.argv[1:]])

    def run(data, model, seed, rate, tokens, is_sweep=False, parameters=None):
        key = dict(data=data, model=model, seed=seed, rate=rate, tokens=tokens, is_sweep=is_sweep)
        found = results.find(**key)
        if found is None:
            is_ours = model in (OURS, EXACT)
            made = our_run(program, key, options) if is_ours else peer_run(key, parameters)
            facts = {"date": date.today().isoformat(), "machine": machine(options.threads)}
            found = {**key, **made, **facts, "versions": versions()}
            results.add(found)
            lines = ["## State tracking beside published recurrences", "", f"`{command}`", ""]
            replace_section(options.out / "results.md", "tracking", lines + table(results.runs))
        right = " ".join(
            f"{COLUMNS[name]}: {value:.3f}" for name, value in found["accuracy"].items()
        )
        print(f"{data}  {model}  rate {rate}  seed {seed}  {right}", flush=True)
        return found

    for data in options.data:
        ours = [run(data, OURS, seed, None, options.tokens) for seed in options.seeds]
        if data not in NEVER_EXACT:
            for seed in options.seeds:
                run(data, EXACT, seed, None, options.tokens)
        parameters = ours[0]["parameters"]
        for model in options.models:
            first = options.seeds[0]
            sweep = [
                run(data, model, first, rate, sweep_tokens, True, parameters)
                for rate in options.rates
            ]
            # Where a rate learnt no long words, the short ones tell.
            best = max(sweep, key=lambda found: sum(found["accuracy"].values()))["rate"]
            for seed in options.seeds:
                run(data, model, seed, best, options.tokens, False, parameters)


if __name__ == "__main__":
    main()
