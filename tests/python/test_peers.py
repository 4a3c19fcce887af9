# SPDX-License-Identifier: Apache-2.0
"""The published recurrences of bench/peers: the fast form against the formula token by token, and streaming."""

import math
import pathlib
import sys

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "peers"))

import peer_machines as machines  # noqa: E402
import peer_recurrences as peers  # noqa: E402
from lior.train import Data  # noqa: E402

WIDTH, TOLERANCE = 24, 1e-10


@pytest.fixture(autouse=True)
def in_double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def layer(kind, **options):
    made = kind(WIDTH, **options)
    for parameter in made.parameters():  # gates away from their starts
        torch.nn.init.normal_(parameter, std=0.5)
    return made


@pytest.mark.parametrize("products, gated", [(1, True), (1, False), (4, False), (3, True)])
def test_delta_factors_by_chunks(products, gated):
    made = layer(peers.GatedDelta, heads=2, size=5, products=products, gated=gated)
    parts = made.factors(torch.randn(2, 150, WIDTH))
    state = torch.randn(2, 2, 5, 5)
    for fast, slow in zip(made.scan(*parts, state), made.steps(*parts, state)):
        assert (fast - slow).abs().max() < TOLERANCE


def test_delta_step_is_the_matrix_of_its_formula():
    made = layer(peers.GatedDelta, heads=1, size=4)
    q, k, v, rate, log_gate = made.factors(torch.randn(1, 1, WIDTH))
    state = torch.randn(1, 1, 4, 4)
    key, value = k[0, 0, 0], v[0, 0, 0]
    reflection = torch.eye(4) - rate[0, 0, 0] * torch.outer(key, key)
    expected = log_gate[0, 0, 0].exp() * reflection @ state[0, 0] + rate[0, 0, 0] * torch.outer(
        key, value
    )
    y, found = made.steps(q, k, v, rate, log_gate, state)
    assert (found[0, 0] - expected).abs().max() < TOLERANCE
    assert (y[0, 0, 0] - expected.T @ q[0, 0, 0]).abs().max() < TOLERANCE


def test_rwkv7_by_chunks():
    made = layer(peers.Rwkv7, heads=2, size=5)
    parts = made.factors(torch.randn(2, 77, WIDTH), torch.zeros(2, 1, WIDTH))
    state = torch.randn(2, 2, 5, 5)
    for fast, slow in zip(made.scan(*parts, state), made.steps(*parts, state)):
        assert (fast - slow).abs().max() < TOLERANCE * slow.abs().max()


def test_rwkv7_transitions_reach_reflections():
    """With w = 1 and a = 2 the step is I - 2 c c^T."""
    c = torch.nn.functional.normalize(torch.randn(1, 1, 1, 5), dim=-1)
    zero = torch.zeros(1, 1, 1, 5)
    state = torch.randn(1, 1, 3, 5)
    made = peers.Rwkv7(WIDTH, heads=1, size=5)
    _, found = made.steps(zero, zero, torch.zeros(1, 1, 1, 3), zero, -c, 2 * c, state)
    flipped = state - 2 * (state @ c[0, 0, 0])[..., None] * c[0, 0, 0]
    assert (found - flipped).abs().max() < TOLERANCE


def test_pd_ssm_moves_numbers_to_one_place():
    made = layer(peers.PdSsm, size=6, dictionary=3)
    moves, d, _ = made.transitions(torch.randn(2, 9, WIDTH))
    assert (moves.detach().sum(-1) - 1).abs().max() < TOLERANCE
    assert (moves.detach().max(-1).values - 1).abs().max() < TOLERANCE
    assert d.abs().max() < 1
    moves.sum().backward(retain_graph=True)  # the gradient is the softmax's
    assert made.moves.grad is not None


def test_rotating_states_turn_by_their_angles():
    made = layer(peers.RotatingStateSpace, size=4, channels=8)
    x = torch.randn(1, 40, WIDTH)
    y, _ = made(x)
    # The recurrence as it is written: the state's pairs turn by theta_t, then take in b.
    plain = peers.SelectiveStateSpace.forward
    thetas = math.pi * torch.tanh(made.angles(x))
    seen = {}

    def by_steps(log_a, values, b, c, h):
        outputs = []
        for t in range(b.shape[1]):
            theta = thetas[:, t] if t < thetas.shape[1] else torch.zeros_like(thetas[:, 0])
            cos, sin = torch.cos(theta), torch.sin(theta)
            first, second = h.chunk(2, -1)
            cos, sin = cos[:, None, None], sin[:, None, None]
            h = torch.cat([first * cos + second * sin, second * cos - first * sin], -1)
            h = (
                log_a[:, t].exp()[:, :, None, None] * h
                + values[:, t, :, :, None] * b[:, t, None, None]
            )
            outputs.append((h * c[:, t, None, None]).sum(-1))
        seen["ran"] = True
        return torch.stack(outputs, 1), h

    made.scan = by_steps
    expected = plain(made, x)[0] - x
    assert seen["ran"] and (y - expected).abs().max() < TOLERANCE


@pytest.mark.parametrize("name", machines.MACHINES)
def test_machines_are_those_of_the_program(name):
    """Tables that were written twice: the letters of a training batch of ours, and its labels by theirs."""
    made, ours = machines.MACHINES[name](), Data(f"builtin:{name}")
    assert (made.vocabulary, made.classes) == (ours.vocabulary, ours.classes)
    tokens, labels = (torch.tensor(part).long() for part in ours.training_batch(3, 7, 50, 60))
    assert torch.equal(made.labels(tokens), labels)
    drawn, labels = made.batch(torch.Generator().manual_seed(1), 50, 60)
    assert set(drawn.flatten().tolist()) == set(tokens.flatten().tolist())
    assert torch.equal(made.labels(drawn), labels)


@pytest.mark.parametrize("kind", peers.RECURRENCES)
def test_states_go_on_from_call_to_call(kind):
    model = peers.tracker(kind, vocabulary=7, classes=5, parameters=40_000)
    count = sum(parameter.numel() for parameter in model.parameters())
    assert 0.9 * 40_000 < count <= 40_000
    tokens = torch.randint(0, 7, (2, 50))
    whole, _ = model(tokens)
    state, parts = None, []
    for part in tokens.split([1, 17, 32], 1):
        scores, state = model(part, state)
        parts.append(scores)
    assert (torch.cat(parts, 1) - whole).abs().max() < TOLERANCE
    whole.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
