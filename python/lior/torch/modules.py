"""The kernels as modules. Parameter names are those of the original program's modules where there is one, and
those of `lior train`'s checkpoints otherwise, so that a state dict of either loads."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lior import nn as nn_kernels
from lior.torch import ops


class SpinorBilinears(nn.Module):
    """K0 [...], K1 and K2 [..., d, d] of spinors psi [..., s]; `gamma` [d, s, s] is learned.

    With `packed` K1 is [..., d(d-1)/2], the pairs m < n, and K2 [..., d(d+1)/2], the pairs m <= n.
    """

    def __init__(self, d, s, packed=False, dirac=False, dtype=None):
        super().__init__()
        self.packed, self.dirac = packed, dirac
        self.gamma = nn.Parameter(torch.randn(d, s, s, dtype=dtype) / math.sqrt(s))

    def forward(self, psi: Tensor):
        d, leading = self.gamma.shape[0], psi.shape[:-1]
        k0, *pairs = ops.bilinears(
            psi.reshape(-1, psi.shape[-1]), self.gamma, self.packed, self.dirac
        )
        shape = (-1,) if self.packed else (d, d)
        return (k0.reshape(leading), *(k.reshape(*leading, *shape) for k in pairs))


class LearnedMetric(nn.Module):
    """g~(x) = R(x)^2 g(x) [..., d, d] at points x [..., d]; with resilience=False g.

    g = L L^T + 0.1 tanh((h + h^T)/2) + 1e-4 I (+ 0.1 d I with spd_floor), h = metric_net(x);
    R = clamp(softplus(resilience_net(x)), 0.1, 10)."""

    def __init__(self, d, resilience=True, spd_floor=False, dtype=None):
        super().__init__()
        self.d, self.resilience, self.spd_floor = d, resilience, spd_floor
        self.L = nn.Parameter(torch.eye(d, dtype=dtype) + 0.1 * torch.randn(d, d, dtype=dtype))
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, dtype=dtype)
        self.metric_net = nn.Sequential(linear(d, 2 * d), nn.GELU(), linear(2 * d, d * d))
        self.resilience_net = nn.Sequential(linear(d, d), nn.GELU(), linear(d, 1))

    def tensors(self):
        """The nine parameters in the order of `ops.learned_metric`."""
        nets = (
            self.metric_net[0],
            self.metric_net[2],
            self.resilience_net[0],
            self.resilience_net[2],
        )
        return [self.L, *(tensor for layer in nets for tensor in (layer.weight, layer.bias))]

    def _planes(self, x: Tensor):
        return x.reshape(-1, self.d).T.contiguous()

    def forward(self, x: Tensor):
        g = ops.learned_metric(self._planes(x), self.tensors(), self.resilience, self.spd_floor)
        return g.permute(2, 0, 1).reshape(*x.shape, self.d)

    def christoffel(self, x: Tensor):
        """Gamma [..., l, m, n], the upper index first."""
        gamma = ops.christoffel(self._planes(x), self.tensors(), self.resilience, self.spd_floor)
        return gamma.permute(3, 0, 1, 2).reshape(*x.shape, self.d, self.d)

    def geodesic(self, x: Tensor, v: Tensor, time=1.0, step=0.1):
        """Point and velocity at parameter `time` of the geodesic from (x, v), by RK4 in steps of at most `step`."""
        ends = ops.geodesic(
            self._planes(x),
            self._planes(v),
            self.tensors(),
            self.resilience,
            self.spd_floor,
            time,
            step,
        )
        return tuple(end.T.reshape(x.shape) for end in ends)

    def distance(self, x: Tensor, y: Tensor, rtol=None, atol=None):
        """The geodesic distance [...] of points x and y [..., d], found by shooting to those tolerances (1e-8 and
        1e-10, of float32 1e-5 and 1e-6); NaN, without a gradient, where shooting does not converge."""
        tolerances = (1e-5, 1e-6) if x.dtype == torch.float32 else (1e-8, 1e-10)
        distance = ops.geodesic_distance(
            self._planes(x),
            self._planes(y),
            self.tensors(),
            self.resilience,
            self.spd_floor,
            tolerances[0] if rtol is None else rtol,
            tolerances[1] if atol is None else atol,
        )
        return distance.reshape(x.shape[:-1])

    def _squares(self, path: Tensor):
        """|dx|^2 [..., K - 1] of the steps of paths [..., K, d], by the metric in their middle."""
        step, middle = path.diff(dim=-2), (path[..., 1:, :] + path[..., :-1, :]) / 2
        return torch.einsum("...m,...mn,...n->...", step, self(middle), step)

    def length(self, path: Tensor):
        """The length [...] of paths [..., K, d]: sum of |dx|."""
        return self._squares(path).sqrt().sum(-1)

    def energy(self, path: Tensor):
        """The energy [...] of paths [..., K, d] of unit parameter: (K - 1)/2 sum of |dx|^2."""
        return self._squares(path).sum(-1) * (path.shape[-2] - 1) / 2


class LiorKernel(nn.Module):
    """K(t) = w0 a e^{-beta t} + w1 gamma t^-delta e^{-xi t} + w2 eta cos(omega t + phi) e^{-zeta t}, 0 for t <= 0.

    Rates and amplitudes are exponentials of what is learned, delta = sigmoid(delta_logit), w = softmax.
    """

    NAMES = (
        "log_alpha_exp",
        "log_beta",
        "log_gamma",
        "delta_logit",
        "log_xi",
        "log_eta",
        "omega",
        "phi",
        "log_zeta",
    )
    START = (0.0, 0.0, -1.0, 0.0, 0.0, -1.0, 1.0, 0.0, 0.0)
    # The original's own recurrence, which is not this kernel's: kept so that its state dict loads.
    UNUSED = {"rho_logit": 2.0, "log_eta_r": 0.0, "log_xi_r": -2.0}

    def __init__(self, dtype=None):
        super().__init__()
        for name, value in zip(self.NAMES, self.START):
            setattr(self, name, nn.Parameter(torch.tensor(value, dtype=dtype)))
        for name, value in self.UNUSED.items():
            self.register_buffer(name, torch.tensor(value, dtype=dtype))
        self.weight_logits = nn.Parameter(torch.tensor([1.0, 0.0, 0.0], dtype=dtype))

    def raw(self) -> Tensor:
        """The 12 raw parameters in the library's order."""
        return torch.cat(
            [torch.stack([getattr(self, name) for name in self.NAMES]), self.weight_logits]
        )

    def forward(self, lag: Tensor):
        return ops.lior_kernel(self.raw(), lag.reshape(-1)).reshape(lag.shape)


