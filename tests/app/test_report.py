# SPDX-License-Identifier: Apache-2.0
"""lior report: one page, read by an HTML parser that forgives nothing."""

import json
import re
import shutil
import subprocess

import html5lib
import pytest
from program import PROGRAM, small_settings

HTML, SVG = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "a&b <i>.txt").write_text("the cat sat on the mat\n" * 400)
    (folder / "small.toml").write_text(small_settings())
    data = ("--data", folder / "a&b <i>.txt", "--config", folder / "small.toml")
    often = ("--steps", 40, "--log-every", 1, "--eval-every", 10, "--samples", 30)
    command = [PROGRAM, "train", *data, *often, "--out", folder / "run", "--threads", 1]
    subprocess.run([*map(str, command), "--progress", "none"], check=True, timeout=120)
    return folder / "run"


def page_of(lior, run, out, *more):
    result = lior("report", run, "--out", out, *more)
    assert result.returncode == 0, result.stderr
    text = out.read_text()
    return text, html5lib.HTMLParser(strict=True).parse(text)


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    subprocess.run([PROGRAM, "report", run, "--out", out], check=True, timeout=120)
    text = out.read_text()
    return text, html5lib.HTMLParser(strict=True).parse(text)


def titles(tree):
    return [svg.find(SVG + "title").text for svg in tree.iter(SVG + "svg")]


def test_it_loads_nothing(page):
    text, tree = page
    for element in tree.iter():
        for name, value in element.attrib.items():
            assert (
                not re.search(r"^(src|srcset|action|data|poster|.*href)$", name)
                or value == "data:,"
            )
        assert element.tag not in {HTML + tag for tag in ("script", "img", "iframe", "object")}
    assert set(re.findall(r"https?://[^\"' ]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "url(" not in text and "@import" not in text
    assert "default-src 'none'" in text


def test_charts_have_titles_units_and_every_line(page):
    _, tree = page
    assert titles(tree) == [
        "loss by step",
        "loss by minutes",
        "learning rate",
        "gradient norm before clipping",
        "speed, with evaluations and checkpoints",
    ]
    loss = next(tree.iter(SVG + "svg"))
    words = [text.text for text in loss.iter(SVG + "text")]
    assert {"step", "nats a token", "training", "val", "0"} <= set(words)
    lengths = sorted(len(line.get("points").split()) for line in loss.iter(SVG + "polyline"))
    assert lengths[-1] == 40 and 4 in lengths


def test_points_are_where_their_numbers_are(page, run):
    _, tree = page
    losses = [json.loads(line)["loss"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    loss = next(tree.iter(SVG + "svg"))
    line = next(p for p in loss.iter(SVG + "polyline") if len(p.get("points").split()) == 40)
    places = [tuple(map(float, point.split(","))) for point in line.get("points").split()]
    (x0, y0), (x1, y1) = places[0], places[-1]
    for step, ((x, y), value) in enumerate(zip(places, losses)):
        assert abs(x - (x0 + (x1 - x0) * step / 39)) < 0.02
        share = (value - losses[0]) / (losses[-1] - losses[0])
        assert abs(y - (y0 + (y1 - y0) * share)) < 0.02


def test_settings_and_a_text_are_shown(page, run):
    text, tree = page
    cells = [cell.text for cell in tree.iter(HTML + "td")]
    rows = dict(zip(cells[::2], cells[1::2]))
    assert rows["batch"] == "4" and rows["model.d_model"] == "16" and rows["seed"] == "0"
    assert "a&b <i>.txt" in rows["data"]
    assert len("".join([*tree.iter(HTML + "pre")][-1].itertext())) > 300
    best = min(
        json.loads(line).get("val_loss", 99)
        for line in (run / "metrics.jsonl").read_text().splitlines()
    )
    assert f"{best:.4g} nats" in text


def test_texts_of_the_run_are_shown_by_step(page, run):
    _, tree = page
    kept = [json.loads(line) for line in (run / "samples.jsonl").read_text().splitlines()]
    assert [sample["step"] for sample in kept] == [10, 20, 30, 40]
    shown = ["".join(pre.itertext()) for pre in tree.iter(HTML + "pre")]
    assert len(shown) == 5 and len({*shown}) > 1
    titles = [p.text for p in tree.iter(HTML + "p")]
    assert titles[:4] == [f"at step {step}" for step in (10, 20, 30, 40)]
    # The weights that are saved are those of one of them: the same text, as far as it goes.
    assert any(shown[4].startswith(text.rstrip("\ufffd")) for text in shown[:4])


def test_samples_need_a_text(refused, tmp_path):
    run = ("--data", "builtin:a5", "--out", tmp_path / "run", "--samples", 10)
    assert "samples = 10" in refused("train", *run)


def test_a_run_without_weights_or_evaluation_is_reported(lior, run, tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(run / "config.json", bare)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    (bare / "metrics.jsonl").write_text(lines[0] + "\n{broken\n" + lines[1][:20])
    text, tree = page_of(lior, bare, tmp_path / "page.html")
    assert "What it writes" not in text and "best val" not in text
    assert "loss by step" in titles(tree)


def test_many_lines_are_put_together(lior, run, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    shutil.copy(run / "config.json", many)
    line = (
        '{{"step": {0}, "loss": 2.0, "tokens": {0}, "seconds": {0}.0, "lr": 0.1, "grad_norm": 1}}\n'
    )
    (many / "metrics.jsonl").write_text("".join(line.format(step) for step in range(1, 5001)))
    text, tree = page_of(lior, many, tmp_path / "page.html")
    assert "a point is the mean of 17 of them" in text
    points = [len(line.get("points").split()) for line in tree.iter(SVG + "polyline")]
    assert max(points) == 295


@pytest.mark.parametrize("missing", ["config.json", "metrics.jsonl"])
def test_what_is_no_run_is_named(refused, run, tmp_path, missing):
    folder = shutil.copytree(run, tmp_path / "run")
    (folder / missing).unlink()
    assert missing in refused("report", folder)
    (folder / "metrics.jsonl").write_text("")
    assert "json" in refused("report", folder)
    assert "no run is named" in refused("report")
