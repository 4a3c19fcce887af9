# SPDX-License-Identifier: Apache-2.0
"""Texts as people have them: several files, folders, compressed, lines of JSON, documents."""

import gzip
import json
import lzma
import subprocess

import pytest
from program import PROGRAM, environment, small_settings

QUIET = ("--progress", "none", "--threads", 1)
TEXTS = [f"text {i}: " + "the cat sat on the mat, and the dog on the rug. " * 8 for i in range(12)]


@pytest.fixture
def inputs(tmp_path):
    (tmp_path / "small.toml").write_text(small_settings())
    return tmp_path


def training(inputs, out, *data):
    """A run of three steps on data."""
    settings = ("--config", inputs / "small.toml", "--out", inputs / out, "--steps", 3)
    return ("train", *settings, *QUIET, "--data", *data)


def weights(folder):
    data = (folder / "model.safetensors").read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


def compress(path, how):
    """By the program of that name."""
    command = {"gz": ("gzip", "-n"), "zst": ("zstd", "-q", "--rm"), "xz": ("xz",)}[how]
    subprocess.run([*command, path], check=True)
    return path.with_name(f"{path.name}.{how}")


def folder_of(inputs, name, texts=TEXTS):
    folder = inputs / name
    folder.mkdir()
    for i, text in enumerate(texts):
        (folder / f"{i:03}.txt").write_text(text)
    return folder


def test_the_same_documents_in_any_form_give_the_same_model(lior, inputs):
    folder = folder_of(inputs, "plain")
    forms = {"plain": [folder], "files": sorted(folder.iterdir()), "glob": [f"{folder}/*.txt"]}
    for how in ("gz", "zst", "xz"):
        packed = folder_of(inputs, how)
        for path in list(packed.iterdir()):
            compress(path, how)
        forms[how] = [packed]
    lines = inputs / "lines.jsonl"
    lines.write_text("".join(json.dumps({"id": 7, "text": text}) + "\n" for text in TEXTS))
    forms["jsonl"] = [lines]
    forms["packed lines"] = [compress(inputs / "lines.jsonl", "zst")]
    separated = inputs / "separated"
    separated.write_text("\n%%\n".join(TEXTS))
    seen = {}
    for name, data in forms.items():
        if name == "jsonl":
            lines.write_text(
                "".join(json.dumps({"text": t}, ensure_ascii=False) + "\r\n" for t in TEXTS)
            )
        result = lior(*training(inputs, f"run {name}", *data))
        assert result.returncode == 0, result.stderr
        seen[name] = weights(inputs / f"run {name}")
    result = lior(*training(inputs, "run sep", separated, "--separator", "\\n%%\\n"))
    assert result.returncode == 0, result.stderr
    seen["separated"] = weights(inputs / "run sep")
    assert len(set(seen.values())) == 1, [name for name in seen if seen[name] != seen["plain"]]


def test_a_run_keeps_its_text_and_goes_on_with_it(lior, refused, inputs):
    folder, out = folder_of(inputs, "texts"), inputs / "run"
    assert lior(*training(inputs, "run", folder, "--pattern", "*.txt")).returncode == 0
    assert (out / "data").read_text() == "".join(TEXTS)
    kept = (out / "data").stat().st_mtime_ns
    resume = ("train", "--out", out, "--resume", *QUIET, "--steps")
    assert lior(*resume, 4).returncode == 0
    assert (out / "data").stat().st_mtime_ns == kept
    # The same texts with other times are read anew; others are refused.
    for path in folder.iterdir():
        path.touch()
    assert lior(*resume, 5).returncode == 0
    assert (out / "data").stat().st_mtime_ns != kept
    (folder / "002.txt").write_text("something else")
    assert "is not the text that the run was trained on" in refused(*resume, 6)
    assert (out / "data").read_text() == "".join(TEXTS)