class LiorMemory(nn.Module):
    """y_n = w0 x_n + sum_k kappa_k x_{n-k} for x [B, N, C]: every output mixes its own input with all earlier
    ones. `heads` kernels share the channels equally, one after another."""

    def __init__(self, heads=1, tolerance=1e-6, horizon=1 << 20, dtype=None):
        super().__init__()
        self.tolerance, self.horizon = tolerance, float(horizon)
        self.kernels = nn.ModuleList(LiorKernel(dtype) for _ in range(heads))

    def forward(self, x: Tensor):
        raw = torch.stack([kernel.raw() for kernel in self.kernels])
        return ops.memory(
            x.unflatten(-1, (len(self.kernels), -1)), raw, self.tolerance, self.horizon
        ).flatten(2)


class RmsNorm(nn.Module):
    """x / sqrt(mean x^2 + 1e-6) * weight."""

    def __init__(self, width, dtype=None):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width, dtype=dtype))

    def forward(self, x: Tensor):
        return F.rms_norm(x, self.weight.shape, self.weight, 1e-6)


class _NamedIn(nn.Module):
    """A layer whose first map is `into`, and `in` in a state dict, as in the program's files. `in` is a keyword of
    Python: a module of that name could not be an attribute, nor be compiled by torch."""

    def __init__(self):
        super().__init__()
        self.register_state_dict_post_hook(self._save_as_in)
        self.register_load_state_dict_pre_hook(self._load_from_in)

    @staticmethod
    def _rename(state_dict, old, new):
        for name in ("weight", "bias"):
            if old + name in state_dict:
                state_dict[new + name] = state_dict.pop(old + name)

    @staticmethod
    def _save_as_in(module, state_dict, prefix, *_):
        module._rename(state_dict, prefix + "into.", prefix + "in.")

    @staticmethod
    def _load_from_in(module, state_dict, prefix, *_):
        module._rename(state_dict, prefix + "in.", prefix + "into.")

    def into_parts(self, v, first):
        """The first `first` columns of into(v), and the others: two products leave two dense arrays."""
        weight, bias = self.into.weight, self.into.bias
        return (
            F.linear(v, weight[:first], bias[:first]),
            F.linear(v, weight[first:], bias[first:]),
        )


