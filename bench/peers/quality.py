#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Learning in equal wall time, or from equally many tokens: our models by the program beside torch's, on the same
text and tasks.

    python bench/peers/quality.py --text FILE --seconds 300 --seeds 0 1 2
    python bench/peers/quality.py --text FILE --data text --tokens 2000000

Counts of parameters are within 5 % of each other. Each model has the same threads, as many tokens a step, AdamW with
the same schedule, and the same seconds or tokens of training; torch's rates are set by --rate NAME=X. Text: bits a
byte on the held-out tenth. What geometric mamba with counts counts is the whole training part, which it reads once
before its first step: a second or two, which its seconds contain and its tokens do not. a5 and s5: accuracy over all positions at four lengths, trained by the presets'
curriculum. Seeds are the outermost loop. A run that has ended is a line of docs/quality.jsonl and a number in the
tables of docs/results.md: the command, given again, goes on where it was stopped. Needs torch in this Python, and the
program; in the build tree, after `make test`:

    build/venv/bin/python bench/peers/quality.py --text FILE
"""

import argparse
import json
import math
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from environment import settle
from peer_machines import MACHINES
from peer_models import PEERS, count, fitted
from peer_training import Curriculum, Text, task_accuracy, text_bits, train
from probe import Probe, machine, versions
from report import limits_line, machine_line, replace_section, threads_text

ROOT = Path(__file__).resolve().parents[2]
LENGTHS = (32, 128, 512, 2048)
SEQUENCES = 32  # of each length
WITHIN = 0.05  # by which the largest count of parameters exceeds the least


@dataclass
class Ours:
    """A model of the program: its preset for text, and what it changes in the preset of each data set, so that the
    counts of parameters are near; None for data that it is not run on."""

    preset: str
    text: dict
    a5: dict | None = None
    s5: dict | None = None


def mixed(mixer, a5, s5):
    """The tasks' presets with another mixer, of these heads and this width."""

    def changes(heads, width):
        return {
            "LIOR_MODEL_MIXERS": mixer,
            f"LIOR_MODEL_{mixer.upper()}_HEADS": str(heads),
            "LIOR_MODEL_D_MODEL": str(width),
        }

    return changes(*a5), changes(*s5)


OURS = {
    "geometric mamba": Ours("tiny", {}, {}, {}),
    "geometric mamba, counts": Ours("tiny-counts", {}),
    "attention": Ours("tiny-attention", {"LIOR_MODEL_MLP_HIDDEN": "277"}),
    "causal field": Ours("tiny-field", {}, *mixed("causal_field", a5=(4, 62), s5=(5, 66))),
    "geometric attention": Ours(
        "tiny-geometric-attention",
        {"LIOR_MODEL_MLP_HIDDEN": "294"},
        *mixed("geometric_attention", a5=(6, 60), s5=(8, 62)),
    ),
}
# Of torch's models, factors of two apart. Text: by bits a byte of seed 0 on the last tenth of what King James is
# without its own last tenth. After 1,048,576 tokens: transformer 2.251 at 1e-3, 2.215 at 2e-3, 2.252 at 4e-3; state
# space 2.089 at 1.5e-3, 2.083 at 3e-3, 2.089 at 6e-3; LSTM 2.549 at 3e-3, 2.465, 2.354, 2.313, 2.295 at .048, 2.262
# at .096, 2.363 at .2. The LSTM after three times as many: 2.079 at .0125, 2.029 at .025, 1.980 at .05, 2.110 at .1.
# Tasks: for runs of 16 s; the LSTM's 1e-2 leaves generators behind, which 3e-3 does not.
RATES = {"transformer": 2e-3, "lstm": 0.05, "state space": 3e-3}
TASK_RATES = {"transformer": 1e-3, "lstm": 1e-2, "state space": 3e-3}
BATCH = {
    "text": (4, 256),
    "task": (8, 512),
}  # sequences and length, as the presets tiny and tracking
TOKENS_A_STEP = 1024  # of every preset for text


