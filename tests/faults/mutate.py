#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mutates the program's command lines and files, and looks at how it ends.

    mutate.py [--minutes M] [--seed S] [--only train eval ...] [--keep DIR]

Whatever comes in, a command must end with status 0, 1, 2 or 130, or run on and end within seconds of a
Ctrl-C (a huge number of steps is one that was asked for); a failure says so in
one line on standard error that begins with "error: ", without control characters; what is printed as
JSON is JSON, without NaN. What breaks a rule is kept in DIR with its files. The last line sums up;
exit status 1 if a rule was broken.
"""

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("LIOR_BIN", ROOT / "build" / "release" / "bin" / "lior"))
SECONDS = 20  # after which Ctrl-C is pressed
GRACE = 10  # seconds that it has then to end
MEMORY = 3 << 30

INTEGERS = [
    "0",
    "1",
    "-1",
    "2",
    "7",
    "64",
    "65536",
    "2147483648",
    "4294967296",
    "4611686018427387904",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "99999999999999999999",
]
REALS = [
    "0.0",
    "-1.0",
    "0.5",
    "1e-300",
    "1e300",
    "1e-9",
    "1e9",
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-0.0",
    "0x1p3",
]
WORDS = [
    "",
    " ",
    "a",
    "none",
    "true",
    "val",
    "packet",
    "rk4",
    "é",
    "\x1b[31mred",
    "a" * 300,
    "a/" * 200,
    "../x",
    "builtin:s5",
    "builtin:nosuch",
    "/dev/null",
    "/dev/zero",
    "/proc/self/mem",
    ".",
    "%s%n",
    "'",
    '"',
    "sphere",
    "[",
    "(" * 2000,
    "x^x^-r/0",
    "d(d(r))",
    "exp(exp(9^9))",
    "-",
    "--",
    "--help",
    "\t",
    "a\nb",
]

TRAIN = """batch = 2
length = 8
steps = 2
seed = 1
lr = 0.001
clip = 1.0
save_every = 1
log_every = 1
eval_every = 1
eval_count = 2
optimizer = "adamw"
[model]
d_model = 8
heads = 1
layers = 2
convolution = 2
mlp_hidden = 8
[schedule]
warmup = 0.1
[curriculum]
start = 4
"""
FIELD = """[grid]
nx = 6
ny = 5
D = 2
dx = 1.0
[physics]
hbar = 1.0
m = 1.0
lambda_qr = 0.01
lambda_f = 0.01
alpha = 0.5
tau = 1.0
[potential]
kind = "harmonic"
strength = 0.01
[integrator]
kind = "strang"
dt = 0.1
steps = 4
[bayes]
evidence = "builtin:spots"
mode = "relax"
[initial]
kind = "packet"
width = 2.0
[output]
every = 2
frames = true
"""


FORMULAS = """[grid]
nx = 6
ny = 5
D = 1
dx = 0.5
[potential]
expression = "0.02*(x^2 + y^2)"
[initial]
kind = "expression"
expression = "exp(-(x^2 + y^2)/2)"
phase = "0.7*x"
[integrator]
dt = 0.1
steps = 4
[output]
every = 2
"""
BOX = """[grid]
nx = 4
ny = 3
nz = 5
D = 1
dx = 0.5
dz = 0.4
boundary_z = "dirichlet"
[potential]
expression = "0.02*(x^2 + y^2 + 2*z^2)"
[integrator]
kind = "yoshida4"
dt = 0.1
steps = 2
[output]
every = 1
"""
METRIC = """coordinates = "r, phi"
line_element = "dr^2 + f^2*dphi^2"
[parameters]
a = 1
[periods]
phi = "2*pi"
[definitions]
f = "a*sinh(r/a)"
[domain]
edge = "r > 0"
"""
MACHINE = """state output coin push
locked closed unlocked locked
unlocked open unlocked -
"""
LINES = "".join(
    '{"id": %d, "text": "In the beginning was the %s. "}\n' % (k, "word " * k) for k in range(9)
)
POINTS = """theta, phi, weight
1, 0.5, 1
1.2, 0.1, 2
0.9, 6, 1e-3
"""
STARTS = """r, phi, dr, dphi
1, 2, 0.5, 0.1
# "another"
2, 0.5, -0.1, 3e-1
"""


def start_files(folder):
    """The inputs of the commands: settings, texts, trained models, a field's run."""
    (folder / "formulas.toml").write_text(FORMULAS)
    (folder / "box.toml").write_text(BOX)
    (folder / "points.csv").write_text(POINTS)
    (folder / "places.csv").write_text("theta, phi\n1, 0.5\n1e-3, 6\n")
    (folder / "metric.toml").write_text(METRIC)
    (folder / "starts.csv").write_text(STARTS)
    (folder / "train.toml").write_text(TRAIN)
    (folder / "field.toml").write_text(FIELD)
    (folder / "counts.toml").write_text(TRAIN.replace("[model]", "[model]\ncount_orders = 2"))
    (folder / "machine.txt").write_text(MACHINE)
    (folder / "lines.jsonl").write_text(LINES)
    (folder / "lines.jsonl.gz").write_bytes(gzip.compress(LINES.encode()))
    shutil.copy(
        ROOT / "tests" / "fuzz" / "corpus" / "tokenizer_json" / "words", folder / "tokenizer.json"
    )
    (folder / "text.txt").write_text("In the beginning was the word. " * 40)
    for command in (
        "train --data text.txt --out model --config train.toml --progress none",
        "train --data builtin:parity --out task --config train.toml --progress none",
        "train --data builtin:parity --out near --steps 300 --seed 1 --threads 1 --crystallise off --progress none",
        "train --data text.txt --out counts --config counts.toml --tokenizer bpe:260 --progress none",
        "evolve --out field --config field.toml --progress none",
    ):
        subprocess.run([PROGRAM, *command.split()], cwd=folder, check=True, capture_output=True)


