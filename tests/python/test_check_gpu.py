# SPDX-License-Identifier: Apache-2.0
"""python -m lior.torch.check_gpu, on the processor: what a GPU would compute, and what is said where there is none."""

import json

import pytest

torch = pytest.importorskip("torch")

from lior.torch import check_gpu, formulas  # noqa: E402
from lior.torch.cases import cases, cases_without_gradients  # noqa: E402


def test_plain_forms_pass_in_one_json(capsys):
    assert check_gpu.main(["--device", "cpu", "--quick"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = {row["name"] for row in found["operators"]}
    assert names == cases().keys() | cases_without_gradients().keys()
    assert found["ok"] and all(row["ok"] for row in found["operators"])
    by_name = {row["name"]: row for row in found["operators"]}
    assert "by .cpu()" in by_name["geodesic_distance"]["refused"]
    assert by_name["ci8_scan {}"]["gradient_error"] < 1e-5
    assert by_name["memory_advance"]["gradient_error"] is None
    assert len(found["training"]["cpu"]) == len(found["training"]["device"]) == 4
    assert all({"cpu_ms", "device_ms"} <= row.keys() for row in found["times"])


def test_a_wrong_result_is_found(capsys, monkeypatch):
    right = formulas.scan.affine_states
    monkeypatch.setattr(formulas.scan, "affine_states", lambda *a: 2 * right(*a))
    monkeypatch.setattr(check_gpu, "work", lambda quick: {})
    assert check_gpu.main(["--device", "cpu", "--quick"]) == 1
    found = json.loads(capsys.readouterr().out)
    wrong = {row["name"].split(" {")[0] for row in found["operators"] if not row["ok"]}
    assert wrong == {"ci8_scan", "layer_inner, from a state", "layer_block, from a state"}
    assert not found["training"]["ok"]


def test_what_is_not_a_number_is_wrong(capsys, monkeypatch):
    monkeypatch.setattr(formulas.scan, "affine_states", lambda m, b, h: b * float("nan"))
    monkeypatch.setattr(check_gpu, "work", lambda quick: {})
    monkeypatch.setattr(check_gpu, "training", lambda place, steps: {"ok": True})
    assert check_gpu.main(["--device", "cpu", "--quick"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["ok"]
    assert {row["name"]: row for row in found["operators"]}["ci8_scan {}"]["value_error"] == "nan"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_one_line_says_so(capsys):
    assert check_gpu.main([]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert "sees no CUDA device; --device cpu checks what one would compute" in said.err


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--device", "cpu", "--kernels"], "--kernels run on a GPU alone"),
    ],
)
def test_what_cannot_be_is_refused(capsys, arguments, word):
    with pytest.raises(SystemExit) as ended:
        check_gpu.main(arguments)
    assert ended.value.code == 2 and word in capsys.readouterr().err
