# SPDX-License-Identifier: Apache-2.0
"""Python functions as formulas: they run once, on symbols that write down what is done to them."""

from __future__ import annotations

from typing import Any, Callable

import numpy

from lior.typing import ArrayLike

_FUNCTIONS = {
    "sqrt": "sqrt",
    "exp": "exp",
    "log": "log",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arctan2": "atan2",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "absolute": "abs",
    "fabs": "abs",
    "erf": "erf",
    "minimum": "min",
    "maximum": "max",
}
_OPERATORS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "true_divide": "/",
    "power": "^",
    "float_power": "^",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "not_equal": "!=",
    "logical_and": "and",
    "logical_or": "or",
}
_PATTERNS = {
    "negative": "-{}",
    "positive": "{}",
    "square": "{}^2",
    "reciprocal": "1/{}",
    "logical_not": "not {}",
}


class Tape:
    """The operations so far, each once, as definitions of an `expr:` text."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def note(self, formula: str) -> Symbol:
        name = self.names.setdefault(formula, f"_{len(self.names)}")
        return Symbol(self, name)

    def statements(self) -> list[str]:
        return [f"{name} = {formula}" for formula, name in self.names.items()]


class Symbol:
    """A number of which only the name is known."""

    def __init__(self, tape: Tape, name: str) -> None:
        self._tape, self._name = tape, name

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if method != "__call__" or options:
            raise TypeError(f"numpy.{ufunc.__name__}.{method} cannot be traced")
        return self._apply(ufunc.__name__, *inputs)

    def __array_function__(self, function: Any, types: Any, arguments: Any, options: Any) -> Symbol:
        if function is numpy.where and len(arguments) == 3 and not options:
            return self._tape.note("where({}, {}, {})".format(*map(text_of, arguments)))
        raise TypeError(f"numpy.{function.__name__} cannot be traced")

    def _apply(self, name: str, *inputs: Any) -> Any:
        if any(isinstance(x, numpy.ndarray) and x.ndim for x in inputs):
            # NumPy goes through the entries, and comes back with one symbol at a time.
            arrays = [numpy.asarray(x, dtype=object) for x in inputs]
            return numpy.frompyfunc(lambda *x: self._apply(name, *x), len(arrays), 1)(*arrays)
        words = [text_of(x) for x in inputs]
        if name in _OPERATORS and len(words) == 2:
            return self._tape.note(f"{words[0]} {_OPERATORS[name]} {words[1]}")
        if name in _PATTERNS and len(words) == 1:
            return self._tape.note(_PATTERNS[name].format(*words))
        if name in _FUNCTIONS:
            return self._tape.note(f"{_FUNCTIONS[name]}({', '.join(words)})")
        known = ", ".join(sorted({*_OPERATORS, *_PATTERNS, *_FUNCTIONS, "where"}))
        raise TypeError(f"numpy.{name} cannot be traced; expected one of: {known}")

    def __bool__(self) -> bool:
        raise TypeError(
            "a branch on a number that is not known while a function is traced; use numpy.where"
        )

    def __float__(self) -> float:
        raise TypeError(
            "a function of `math`, or float(), on a number that is not known while a function is "
            "traced; use NumPy's functions"
        )

    def __neg__(self) -> Any:
        return self._apply("negative", self)

    def __pos__(self) -> Symbol:
        return self

    def __abs__(self) -> Any:
        return self._apply("absolute", self)

    def __invert__(self) -> Any:
        return self._apply("logical_not", self)

    __int__ = __index__ = __float__
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<traced {self._name}>"


def text_of(x: Any) -> str:
    """A symbol's name, or a number that brings it back exactly."""
    if isinstance(x, numpy.ndarray) and x.ndim == 0:
        x = x.item()
    if isinstance(x, Symbol):
        return x._name
    if isinstance(x, (bool, numpy.bool_)):
        return str(int(x))
    if isinstance(x, (int, float, numpy.integer, numpy.floating)) and numpy.isfinite(x):
        return f"({float(x)!r})"
    raise TypeError(f"{x!r} is no number of a formula; expected a finite real number")


def _binary(name: str, swapped: bool = False) -> Callable[[Symbol, Any], Any]:
    def operation(self: Symbol, other: Any) -> Any:
        return self._apply(name, other, self) if swapped else self._apply(name, self, other)

    return operation


for _name, _word in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "pow": "power",
}.items():
    setattr(Symbol, f"__{_name}__", _binary(_word))
    setattr(Symbol, f"__r{_name}__", _binary(_word, swapped=True))
for _name, _word in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
    "and": "logical_and",
    "or": "logical_or",
}.items():
    setattr(Symbol, f"__{_name}__", _binary(_word))
# NumPy calls these on the entries of arrays of objects.
for _name in [*_FUNCTIONS, "square", "reciprocal"]:
    setattr(Symbol, _name, lambda self, *other, _word=_name: self._apply(_word, self, *other))


def trace(function: Callable[[Any], ArrayLike], coordinates: str) -> str:
    """The `expr:` text of the metric function(x) -> (d, d), x the d coordinates."""
    names = [name.strip() for name in coordinates.split(",")]
    tape = Tape()
    point = numpy.empty(len(names), dtype=object)
    for place, name in enumerate(names):
        point[place] = Symbol(tape, name)
    g = numpy.asarray(function(point), dtype=object)
    if g.shape != (len(names), len(names)):
        raise ValueError(
            f"the function gives an array of shape {g.shape}; expected {(len(names), len(names))}, "
            f"the metric at a point of {coordinates}"
        )
    components = [
        f"metric.{a}.{b} = {text_of(g[m, n])}"
        for m, a in enumerate(names)
        for n, b in enumerate(names)
    ]
    return "; ".join([coordinates, *tape.statements(), *components])