class Program:
    """Our models: `lior train`, then `lior eval`."""

    def __init__(self, path, threads):
        self.path, self.threads = path, threads

    def run(self, *arguments, **environment):
        command = [self.path, *map(str, arguments)]
        ended = subprocess.run(
            command, capture_output=True, text=True, env={**os.environ, **environment}
        )
        if ended.returncode:
            raise RuntimeError(ended.stderr.strip().splitlines()[-1])
        return ended.stdout

    def trained(self, folder, data, options, seed, *flags, **environment):
        never = 1_000_000_000
        if options.tokens is None:
            flags += ("--minutes", options.seconds / 60)
        else:
            flags += ("--steps", options.tokens // TOKENS_A_STEP)
        flags += ("--seed", seed, "--threads", self.threads)
        flags += ("--progress", "none", "--eval-every", never)
        self.run("train", "--data", data, "--out", folder, *flags, **environment)
        settings = (Path(folder) / "config.json").read_text()
        for name, value in environment.items():  # a program that does not know one leaves it alone
            if f'"{value}"' not in settings and f": {value}" not in settings:
                raise RuntimeError(f"{name}={value} did nothing")
        lines = (Path(folder) / "metrics.jsonl").read_text().splitlines()
        last = [step for step in map(json.loads, lines) if "tokens" in step][-1]
        return {
            "steps": last["step"],
            "tokens": last["tokens"],
            "parameters": self.parameters(folder),
        }

    @staticmethod
    def parameters(folder):
        with open(Path(folder) / "model.safetensors", "rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return sum(
            math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__"
        )

    def evaluated(self, folder, data, *more):
        return json.loads(self.run("eval", "--model", folder, "--data", data, *more))


def our_run(program, model, data, text, seed, options):
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        changes = getattr(OURS[model], data)
        if data == "text":
            flags, length = ("--preset", OURS[model].preset), BATCH["text"][1]
            found = program.trained(run, text, options, seed, *flags, **changes)
            judged = program.evaluated(run, text, "--count", options.windows, "--length", length)
            return {**found, "bits_per_byte": judged["bits_per_byte"]}
        name = f"builtin:{data}"
        found = program.trained(run, name, options, seed, **changes)
        accuracy = {
            str(n): program.evaluated(run, name, "--count", SEQUENCES, "--length", n)["accuracy"]
            for n in LENGTHS
        }
        return {**found, "accuracy": accuracy}


def torch_run(kind, data, text, seed, rate, parameters, options):
    torch.manual_seed(seed)
    source = Text(text) if data == "text" else MACHINES[data]()
    batch, length = BATCH["text" if data == "text" else "task"]
    model = fitted(kind, source.vocabulary, source.classes, parameters)
    plan = {} if data == "text" else {"curriculum": Curriculum(length), "floor": 0.0}
    steps, tokens = train(
        model,
        source,
        seconds=options.seconds,
        most_tokens=options.tokens,
        rate=rate,
        batch=batch,
        length=length,
        seed=seed,
        **plan,
    )
    found = {"steps": steps, "tokens": tokens, "parameters": count(model)}
    if data == "text":
        bits = text_bits(model, source, rows=batch, count=options.windows, window=length)
        return {**found, "bits_per_byte": bits}
    accuracy = {str(n): task_accuracy(model, source, n, SEQUENCES) for n in LENGTHS}
    return {**found, "accuracy": accuracy}


def standard_library(folder):
    """A text that every machine has: the sources of this Python's standard library, in the order of their names."""
    path = Path(folder) / "standard-library.py"
    sources = sorted(Path(os.__file__).parent.glob("*.py"))
    path.write_bytes(b"".join(source.read_bytes() for source in sources))
    return path


class Results:
    """Lines of JSON, one a run; a last line that was cut short is left out."""

    def __init__(self, path):
        self.path = path
        text = path.read_text() if path.exists() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            path.write_text(whole)
        self.runs = [json.loads(line) for line in whole.splitlines()]

    def all(self, **key):
        return [run for run in self.runs if all(run.get(k) == v for k, v in key.items())]

    def find(self, **key):
        return next(iter(self.all(**key)), None)

    def add(self, run):
        self.runs.append(run)
        with open(self.path, "a") as file:
            file.write(json.dumps(run) + "\n")


def spread_text(values, digits):
    middle = f"{statistics.mean(values):.{digits}f}"
    return (
        middle
        if len(values) == 1
        else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"
    )


def conditions(run):
    """What the runs of one table have in common."""
    return run["data"], run["seconds"], run["budget"], run["threads"]


def title(run):
    length = f"{run['seconds']:g} s" if run["budget"] is None else f"{run['budget']:,} tokens"
    return f"{run['data']}, {length} of training a run, {threads_text(run['threads'])}"


def tables(runs):
    """Markdown: a table for each data set and length of training, a row for each model, means and extremes over seeds."""
    probes = {}
    for run in runs:
        line = machine_line(run["machine"], run["versions"], run["date"])
        probes.setdefault(line, []).append(run["probe"])
    lines = [text for line, seen in probes.items() for text in (line, limits_line(seen), "")]
    lines += [
        "Mean over seeds (least to most). *parameters*: within 5 % of each other. *seen*: tokens of training.",
        "*rate*: of torch's models; the defaults of this script may have changed since.",
        f"*right at n*: accuracy over all positions of {SEQUENCES} words of n tokens; training stops at 512.",
        "",
    ]
    for same in dict.fromkeys(map(conditions, runs)):
        here = [run for run in runs if conditions(run) == same]
        is_text = "bits_per_byte" in here[0]
        columns = ["bits a byte, held out"] if is_text else [f"right at {n:,}" for n in LENGTHS]
        lines += [
            f"### {title(here[0])}",
            "",
            f"`{here[-1]['command']}`",
            "",
            "| model | parameters | rate | seen | seeds | " + " | ".join(columns) + " |",
            "|---|" + "---:|" * (4 + len(columns)),
        ]
        for model in dict.fromkeys(run["model"] for run in here):
            mine = [run for run in here if run["model"] == model]
            if is_text:
                cells = [spread_text([run["bits_per_byte"] for run in mine], 3)]
            else:
                cells = [spread_text([run["accuracy"][str(n)] for run in mine], 3) for n in LENGTHS]
            head = [
                model,
                f"{mine[0]['parameters']:,}",
                f"{mine[0]['rate']:g}" if mine[0]["rate"] else "preset",
                f"{statistics.mean(run['tokens'] for run in mine) / 1e6:.3g} M",
                str(len(mine)),
            ]
            lines.append("| " + " | ".join([*head, *cells]) + " |")
        lines.append("")
    return lines


def summary(run):
    result = (
        f"{run['bits_per_byte']:.3f} bits a byte"
        if "bits_per_byte" in run
        else " ".join(f"{n}: {value:.3f}" for n, value in run["accuracy"].items())
    )
    return (
        f"{run['data']}  {run['model']}  seed {run['seed']}  {run['parameters']:,} parameters  "
        f"{run['tokens']:,} tokens  {result}"
    )


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--text", help="a file of any bytes (default: this Python's standard library, as one text)"
    )
    parser.add_argument("--seconds", type=float, default=300.0, help="of training, a run")
    parser.add_argument(
        "--tokens", type=int, help="of training, a run of text, instead of --seconds"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--models", nargs="+", default=[*OURS, *PEERS], choices=[*OURS, *PEERS], metavar="MODEL"
    )
    parser.add_argument(
        "--data", nargs="+", default=["text", "a5", "s5"], choices=["text", "a5", "s5"]
    )
    parser.add_argument(
        "--rate", action="append", default=[], metavar="NAME=X", help="of a torch model"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--windows", type=int, default=256, help="of 256 bytes, that the text is judged by"
    )
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/lior"))
    parser.add_argument(
        "--out", type=Path, default=ROOT / "docs", help="the folder of results.md and quality.jsonl"
    )
    options = parser.parse_args()
    if options.models[0] not in OURS:
        parser.error("the first of --models must be one of ours: it sets the count of parameters")
    if options.tokens is not None:
        if options.data != ["text"]:
            parser.error("--tokens: tasks end by their curriculum; give --data text")
        options.seconds = None
    options.rate = {name: float(x) for name, x in (pair.split("=") for pair in options.rate)}
    return options


def rate_of(model, data, options):
    """A torch model's learning rate; None for ours, whose presets hold it."""
    return options.rate.get(model, (RATES if data == "text" else TASK_RATES).get(model))


def main():
    options = arguments()
    settle()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)  # as our kernels do
    program = Program(options.program, options.threads)
    results = Results(options.out / "quality.jsonl")
    given = [Path(word).name if word == options.text else word for word in sys.argv[1:]]
    command = shlex.join(["python", "bench/peers/quality.py", *given])

    with tempfile.TemporaryDirectory() as folder:
        text = Path(options.text) if options.text else standard_library(folder)
        keys = [
            dict(
                data=text.name if data == "text" else data,
                model=model,
                seed=seed,
                seconds=options.seconds,
                budget=options.tokens,
                threads=options.threads,
            )
            for seed in options.seeds
            for data in options.data
            for model in options.models
            if model in PEERS or getattr(OURS[model], data) is not None
        ]
        left = [key for key in keys if not results.find(**key)]
        print(f"{len(keys)} runs, {len(keys) - len(left)} of them done", flush=True)
        for key in keys:
            found = results.find(**key)
            if found is None:
                found = one_run(program, key, text, results, options)
                results.add({**found, "command": command})
                lines = tables(results.runs)
                replace_section(
                    options.out / "results.md",
                    "quality",
                    ["## Quality at equal time and from equal tokens", "", *lines],
                )
            print(summary(found), flush=True)


def one_run(program, key, text, results, options):
    """A line of the results; torch's models are fitted to the parameters of the first."""
    model, seed = key["model"], key["seed"]
    data = key["data"] if key["data"] in ("a5", "s5") else "text"
    facts = {
        "date": date.today().isoformat(),
        "machine": machine(options.threads),
        "versions": versions(),
        "probe": Probe()(),
    }
    rate = rate_of(model, data, options)
    if model in OURS:
        found = our_run(program, model, data, text, seed, options)
    else:
        first = results.find(**{**key, "model": options.models[0]})
        found = torch_run(model, data, text, seed, rate, first["parameters"], options)
    same = {name: key[name] for name in ("data", "seconds", "budget", "threads")}
    counts = [run["parameters"] for run in results.all(**same)] + [found["parameters"]]
    if max(counts) > (1 + WITHIN) * min(counts):
        sys.exit(
            f"quality.py: {data}: {model} has {found['parameters']:,} parameters, the others {min(counts):,} to "
            f"{max(counts):,}; at most {WITHIN:.0%} apart is fair"
        )
    return {**key, "rate": rate, **found, **facts}


if __name__ == "__main__":
    main()
