# SPDX-License-Identifier: Apache-2.0
"""Help on commands and topics, manual pages, completions, and the doctor's advice."""

import contextlib
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import termios

import pytest
from program import PROGRAM


def commands_and_topics(lior):
    text = lior("help").stdout
    commands, topics = text.split("Topics:")
    names = re.compile(r"^  (\S+) +\S", re.MULTILINE)
    return names.findall(commands), names.findall(topics)


def test_every_command_and_topic_has_a_page(lior):
    commands, topics = commands_and_topics(lior)
    assert {"train", "eval", "doctor"} <= set(commands) and "settings" in topics
    for command in commands:
        assert lior("help", command).stdout == lior(command, "--help").stdout
    for topic in topics:
        result = lior("help", topic)
        assert result.returncode == 0 and len(result.stdout.splitlines()) >= 5, topic


def test_help_fits_its_lines(lior):
    """Lines end by column 100, between words, and descriptions go on below themselves."""
    commands, _ = commands_and_topics(lior)
    for command in commands:
        for line in lior(command, "--help").stdout.splitlines():
            assert len(line) <= 100 or " " not in line.strip(), (command, line)
    text = lior("train", "--help").stdout
    presets = text[text.index("  --preset NAME") : text.index("  --init-from DIR")].splitlines()
    assert len(presets) > 2
    assert all(line.startswith(30 * " ") and line[30] != " " for line in presets[1:])
    assert [word for line in presets for word in line.split()][2:5] == ["auto,", "tiny,", "small,"]


def on_a_terminal(columns, *words):
    """What the program writes to a terminal of so many columns."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    with subprocess.Popen([PROGRAM, *words], stdout=its):
        os.close(its)
        text = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while part := os.read(ours, 4096):
                text += part
    os.close(ours)
    return text.decode().replace("\r\n", "\n")


def test_help_is_as_wide_as_the_terminal(lior):
    wide, narrow = lior("mean", "--help").stdout, on_a_terminal(60, "mean", "--help")
    assert max(map(len, wide.splitlines())) > 60 >= max(map(len, narrow.splitlines()))
    assert narrow.split() == wide.split()


def test_topics_come_from_the_tables(lior):
    assert re.search(
        r"^  model\.layers +1 +an integer from 1", lior("help", "settings").stdout, re.M
    )
    scheme = r'^  integrator\.kind +strang +one of "strang", "yoshida4"'
    assert re.search(scheme, lior("help", "evolve-settings").stdout, re.M)
    assert "schwarzschild:mass=1" in lior("help", "metrics").stdout
    assert re.search(r"^  a5 +60 +60 +tracking$", lior("help", "tasks").stdout, re.M)
    assert "attention_window" in lior("help", "mixers").stdout


@pytest.mark.parametrize(
    "command, expected",
    [
        (("help", "tractor"), "there is no help on 'tractor'; expected one of: train, eval, "),
        (("man", "tractor"), "there is no command 'tractor'; 'lior help' lists them"),
        (("completion", "tcsh"), "shell 'tcsh' is unknown; expected one of: bash, zsh, fish"),
        (("completion",), "say which shell: lior completion bash, zsh or fish"),
    ],
)
def test_unknown_subjects_say_what_there_is(refused, command, expected):
    assert expected in refused(*command)


def test_manual_pages_name_every_flag(lior, tmp_path):
    assert lior("man", "--out", tmp_path / "pages").returncode == 0
    commands, _ = commands_and_topics(lior)
    pages = sorted(file.name for file in (tmp_path / "pages").iterdir())
    assert pages == sorted(["lior.1", *(f"lior-{command}.1" for command in commands)])
    for command in commands:
        page = (tmp_path / "pages" / f"lior-{command}.1").read_text().replace("\\-", "-")
        flags = re.findall(r"^  (--[a-z-]+)", lior(command, "--help").stdout, re.MULTILINE)
        assert all(flag in page for flag in flags), command


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_manual_pages_are_clean_roff(lior, tmp_path):
    lior("man", "--out", tmp_path)
    for page in tmp_path.iterdir():
        result = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8", "-z", page], capture_output=True, text=True
        )
        assert result.returncode == 0 and result.stderr == "", page.name


def completed(words, tmp_path):
    """The words that bash would suggest for the last of `words`."""
    line = " ".join(word or "''" for word in words)
    script = (
        f"source <({PROGRAM} completion bash); COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
        "_lior; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    result = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert result.stderr == ""
    return result.stdout.split()


def test_bash_completes_commands_flags_values_and_files(tmp_path):
    (tmp_path / "book.txt").write_text("a")
    assert completed(["lior", "tr"], tmp_path) == ["train"]
    assert {"--data", "--minutes"} <= set(completed(["lior", "train", "--"], tmp_path))
    assert "barrier" in completed(["lior", "evolve", "--preset", ""], tmp_path)
    assert completed(["lior", "train", "--data", "bo"], tmp_path) == ["book.txt"]
    assert completed(["lior", "help", "metr"], tmp_path) == ["metrics"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_read_their_scripts(lior, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    script = lior("completion", shell).stdout
    assert script.count("train") > 3
    result = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True)
    assert result.returncode == 0 and result.stderr == ""


def test_the_doctor_names_what_the_environment_spoils():
    def advice(**variables):
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
        result = subprocess.run(
            [PROGRAM, "doctor"], env={**environment, **variables}, capture_output=True, text=True
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    plain = advice()
    assert re.search(r"^vectors +\w+ in force$", plain, re.MULTILINE)
    assert re.search(r"^OpenMP +no settings", plain, re.MULTILINE)
    waiting = advice(OMP_WAIT_POLICY="active", GOMP_SPINCOUNT="1000")
    assert waiting.count("it fixes how threads wait") == 1  # said once of both
    assert "lior ignores OMP_NUM_THREADS" in advice(OMP_NUM_THREADS="1")
    assert "OMP_DYNAMIC=true lets" in advice(OMP_DYNAMIC="true")
    if "scalar in force" not in plain:
        assert "LIOR_SIMD holds it below" in advice(LIOR_SIMD="scalar")


def test_the_program_loads_what_it_uses():
    """No HTTP, TLS or Kerberos: they come with a shared HDF5, and nothing here uses them."""
    result = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True)
    if result.returncode != 0:
        pytest.skip("ldd does not read this program")
    names = [line.split()[0] for line in result.stdout.splitlines()]
    assert not [name for name in names if re.match(r"lib(curl|ssl|krb5|ldap|gnutls)", name)]
    assert len(names) <= 24