COMMANDS = {
    "train": "train --data text.txt --out new --config train.toml --steps 2 --batch 2 --lr 0.01 --threads 1 --progress none",
    "resume": "train --out model --resume --steps 3 --threads 1 --progress none",
    "eval": "eval --model model --data text.txt --split val --count 3 --seed 1 --length 8 --threads 1",
    "generate": "generate --model model --prompt word --max-tokens 5 --temperature 0.8 --top-k 3 --top-p 0.9 --seed 1",
    "evolve": "evolve --out new --config field.toml --steps 4 --progress none --threads 1",
    "go_on": "evolve --out field --resume --steps 6 --progress none",
    "geodesic": "geodesic --metric sphere:n=2,r=1 --from 1,1 --velocity 0.5,0.5 --length 1 --samples 5 --method dopri5"
    " --step 0.1 --rtol 1e-8 --atol 1e-10 --json",
    "distance": "geodesic --metric half_plane:n=2 --from 0,1 --to 1,2 --samples 3 --json",
    "starts": "geodesic --metric metric.toml:a=2 --starts starts.csv --out paths.csv --length 1 --samples 3 --event r-2",
    "formula": "geodesic --metric expr:r,phi;dr^2+sinh(r)^2*dphi^2 --from 1,1 --velocity 0.5,0.5 --samples 3 --json",
    "formulas": "evolve --out new --config formulas.toml --steps 4 --progress none --threads 1",
    "box": "evolve --out new --config box.toml --steps 2 --progress none --threads 1",
    "curvature": "curvature --metric kerr:spin=.9 --at 0,6,1.2,0 --tensor riemann --plane 1,0,0,0:0,1,0,0 --json",
    "curvatures": "curvature --metric sphere:r=2 --points places.csv --tensor ricci",
    "mean": "mean --metric sphere:r=2 --points points.csv --rtol 1e-8 --json",
    "conjugate": "geodesic --metric sphere --from 1,1 --velocity 0,1 --length 4 --samples 3 --conjugate --json",
    "dynamic": "eval --model counts --data text.txt --count 3 --length 8 --dynamic --dynamic-rate 0.01 --threads 1",
    "crystallise": "crystallise --model near --threads 1",
    "lines": "train --data lines.jsonl lines.jsonl.gz --field text --out new --config train.toml --tokenizer tokenizer.json"
    " --threads 1 --progress none",
    "machine": "train --data builtin:automaton:machine.txt --out new --config train.toml --threads 1 --progress none",
    "lengths": "eval --model task --data builtin:parity --lengths 4,8 --count 2 --by-position places.csv --threads 1",
    "counts": "generate --model counts --prompt-file text.txt --adapt text.txt --max-tokens 3 --seed 1 --threads 1",
    "report": "report counts --sample 3 --out page.html",
    "image": "image --metric kerr:spin=.9 --camera r=30,theta=80deg --disk 6:20 --size 6x4 --view 0.9 --sky-radius 100"
    " --samples 1 --temperature 4500 --rtol 1e-5 --out picture.png --progress none --threads 1",
    "help": "help files",
    "verify": "verify --filter octonion.norm --level scalar --json report.json",
    "info": "info",
}
FILES = {
    "train": ["train.toml", "text.txt"],
    "resume": [
        "model/config.json",
        "model/model.safetensors",
        "model/best.safetensors",
        "model/optimizer.safetensors",
        "model/metrics.jsonl",
    ],
    "eval": ["model/config.json", "model/best.safetensors", "text.txt"],
    "generate": ["model/config.json", "model/best.safetensors"],
    "evolve": ["field.toml"],
    "formulas": ["formulas.toml"],
    "box": ["box.toml"],
    "curvatures": ["places.csv"],
    "mean": ["points.csv"],
    "dynamic": ["counts/config.json", "counts/counts.safetensors"],
    "starts": ["metric.toml", "starts.csv"],
    "crystallise": ["near/config.json", "near/model.safetensors"],
    "lines": ["lines.jsonl", "lines.jsonl.gz", "tokenizer.json"],
    "machine": ["machine.txt"],
    "counts": ["counts/tokenizer.json", "counts/counts.safetensors", "counts/config.json"],
    "report": ["counts/metrics.jsonl", "counts/config.json", "counts/tokenizer.json"],
    "go_on": ["field/config.toml", "field/checkpoint.safetensors", "field/diagnostics.jsonl"],
    # field.h5 is trusted: libhdf5 crashes on hostile files, as io/hdf5.h says.
}


