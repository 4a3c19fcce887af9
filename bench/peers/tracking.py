#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""State tracking: our recurrence beside the published ones (peer_recurrences.py), on words of groups.

    build/venv/bin/python bench/peers/tracking.py --data a5 --seconds 60 --seeds 0 1 2

Counts of parameters are within 5 % of each other. Every model has the same curriculum, batches and optimiser; each
peer's rate is the best of five, by accuracy at length 512 from the first seed, and the sweep stays in the file.
--tokens N in place of --seconds gives every model the same number of tokens, as papers count. A run that has ended is
a line of docs/tracking.jsonl and a row of a table in docs/results.md; the command, given again, goes on where it was
stopped.
"""

import argparse
import shlex
import sys
import tempfile
from datetime import date
from pathlib import Path

import torch
from environment import settle
from peer_models import PEERS, count, fitted
from peer_recurrences import RECURRENCES, tracker
from peer_training import Curriculum, Group, task_accuracy, train
from probe import machine, versions
from quality import BATCH, ROOT, SEQUENCES, WITHIN, Program, Results, spread_text
from report import machine_line, replace_section

OURS = "geometric mamba"
RATES = (1e-3, 2e-3, 4e-3, 8e-3, 16e-3)
LENGTHS = (32, 128, 512, 2048)
JUDGE = "512"  # the length that chooses a rate: the longest of training


def peer(kind, source, parameters):
    make = tracker if kind in RECURRENCES else fitted
    return make(kind, source.vocabulary, source.classes, parameters)


def our_run(program, key, options):
    with tempfile.TemporaryDirectory() as folder:
        run, name = Path(folder) / "run", f"builtin:{key['data']}"
        if options.tokens is not None:
            batch, length = BATCH["task"]
            flags = ("--steps", max(1, options.tokens // (batch * length)))
        else:
            flags = ("--minutes", options.seconds / 60)
        program.run(
            *("train", "--data", name, "--out", run, "--seed", key["seed"], *flags),
            *("--threads", options.threads, "--progress", "none"),
        )
        accuracy = {
            str(n): program.evaluated(run, name, "--count", SEQUENCES, "--length", n)["accuracy"]
            for n in LENGTHS
        }
        return {"parameters": program.parameters(run), "accuracy": accuracy}


def peer_run(key, parameters, options):
    torch.manual_seed(key["seed"])
    source = Group(key["data"])
    model = peer(key["model"], source, parameters)
    if count(model) < (1 - WITHIN) * parameters:
        sys.exit(
            f"tracking.py: {key['model']} has {count(model):,} parameters, ours {parameters:,}"
        )
    batch, length = BATCH["task"]
    steps, tokens = train(
        model,
        source,
        seconds=options.seconds,
        most_tokens=options.tokens,
        rate=key["rate"],
        batch=batch,
        length=length,
        seed=key["seed"],
        curriculum=Curriculum(length),
        floor=0.0,
    )
    accuracy = {str(n): task_accuracy(model, source, n, SEQUENCES) for n in LENGTHS}
    return {"parameters": count(model), "tokens": tokens, "steps": steps, "accuracy": accuracy}


def table(runs):
    """Markdown: a row for each model, of its best rate; means and extremes over the seeds that it has."""
    lines = [*dict.fromkeys(machine_line(r["machine"], r["versions"], r["date"]) for r in runs), ""]
    for data, limit in dict.fromkeys((run["data"], run["limit"]) for run in runs):
        here = [run for run in runs if (run["data"], run["limit"]) == (data, limit)]
        lines += [
            f"### {data}, {limit} of training a run",
            "",
            "| model | parameters | rate | seeds | "
            + " | ".join(f"right at {n:,}" for n in LENGTHS)
            + " |",
            "|---|" + "---:|" * (3 + len(LENGTHS)),
        ]
        for model in dict.fromkeys(run["model"] for run in here):
            rate = best_rate([run for run in here if run["model"] == model])
            mine = [run for run in here if (run["model"], run["rate"]) == (model, rate)]
            cells = [spread_text([run["accuracy"][str(n)] for run in mine], 3) for n in LENGTHS]
            head = [
                model,
                f"{mine[0]['parameters']:,}",
                f"{rate:g}" if rate else "preset",
                str(len(mine)),
            ]
            lines.append("| " + " | ".join([*head, *cells]) + " |")
        lines.append("")
    return lines


def best_rate(runs):
    """Of the first seed's sweep."""
    first = runs[0]["seed"]
    return max((r for r in runs if r["seed"] == first), key=lambda r: r["accuracy"][JUDGE])["rate"]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", default=["a5", "s5"], choices=["a5", "s5"])
    parser.add_argument("--seconds", type=float, default=60.0, help="of training, a run")
    parser.add_argument("--tokens", type=int, help="of training, a run, in place of seconds")
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
    program, results = (
        Program(options.program, options.threads),
        Results(options.out / "tracking.jsonl"),
    )
    limit = f"{options.tokens:,} tokens" if options.tokens is not None else f"{options.seconds:g} s"
    command = shlex.join(["python", "bench/peers/tracking.py", *sys.argv[1:]])

    def run(data, model, seed, rate, parameters=None):
        key = dict(
            data=data, model=model, seed=seed, rate=rate, limit=limit, threads=options.threads
        )
        found = results.find(**key)
        if found is None:
            made = (
                our_run(program, key, options)
                if model == OURS
                else peer_run(key, parameters, options)
            )
            facts = {"date": date.today().isoformat(), "machine": machine(options.threads)}
            found = {**key, **made, **facts, "versions": versions()}
            results.add(found)
            lines = ["## State tracking beside published recurrences", "", f"`{command}`", ""]
            replace_section(options.out / "results.md", "tracking", lines + table(results.runs))
        right = " ".join(f"{n}: {value:.3f}" for n, value in found["accuracy"].items())
        print(
            f"{data}  {model}  rate {rate}  seed {seed}  {found['parameters']:,} parameters  {right}"
        )
        return found

    for data in options.data:
        ours = [run(data, OURS, seed, None) for seed in options.seeds]
        for model in options.models:
            first, *others = options.seeds
            sweep = [run(data, model, first, rate, ours[0]["parameters"]) for rate in options.rates]
            for seed in others:
                run(data, model, seed, best_rate(sweep), ours[0]["parameters"])


if __name__ == "__main__":
    main()
