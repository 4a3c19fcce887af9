#!/usr/bin/env python3
"""What equal wall time buys: our models by the program beside torch's, on the same text and tasks.

    python bench/peers/quality.py --text FILE --minutes 5 --seeds 0 1 2

Each model has the parameters of ours within 5 %, the same threads, the same batches of bytes or words, AdamW with
the same schedule, and the same minutes; torch's rates are set by --rate NAME=X. Text: bits a byte on the held-out
tenth. a5 and s5: accuracy over all positions at four lengths, trained by the tracking preset's curriculum. One
line a run goes to --json as it ends, and the runs that it holds already are not repeated; --report writes the
tables from it into docs/results.md.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from peer_models import PEERS, count, fitted
from peer_training import Curriculum, Group, Text, task_accuracy, text_bits, train
from probe import machine, versions
from report import replace_section

ROOT = Path(__file__).resolve().parents[2]
LENGTHS = (32, 128, 512, 2048)


@dataclass
class Ours:
    """A model of the program: its preset for text, and what it changes in the preset of each task."""

    text: str
    a5: dict
    s5: dict


def mixed(mixer, a5_heads, s5_heads):
    """The tasks' presets with another mixer, of about their count of parameters."""
    set_to = {"LIOR_MODEL_MIXERS": mixer}
    heads = f"LIOR_MODEL_{mixer.upper()}_HEADS"
    return {**set_to, heads: str(a5_heads)}, {**set_to, heads: str(s5_heads)}


OURS = {
    "geometric mamba": Ours("tiny", {}, {}),
    "causal field": Ours("tiny-field", *mixed("causal_field", 4, 5)),
    "geometric attention": Ours("tiny-geometric-attention", *mixed("geometric_attention", 5, 7)),
}
RATES = {"transformer": 2e-3, "lstm": 3e-3, "state space": 3e-3}
TASK_RATES = {"transformer": 1e-3, "lstm": 3e-3, "state space": 3e-3}
BATCH = {
    "text": (16, 256),
    "task": (8, 512),
}  # sequences and length, as the presets tiny and tracking


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

    def trained(self, folder, data, minutes, seed, *flags, **environment):
        never = 1_000_000_000
        flags += ("--minutes", minutes, "--seed", seed, "--threads", self.threads)
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


def our_text_run(program, model, text, minutes, seed, count_):
    with tempfile.TemporaryDirectory() as folder:
        run, length = Path(folder) / "run", BATCH["text"][1]
        found = program.trained(run, text, minutes, seed, "--preset", OURS[model].text)
        result = program.evaluated(run, text, "--count", count_, "--length", length)
        return {**found, "bits_per_byte": result["bits_per_byte"]}


def our_task_run(program, model, task, minutes, seed):
    with tempfile.TemporaryDirectory() as folder:
        run, data = Path(folder) / "run", f"builtin:{task}"
        found = program.trained(run, data, minutes, seed, **getattr(OURS[model], task))
        results = {n: program.evaluated(run, data, "--count", 64, "--length", n) for n in LENGTHS}
        return {**found, "accuracy": {str(n): result["accuracy"] for n, result in results.items()}}


def torch_text_run(kind, text, minutes, seed, rate, parameters, count_):
    torch.manual_seed(seed)
    data, (batch, length) = Text(text), BATCH["text"]
    model = fitted(kind, data.vocabulary, data.classes, parameters)
    steps, tokens = train(
        model, data, minutes=minutes, rate=rate, batch=batch, length=length, seed=seed
    )
    bits = text_bits(model, data, rows=batch, count=count_, window=length)
    return {"steps": steps, "tokens": tokens, "parameters": count(model), "bits_per_byte": bits}


def torch_task_run(kind, task, minutes, seed, rate, parameters):
    torch.manual_seed(seed)
    data, (batch, length) = Group(task), BATCH["task"]
    model = fitted(kind, data.vocabulary, data.classes, parameters)
    steps, tokens = train(
        model, data, minutes=minutes, rate=rate, batch=batch, length=length, seed=seed, curriculum=Curriculum(length),
        floor=0.0,
    )  # fmt: skip
    accuracy = {str(n): task_accuracy(model, data, n) for n in LENGTHS}
    return {"steps": steps, "tokens": tokens, "parameters": count(model), "accuracy": accuracy}


def standard_library(folder):
    """A text that every machine has: the sources of this Python's standard library, in the order of their names."""
    path = Path(folder) / "standard-library.py"
    sources = sorted(Path(os.__file__).parent.glob("*.py"))
    path.write_bytes(b"".join(source.read_bytes() for source in sources))
    return path