class GeometricMamba(_NamedIn):
    """x + W_o (W_q q * silu(W_g v)): v = RMSNorm(x), q what heads show of states that octonions turn.

    Names are those of `blocks.I.mixer.` in the program's model.safetensors. x [B, N, d_model]. With a state
    [B, S, H] (its own second result of an earlier call) it goes on from there."""

    def __init__(
        self,
        d_model,
        heads=8,
        factors=1,
        transition="right",
        complex_state=False,
        gates=True,
        phase=False,
        rotation=False,
        readout="linear_quadratic",
        dtype=None,
    ):
        super().__init__()
        self.heads, self.kind = heads, readout
        self.options = (factors, transition, complex_state, gates, phase, rotation)
        mixer = nn_kernels.MixerConfig(
            heads=heads,
            factors=factors,
            transition=transition,
            complex_state=complex_state,
            gates=gates,
            phase=phase,
            rotation=rotation,
            readout=readout,
        )
        self.size, self.width = mixer.state_width, mixer.projection_width
        self.norm = RmsNorm(d_model, dtype)
        self.into = nn.Linear(d_model, self.width + d_model, dtype=dtype)
        self.readout = nn.Linear(mixer.readout_width * heads, d_model, bias=False, dtype=dtype)
        self.out = nn.Linear(d_model, d_model, bias=False, dtype=dtype)
        if not gates:
            self.initial = nn.Parameter(torch.randn(mixer.state_width, heads, dtype=dtype))
        self.angles = nn.Parameter(torch.zeros(8, heads, dtype=dtype)) if rotation else None
        self._start(factors, gates, phase)

    @torch.no_grad()
    def _start(self, factors, gates, phase):
        """docs/math/conventions.md, section 4.4: near no turn, time constants from 4 to 150 tokens."""
        linear = self.into
        nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
        nn.init.zeros_(linear.bias)
        planes = linear.bias[: self.width].view(-1, self.heads)
        if gates:
            planes[0 : 8 * factors : 8] = 2
            planes[8 * factors] = torch.linspace(1, 5, self.heads) if self.heads > 1 else 3
        if phase:
            first = (8 * factors + (1 if gates else 0)) * self.heads
            linear.weight[first : first + self.heads] = 0

    def initial_state(self, batch):
        """The state before the first token, [B, S, H]: zero with gates, else the learned unit states."""
        if "initial" not in self._parameters:
            return self.out.weight.new_zeros(batch, self.size, self.heads)
        return F.normalize(self.initial, dim=0).expand(batch, -1, -1)

    def forward(self, x: Tensor, state: Tensor = None):
        """The layer's output and its last state."""
        projection, gate = self.into_parts(self.norm(x), self.width)
        state = self.initial_state(x.shape[0]) if state is None else state
        states = ops.ci8_scan(projection, state, self.angles, *self.options)
        shown = ops.readout(states, self.kind).flatten(2)
        out = x + self.out(self.readout(shown) * F.silu(gate))
        return out, states[:, -1]


