"""Derivatives of what the networks compute, without torch: an array that remembers how it was made.

The networks of this room are plain NumPy. Given a `Traced` array in the place of an ordinary one they run as they
are, NumPy hands each operation over to the rules below, and each leaves on a tape how a change of its result is felt
by what it was made from. `Tape.gradients` walks the tape backwards (reverse accumulation; Griewank & Walther 2008,
chapter 3). To add an operation: a rule in `_UFUNCS` or `_FUNCTIONS`; one that is missing is a TypeError, never a
derivative that is silently zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from grucast.core.arrays import Array

Push: TypeAlias = Callable[[Array], None]  # hands the gradient of a result on to what it was made from


class Tape:
    """All that was computed from the leaves, in order."""

    def __init__(self) -> None:
        self._steps: list[tuple[_Felt, Push]] = []

    def leaf(self, value: Array) -> Traced:
        """An input of which the gradient will be asked."""
        return Traced(np.asarray(value, dtype=np.float64), _Felt(np.shape(value)), self)

    def record(self, value: Array, push: Push) -> Traced:
        """The result `value` of one operation."""
        felt = _Felt(value.shape)
        self._steps.append((felt, push))
        return Traced(value, felt, self)

    def gradients(self, result: Traced, leaves: Sequence[Traced]) -> list[Array]:
        """The gradient of the sum of `result` by each leaf, of the leaf's shape. The tape is empty afterwards."""
        result.felt.add(np.ones(result.shape))
        while self._steps:
            felt, push = self._steps.pop()
            if felt.total is not None:
                push(felt.total)
            felt.total = None
        return [np.zeros(one.shape) if one.felt.total is None else one.felt.total for one in leaves]


class _Felt:
    """What is known so far of how the result depends on one array."""

    __slots__ = ("own", "shape", "total")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.own = shape, False
        self.total: Array | None = None

    def add(self, more: Array) -> None:
        """One more way in which the array is felt; `more` may have been broadcast."""
        more = _unbroadcast(more, self.shape)
        if self.total is None:
            self.total, self.own = more, False
        elif self.own:
            self.total += more
        else:
            self.total, self.own = self.total + more, True

    def add_at(self, index: Any, more: Array) -> None:
        """The same for a part of the array: what is felt of one step must not cost as much as all steps."""
        if not self.own:
            self.total = np.zeros(self.shape) if self.total is None else self.total.copy()
            self.own = True
        assert self.total is not None  # noqa: S101 - for the type checker
        if _is_basic(index):
            self.total[index] += more
        else:
            np.add.at(self.total, index, more)  # one row may be asked for several times


