# SPDX-License-Identifier: Apache-2.0
"""The model of docs/math/conventions.md in NumPy, written from that page alone, beside the program's.

Numbers in parentheses are the page's sections. The tensors of each case are drawn here, by the names and
shapes of section 11.4, and written into a run's folder: it opens only if they are exactly the model's.
"""

import json
from itertools import combinations

import lior
import numpy as np
import pytest

# Ours is in double, the program's in float: 150 roundings of 6e-8. The causal field's memory runs by poles,
# whose error is at most 1e-4 of the power law (10.1); here it is the kernel itself.
TOLERANCE = 1e-5
TOLERANCE_OF_POLES = 1e-4

MODEL = {"d_model": 12, "layers": 2, "mlp_hidden": 10}
CASES = {
    "defaults": {"heads": 3},
    "convolution": {"heads": 2, "convolution": 3, "layers": 1},
    "complex": {
        "heads": 2,
        "factors": 2,
        "transition": "left",
        "complex_state": True,
        "phase": True,
        "rotation": True,
        "readout": "quadratic",
    },
    "invariants": {"heads": 2, "factors": 3, "complex_state": True, "readout": "invariants"},
    "no gates": {
        "heads": 3,
        "transition": "two_sided",
        "gates": False,
        "readout": "linear",
        "tied": True,
        "mlp_hidden": 0,
    },
    "n-grams": {"heads": 2, "layers": 1, "ngram_orders": 4, "ngram_bits": 5, "ngram_output": True},
    "causal_field": {"mixers": "causal_field", "causal_field_heads": 2, "layers": 1},
    "geometric_attention": {
        "mixers": "geometric_attention",
        "geometric_attention_heads": 2,
        "attention_window": 7,
    },
    "attention": {"mixers": "attention", "attention_heads": 3, "attention_window": 7},
    "gated_linear_attention": {"mixers": "gated_linear_attention", "linear_attention_heads": 3},
    "hybrid": {
        "mixers": "attention, geometric_mamba, geometric_attention",
        "heads": 2,
        "attention_heads": 2,
        "layers": 4,
    },
}


# -- 3: quaternions, octonions, CI8 -- components in the last axis


def quaternion_times(p, q):
    a, b, c, d = np.moveaxis(p, -1, 0)
    e, f, g, h = np.moveaxis(q, -1, 0)
    return np.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        -1,
    )


def conj(x):
    """Of quaternions and octonions alike: all but the first component change sign."""
    return np.concatenate([x[..., :1], -x[..., 1:]], -1)


def times(x, y):
    """Octonions (3.2); with complex components their product in CI8 (3.3), where I commutes with all."""
    a, b, c, d = x[..., :4], x[..., 4:], y[..., :4], y[..., 4:]
    return np.concatenate(
        [
            quaternion_times(a, c) - quaternion_times(conj(d), b),
            quaternion_times(d, a) + quaternion_times(b, conj(c)),
        ],
        -1,
    )


TURN = {
    "right": lambda u, x: times(x, u),
    "left": lambda u, x: times(u, x),
    "two_sided": lambda u, x: times(times(u, x), u),
}


def unit(w):
    """w / |w|, and e0 where |w| <= 1e-6 (4.1, 10.1)."""
    length = np.sqrt((w**2).sum(-1, keepdims=True))
    return np.where(length > 1e-6, w / np.maximum(length, 1e-300), np.eye(8)[0])


def to_complex(x):
    """16 numbers: the real parts 0..7, then the imaginary ones (1.1)."""
    return x[..., :8] + 1j * x[..., 8:]


def to_numbers(x):
    return np.concatenate([x.real, x.imag], -1)


# -- 11: what all layers share


def sigmoid(t):
    return 1 / (1 + np.exp(-t))


def silu(t):
    return t * sigmoid(t)


def rms_norm(x, gain):
    return gain * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)


def projection(layer, x):
    return rms_norm(x, layer["norm.weight"]) @ layer["in.weight"].T + layer["in.bias"]


def softmax(s):
    weight = np.exp(s - s.max(-1, keepdims=True))
    return weight / weight.sum(-1, keepdims=True)


def short_convolution(layer, x):
    out = x.copy()
    for k, taps in enumerate(layer["weight"]):
        out[:, k:] += taps * x[:, : x.shape[1] - k]
    return out


def swiglu(layer, x):
    a, b = np.split(rms_norm(x, layer["norm.weight"]) @ layer["in.weight"].T, 2, -1)
    return x + (silu(a) * b) @ layer["out.weight"].T


# -- 4: the recurrence


