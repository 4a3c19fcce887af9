# SPDX-License-Identifier: Apache-2.0
"""What makes an operator of a kernel: one definition for autograd, torch.func, torch.compile and forward mode.

An operator has a *kernel* (the decorated function, on dense tensors), its *shapes*, a *gradient* that calls another
operator, and, where there is one, a *formula* in plain torch (lior.torch.formulas). Kernels give values and first
gradients; what goes further (gradients of gradients, forward mode) is taken from the formula, and raises where there is
none: never is a derivative silently zero.

Kernels are the processor's. Tensors of CUDA are computed by the *plain form*, the formula unless another one is given;
gradients too, which are operators themselves; or by a CUDA kernel, where there is one and a program asks for it. What
has no plain form is refused there.
"""

import contextlib
import functools
import inspect
from contextvars import ContextVar
from typing import (
    Any,
    Callable,
    Iterator,
    List,
    NamedTuple,
    NoReturn,
    ParamSpec,
    Protocol,
    Sequence,
    TypeVar,
    cast,
)

import torch
from torch import Tensor
from torch.autograd import forward_ad

from lior.torch.cuda.launch import launcher
from lior.torch.operators.tensors import follow_threads

_library = torch.library.Library("lior", "FRAGMENT")

P = ParamSpec("P")
R = TypeVar("R", covariant=True)
#: What a call is given, and what it gives: a tensor, or several.
Args = tuple[Any, ...]
Results = Tensor | Sequence[Tensor]
Function = Callable[..., Any]


class Call(NamedTuple):
    """One call of an operator, as its gradient sees it."""

    args: Args  # all of them, defaults too
    outputs: Args  # tensors
    grads: Args  # of the outputs
    needs: list[Any]  # of each argument, and of each of a list: whether its gradient is asked for


class Operator(Protocol[P, R]):
    """What a kernel becomes."""

    raw: Function  #: torch.ops.lior.NAME
    formula: Function | None  #: what derivatives of derivatives and forward mode are taken from
    plain: Function | None  #: what CUDA computes it by

    def __call__(self, *args: P.args, **named: P.kwargs) -> R: ...


def _flatten(args: Sequence[Any]) -> tuple[tuple[int | None, ...], list[Any]]:
    """(layout, tensors and numbers without lists): autograd.Function sees no tensors inside lists."""
    layout: list[int | None] = []
    flat: list[Any] = []
    for value in args:
        listed = isinstance(value, (list, tuple))
        layout.append(len(value) if listed else None)
        flat += value if listed else [value]
    return tuple(layout), flat


def _unflatten(layout: Sequence[int | None], flat: Sequence[Any]) -> list[Any]:
    rest = iter(flat)
    return [next(rest) if n is None else [next(rest) for _ in range(n)] for n in layout]


_NARROW = torch.float16, torch.bfloat16