def test_a_run_whose_texts_are_gone_has_its_copy(lior, refused, inputs):
    folder, out, moved = folder_of(inputs, "texts"), inputs / "run", inputs / "moved"
    assert lior(*training(inputs, "run", folder)).returncode == 0
    out.rename(moved)  # to another machine, as it were
    evaluate = ("eval", "--model", moved)
    resume = ("train", "--out", moved, "--resume", "--steps")
    there = json.loads(lior(*evaluate, "--baseline").stdout)
    folder.rename(inputs / "away")
    gone = lior(*evaluate, "--baseline")
    said = f"{folder} cannot be found; the copy that the run keeps is taken: {moved}/data\n"
    assert gone.stderr.startswith(said)
    assert {**json.loads(gone.stdout), "seconds": 0} == {**there, "seconds": 0}
    result = lior(*resume, 4)
    assert result.returncode == 0 and said in result.stderr
    assert json.loads((moved / "config.json").read_text())["data"] == str(folder)
    # Texts that are named have to be there, and so has a whole copy.
    assert "cannot be opened" in refused(*evaluate, "--data", folder)
    assert "cannot be opened" in refused(*evaluate, "--separator", "x")
    (moved / "data").write_text("".join(TEXTS).replace("cat", "cow"))
    assert "cannot be opened" in refused(*evaluate)
    assert "cannot be opened" in refused(*resume, 5)
    # Texts that are there, and others than they were, are no run's.
    folder_of(inputs, "texts", TEXTS[1:])
    assert "is not the text" in refused(*resume, 5)


def test_an_evaluation_takes_the_same_forms(lior, inputs):
    folder = folder_of(inputs, "texts")
    assert lior(*training(inputs, "run", folder)).returncode == 0
    lines = inputs / "lines.ndjson"
    lines.write_text("".join(json.dumps({"body": text}) + "\n" for text in TEXTS))
    of_run = ("eval", "--model", inputs / "run", "--count", 10**6)
    evaluate = (*of_run, "--data")
    reports = [
        json.loads(lior(*evaluate, *data).stdout)
        for data in ([folder], sorted(folder.iterdir()), [lines, "--field", "body"])
    ]
    reports.append(json.loads(lior(*of_run).stdout))  # the run's own text
    for report in reports:
        report.pop("seconds")
    assert all(report == reports[0] for report in reports)
    held_out = reports[0]["sequences"]
    assert held_out == 1 and reports[0]["tokens"] == len(TEXTS[0]) - 1
    whole = json.loads(lior(*evaluate, folder, "--split", "all").stdout)
    assert whole["sequences"] == 12 and whole["tokens"] == sum(len(text) - 1 for text in TEXTS)
    # Each document is read by itself, from its start: the mean over them is that of all.
    alone = ("eval", "--model", inputs / "run", "--count", 1, "--length", 10**5, "--split", "all")
    total = 0
    for path in folder.iterdir():
        report = json.loads(lior(*alone, "--data", path).stdout)
        total += report["loss"] * report["tokens"]
    assert abs(total / whole["tokens"] - whole["loss"]) < 1e-4  # printed to six digits


def said(lior, inputs, out, *data):
    """What a run says that is not told to be silent."""
    result = lior(*[a for a in training(inputs, out, *data) if a not in ("none", "--progress")])
    assert result.returncode == 0
    return result.stderr


def test_a_separator_that_stands_nowhere_and_utf_16_are_said(lior, inputs):
    (inputs / "windows").write_bytes("one\r\n\r\ntwo\r\n".encode() * 30)
    blank = ("--separator", "\\n\\n")
    assert 'separator "\\n\\n" stands nowhere' in said(
        lior, inputs, "a", inputs / "windows", *blank
    )
    (inputs / "utf16").write_bytes(("a text of Windows\n" * 60).encode("utf-16"))
    assert "iconv -f UTF-16 -t UTF-8" in said(lior, inputs, "b", inputs / "utf16")
    (inputs / "unmarked").write_bytes(("a text of Windows\n" * 60).encode("utf-16-le"))
    assert "50 % of the first bytes of the text are 0" in said(
        lior, inputs, "c", inputs / "unmarked"
    )
    (inputs / "some").write_bytes(b"one in 200, as of a record's end" * 6 * 20 + bytes(19))
    assert "are 0" not in said(lior, inputs, "d", inputs / "some")