class Traced(np.lib.mixins.NDArrayOperatorsMixin):
    """An array on a tape: NumPy's operators, methods and functions as far as the networks use them."""

    __slots__ = ("felt", "tape", "value")

    def __init__(self, value: Array, felt: _Felt, tape: Tape) -> None:
        self.value, self.felt, self.tape = value, felt, tape

    shape = property(lambda self: self.value.shape)
    dtype = property(lambda self: self.value.dtype)
    ndim = property(lambda self: self.value.ndim)

    def __len__(self) -> int:
        return len(self.value)

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError("a traced array would forget how it was made; add a rule to inference/tape.py")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **more: Any) -> Any:
        rule = _UFUNCS.get(ufunc.__name__)
        if method != "__call__" or more or rule is None:
            raise TypeError(f"{ufunc.__name__} ({method}) has no derivative in inference/tape.py")
        return rule(*inputs)

    def __array_function__(self, function: Any, _: Any, inputs: Sequence[Any], more: Mapping[str, Any]) -> Any:
        if function.__name__ not in _FUNCTIONS:
            raise TypeError(f"{function.__name__} has no derivative in inference/tape.py")
        return _FUNCTIONS[function.__name__](*inputs, **more)

    def __getitem__(self, index: Any) -> Traced:
        felt = self.felt
        return self.tape.record(self.value[index], lambda g: felt.add_at(index, g))

    def __setitem__(self, index: Any, part: Any) -> None:
        """The array is another one from here on: what was made from it before is not changed."""
        before, value = self.felt, self.value.copy()
        value[index] = _plain(part)

        def push(g: Array) -> None:
            _feel(part, g[index])
            rest = g.copy()
            rest[index] = 0.0
            before.add(rest)

        after = self.tape.record(value, push)
        self.value, self.felt = after.value, after.felt

    def reshape(self, *shape: Any) -> Traced:
        """As ndarray.reshape."""
        felt = self.felt
        return self.tape.record(self.value.reshape(*shape), lambda g: felt.add(g.reshape(felt.shape)))

    def transpose(self, *axes: int) -> Traced:
        """As ndarray.transpose with all axes named."""
        felt, back = self.felt, np.argsort(axes)
        return self.tape.record(self.value.transpose(*axes), lambda g: felt.add(g.transpose(*back)))

    def sum(self, axis: int, *, keepdims: bool = False) -> Traced:
        """As ndarray.sum over one axis."""
        felt = self.felt

        def push(g: Array) -> None:
            felt.add(np.broadcast_to(g if keepdims else np.expand_dims(g, axis), felt.shape))

        return self.tape.record(self.value.sum(axis=axis, keepdims=keepdims), push)

    def max(self, axis: int, *, keepdims: bool = False) -> Traced:
        """As ndarray.max over one axis; several largest values share the gradient."""
        felt, top = self.felt, self.value.max(axis=axis, keepdims=True)
        share = (self.value == top).astype(np.float64)
        share /= share.sum(axis=axis, keepdims=True)
        found = top if keepdims else np.squeeze(top, axis)
        return self.tape.record(found, lambda g: felt.add(share * (g if keepdims else np.expand_dims(g, axis))))


# ---- rules ---------------------------------------------------------------------------------------


def _plain(one: Any) -> Any:
    return one.value if isinstance(one, Traced) else one


def _tape_of(inputs: Sequence[Any]) -> Tape:
    return next(one.tape for one in inputs if isinstance(one, Traced))


def _feel(one: Any, g: Array) -> None:
    if isinstance(one, Traced):
        one.felt.add(g)


def _unbroadcast(g: Array, shape: tuple[int, ...]) -> Array:
    """The gradient summed over axes along which an array of `shape` was repeated."""
    if g.shape == shape:
        return g
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    found: Array = g.sum(axis=tuple(k for k, size in enumerate(shape) if size == 1 and g.shape[k] != 1), keepdims=True)
    return found


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or isinstance(part, (int, slice)) for part in parts)


def _one(function: Callable[[Array], Array], slope: Callable[[Array, Array], Array]) -> Callable[[Traced], Traced]:
    """The rule of a function of one array; `slope` is its derivative, from argument and result."""

    def rule(x: Traced) -> Traced:
        value, felt = x.value, x.felt
        found = function(value)
        return x.tape.record(found, lambda g: felt.add(g * slope(value, found)))

    return rule


def _two(function: Callable[[Any, Any], Array],
         slopes: tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]) -> Callable[[Any, Any], Traced]:
    """The rule of a function of two arrays; `slopes` are its derivatives by each."""

    def rule(a: Any, b: Any) -> Traced:
        x, y = _plain(a), _plain(b)
        felt = [one.felt if isinstance(one, Traced) else None for one in (a, b)]

        def push(g: Array) -> None:
            for one, slope in zip(felt, slopes, strict=True):
                if one is not None:
                    one.add(g * slope(x, y))

        return _tape_of((a, b)).record(function(x, y), push)

    return rule