class Results:
    """Lines of JSON: one a run."""

    def __init__(self, path):
        self.path = path
        self.runs = (
            [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        )

    def find(self, **key):
        return next(
            (run for run in self.runs if all(run.get(k) == v for k, v in key.items())), None
        )

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


def tables(results):
    """Markdown: a table for each data set, a row for each model, means and extremes over seeds."""
    lines = []
    for data in dict.fromkeys(run["data"] for run in results.runs):
        runs = [run for run in results.runs if run["data"] == data]
        minutes, threads = runs[0]["minutes"], runs[0]["machine"]["threads"]
        title = f"{data}, {minutes:g} minutes a run, {threads} threads"
        is_text = "bits_per_byte" in runs[0]
        columns = ["bits a byte, held out"] if is_text else [f"right at {n:,}" for n in LENGTHS]
        lines += [
            f"### {title}",
            "",
            "| model | parameters | rate | tokens seen | seeds | " + " | ".join(columns) + " |",
        ]
        lines += ["|---|" + "---:|" * (4 + len(columns))]
        for model in dict.fromkeys(run["model"] for run in runs):
            mine = [run for run in runs if run["model"] == model]
            tokens = spread_text([run["tokens"] / 1e6 for run in mine], 2)
            rate = f"{mine[0]['rate']:g}" if mine[0]["rate"] else "preset"
            if is_text:
                cells = [spread_text([run["bits_per_byte"] for run in mine], 3)]
            else:
                cells = [spread_text([run["accuracy"][str(n)] for run in mine], 3) for n in LENGTHS]
            head = f"| {model} | {mine[0]['parameters']:,} | {rate} | {tokens} M | {len(mine)} | "
            lines.append(head + " | ".join(cells) + " |")
        lines.append("")
    return lines


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--text", help="a file of any bytes (default: this Python's standard library, as one text)"
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="of training, a run")
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
        "--count", type=int, default=512, help="windows of 256 bytes that the text is judged by"
    )
    parser.add_argument("--program", default=str(ROOT / "build/release/bin/lior"))
    parser.add_argument("--json", type=Path, default=ROOT / "build/quality.jsonl")
    parser.add_argument(
        "--report", action="store_true", help="write the tables into docs/results.md"
    )
    options = parser.parse_args()
    rates = {name: float(value) for name, value in (pair.split("=") for pair in options.rate)}
    torch.set_num_threads(options.threads)
    program = Program(options.program, options.threads)
    results = Results(options.json)

    with tempfile.TemporaryDirectory() as folder:
        text = Path(options.text) if options.text else standard_library(folder)
        for data in options.data:
            name = text.name if data == "text" else data
            for seed in options.seeds:
                parameters = None
                for model in options.models:
                    key = dict(data=name, model=model, seed=seed, minutes=options.minutes)
                    found = results.find(**key)
                    if found is None:
                        rate = rates.get(
                            model, (RATES if data == "text" else TASK_RATES).get(model)
                        )
                        found = one_run(program, model, data, text, options, seed, rate, parameters)
                        if found is None:
                            continue
                        found = {
                            **key,
                            "rate": rate,
                            **found,
                            "machine": machine(options.threads),
                            "versions": versions(),
                        }
                        results.add(found)
                        results = Results(options.json)
                    parameters = parameters or found["parameters"]
                    print(summary(found), flush=True)
    if options.report:
        command = "`python bench/peers/quality.py " + " ".join(sys.argv[1:]) + "`"
        replace_section(
            ROOT / "docs/results.md",
            "quality",
            ["## Quality at equal time", "", command, "", *tables(results)],
        )


def one_run(program, model, data, text, options, seed, rate, parameters):
    """What the run found, or None where the program has no such model."""
    if model in OURS:
        try:
            if data == "text":
                return our_text_run(program, model, text, options.minutes, seed, options.count)
            return our_task_run(program, model, data, options.minutes, seed)
        except RuntimeError as reason:
            print(f"{data}: {model}: {reason}", file=sys.stderr, flush=True)
            return None
    if parameters is None:
        sys.exit(
            "quality.py: the first of --models must be one of ours: it sets the count of parameters"
        )
    if data == "text":
        return torch_text_run(model, text, options.minutes, seed, rate, parameters, options.count)
    return torch_task_run(model, data, options.minutes, seed, rate, parameters)


def summary(run):
    result = (
        f"{run['bits_per_byte']:.3f} bits a byte"
        if "bits_per_byte" in run
        else " ".join(f"{n}: {value:.3f}" for n, value in run["accuracy"].items())
    )
    return f"{run['data']}  {run['model']}  seed {run['seed']}  {run['parameters']:,} parameters  {run['tokens']:,} tokens  {result}"


if __name__ == "__main__":
    main()
