# SPDX-License-Identifier: Apache-2.0
"""Compilers that leave a length open: one graph for all lengths, and programs that torch.export writes."""

import io

import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
from lior.torch import _keywords  # noqa: E402
from torch._dynamo.utils import counters  # noqa: E402
from torch_models import LAYERS  # noqa: E402


@pytest.fixture(params=LAYERS)
def layer(request):
    torch.manual_seed(1)
    return lt.Layer(request.param, 16, torch.float64, **LAYERS[request.param])


def slopes(function, layer, x):
    out = function(x)
    return [out, *torch.autograd.grad(out.square().sum(), [x, *layer.parameters()])]


def test_one_graph_serves_all_lengths(layer):
    torch.compiler.reset()
    counters.clear()
    compiled = torch.compile(lambda x: layer(x), fullgraph=True, dynamic=True, backend="aot_eager")
    for batch, length in ((2, 5), (3, 7), (2, 40)):
        x = torch.randn(batch, length, 16, dtype=torch.float64, requires_grad=True)
        torch.testing.assert_close(slopes(compiled, layer, x), slopes(layer, layer, x))
    assert counters["stats"]["unique_graphs"] == 1


def exported(module, argument):
    """By a file, with the length, the argument's second axis, open."""
    length = torch.export.Dim("length", min=2, max=4096)
    file = io.BytesIO()
    torch.export.save(torch.export.export(module, (argument,), dynamic_shapes=({1: length},)), file)
    file.seek(0)
    return torch.export.load(file)


def test_an_exported_layer_takes_any_length(layer):
    program = exported(layer, torch.randn(2, 5, 16, dtype=torch.float64)).module()
    assert dict(program.named_parameters()).keys() == dict(layer.named_parameters()).keys()
    for length in (2, 5, 70):
        x = torch.randn(2, length, 16, dtype=torch.float64)
        torch.testing.assert_close(program(x), layer(x))


def test_what_torch_makes_of_an_exported_layer_keeps_its_names():
    layer, x = lt.GeometricMamba(16, heads=2), torch.randn(2, 5, 16)
    program = torch.export.export(layer, (x,))
    for form in (torch.export.unflatten(program), program.run_decompositions().module()):
        assert dict(form.named_parameters()).keys() == dict(layer.named_parameters()).keys()
        torch.testing.assert_close(form(x), layer(x))


def test_torch_writes_keywords_as_it_writes_names_that_are_none():
    """And all other names as before."""
    write = torch.fx.graph._format_target
    assert write("self", "in.weight") == 'getattr(self, "in").weight'
    assert write("self", "blocks.0.mixer.in") == 'getattr(getattr(self.blocks, "0").mixer, "in")'
    for name in ("out.weight", "blocks.0.norm", "inner", "match", "0"):
        assert write("self", name) == write.__wrapped__("self", name)


def test_only_a_torch_that_has_the_fault_is_mended(monkeypatch):
    mended = torch.fx.graph._format_target
    _keywords.mend()
    assert torch.fx.graph._format_target is mended
    monkeypatch.delattr(torch.fx.graph, "_format_target")
    _keywords.mend()
    assert not hasattr(torch.fx.graph, "_format_target")


def test_an_exported_model_takes_any_length():
    sizes = {"d_model": 16, "heads": 2, "layers": 2, "mlp_hidden": 12, "convolution": 3}
    sizes |= {"vocabulary": 32, "classes": 32, "ngram_orders": 3, "ngram_bits": 4}
    torch.manual_seed(1)
    model = lt.Model({"data": "text.txt", **{f"model.{k}": v for k, v in sizes.items()}})
    torch.nn.init.normal_(model.output.weight, std=0.3)
    program = exported(model, torch.randint(32, (2, 5))).module()
    for length in (3, 40):
        tokens = torch.randint(32, (2, length))
        torch.testing.assert_close(program(tokens), model(tokens))