def _widened(args: Args) -> Args:
    """Arguments as kernels take them: half and bfloat16 as float32."""

    def wide(value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.float() if value.dtype in _NARROW else value
        return [wide(item) for item in value] if isinstance(value, (list, tuple)) else value

    return tuple(wide(value) for value in args)


def _of_tensors(function: Function, args: Args) -> tuple[Function, list[Tensor]]:
    """`function` as one of the tensors of its arguments alone, and these."""
    layout, flat = _flatten(args)
    at = [i for i, value in enumerate(flat) if isinstance(value, Tensor)]

    def call(*tensors: Tensor) -> Results:
        given = list(flat)
        for i, tensor in zip(at, tensors):
            given[i] = tensor
        out = function(*_unflatten(layout, given))
        return out if isinstance(out, Tensor) else tuple(out)

    return call, [flat[i] for i in at]


def pullback(formula: Function, args: Args, grads: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Gradients with respect to each tensor of `args`, in order, of a formula whose outputs have gradients `grads`."""
    call, tensors = _of_tensors(formula, args)
    out, pull = vjp(call, *tensors)
    return pull(grads[0] if isinstance(out, Tensor) else tuple(grads))


def vjp(call: Function, *tensors: Any) -> tuple[Any, Callable[[Any], tuple[Tensor, ...]]]:
    """torch.func.vjp of a function without an auxiliary output."""
    out, pull = cast(Any, torch.func.vjp(call, *tensors))
    return out, pull


def _pushforward(call: Function, tensors: list[Tensor], moves: list[Tensor]) -> Results:
    """Derivatives along `moves`: the pullback is linear in its gradients, and its own pullback is this. Unlike
    torch.func.jvp it works inside forward_ad.dual_level()."""
    if _forward_mode():
        tensors = [forward_ad.unpack_dual(t).primal for t in tensors]
    out, pull = vjp(call, *tensors)
    zeros = torch.zeros_like(out) if isinstance(out, Tensor) else tuple(map(torch.zeros_like, out))
    return vjp(pull, zeros)[1](tuple(moves))[0]


def _alive(tensor: Tensor) -> Tensor:
    """Without the wrappers of transforms that have ended: what a gradient saved may have several."""
    unwrap: Callable[[Tensor], Tensor] = cast(Any, torch._C)._functorch.unwrap_if_dead
    while (inner := unwrap(tensor)) is not tensor:
        tensor = inner
    return tensor


_asked_for_plain: ContextVar[bool] = ContextVar("plain_forms", default=False)


def plain_forms_hold() -> bool:
    return _asked_for_plain.get()


@contextlib.contextmanager
def plain_forms() -> Iterator[None]:
    """Inside, tensors of the processor are computed as those of CUDA are: what is registered for that device is called,
    by the same dispatcher. For tests, and for a look at what a GPU would compute."""
    before = _asked_for_plain.set(True)
    try:
        yield
    finally:
        _asked_for_plain.reset(before)


def has_kernels(tensor: Tensor) -> bool:
    """Whether operators on this tensor are kernels, or stand for them (meta), and not plain forms."""
    return tensor.device.type in ("cpu", "meta") and not plain_forms_hold()


def refuse(name: str, *args: Any) -> NoReturn:
    """What a device without a kernel and without a plain form says."""
    devices = {value.device for value in _flatten(args)[1] if isinstance(value, Tensor)}
    raise RuntimeError(
        f"lior.{name} runs on the processor; its tensors are on {', '.join(sorted(map(str, devices)))}: move them, "
        "and the module's parameters, by .cpu()"
    )


def without_autocast(form: Function, *args: Any) -> Any:
    """A plain form in the precision of its arguments, as kernels are: autocast would reach into it."""
    devices = {value.device.type for value in _flatten(args)[1] if isinstance(value, Tensor)}
    with contextlib.ExitStack() as stack:
        for device in devices:
            stack.enter_context(torch.autocast(device, enabled=False))
        return form(*args)


def _forward_mode() -> bool:
    return forward_ad._current_level >= 0 and torch._C._is_fwd_grad_enabled()


def _differentiated(flat: Sequence[Any]) -> bool:
    """Whether a transform or autograd has to know of a call."""
    return (
        torch._C._are_functorch_transforms_active()
        or _forward_mode()
        or torch.is_grad_enabled()
        and any(isinstance(value, Tensor) and value.requires_grad for value in flat)
    )


def _unwatched(flat: Sequence[Any]) -> bool:
    """Whether a call is the kernel's and nothing else sees it, so that the dispatcher, which takes as long as a small kernel,
    has nothing to do."""
    return (
        torch._C._len_torch_dispatch_stack() == 0
        and not torch._C._are_functorch_transforms_active()
        and torch._C._get_tracing_state() is None
        and not cast(Any, torch.autograd)._profiler_enabled()
        and not plain_forms_hold()
        and all(
            type(value) in (Tensor, torch.nn.Parameter) and value.device.type == "cpu"
            for value in flat
            if isinstance(value, Tensor)
        )
    )


def is_plain_call(*tensors: Tensor) -> bool:
    """Whether these are dense tensors that kernels take, of one dtype, whose operators nothing watches: no compiler, tracer,
    transform or mode."""
    return (
        not (torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active())
        and torch._C._get_tracing_state() is None
        and torch._C._len_torch_dispatch_stack() == 0
        and all(
            type(t) is Tensor
            and has_kernels(t)
            and t.dtype == tensors[0].dtype
            and t.dtype in (torch.float32, torch.float64)
            and not t.is_neg()
            for t in tensors
        )
        and not _forward_mode()
    )


def _looped(function: Function, info: Any, dims: Sequence[Any], args: Sequence[Any]) -> Any:
    """vmap's rule: the calls one after another, stacked. The kernels' own loops run over what a call holds."""
    rows = []
    for i in range(info.batch_size):
        rows.append(
            function(*(a if d is None else a.select(d, i) for a, d in zip(args, dims, strict=True)))
        )
    if isinstance(rows[0], Tensor):
        return torch.stack(rows), 0
    stacked = tuple(torch.stack(parts) for parts in zip(*rows))
    return stacked, (0,) * len(stacked)


def _function_of(
    name: str,
    compute: Function,
    gradient: Callable[[Call], Args] | None,
    formula: Function | None,
    silent: Callable[..., Sequence[int]],
) -> Function:
    """compute(arguments, the same without lists) with derivatives: a function of a layout and of the latter."""

    def run(layout: Any, *flat: Any) -> Results:
        out = compute(_unflatten(layout, flat), flat)
        return out if isinstance(out, Tensor) else tuple(out)

    class Rules(torch.autograd.Function):
        @staticmethod
        def keep(ctx: Any, inputs: Args, output: Any) -> None:
            ctx.layout, *flat = inputs
            outputs = (output,) if isinstance(output, Tensor) else output
            ctx.constants = [None if isinstance(value, Tensor) else value for value in flat]
            ctx.at = [i for i, value in enumerate(flat) if isinstance(value, Tensor)]
            ctx.silent = silent(*_unflatten(ctx.layout, flat))
            ctx.mark_non_differentiable(*(outputs[i] for i in ctx.silent))
            tensors = [flat[i] for i in ctx.at]
            ctx.save_for_backward(*tensors, *outputs)
            ctx.save_for_forward(*tensors)

        @staticmethod
        def _args(ctx: Any, saved: Sequence[Tensor]) -> Args:
            flat = list(ctx.constants)
            for i, tensor in zip(ctx.at, saved):
                flat[i] = tensor
            return tuple(_unflatten(ctx.layout, flat))

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Args:
            saved = tuple(map(_alive, ctx.saved_tensors))  # read once: checkpoints count
            args, outputs = Rules._args(ctx, saved), saved[len(ctx.at) :]
            if gradient is not None:
                needs = _unflatten(ctx.layout, ctx.needs_input_grad[1:])
                return None, *_flatten(gradient(Call(args, outputs, grads, needs)))[1]
            if formula is None:
                raise NotImplementedError(f"lior.{name} has no gradient")
            given = iter(pullback(formula, args, grads))
            return None, *(next(given) if i in ctx.at else None for i in range(len(ctx.constants)))

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Any:
            if formula is None:
                raise NotImplementedError(
                    f"lior.{name} has no derivative in forward mode; reverse mode (grad, jacrev) has it"
                )
            call, tensors = _of_tensors(formula, Rules._args(ctx, ctx.saved_tensors))
            moves = [tangents[1 + i] for i in ctx.at]  # behind that of the layout
            moves = [torch.zeros_like(t) if m is None else m for m, t in zip(moves, tensors)]
            out = _pushforward(call, tensors, moves)
            if isinstance(out, Tensor):
                return out
            return tuple(None if i in ctx.silent else move for i, move in enumerate(out))

    class Operation(Rules):
        """Under transforms of torch.func."""

        forward = staticmethod(run)
        setup_context = staticmethod(Rules.keep)

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            return _looped(functools.partial(Operation.apply, args[0]), info, in_dims[1:], args[1:])

    class Eager(Rules):
        """Elsewhere. What torch does for a setup_context takes as long as a small kernel."""

        @staticmethod
        def forward(ctx: Any, *inputs: Any) -> Results:
            out = run(*inputs)
            Rules.keep(ctx, inputs, out)
            return out

    for made in (Operation, Eager):
        made.__name__ = made.__qualname__ = "Lior_" + name

    def apply(layout: Any, *flat: Any) -> Any:
        function = Operation if torch._C._are_functorch_transforms_active() else Eager
        return function.apply(layout, *flat)

    return apply


def _add_to_dispatcher(
    name: str,
    kernel: Function,
    shapes: Function,
    plain: Function | None,
    cuda: Function | None,
    complete: Callable[[Args], Args],
    function_of: Callable[[Function], Function],
) -> tuple[Function, Function, Function, bool]:
    """(the operator torch.ops.lior.NAME, which graphs of torch.compile hold; compute(arguments, the same without lists);
    that with derivatives; whether it gives a list)."""
    _library.define(name + torch.library.infer_schema(kernel, mutates_args=()))
    raw = getattr(torch.ops.lior, name).default

    def compute(args: Sequence[Any], flat: Sequence[Any]) -> Any:
        if _unwatched(flat):
            follow_threads()
            return kernel(*args)
        with torch._C._AutoDispatchBelowAutograd():
            return raw(*args)

    apply = function_of(compute)

    def autograd(keyset: Any, *args: Any) -> Any:
        if torch._C._are_functorch_transforms_active():
            raise RuntimeError(
                f"torch.ops.lior.{name} inside a transform of torch.func: call lior.torch.ops.{name}"
            )
        layout, flat = _flatten(complete(args))
        if not _differentiated(flat):
            with torch._C._AutoDispatchBelowAutograd():
                return raw.redispatch(keyset & torch._C._after_autograd_keyset, *args)
        out = apply(layout, *flat)
        return out if isinstance(out, Tensor) or not listed else list(out)

    def batched(info: Any, dims: Sequence[Any], *args: Any) -> Any:
        layout, flat = _flatten(complete(args))
        dims = _flatten([*dims, *(None,) * (len(layout) - len(dims))])[1]
        out, at = _looped(lambda *a: raw(*_unflatten(layout, a)), info, dims, flat)
        return (out, at) if isinstance(out, Tensor) or not listed else (list(out), list(at))

    def run(*args: Any) -> Any:
        if plain_forms_hold():
            return raw.redispatch(_CUDA, *args)
        follow_threads()
        return kernel(*args)

    def on_cuda(*args: Any) -> Any:
        tensors = (value for value in _flatten(args)[1] if isinstance(value, Tensor))
        if cuda is not None and (launch := launcher(next(tensors))) is not None:
            return cuda(launch, *complete(args))
        if plain is None:
            refuse(name, *args)
        out = without_autocast(plain, *complete(args))
        if isinstance(out, Tensor):
            return out.contiguous()
        outs = [part.contiguous() for part in out]
        return outs if listed else tuple(outs)

    listed = inspect.signature(kernel).return_annotation == List[Tensor]
    _library.impl(name, run, "CPU")
    _library.impl(name, on_cuda, "CUDA")
    for device in ("XPU", "MPS"):
        _library.impl(name, functools.partial(refuse, name), device)
    _library.impl(name, autograd, "Autograd", with_keyset=True)
    torch.library.register_fake(f"lior::{name}", shapes, lib=_library)
    torch.library.register_vmap(f"lior::{name}", batched, lib=_library)
    return raw, compute, apply, listed


_CUDA = torch._C.DispatchKeySet(torch._C.DispatchKey.CUDA)


def _nothing(*args: Any) -> Sequence[int]:
    return ()


def operator(
    shapes: Function,
    gradient: Callable[[Call], Args] | None = None,
    formula: Function | None = None,
    silent: Callable[..., Sequence[int]] = _nothing,
    plain: Function | None = None,
    cuda: Function | None = None,
) -> Callable[[Callable[P, R]], Operator[P, R]]:
    """Makes an operator of a kernel; calls go to it by the kernel's name and signature.

    shapes(*args): empty tensors like the kernel's results. gradient(Call): a tuple as the arguments, None for numbers
    and what has none; without one the formula is differentiated. silent(*args): the outputs without gradients. plain(*args):
    the results where there is no kernel, without aliases of each other or of an argument; at first the formula's. cuda(launch, *args): the same by kernels
    (lior.torch.cuda)."""

    def made(kernel: Callable[P, R]) -> Operator[P, R]:
        name, signature = kernel.__name__, inspect.signature(kernel)
        defaults = [p.default for p in signature.parameters.values()]

        def complete(args: Args) -> Args:
            return (*args, *defaults[len(args) :])

        raw, compute, apply, listed = _add_to_dispatcher(
            name,
            kernel,
            shapes,
            plain or formula,
            cuda,
            complete,
            lambda compute: _function_of(name, compute, gradient, formula, silent),
        )

        @functools.wraps(kernel)
        def call(*args: Any, **named: Any) -> Any:
            if named:
                args = signature.bind(*args, **named).args
            args = _widened(args)
            if torch.compiler.is_compiling():
                return raw(*args)
            layout, flat = _flatten(complete(args))
            if not _differentiated(flat):
                return compute(args, flat)
            out = apply(layout, *flat)
            return list(out) if listed else out

        made_of = cast(Operator[P, R], call)
        made_of.raw, made_of.formula, made_of.plain = raw, formula, plain or formula
        return made_of

    return made