def read_out(kind, h, is_complex):
    """[..., 8] to [..., Q] (4.4)."""
    parts = []
    if kind in ("linear", "linear_quadratic"):
        parts += [h.real, h.imag] if is_complex else [h.real]
    if kind != "linear":
        pairs = [(k, 0) for k in range(1, 8)] if kind == "invariants" else combinations(range(8), 2)
        parts.append(abs(h) ** 2)
        for j, k in pairs:
            product = h[..., j] * h[..., k].conj()
            parts += [product.real[..., None], product.imag[..., None]][: 1 + is_complex]
    return np.concatenate(parts, -1)


def geometric_mamba(layer, x, model):
    B, N, D = x.shape
    H, k, is_complex = model["heads"], model["factors"], model["complex_state"]
    S = 16 if is_complex else 8
    columns = projection(layer, x)
    gate = columns[..., -D:]
    # Number p of head i is column p H + i: [B, N, H, planes].
    planes = np.moveaxis(columns[..., :-D].reshape(B, N, -1, H), 2, 3)
    w, planes = planes[..., : 8 * k].reshape(B, N, H, k, 8), planes[..., 8 * k :]
    a, b_c = 1.0, 0.0
    if model["gates"]:
        z, planes = planes[..., :1], planes[..., 1:]
        a = sigmoid(z)
        c = planes[..., -S:]
        b_c = np.sqrt(1 - a**2) * (to_complex(c) if is_complex else c)
        h = np.zeros((B, H, 8))
    else:
        start = (layer["initial"] / np.sqrt((layer["initial"] ** 2).sum(0))).T
        h = np.broadcast_to(to_complex(start) if is_complex else start, (B, H, 8))
    phi = planes[..., :1] if model["phase"] else 0.0
    D_ = np.exp(1j * layer["angles"].T) if model["rotation"] else 1.0
    scale = a * np.exp(1j * phi) if model["phase"] else a
    states = []
    for n in range(N):
        h = D_ * h
        for f in range(k):
            h = TURN[model["transition"]](unit(w[:, n, :, f]), h)
        h = at(scale, n) * h + at(b_c, n)
        states.append(h)
    q = read_out(model["readout"], np.stack(states, 1), is_complex)
    q = np.moveaxis(q, 2, 3).reshape(B, N, -1)  # number c of head i in column c H + i
    return x + (q @ layer["readout.weight"].T * silu(gate)) @ layer["out.weight"].T


def at(value, n):
    return value[:, n] if np.ndim(value) else value


# -- 7 and 10.1: the causal field


def memory(x, raw):
    """[B, N, C] of one head (7.2), by the kernel itself in place of its poles."""
    a, beta, gamma = np.exp(raw[:3])
    delta, xi, eta = sigmoid(raw[3]), np.exp(raw[4]), np.exp(raw[5])
    omega, phi, zeta = raw[6], raw[7], np.exp(raw[8])
    w0, w1, w2 = softmax(raw[9:])

    def kernel(t):
        power = gamma * t**-delta * np.exp(-xi * t)
        wave = eta * np.cos(omega * t + phi) * np.exp(-zeta * t)
        return w0 * a * np.exp(-beta * t) + w1 * power + w2 * wave

    total = kernel(np.arange(1.0, 10_000)).sum()  # the rates below are large enough for that
    N = x.shape[1]
    kappa = (1 - w0) * kernel(np.arange(1.0, N + 1)) / max(abs(total), 1e-8)
    y = w0 * x
    for k in range(N):
        y[:, k:] += kappa[k] * x[:, : N - k]
    return y


def causal_field(layer, x, model):
    B, N, _ = x.shape
    H = model["causal_field_heads"]
    columns = projection(layer, x)
    factors, gate = columns[..., : 48 * H].reshape(B, N, H, 3, 16), columns[..., 48 * H :]
    a, b, c = (to_complex(factors[..., i, :]) for i in range(3))
    associator = times(times(a, b), c) - times(a, times(b, c))
    j = to_numbers(times(associator, unit(layer["transport"])))
    m = np.stack([memory(j[:, :, head], layer["memory"][head]) for head in range(H)], 2)
    return x + (m.reshape(B, N, -1) * silu(gate)) @ layer["out.weight"].T


# -- 10.2 and 10.3: attention


def attend(scores, v, window):
    """scores(n, m) [B, H, N, N] and v [B, N, H, E] to [B, N, H E], over n - window < m <= n."""
    n, m = np.indices(scores.shape[-2:])
    seen = (m <= n) & (m > n - window)
    weight = softmax(np.where(seen, scores, -np.inf))
    return np.einsum("bhnm,bmhe->bnhe", weight, v).reshape(*v.shape[:2], -1)