def test_what_is_left_out_is_said(lior, inputs):
    folder = folder_of(inputs, "texts")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (folder / "empty").touch()
    result = lior(*training(inputs, "run", folder), **{})
    assert result.returncode == 0 and result.stderr.count("left out") == 0  # --progress none
    aloud = said(lior, inputs, "run2", folder)
    assert "left out" in aloud and "picture.png" in aloud


def test_a_run_beside_its_text_is_no_text(lior, refused, inputs):
    folder = folder_of(inputs, "texts")
    run, other = folder / "run", folder / "deep" / "other"
    aloud = said(lior, inputs, "texts/run", folder)
    assert "left out" not in aloud and (run / "data").read_text() == "".join(TEXTS)
    (folder / "deep").mkdir()
    aloud = said(lior, inputs, "texts/deep/other", folder)
    assert f"left out, since it is the folder of a run: {run}" in aloud
    assert (other / "data").read_text() == "".join(TEXTS)
    for path in (run, other):
        resume = lior("train", "--out", path, "--resume", "--steps", 4, *QUIET)
        assert resume.returncode == 0, resume.stderr
        assert lior("eval", "--model", path).returncode == 0
    # One that was killed before its first checkpoint, and one found by a pattern of paths.
    for path in run.glob("*.safetensors"):
        path.unlink()
    assert lior(*training(inputs, "third", f"{folder}/*")).returncode == 0
    assert (inputs / "third" / "data").read_text() == "".join(TEXTS)
    # A folder that is named is taken at its word.
    assert 'metrics.jsonl:1: has no field "text"' in refused(*training(inputs, "fourth", other))
    nothing = refused(*training(inputs, "fourth", f"{folder}/deep/*"))
    assert nothing.endswith(f"no file has such a name; {other} is left out")