class CausalField(_NamedIn):
    """x + W_o (m * silu(W_g v)), v = RMSNorm(x): m is the LIoR memory along time of the associator current of three
    complex octonions a head, turned by a learned unit octonion. x [B, N, d_model]; from the start.
    """

    TOLERANCE, HORIZON = 1e-4, 65536.0  # of the power law's poles

    def __init__(self, d_model, heads=8, dtype=None):
        super().__init__()
        self.heads = heads
        self.norm = RmsNorm(d_model, dtype)
        self.into = nn.Linear(d_model, 64 * heads, dtype=dtype)
        self.transport = nn.Parameter(torch.randn(heads, 8, dtype=dtype))
        raw = torch.zeros(heads, 12, dtype=dtype)
        raw[:, :9] = torch.tensor(LiorKernel.START)
        # Time constants from 3 to 150 tokens.
        place = torch.linspace(0, 1, heads) if heads > 1 else torch.tensor([0.5])
        raw[:, [1, 4, 8]] = -(1 + 4 * place).to(raw)[:, None]
        raw[:, 9] = 1
        self.memory = nn.Parameter(raw)
        self.out = nn.Linear(16 * heads, d_model, bias=False, dtype=dtype)
        with torch.no_grad():
            nn.init.normal_(self.into.weight, std=d_model**-0.5)
            nn.init.zeros_(self.into.bias)
            # An associator of three unit normal octonions has entries near 20; of these, near 1.
            self.into.weight[: 48 * heads] *= 0.4

    def _current(self, x):
        factors, gate = self.into_parts(self.norm(x), 48 * self.heads)
        current = ops.associator_current(factors, self.transport).unflatten(-1, (self.heads, 16))
        return current, gate

    def forward(self, x: Tensor):
        current, gate = self._current(x)
        field = ops.memory(current, self.memory, self.TOLERANCE, self.HORIZON).flatten(2)
        return x + self.out(field * F.silu(gate))

    @torch.no_grad()
    def step(self, x: Tensor, state: Tensor = None):
        """(out, state) of x [B, n, d_model] that comes after what `state` (None: nothing) holds; any split of a sequence
        into steps gives forward's result. Time and memory of a step do not grow."""
        current, gate = self._current(x)
        settings = self.memory, self.TOLERANCE, self.HORIZON
        if state is None:
            state = ops.memory_start(x.shape[0], 16, *settings)
        field, state = ops.memory_advance(current, self.memory, state, *settings[1:])
        return x + self.out(field.flatten(2) * F.silu(gate)), state


def spinor_map(octets: Tensor):
    """[..., 24], A, B and Theta, to [..., 16], re and im: A e^{clamp(Theta, -5, 5)} + B cos Theta + i B sin Theta."""
    a, b, theta = octets.split(8, -1)
    return torch.cat(
        [a * torch.exp(theta.clamp(-5, 5)) + b * torch.cos(theta), b * torch.sin(theta)], -1
    )


def spinor_scores(queries: Tensor, keys: Tensor, mix: Tensor):
    """[B, H, n, P] of queries [B, H, n, 16] and keys [B, H, P, 16]: (l1 p + l2 w + l3 (p^2 + w^2)/8 + l4 c) / sqrt 8."""
    re, im = queries.split(8, -1)
    p = queries @ keys.mT
    w = torch.cat([-im, re], -1) @ keys.mT
    c = torch.cat([re, -im], -1) @ keys.mT
    l1, l2, l3, l4 = mix[:, :, None, None].unbind(1)
    return (l1 * p + l2 * w + l3 * (p * p + w * w) / 8 + l4 * c) / 8**0.5