def geometric_attention(layer, x, model):
    B, N, _ = x.shape
    H = model["geometric_attention_heads"]
    columns = projection(layer, x)
    octets, v = columns[..., : 24 * H].reshape(B, N, H, 3, 8), columns[..., 24 * H :]
    A, B_, theta = (octets[..., i, :] for i in range(3))
    z = A * np.exp(np.clip(theta, -5, 5)) + B_ * np.cos(theta) + 1j * B_ * np.sin(theta)
    hermitian = np.einsum("bnhk,bmhk->bhnm", z.conj(), z)
    p, w = hermitian.real, hermitian.imag
    c = np.einsum("bnhk,bmhk->bhnm", z, z).real
    l1, l2, l3, l4 = layer["mix"].T[:, :, None, None]
    scores = (l1 * p + l2 * w + l3 * (p**2 + w**2) / 8 + l4 * c) / np.sqrt(8)
    return (
        x
        + attend(scores, v.reshape(B, N, H, 16), model["attention_window"]) @ layer["out.weight"].T
    )


def attention(layer, x, model):
    B, N, D = x.shape
    H = model["attention_heads"]
    q, k, v = (part.reshape(B, N, H, D // H) for part in np.split(projection(layer, x), 3, -1))
    slopes = 2.0 ** (-8 * np.arange(1, H + 1) / H)
    n, m = np.indices((N, N))
    scores = np.einsum("bnhe,bmhe->bhnm", q, k) / np.sqrt(D // H) - slopes[:, None, None] * (n - m)
    return x + attend(scores, v, model["attention_window"]) @ layer["out.weight"].T


# -- 10.5: gated linear attention


def gated_linear_attention(layer, x, model):
    B, N, D = x.shape
    H, E = model["linear_attention_heads"], D // model["linear_attention_heads"]
    *parts, gate = np.split(projection(layer, x), 5, -1)
    q, k, v, z = (part.reshape(B, N, H, E) for part in parts)
    S, y = np.zeros((B, H, E, E)), np.empty((B, N, H, E))
    for n in range(N):
        S = S / (1 + np.exp(-z[:, n, :, :, None])) + k[:, n, :, :, None] * v[:, n, :, None]
        y[:, n] = np.einsum("bhe,bhef->bhf", q[:, n], S) / np.sqrt(E)
    return x + (y.reshape(B, N, D) * silu(gate)) @ layer["out.weight"].T


# -- 11: the model

MIXERS = {
    f.__name__: f
    for f in (
        geometric_mamba,
        causal_field,
        geometric_attention,
        attention,
        gated_linear_attention,
    )
}
READ = {
    "linear": (8, 16),
    "quadratic": (36, 64),
    "linear_quadratic": (44, 80),
    "invariants": (15, 22),
}


def kinds(model):
    names = [name.strip() for name in model["mixers"].split(",")]
    return [names[i % len(names)] for i in range(model["layers"])]


def mixer_shapes(kind, model):
    D = model["d_model"]
    if kind == "attention":
        return 3 * D, D, {}
    if kind == "gated_linear_attention":
        return 5 * D, D, {}
    if kind == "geometric_attention":
        H = model["geometric_attention_heads"]
        return 40 * H, 16 * H, {"mix": (H, 4)}
    if kind == "causal_field":
        H = model["causal_field_heads"]
        return 64 * H, 16 * H, {"transport": (H, 8), "memory": (H, 12)}
    H, S = model["heads"], 16 if model["complex_state"] else 8
    planes = 8 * model["factors"] + model["phase"] + (1 + S if model["gates"] else 0)
    own = {"readout.weight": (D, READ[model["readout"]][model["complex_state"]] * H)}
    if not model["gates"]:
        own["initial"] = (S, H)
    if model["rotation"]:
        own["angles"] = (8, H)
    return planes * H + D, D, own


def tensor_shapes(model):
    """Section 11.4's table."""
    D, F = model["d_model"], model["mlp_hidden"]
    shapes = {"embedding.weight": (model["vocabulary"], D), "norm.weight": (D,)}
    shapes["output.bias"] = (model["classes"],)
    if not model["tied"]:
        shapes["output.weight"] = (model["classes"], D)
    rows = (model["ngram_orders"] - 1) * 2 ** model["ngram_bits"]
    if model["ngram_orders"]:
        shapes["ngram.weight"] = (rows, D)
    if model["ngram_output"]:
        shapes["ngram_output.weight"] = (rows, D)
    for i, kind in enumerate(kinds(model)):
        block = f"blocks.{i}."
        if model["convolution"]:
            shapes[block + "convolution.weight"] = (model["convolution"], D)
        P, width, own = mixer_shapes(kind, model)
        own |= {"norm.weight": (D,), "in.weight": (P, D), "in.bias": (P,), "out.weight": (D, width)}
        shapes |= {block + "mixer." + name: shape for name, shape in own.items()}
        if F:
            shapes[block + "mlp.norm.weight"] = (D,)
            shapes[block + "mlp.in.weight"] = (2 * F, D)
            shapes[block + "mlp.out.weight"] = (D, F)
    return shapes


def ngrams(table, tokens, model):
    """The sum of each position's rows (11.5)."""
    bits, sums = model["ngram_bits"], np.zeros((*tokens.shape, model["d_model"]))
    for b, sequence in enumerate(tokens):
        for t in range(len(sequence)):
            for n in range(2, model["ngram_orders"] + 1):
                h = 0
                for i in range(t - n + 1, t + 1):
                    h = 2654435761 * (h ^ (int(sequence[i]) + 1 if i >= 0 else 0)) % 2**32
                    h ^= h // 2**15
                sums[b, t] += table[(n - 2) * 2**bits + h % 2**bits]
    return sums


def below(tensors, prefix):
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def scores_of(model, tensors, tokens):
    """[B, N, classes] in double (11.1)."""
    x = tensors["embedding.weight"][tokens]
    if model["ngram_orders"]:
        x = x + ngrams(tensors["ngram.weight"], tokens, model)
    for i, kind in enumerate(kinds(model)):
        block = below(tensors, f"blocks.{i}.")
        if model["convolution"]:
            x = short_convolution(below(block, "convolution."), x)
        x = MIXERS[kind](below(block, "mixer."), x, model)
        if model["mlp_hidden"]:
            x = swiglu(below(block, "mlp."), x)
    if model["ngram_output"]:
        x = x + ngrams(tensors["ngram_output.weight"], tokens, model)
    W = tensors["embedding.weight" if model["tied"] else "output.weight"]
    return rms_norm(x, tensors["norm.weight"]) @ W.T + tensors["output.bias"]


# -- the comparison


def random_tensors(model, rng):
    tensors = {}
    for name, shape in tensor_shapes(model).items():
        value = rng.normal(size=shape)
        if name.endswith("memory"):
            value = (
                0.5 * value - 1
            )  # rates of exp(-1 +- .5): a kernel that ends after some dozen steps
        elif name.endswith("weight") and len(shape) == 2 and "embedding" not in name:
            value /= np.sqrt(shape[1])
        elif name.endswith("norm.weight"):
            value = 1 + 0.3 * value
        elif name == "embedding.weight":
            value *= 0.05  # so that the first norms feel their epsilon
        tensors[name] = value.astype("f4")
    return tensors


@pytest.fixture(scope="module", params=CASES)
def case(request, program, tmp_path_factory):
    """The folder of a run, its model's settings and its tensors."""
    folder = tmp_path_factory.mktemp("conventions")
    (folder / "text.txt").write_text("In the beginning was the word. " * 40)
    model = MODEL | CASES[request.param]
    lines = [f"{key} = {json.dumps(value)}" for key, value in model.items()]
    (folder / "model.toml").write_text("\n".join(["[model]", *lines]))
    program(
        "train",
        *(
            "--data",
            folder / "text.txt",
            "--out",
            folder / "run",
            "--config",
            folder / "model.toml",
        ),
        *("--steps", 1, "--batch", 1, "--length", 8, "--threads", 1, "--progress", "none"),
    )
    model = json.loads((folder / "run" / "config.json").read_text())["model"]
    tensors = random_tensors(model, np.random.default_rng(11))
    if request.param == "defaults":  # a head whose octonion is 0 is turned by e0
        for planes in (below(tensors, "blocks.0.mixer.in.")[name] for name in ("weight", "bias")):
            planes[0 : 8 * model["heads"] : model["heads"]] = 0
    lior.io.write_safetensors(str(folder / "run" / "model.safetensors"), tensors)
    return folder / "run", model, {name: value.astype(float) for name, value in tensors.items()}


def test_scores_written_from_the_document_are_the_programs(case):
    run, model, tensors = case
    tokens = np.random.default_rng(12).integers(0, model["vocabulary"], (3, 24))
    ours = scores_of(model, tensors, tokens)
    theirs = lior.load(run, weights="last")  # those written above
    tolerance = TOLERANCE_OF_POLES if "causal_field" in kinds(model) else TOLERANCE
    for length in (1, 2, 5, 24):
        expected = ours[:, length - 1]
        scores = theirs.logits(tokens[:, :length])
        assert np.abs(scores - expected).max() <= tolerance * np.abs(expected).max(), length