def test_damaged_files_are_refused_in_one_line(refused, inputs):
    text = ("".join(TEXTS) * 20).encode()
    packed = {
        "gz": gzip.compress(text),
        "xz": lzma.compress(text),
        "zst": subprocess.run(["zstd", "-c"], input=text, capture_output=True, check=True).stdout,
    }
    for how, data in packed.items():
        path = inputs / f"text.{how}"
        path.write_bytes(data[: len(data) * 2 // 3])
        assert f"text.{how}: ends before its text does" in refused(*training(inputs, "run", path))
        path.write_bytes(data + b"and something else")
        assert f"text.{how}: is damaged" in refused(*training(inputs, "run", path))
        middle = len(data) // 2
        path.write_bytes(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
        assert f"text.{how}: " in refused(*training(inputs, "run", path))
        path.write_bytes(b"")
        assert f"text.{how}: is empty" in refused(*training(inputs, "run", path))
        path.write_bytes(b"no such format")
        assert f"text.{how}: is damaged" in refused(*training(inputs, "run", path))
    assert not (inputs / "run").exists()


def test_several_members_are_one_text(lior, inputs):
    parts = [text.encode() for text in TEXTS]
    zstd = ["zstd", "-c"]
    packed = {
        "gz": b"".join(map(gzip.compress, parts)) + bytes(100),  # padded, as on a tape
        "xz": b"".join(map(lzma.compress, parts)),
        "zst": b"".join(
            subprocess.run(zstd, input=part, capture_output=True, check=True).stdout
            for part in parts
        ),
    }
    for how, data in packed.items():
        (inputs / f"text.{how}").write_bytes(data)
        result = lior(*training(inputs, f"run {how}", inputs / f"text.{how}"))
        assert result.returncode == 0, result.stderr
        assert (inputs / f"run {how}" / "data").read_bytes() == b"".join(parts)


def test_a_bomb_is_refused(refused, inputs):
    for how in ("gz", "zst", "xz"):
        bomb = inputs / f"bomb.{how}"
        command = {"gz": "gzip -9", "zst": "zstd -q -c", "xz": "xz -0"}[how]
        subprocess.run(f"head -c 80000000 /dev/zero | {command} > {bomb}", shell=True, check=True)
        assert "made to fill a memory" in refused(*training(inputs, "run", bomb))


def test_lines_of_json_are_named(refused, inputs):
    path = inputs / "a.jsonl"
    good = '{"text": "a text"}\n'
    for bad, words in (
        ('{"body": "x"}', 'has no field "text"; --field NAME says where'),
        ('{"text": 7}', 'its field "text" holds no text'),
        ('{"text": "x"', "no JSON from its character"),
        ("[1]", "no JSON object"),
        ('{"text": "\\ud800"}', "no JSON from its character"),
    ):
        path.write_text(good * 4 + bad + "\n" + good)
        assert f"a.jsonl:5: {words}" in refused(*training(inputs, "run", path))
    path.write_text("\n\n")
    assert "no text in it" in refused(*training(inputs, "run", path))


def test_data_that_are_not_there(refused, inputs):
    folder = folder_of(inputs, "texts")
    run = inputs / "run"
    assert 'fits "*.tex"' in refused(*training(inputs, "run", folder, "--pattern", "*.tex"))
    assert "nothing has such a name" in refused(*training(inputs, "run", f"{inputs}/no*.txt"))
    assert "cannot be opened" in refused(*training(inputs, "run", folder, inputs / "none"))
    assert "comes alone" in refused(*training(inputs, "run", folder, "-"))
    (inputs / "loop").symlink_to("loop")
    assert "symbolic links" in refused(*training(inputs, "run", inputs / "loop", folder))
    (inputs / "empty").mkdir()
    assert "no file in this folder" in refused(*training(inputs, "run", inputs / "empty"))
    (inputs / "empty" / "a").touch()
    assert "the file is empty" in refused(*training(inputs, "run", inputs / "empty"))
    (inputs / "empty" / "b").write_bytes(bytes(10))
    for pattern in ("*", "b"):
        more = ("--pattern", pattern)
        message = refused(*training(inputs, "run", inputs / "empty", *more))
        assert "a zero byte near its start is taken to be binary" in message
    assert not run.exists()


def test_a_pipe_may_hold_documents(lior, inputs):
    command = [PROGRAM, *map(str, training(inputs, "run", "-", "--separator", "\\n%%\\n"))]
    text = "\n%%\n".join(TEXTS)
    result = subprocess.run(
        command, input=text, text=True, capture_output=True, timeout=120, env=environment()
    )
    assert result.returncode == 0, result.stderr
    assert lior(*training(inputs, "other", folder_of(inputs, "texts"))).returncode == 0
    assert weights(inputs / "run") == weights(inputs / "other")
    moved = (inputs / "run").rename(inputs / "moved")
    resume = ("train", "--out", moved, "--resume", "--steps", 4, *QUIET)
    assert lior(*resume).returncode == 0
    evaluated = lior("eval", "--model", moved)
    assert evaluated.returncode == 0 and "the copy that the run keeps is taken" in evaluated.stderr


def test_an_evaluation_says_that_the_text_has_changed(lior, inputs):
    """What is held out is drawn from the text as it is now, and may have been trained on."""
    folder = folder_of(inputs, "texts")
    plain = inputs / "plain.txt"
    plain.write_text("".join(TEXTS) * 20)
    for name, data in (("run", folder), ("other", plain)):
        assert lior(*training(inputs, name, data)).returncode == 0
        evaluated = lior("eval", "--model", inputs / name)
        assert evaluated.returncode == 0 and "not the text" not in evaluated.stderr
    next(path for path in sorted(folder.rglob("*")) if path.is_file()).unlink()
    plain.write_text(plain.read_text() + "and more\n")
    for name, data in (("run", folder), ("other", plain)):
        evaluated = lior("eval", "--model", inputs / name)
        assert evaluated.returncode == 0
        assert "is not the text that the run was trained on" in evaluated.stderr
        given = lior("eval", "--model", inputs / name, "--data", data)
        assert given.returncode == 0 and "not the text" not in given.stderr