def near_number(chance, value):
    """A number that may be as right as this one: what is refused at once reaches little."""
    try:
        whole = int(value)
    except ValueError:
        return repr(float(value) * chance.choice([-1, 0.1, 0.5, 3, 100]))
    return str(chance.choice([whole - 1, whole + 1, 2 * whole, 3 * whole + 1, -whole]))


def other_value(chance, value):
    kind = chance.random()
    if kind < 0.3:
        try:
            return near_number(chance, value)
        except ValueError:
            pass
    if kind < 0.5:
        return chance.choice(INTEGERS)
    if kind < 0.7:
        return chance.choice(REALS)
    if kind < 0.95:
        return chance.choice(WORDS)
    return value * chance.randrange(2, 50)


def mutate_arguments(chance, arguments):
    if len(arguments) < 2:
        arguments.append(chance.choice(WORDS))
        return
    place = chance.randrange(1, len(arguments))
    kind = chance.random()
    if kind < 0.7:
        values = [k for k in range(1, len(arguments)) if not arguments[k].startswith("--")] or [
            place
        ]
        place = chance.choice(values)
        arguments[place] = other_value(chance, arguments[place])
    elif kind < 0.8:
        del arguments[place]
    elif kind < 0.9:
        arguments.insert(place, chance.choice(arguments))
    else:
        arguments.insert(place, chance.choice(WORDS))


def mutate_bytes(chance, data):
    data = bytearray(data)
    for _ in range(chance.choice([1, 1, 1, 2, 8])):
        at = chance.randrange(len(data) + 1)
        kind = chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = chance.choice(
                [0, 0xFF, 0x80, ord("["), ord("{"), ord('"'), ord("\n"), ord("9")]
            )
        elif kind == 2:
            data[at:at] = data[at : at + chance.randrange(1, 64)] * chance.choice([1, 2, 100])
        elif kind == 3:
            del data[at : at + chance.choice([1, 2, 16, 1 << 20])]
        elif kind == 4:
            data[at : at + 4] = b"\0" * chance.choice([1, 4, 4096])
        else:
            data[at:at] = chance.choice(
                [b"\xff\xfe", b"\xc3\x28", b"[" * 20000, b"a." * 20000, b"\x1b[31m"]
            )
    return bytes(data)


def mutate_line(chance, data):
    """Another value behind one = or : of a text."""
    lines = data.decode("utf-8", "replace").split("\n")
    places = [k for k, line in enumerate(lines) if "=" in line or ":" in line]
    if not places:
        return data
    k = chance.choice(places)
    mark = "=" if "=" in lines[k] else ":"
    key, old = lines[k].split(mark, 1)
    value = other_value(chance, old.strip().rstrip(","))
    if chance.random() < 0.3:
        value = json.dumps(value)
    lines[k] = key + mark + " " + value + ("," if old.endswith(",") else "")
    return "\n".join(lines).encode()