class GeometricAttention(_NamedIn):
    """x + W_o attention(z, values): causal, by l1 p + l2 w + l3 (p^2 + w^2)/8 + l4 c of spinors z of RMSNorm(x).
    x [B, N, d_model]; from the start. window: positions that are seen, 0: all."""

    def __init__(self, d_model, heads=8, window=0, dtype=None):
        super().__init__()
        self.heads, self.window = heads, window
        self.norm = RmsNorm(d_model, dtype)
        self.into = nn.Linear(d_model, 40 * heads, dtype=dtype)
        self.mix = nn.Parameter(torch.tensor([[1.0, 0, 0, 0]] * heads, dtype=dtype))
        self.out = nn.Linear(16 * heads, d_model, bias=False, dtype=dtype)
        with torch.no_grad():
            nn.init.normal_(self.into.weight, std=d_model**-0.5)
            nn.init.zeros_(self.into.bias)
            # |z|^2, which is every token's score with itself, starts near 5.
            self.into.weight[: 24 * heads] /= 2

    def _spinors(self, x):
        octets, values = self.into_parts(self.norm(x), 24 * self.heads)
        return spinor_map(octets.unflatten(-1, (self.heads, 24))).flatten(2), values

    def forward(self, x: Tensor):
        return x + self.out(ops.spinor_attention(*self._spinors(x), self.mix, self.window)[0])

    @torch.no_grad()
    def step(self, x: Tensor, state=None):
        """(out, state) of x [B, n, d_model] that comes after what `state` (None: nothing) holds; any split of a sequence
        into steps gives forward's result. The state is the keys and values that may still be seen, [B, P, 16 H] each."""
        z, values = self._spinors(x)
        n = x.shape[1]
        if state is not None:
            z, values = (torch.cat(pair, 1) for pair in zip(state, (z, values)))
        heads = lambda t: t.unflatten(-1, (self.heads, 16)).transpose(1, 2)
        scores = spinor_scores(heads(z[:, -n:]), heads(z), self.mix)
        positions = torch.arange(z.shape[1])
        behind = positions[-n:, None] - positions
        seen = (behind >= 0) & (behind < (self.window or z.shape[1]))
        weights = torch.softmax(scores.masked_fill(~seen, -torch.inf), -1)
        out = x + self.out((weights @ heads(values)).transpose(1, 2).flatten(2))
        kept = -self.window if self.window else None
        return out, (z[:, kept:], values[:, kept:])


class _Wedge(nn.Module):
    def __init__(self, expanded, dtype):
        super().__init__()
        normal = lambda: nn.Parameter(torch.randn(expanded, 8, dtype=dtype) / math.sqrt(expanded))
        self.basis_real, self.basis_imag = normal(), normal()
        self.layer_norm = nn.LayerNorm(16, dtype=dtype)


class _Trinor(nn.Module):
    def __init__(self, dtype):
        super().__init__()
        self.theta = nn.Parameter(torch.zeros(8, dtype=dtype))
        self.omega = nn.Parameter(torch.zeros(8, dtype=dtype))
        self.sigma = nn.Parameter(torch.ones(8, dtype=dtype))


class _Spinor(nn.Module):
    def __init__(self, expanded, dtype):
        super().__init__()
        self.projection = nn.Linear(8, expanded, dtype=dtype)


class CompatMamba(nn.Module):
    """The original program's geometric Mamba layer, to run its weights: docs/math/conventions.md, section 4.5.

    x [B, N, D], state [B, 16] -> the output and the last state. No gradient. For use take GeometricMamba.
    """

    def __init__(self, d_model, expand=2, dtype=None):
        super().__init__()
        expanded = expand * d_model
        linear = lambda inputs, outputs: nn.Linear(inputs, outputs, dtype=dtype)
        self.in_proj = linear(d_model, expanded)
        self.wedge = _Wedge(expanded, dtype)
        self.trinor = _Trinor(dtype)
        self.spinor = _Spinor(expanded, dtype)
        self.gate = linear(expanded, expanded)
        self.out_proj = linear(expanded, d_model)
        self.norm = nn.LayerNorm(d_model, dtype=dtype)

    def forward(self, x: Tensor, state: Tensor):
        wedge, trinor, both = self.wedge, self.trinor, lambda layer: (layer.weight, layer.bias)
        parameters = [
            *both(self.in_proj),
            torch.cat([wedge.basis_real, wedge.basis_imag], 1),
            *both(wedge.layer_norm),
            trinor.theta,
            trinor.omega,
            trinor.sigma,
            *both(self.spinor.projection),
            *both(self.gate),
            *both(self.out_proj),
            *both(self.norm),
        ]
        return ops.compat_mamba(x, state, parameters)
