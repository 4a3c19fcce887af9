# SPDX-License-Identifier: Apache-2.0
"""lior generate: prompts, stops, several texts."""

import re
import signal
import subprocess
import time

import pytest
from program import PROGRAM, environment, small_settings

SETTINGS = small_settings()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a run on a text of few words."""
    folder = tmp_path_factory.mktemp("generate")
    (folder / "text.txt").write_text("the cat sat on the mat\n" * 400)
    (folder / "small.toml").write_text(SETTINGS)
    data = ("--data", folder / "text.txt", "--config", folder / "small.toml")
    command = [PROGRAM, "train", *data, "--out", folder / "run", "--steps", 120, "--lr", 0.02]
    quiet = ("--threads", 1, "--progress", "none")
    subprocess.run([*map(str, command), *map(str, quiet)], check=True, timeout=120)
    return folder / "run"


@pytest.fixture
def written(lior, run):
    def text(*more):
        result = lior("generate", "--model", run, "--max-tokens", 60, *more)
        assert result.returncode == 0, result.stderr
        return result.stdout

    return text


def test_no_prompt_begins_as_after_a_line_break(written):
    assert written("--seed", 1) == written("--seed", 1, "--prompt", "\n")


def test_a_prompt_can_be_a_file(written, tmp_path):
    (tmp_path / "prompt").write_text("the cat")
    assert written("--prompt-file", tmp_path / "prompt") == written("--prompt", "the cat")


def test_a_stop_ends_the_text_before_it(written):
    whole = written("--prompt", "the ", "--temperature", 0)
    assert len(whole) == 60
    for stop in ("t", "mat", "\nthe", whole[10:30], whole[-1:]):
        assert (
            written("--prompt", "the ", "--temperature", 0, "--stop", stop)
            == (whole[: whole.index(stop)])
        )
    assert written("--prompt", "the ", "--temperature", 0, "--stop", "never said") == whole


def test_several_texts_are_those_of_the_next_seeds(written):
    texts = [written("--seed", seed, "--temperature", 1.5) for seed in (5, 6, 7)]
    assert len(set(texts)) == 3
    together = written("--seed", 5, "--temperature", 1.5, "-n", 3)
    assert together == "\n----\n".join(texts)


def test_a_line_says_how_fast_it_was(lior, run):
    ask = ("generate", "--model", run, "--prompt", "the cat")
    said = lior(*ask, "--max-tokens", 30, "-n", 2).stderr  # the prompt is read once
    speed = r"7 tokens read in \S+ s, 60 written in \S+ s, [0-9.]+ a second\n"
    assert re.fullmatch(speed, said)
    nothing = r"7 tokens read in \S+ s, 0 written in \S+ s\n"
    assert re.fullmatch(nothing, lior(*ask, "--max-tokens", 0).stderr)


def test_likely_tokens_alone(written):
    likeliest = written("--prompt", "the", "--temperature", 0)
    assert written("--prompt", "the", "--min-p", 1) == likeliest
    assert written("--prompt", "the", "--min-p", 0) == written("--prompt", "the")
    repeated = written("--prompt", "the", "--temperature", 0, "--repetition-penalty", 5)
    assert repeated != likeliest


def test_what_cannot_be(refused, run, tmp_path):
    generate = ("generate", "--model", run)
    assert "no file" in refused(*generate, "--prompt-file", tmp_path / "none")
    (tmp_path / "empty").touch()
    assert "is empty" in refused(*generate, "--prompt-file", tmp_path / "empty")
    assert "cannot be read" in refused(*generate, "--prompt-file", "/proc/self/mem")
    both = ("--prompt", "a", "--prompt-file", tmp_path / "empty")
    assert "both given" in refused(*generate, *both)
    assert "-n: 0 texts" in refused(*generate, "-n", 0)
    assert "min_p = 2" in refused(*generate, "--min-p", 2)
    assert "repetition_penalty = 0" in refused(*generate, "--repetition-penalty", 0)


# --- a chat ------------------------------------------------------------------------------------


@pytest.fixture
def chat(run):
    """chat("line\\nline\\n", ...) -> CompletedProcess of lior generate --interactive."""

    def say(lines, *more, temperature=0):
        arguments = ("--interactive", "--temperature", temperature, "--max-tokens", 20, *more)
        command = [PROGRAM, "generate", "--model", run, *arguments]
        return subprocess.run(
            list(map(str, command)),
            input=lines,
            capture_output=True,
            timeout=120,
            env=environment(),
        )

    return say


def test_a_chat_answers_each_line_and_its_state_goes_on(chat, written):
    prompt = "User: the cat\n\nAssistant:"
    first = written("--prompt", prompt, "--temperature", 0)[:20]
    prompt += first + "\n\nUser: sat on\n\nAssistant:"
    second = written("--prompt", prompt, "--temperature", 0)[:20]
    said = chat(b"the cat\n\nsat on").stdout.decode()
    assert said == first.lstrip(" \n") + "\n" + second.lstrip(" \n") + "\n"


def test_a_prompt_stands_before_a_chat(chat, written):
    prompt = "the mat\n\nUser: cat\n\nAssistant:"
    answer = written("--prompt", prompt, "--temperature", 0)[:20]
    assert chat(b"cat\n", "--prompt", "the mat").stdout.decode() == answer.lstrip(" \n") + "\n"


def test_a_chat_without_lines_says_nothing(chat):
    result = chat(b"")
    assert (result.returncode, result.stdout) == (0, b"")


def test_a_chat_refuses_what_it_cannot_read(chat):
    result = chat(b"a\n\xff\n")
    assert result.returncode == 2 and b"line 2 of stdin" in result.stderr
    assert b"-n 2" in chat(b"a\n", "-n", 2).stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_answer_and_then_the_chat(run, number):
    command = [PROGRAM, "generate", "--model", run, "--interactive", "--max-tokens", 1 << 40]
    process = subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        process.stdin.write(b"the\n")
        process.stdin.flush()
        assert process.stdout.read(100)  # the answer, which would not end by itself
        process.send_signal(number)
        if number == signal.SIGINT:
            process.stdin.write(b"cat\n")
            process.stdin.flush()
            assert process.stdout.read(100_000)  # part of it is the next answer
            time.sleep(0.6)  # until another press is one of its own
            process.send_signal(number)
            process.stdin.close()
            process.stdin = None
        process.stdout.read()
        assert process.wait(timeout=60) == (0 if number == signal.SIGINT else 143)
    finally:
        process.kill()
        process.wait()
