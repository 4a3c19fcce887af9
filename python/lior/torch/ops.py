"""The kernels as operators of PyTorch: `torch.ops.lior.*`.

Each is a `torch.library` operator with a shape function and gradients, so that autograd, torch.compile
(without a break of the graph) and functional transforms know it. Tensors are on the processor; their
memory is read and written where it lies. float32 and float64, complex too where the text says so.

Letters: B batch, N sequence length or points, H heads, S numbers in one head's state (8 real, 16
complex), d coordinates, s spinor size. Formulas: docs/math/conventions.md.
"""

from functools import lru_cache
from typing import List, Optional, Sequence, Tuple

import torch
from torch import Tensor

from lior import _lior, algebra, geometry, nn
from lior import memory as _memory
from lior._lior import mixers as _mixers


def _dense(tensor: Tensor) -> Tensor:
    """The tensor as the kernels take it: outside autograd, row-major."""
    return tensor.detach().resolve_conj().resolve_neg().contiguous()


def _all_dense(tensors: Sequence[Tensor]) -> List[Tensor]:
    return [_dense(tensor) for tensor in tensors]


# ---- spinor bilinears ------------------------------------------------------------------------------


def _bilinear_outputs(psi: Tensor, gamma: Tensor, packed: bool) -> Tuple[Tensor, Tensor, Tensor]:
    count, d = psi.shape[0], gamma.shape[0]
    sizes = (d * (d - 1) // 2, d * (d + 1) // 2) if packed else (d * d, d * d)
    return psi.new_empty(count), psi.new_empty(count, sizes[0]), psi.new_empty(count, sizes[1])


def _bilinears_of(gamma: Tensor, packed: bool, dirac: bool) -> algebra.Bilinears:
    return algebra.Bilinears(
        gamma, pairs="packed" if packed else "full", adjoint="dirac" if dirac else "hermitian"
    )


@torch.library.custom_op("lior::bilinears", mutates_args=())
def bilinears(
    psi: Tensor, gamma: Tensor, packed: bool = False, dirac: bool = False
) -> Tuple[Tensor, Tensor, Tensor]:
    """K0 [N], K1 and K2 [N, pairs] of spinors psi [N, s] and matrices gamma [d, s, s], real or complex.

    P[m, n] = psi^+ gamma_m gamma_n psi; K0 = psi^+ psi, K1 = (P - P^T)/2, K2 = (P + P^T)/2. pairs is d d,
    or with `packed` d(d-1)/2 (m < n) and d(d+1)/2 (m <= n). `dirac`: psi^+ becomes psi^+ gamma_0.
    """
    psi, gamma = _dense(psi), _dense(gamma)
    outputs = _bilinear_outputs(psi, gamma, packed)
    _bilinears_of(gamma, packed, dirac).forward(psi, out=outputs)
    return outputs


@bilinears.register_fake
def _(psi, gamma, packed=False, dirac=False):
    return _bilinear_outputs(psi, gamma, packed)


@torch.library.custom_op("lior::bilinears_backward", mutates_args=())
def bilinears_backward(
    psi: Tensor, gamma: Tensor, packed: bool, dirac: bool, dk0: Tensor, dk1: Tensor, dk2: Tensor
) -> Tuple[Tensor, Tensor]:
    """Gradients with respect to psi and gamma."""
    psi, gamma = _dense(psi), _dense(gamma)
    gradients = torch.empty_like(psi), torch.empty_like(gamma)
    _bilinears_of(gamma, packed, dirac).backward(psi, *_all_dense((dk0, dk1, dk2)), out=gradients)
    return gradients


@bilinears_backward.register_fake
def _(psi, gamma, packed, dirac, dk0, dk1, dk2):
    return psi.new_empty(psi.shape), gamma.new_empty(gamma.shape)


def _bilinears_setup(ctx, inputs, output):
    psi, gamma, ctx.packed, ctx.dirac = inputs
    ctx.save_for_backward(psi, gamma)


def _bilinears_gradient(ctx, dk0, dk1, dk2):
    psi, gamma = ctx.saved_tensors
    return *bilinears_backward(psi, gamma, ctx.packed, ctx.dirac, dk0, dk1, dk2), None, None


bilinears.register_autograd(_bilinears_gradient, setup_context=_bilinears_setup)


# ---- learned metric --------------------------------------------------------------------------------

METRIC_NAMES = (
    "L",
    "metric_net.0.weight",
    "metric_net.0.bias",
    "metric_net.2.weight",
    "metric_net.2.bias",
    "resilience_net.0.weight",
    "resilience_net.0.bias",
    "resilience_net.2.weight",
    "resilience_net.2.bias",
)


def _metric_of(
    parameters: Sequence[Tensor], resilience: bool, spd_floor: bool
) -> geometry.LearnedMetric:
    named = dict(zip(METRIC_NAMES, _all_dense(parameters)))
    return geometry.LearnedMetric.from_arrays(named, resilience=resilience, spd_floor=spd_floor)


@torch.library.custom_op("lior::learned_metric", mutates_args=())
def learned_metric(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool
) -> Tensor:
    """g, or R^2 g with `resilience`, at planes of points: x [d, N] -> [d, d, N]. `parameters` are those of
    METRIC_NAMES, in that order."""
    x = _dense(x)
    d, count = x.shape
    g = x.new_empty(d, d, count)
    _metric_of(parameters, resilience, spd_floor).values(x, out=(g, x.new_empty(count)))
    return g


@learned_metric.register_fake
def _(x, parameters, resilience, spd_floor):
    d, count = x.shape
    return x.new_empty(d, d, count)


@torch.library.custom_op("lior::learned_metric_backward", mutates_args=())
def learned_metric_backward(
    x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool, dg: Tensor
) -> List[Tensor]:
    """Gradients with respect to x and to each of the parameters."""
    d_x, named = _metric_of(parameters, resilience, spd_floor).backward(_dense(x), _dense(dg))
    return [torch.from_numpy(d_x), *(torch.from_numpy(named[name]) for name in METRIC_NAMES)]


@learned_metric_backward.register_fake
def _(x, parameters, resilience, spd_floor, dg):
    return [tensor.new_empty(tensor.shape) for tensor in (x, *parameters)]


def _learned_metric_setup(ctx, inputs, output):
    x, parameters, ctx.resilience, ctx.spd_floor = inputs
    ctx.save_for_backward(x, *parameters)


def _learned_metric_gradient(ctx, dg):
    x, *parameters = ctx.saved_tensors
    d_x, *d_parameters = learned_metric_backward(x, parameters, ctx.resilience, ctx.spd_floor, dg)
    return d_x, d_parameters, None, None


learned_metric.register_autograd(_learned_metric_gradient, setup_context=_learned_metric_setup)


@torch.library.custom_op("lior::christoffel", mutates_args=())
def christoffel(x: Tensor, parameters: List[Tensor], resilience: bool, spd_floor: bool) -> Tensor:
    """Gamma [d, d, d, N], upper index first, at planes of points x [d, N], by exact derivatives. Has no
    gradient."""
    x = _dense(x)
    d, count = x.shape
    gamma = x.new_empty(d, d, d, count)
    geometry.christoffel(_metric_of(parameters, resilience, spd_floor), x, out=gamma)
    return gamma


@christoffel.register_fake
def _(x, parameters, resilience, spd_floor):
    d, count = x.shape
    return x.new_empty(d, d, d, count)


@torch.library.custom_op("lior::geodesic", mutates_args=())
def geodesic(
    x: Tensor,
    v: Tensor,
    parameters: List[Tensor],
    resilience: bool,
    spd_floor: bool,
    time: float,
    step: float,
) -> Tuple[Tensor, Tensor]:
    """Points and velocities, planes [d, N], at parameter `time` of the geodesics from (x, v), by RK4 in steps
    of at most `step`. Has no gradient."""
    metric = _metric_of(parameters, resilience, spd_floor)
    ends = geometry.geodesics(metric, _dense(x), _dense(v), [time], method="rk4", step=step)
    return torch.from_numpy(ends.x)[0], torch.from_numpy(ends.v)[0]


@geodesic.register_fake
def _(x, v, parameters, resilience, spd_floor, time, step):
    return x.new_empty(x.shape), v.new_empty(v.shape)


# ---- LIoR kernel and memory ------------------------------------------------------------------------


@torch.library.custom_op("lior::lior_kernel", mutates_args=())
def lior_kernel(raw: Tensor, lag: Tensor) -> Tensor:
    """K(t) at lags t [M], from the 12 raw parameters; 0 for t <= 0."""
    raw, lag = _dense(raw), _dense(lag)
    value = torch.empty_like(lag)
    _memory.kernel_forward(raw, lag, out=value)
    return value


@lior_kernel.register_fake
def _(raw, lag):
    return lag.new_empty(lag.shape)


@torch.library.custom_op("lior::lior_kernel_backward", mutates_args=())
def lior_kernel_backward(raw: Tensor, lag: Tensor, d_value: Tensor) -> Tensor:
    """Gradient with respect to the raw parameters."""
    raw, lag = _dense(raw), _dense(lag)
    d_raw = torch.empty_like(raw)
    _memory.kernel_backward(raw, lag, _dense(d_value), out=d_raw)
    return d_raw


@lior_kernel_backward.register_fake
def _(raw, lag, d_value):
    return raw.new_empty(raw.shape)


def _lior_kernel_setup(ctx, inputs, output):
    ctx.save_for_backward(*inputs)


def _lior_kernel_gradient(ctx, d_value):
    raw, lag = ctx.saved_tensors
    if ctx.needs_input_grad[1]:
        raise NotImplementedError("lior_kernel has no gradient with respect to the lags")
    return lior_kernel_backward(raw, lag, d_value), None


lior_kernel.register_autograd(_lior_kernel_gradient, setup_context=_lior_kernel_setup)


@lru_cache
def _rule(tolerance: float, horizon: float):
    return _memory.PowerLawRule(tolerance, horizon)


def _convolution_of(raw: Tensor, tolerance: float, horizon: float):
    made = _memory.CausalConvolution(
        raw.shape[0], _rule(tolerance, horizon), dtype=str(raw.dtype)[6:]
    )
    made.set(raw)
    return made


@torch.library.custom_op("lior::memory", mutates_args=())
def memory(x: Tensor, raw: Tensor, tolerance: float = 1e-6, horizon: float = 1048576.0) -> Tensor:
    """y_n = w0 x_n + sum_k kappa_k x_{n-k}: x and y [B, N, H, C], raw [H, 12], one kernel a head.

    The power law is a sum of exponentials, good to `tolerance` for lags up to `horizon`; making one takes up
    to 0.4 s, once a process."""
    x, raw = _dense(x), _dense(raw)
    y = torch.empty_like(x)
    _convolution_of(raw, tolerance, horizon).forward(x, out=y)
    return y


@memory.register_fake
def _(x, raw, tolerance=1e-6, horizon=1048576.0):
    return x.new_empty(x.shape)


@torch.library.custom_op("lior::memory_backward", mutates_args=())
def memory_backward(
    x: Tensor, raw: Tensor, tolerance: float, horizon: float, dy: Tensor
) -> Tuple[Tensor, Tensor]:
    """Gradients with respect to x and raw."""
    x, raw = _dense(x), _dense(raw)
    d_x, d_raw = torch.empty_like(x), torch.empty_like(raw)
    _convolution_of(raw, tolerance, horizon).backward(x, _dense(dy), out=(d_x, d_raw))
    return d_x, d_raw


@memory_backward.register_fake
def _(x, raw, tolerance, horizon, dy):
    return x.new_empty(x.shape), raw.new_empty(raw.shape)


def _memory_setup(ctx, inputs, output):
    x, raw, ctx.tolerance, ctx.horizon = inputs
    ctx.save_for_backward(x, raw)


def _memory_gradient(ctx, dy):
    x, raw = ctx.saved_tensors
    return *memory_backward(x, raw, ctx.tolerance, ctx.horizon, dy), None, None


memory.register_autograd(_memory_gradient, setup_context=_memory_setup)


# ---- CI8 scan and read-out -------------------------------------------------------------------------


def _mixer_of(initial, factors, transition, complex_state, gates, phase, rotation):
    return nn.MixerConfig(
        heads=initial.shape[2],
        factors=factors,
        transition=transition,
        complex_state=complex_state,
        gates=gates,
        phase=phase,
        rotation=rotation,
    )


@torch.library.custom_op("lior::ci8_scan", mutates_args=())
def ci8_scan(
    projection: Tensor,
    initial: Tensor,
    angles: Optional[Tensor] = None,
    factors: int = 1,
    transition: str = "right",
    complex_state: bool = False,
    gates: bool = True,
    phase: bool = False,
    rotation: bool = False,
) -> Tensor:
    """h_n = a_n e^{i phi_n} F_k(... F_1(D h_{n-1})) + sqrt(1 - a_n^2) c_n -> every h_n [B, N, S, H].

    projection [B, N, P] holds planes of H columns: w (8 a factor), z, phi, c, each where it is used; initial
    [B, S, H] is h_0; angles [8, H] are D's, with `rotation`. transition: right, left or two_sided.
    """
    mixer = _mixer_of(initial, factors, transition, complex_state, gates, phase, rotation)
    projection, initial = _dense(projection), _dense(initial)
    states = projection.new_empty(*projection.shape[:2], *initial.shape[1:])
    nn.ci8_scan_forward(
        mixer, projection, initial, None if angles is None else _dense(angles), out=states
    )
    return states


@ci8_scan.register_fake
def _(projection, initial, angles=None, *options):
    return projection.new_empty(*projection.shape[:2], *initial.shape[1:])


@torch.library.custom_op("lior::ci8_scan_backward", mutates_args=())
def ci8_scan_backward(
    projection: Tensor,
    initial: Tensor,
    angles: Optional[Tensor],
    states: Tensor,
    d_states: Tensor,
    factors: int,
    transition: str,
    complex_state: bool,
    gates: bool,
    phase: bool,
    rotation: bool,
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to projection, initial and angles (zeros without rotation)."""
    mixer = _mixer_of(initial, factors, transition, complex_state, gates, phase, rotation)
    projection, initial, states, d_states = _all_dense((projection, initial, states, d_states))
    d_projection, d_initial = torch.empty_like(projection), torch.empty_like(initial)
    d_angles = initial.new_empty(initial.shape[0], 8, initial.shape[2])
    nn.ci8_scan_backward(
        mixer,
        projection,
        initial,
        None if angles is None else _dense(angles),
        states,
        d_states,
        out=(d_projection, d_initial, d_angles),
    )
    return d_projection, d_initial, d_angles.sum(0)


@ci8_scan_backward.register_fake
def _(projection, initial, angles, states, d_states, *options):
    d_angles = initial.new_empty(8, initial.shape[2])
    return projection.new_empty(projection.shape), initial.new_empty(initial.shape), d_angles


def _ci8_scan_setup(ctx, inputs, output):
    projection, initial, angles, *ctx.options = inputs
    ctx.save_for_backward(projection, initial, angles, output)


def _ci8_scan_gradient(ctx, d_states):
    d_projection, d_initial, d_angles = ci8_scan_backward(
        *ctx.saved_tensors, d_states, *ctx.options
    )
    given = ctx.saved_tensors[2] is not None
    return d_projection, d_initial, d_angles if given else None, *(None,) * 6


ci8_scan.register_autograd(_ci8_scan_gradient, setup_context=_ci8_scan_setup)


def _reader_of(states: Tensor, kind: str):
    return nn.MixerConfig(
        heads=states.shape[3], complex_state=bool(states.shape[2] == 16), readout=kind
    )


@torch.library.custom_op("lior::readout", mutates_args=())
def readout(states: Tensor, kind: str = "linear_quadratic") -> Tensor:
    """What heads show of their states [B, N, S, H]: [B, N, Q, H]. kind: linear, quadratic, linear_quadratic or
    invariants."""
    states, reader = _dense(states), _reader_of(states, kind)
    batch, length, _, heads = states.shape
    shown = states.new_empty(batch, length, reader.readout_width, heads)
    nn.readout_forward(reader, states, out=shown)
    return shown


@readout.register_fake
def _(states, kind="linear_quadratic"):
    batch, length, size, heads = states.shape
    width = nn.MixerConfig(heads=1, complex_state=bool(size == 16), readout=kind).readout_width
    return states.new_empty(batch, length, width, heads)


@torch.library.custom_op("lior::readout_backward", mutates_args=())
def readout_backward(states: Tensor, d_shown: Tensor, kind: str) -> Tensor:
    """Gradient with respect to the states."""
    states = _dense(states)
    d_states = torch.empty_like(states)
    nn.readout_backward(_reader_of(states, kind), states, _dense(d_shown), out=d_states)
    return d_states


@readout_backward.register_fake
def _(states, d_shown, kind):
    return states.new_empty(states.shape)


def _readout_setup(ctx, inputs, output):
    states, ctx.kind = inputs
    ctx.save_for_backward(states)


def _readout_gradient(ctx, d_shown):
    return readout_backward(*ctx.saved_tensors, d_shown, ctx.kind), None


readout.register_autograd(_readout_gradient, setup_context=_readout_setup)


# ---- causal field and geometric attention ----------------------------------------------------------


def _flat(tensor: Tensor) -> Tensor:
    """[B, N, K] as rows [B N, K]."""
    return tensor.view(-1, tensor.shape[-1])


@torch.library.custom_op("lior::associator_current", mutates_args=())
def associator_current(factors: Tensor, transport: Tensor) -> Tensor:
    """((a b) c - a (b c)) P/|P| [B, N, 16 H] of factors a, b, c [B, N, 48 H] and transport P [H, 8]."""
    factors, transport = _dense(factors), _dense(transport)
    current = factors.new_empty(*factors.shape[:2], factors.shape[2] // 3)
    _mixers.associator_current_forward(_flat(factors), transport, out=_flat(current))
    return current


@associator_current.register_fake
def _(factors, transport):
    return factors.new_empty(*factors.shape[:2], factors.shape[2] // 3)


@torch.library.custom_op("lior::associator_current_backward", mutates_args=())
def associator_current_backward(
    factors: Tensor, transport: Tensor, current: Tensor, d_current: Tensor
) -> Tuple[Tensor, Tensor]:
    """Gradients with respect to factors and transport."""
    factors, transport, current, d_current = _all_dense((factors, transport, current, d_current))
    d_factors, d_transport = torch.empty_like(factors), torch.empty_like(transport)
    _mixers.associator_current_backward(
        _flat(factors),
        transport,
        _flat(current),
        _flat(d_current),
        out=(_flat(d_factors), d_transport),
    )
    return d_factors, d_transport


@associator_current_backward.register_fake
def _(factors, transport, current, d_current):
    return factors.new_empty(factors.shape), transport.new_empty(transport.shape)


def _associator_current_setup(ctx, inputs, output):
    ctx.save_for_backward(*inputs, output)


def _associator_current_gradient(ctx, d_current):
    return associator_current_backward(*ctx.saved_tensors, d_current)


associator_current.register_autograd(
    _associator_current_gradient, setup_context=_associator_current_setup
)


@torch.library.custom_op("lior::spinor_attention", mutates_args=())
def spinor_attention(z: Tensor, v: Tensor, mix: Tensor, window: int = 0) -> Tuple[Tensor, Tensor]:
    """Causal attention of values v by spinor scores of z, both [B, N, 16 H], mix [H, 4] = l1..l4, and the
    logarithms of the softmax's sums [B, H, N], which have no gradient. window: positions that are seen, 0: all.
    """
    z, v, mix = _all_dense((z, v, mix))
    outputs = torch.empty_like(v), z.new_empty(z.shape[0], mix.shape[0], z.shape[1])
    _mixers.spinor_attention_forward(z, v, mix, window, out=outputs)
    return outputs


@spinor_attention.register_fake
def _(z, v, mix, window=0):
    return v.new_empty(v.shape), z.new_empty(z.shape[0], mix.shape[0], z.shape[1])


@torch.library.custom_op("lior::spinor_attention_backward", mutates_args=())
def spinor_attention_backward(
    z: Tensor,
    v: Tensor,
    mix: Tensor,
    window: int,
    attended: Tensor,
    log_sums: Tensor,
    d_attended: Tensor,
) -> Tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to z, v and mix."""
    z, v, mix, *rest = _all_dense((z, v, mix, attended, log_sums, d_attended))
    gradients = tuple(torch.empty_like(tensor) for tensor in (z, v, mix))
    _mixers.spinor_attention_backward(z, v, mix, window, *rest, out=gradients)
    return gradients


@spinor_attention_backward.register_fake
def _(z, v, mix, window, attended, log_sums, d_attended):
    return tuple(tensor.new_empty(tensor.shape) for tensor in (z, v, mix))


def _spinor_attention_setup(ctx, inputs, output):
    z, v, mix, ctx.window = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(z, v, mix, *output)


def _spinor_attention_gradient(ctx, d_attended, _):
    z, v, mix, attended, log_sums = ctx.saved_tensors
    return *spinor_attention_backward(z, v, mix, ctx.window, attended, log_sums, d_attended), None


spinor_attention.register_autograd(
    _spinor_attention_gradient, setup_context=_spinor_attention_setup
)


# ---- the original's layer --------------------------------------------------------------------------


@torch.library.custom_op("lior::compat_mamba", mutates_args=())
def compat_mamba(x: Tensor, state: Tensor, parameters: List[Tensor]) -> Tuple[Tensor, Tensor]:
    """The original's geometric Mamba layer: x [B, N, D], state [B, 16] -> the output and the last state. Has
    no gradient: its state is zero for ever, or grows or dies geometrically."""
    x = _dense(x)
    state, out = state.detach().clone(memory_format=torch.contiguous_format), torch.empty_like(x)
    _lior.compat.mamba(_all_dense(parameters), x, state, out=out)
    return out, state


@compat_mamba.register_fake
def _(x, state, parameters):
    return x.new_empty(x.shape), state.new_empty(state.shape)


@torch.library.custom_op("lior::compat_recurrence", mutates_args=())
def compat_recurrence(
    u: Tensor, state: Tensor, theta: Tensor, omega: Tensor, sigma: Tensor
) -> Tuple[Tensor, Tensor]:
    """The recurrence of that layer alone: u [B, N, 16], state [B, 16] -> invariants [B, N, 8] and the last
    state. Has no gradient."""
    ends = nn.compat_recurrence(*_all_dense((theta, omega, sigma, u, state)))
    return torch.from_numpy(ends[0]), torch.from_numpy(ends[1])


@compat_recurrence.register_fake
def _(u, state, theta, omega, sigma):
    return u.new_empty(*u.shape[:2], 8), state.new_empty(state.shape)
