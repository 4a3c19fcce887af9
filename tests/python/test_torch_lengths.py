# SPDX-License-Identifier: Apache-2.0
"""Compilers that leave a length open: one graph for all lengths, and programs that torch.export writes."""

import io

import pytest

torch = pytest.importorskip("torch")

import lior.torch as lt  # noqa: E402
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


class Renamed(torch.nn.Module):
    """A module whose parameters have other names: torch.export writes self.in.weight into a program's text, which Python
    does not read."""

    def __init__(self, module):
        super().__init__()
        self.names = list(dict(module.named_parameters()))
        self.held = torch.nn.ParameterList(module.parameters())
        self.module = [module]  # no submodule, whose names would count

    def forward(self, *args):
        return torch.func.functional_call(self.module[0], dict(zip(self.names, self.held)), args)


def exported(module, *args):
    """By a file, with the length, the second axis of the first argument, open."""
    length = torch.export.Dim("length", min=2, max=4096)
    shapes = {"args": ({1: length},)}
    file = io.BytesIO()
    torch.export.save(torch.export.export(Renamed(module), args, dynamic_shapes=shapes), file)
    file.seek(0)
    return torch.export.load(file).module()


def test_an_exported_layer_takes_any_length(layer):
    program = exported(layer, torch.randn(2, 5, 16, dtype=torch.float64))
    for length in (2, 5, 70):
        x = torch.randn(2, length, 16, dtype=torch.float64)
        torch.testing.assert_close(program(x), layer(x))


def test_an_exported_model_takes_any_length():
    sizes = {"d_model": 16, "heads": 2, "layers": 2, "mlp_hidden": 12, "convolution": 3}
    sizes |= {"vocabulary": 32, "classes": 32, "ngram_orders": 3, "ngram_bits": 4}
    torch.manual_seed(1)
    model = lt.Model({"data": "text.txt", **{f"model.{k}": v for k, v in sizes.items()}})
    torch.nn.init.normal_(model.output.weight, std=0.3)
    program = exported(model, torch.randint(32, (2, 5)))
    for length in (3, 40):
        tokens = torch.randint(32, (2, length))
        torch.testing.assert_close(program(tokens), model(tokens))