def mutate_file(chance, path):
    data = path.read_bytes()
    is_text = path.suffix in (".toml", ".json", ".jsonl")
    path.write_bytes(
        mutate_line(chance, data)
        if is_text and chance.random() < 0.7
        else mutate_bytes(chance, data)
    )


def bounded():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 28, 1 << 28))


def no_nan(name):
    raise ValueError(f"{name} is no JSON")


def broken_rule(command, ended):
    """The rule that this end breaks, or None."""
    if ended is None:
        return f"does not end within {GRACE} s of a Ctrl-C"
    if ended.returncode not in (0, 1, 2, 130):
        return f"status {ended.returncode}"
    errors = ended.stderr.decode("utf-8", "replace").splitlines()
    if ended.returncode in (1, 2):
        said = [line for line in errors if line.startswith("error: ")]
        if len(said) != 1:
            return f"{len(said)} lines of errors"
        if not all(letter.isprintable() for letter in said[0]):
            return "control characters in the error"
        if len(said[0]) > 6000:
            return f"an error of {len(said[0])} letters"
        for word in ("std::", "basic_", "stoll", "json.exception", "bad_cast", "filesystem error"):
            if word in said[0]:
                return f"a message of a library: {word}"
    if (
        ended.returncode == 0
        and command in ("eval", "geodesic", "distance", "formula")
        and ended.stdout.startswith(b"{")
    ):
        try:
            json.loads(ended.stdout, parse_constant=no_nan)
        except ValueError as error:
            return f"invalid JSON: {error}"
    return None


def mutate(chance, name, arguments, folder):
    """Changes the arguments in place, or files of the folder."""
    files = FILES.get(name, [])
    if not files or chance.random() < 0.5:
        for _ in range(chance.choice([1, 1, 2, 3])):
            mutate_arguments(chance, arguments)
    else:
        for _ in range(chance.choice([1, 1, 2])):
            mutate_file(chance, folder / chance.choice(files))


def run_in(folder, arguments):
    """How the program ended; None if a Ctrl-C did not end it."""
    process = subprocess.Popen(
        [PROGRAM, *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=bounded,
        env={k: v for k, v in os.environ.items() if not k.startswith("LIOR_")},
    )
    ended = None
    for seconds, signal_after in ((SECONDS, signal.SIGINT), (GRACE, signal.SIGKILL)):
        try:
            output, errors = process.communicate(timeout=seconds)
            ended = subprocess.CompletedProcess(arguments, process.returncode, output, errors)
            break
        except subprocess.TimeoutExpired:
            process.send_signal(signal_after)
    process.wait()
    return ended


def trial(chance, original, folder, name):
    """Runs a command, mutated where there is chance, in a fresh copy of the files; (arguments, broken rule, end)."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    arguments = COMMANDS[name].split()
    if chance:
        mutate(chance, name, arguments, folder)
    arguments = [argument.replace("\0", "") for argument in arguments]
    ended = run_in(folder, arguments)
    return arguments, broken_rule(name, ended), ended


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--keep", type=Path, help="a folder for what breaks a rule")
    given = parser.parse_args()

    trials, ends, findings = 0, {}, []
    with tempfile.TemporaryDirectory(prefix="lior-mutate-") as place:
        original, folder = Path(place) / "original", Path(place) / "trial"
        original.mkdir()
        start_files(original)
        for name in given.only:
            arguments, rule, ended = trial(None, original, folder, name)
            if rule or ended.returncode != 0:
                sys.exit(f"mutate.py: {arguments} fails as it stands: {ended and ended.stderr!r}")
        until = time.monotonic() + 60 * given.minutes
        while time.monotonic() < until:
            seed = f"{given.seed}.{trials}"
            chance = random.Random(seed)
            arguments, rule, ended = trial(chance, original, folder, chance.choice(given.only))
            trials += 1
            status = "killed" if ended is None else ended.returncode
            ends[status] = ends.get(status, 0) + 1
            if rule:
                findings.append(rule)
                stderr = b"" if ended is None else ended.stderr[-300:]
                print(f"{seed}: {rule}: {arguments} {stderr!r}", flush=True)
                if given.keep:
                    shutil.copytree(folder, given.keep / seed, dirs_exist_ok=True)
    print(
        f"{trials} runs, {len(findings)} broke a rule; statuses {dict(sorted(ends.items(), key=str))}"
    )
    sys.exit(1 if findings or not trials else 0)


if __name__ == "__main__":
    main()