def _matmul(a: Any, b: Any) -> Traced:
    x, y = _plain(a), _plain(b)
    first, second = (one.felt if isinstance(one, Traced) else None for one in (a, b))

    def push(g: Array) -> None:
        if first is not None:
            first.add(g @ np.swapaxes(y, -1, -2))
        if second is not None:
            second.add(np.swapaxes(x, -1, -2) @ g)

    return _tape_of((a, b)).record(x @ y, push)


_UFUNCS: Mapping[str, Callable[..., Traced]] = {
    "add": _two(np.add, (lambda _, __: 1.0, lambda _, __: 1.0)),
    "subtract": _two(np.subtract, (lambda _, __: 1.0, lambda _, __: -1.0)),
    "multiply": _two(np.multiply, (lambda _, y: y, lambda x, _: x)),
    "divide": _two(np.divide, (lambda _, y: 1.0 / y, lambda x, y: -x / (y * y))),
    "maximum": _two(np.maximum, (lambda x, y: x > y, lambda x, y: y >= x)),
    "matmul": _matmul,
    "negative": _one(np.negative, lambda x, _: np.full(x.shape, -1.0)),
    "absolute": _one(np.abs, lambda x, _: np.sign(x)),
    "tanh": _one(np.tanh, lambda _, found: 1.0 - found * found),
    "exp": _one(np.exp, lambda _, found: found),
    "log1p": _one(np.log1p, lambda x, _: 1.0 / (1.0 + x)),
    "sinh": _one(np.sinh, lambda x, _: np.cosh(x)),
}


def _concatenate(parts: Sequence[Any], axis: int = 0) -> Traced:
    plain = [_plain(one) for one in parts]
    ends = np.cumsum([one.shape[axis] for one in plain])[:-1]

    def push(g: Array) -> None:
        for one, piece in zip(parts, np.split(g, ends, axis=axis), strict=True):
            _feel(one, piece)

    return _tape_of(parts).record(np.concatenate(plain, axis=axis), push)


def _stack(parts: Sequence[Any], axis: int = 0) -> Traced:
    def push(g: Array) -> None:
        for place, one in enumerate(parts):
            _feel(one, np.take(g, place, axis=axis))

    return _tape_of(parts).record(np.stack([_plain(one) for one in parts], axis=axis), push)


def _where(condition: Any, a: Any, b: Any) -> Traced:
    def push(g: Array) -> None:
        _feel(a, np.where(condition, g, 0.0))
        _feel(b, np.where(condition, 0.0, g))

    return _tape_of((a, b)).record(np.where(condition, _plain(a), _plain(b)), push)


def _cumsum(x: Traced, axis: int) -> Traced:
    felt = x.felt
    return x.tape.record(np.cumsum(x.value, axis=axis),
                         lambda g: felt.add(np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis)))


def _pad(x: Traced, widths: Sequence[tuple[int, int]]) -> Traced:
    felt = x.felt
    inner = tuple(slice(before, before + size) for (before, _), size in zip(widths, x.shape, strict=True))
    return x.tape.record(np.pad(x.value, widths), lambda g: felt.add(g[inner]))


def _roll(x: Traced, shift: int, axis: int) -> Traced:
    felt = x.felt
    return x.tape.record(np.roll(x.value, shift, axis=axis), lambda g: felt.add(np.roll(g, -shift, axis=axis)))


def _take_along_axis(x: Traced, places: Any, axis: int) -> Traced:
    every = list(np.ogrid[tuple(slice(size) for size in x.shape)])
    every[axis % x.ndim] = places
    return x[tuple(every)]


def _like(x: Traced, shape: Any = None) -> Traced:
    return x.tape.leaf(np.zeros(x.shape if shape is None else shape))


_FUNCTIONS: Mapping[str, Callable[..., Traced]] = {
    "concatenate": _concatenate, "stack": _stack, "where": _where, "cumsum": _cumsum, "pad": _pad, "roll": _roll,
    "take_along_axis": _take_along_axis, "zeros_like": _like, "empty_like": _like,
}
