"""Vectors of small integers for compiled kernels, one lane per chain.

LLVM has vector types and numba can use them, but has no names for them. These are the names:
three types and the dozen operations that a Gibbs sweep needs. LLVM turns each into the widest
instructions of the processor at hand (AVX-512, AVX2, NEON) and into plain ones elsewhere.

Where an operation takes two arguments, the second may be a number, which then stands for a
vector of equal lanes.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic, models, register_model
from numba.np import arrayobj

__all__ = ["LANES", "MASK", "U16", "U32", "Lanes"]

LANES = 128
"""Chains that run side by side: four AVX-512 instructions' worth, enough of them to overlap."""

_I32 = ir.IntType(32)
_ANY_MASKS = binding.get_host_cpu_features().get("avx512bw", False)
"""Whether the processor itself works with one bit per lane."""


class Lanes(types.Type):
    """A vector type: so many lanes of so many bits."""

    def __init__(self, bits: int, count: int) -> None:
        self.vector = ir.VectorType(ir.IntType(bits), count)
        super().__init__(name=f"u{bits}x{count}")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, kind.vector)


U16 = Lanes(16, LANES)
U32 = Lanes(32, LANES // 2)
MASK = Lanes(1, LANES)


def _equal(vector: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(vector, [value] * vector.count)


def _spread(b: Any, kind: types.Type, value: Any, lanes: Lanes) -> Any:
    """Give every lane the number, if it is a number and not yet a vector."""
    if isinstance(kind, Lanes):
        return value
    vector = lanes.vector
    resize = b.trunc if value.type.width > vector.element.width else b.zext
    if value.type.width != vector.element.width:
        value = resize(value, vector.element)
    nothing = ir.Constant(vector, ir.Undefined)
    first = b.insert_element(nothing, value, _I32(0))
    return b.shuffle_vector(first, nothing, _equal(ir.VectorType(_I32, vector.count), 0))


def _two(result: Lanes, lanes: Lanes, emit: Callable[..., Any]) -> Any:
    @intrinsic
    def operation(typing: Any, x: Any, y: Any):
        def emit_all(context, b, signature, values):
            pairs = zip(signature.args, values, strict=True)
            return emit(b, *(_spread(b, kind, value, lanes) for kind, value in pairs))

        return result(x, y), emit_all

    return operation


def _one(result: types.Type, emit: Callable[..., Any]) -> Any:
    @intrinsic
    def operation(typing: Any, x: Any):
        return result(x), lambda context, b, signature, values: emit(b, values[0])

    return operation


def _pointer(context, b, signature, values, target):
    array = arrayobj.make_array(signature.args[0])(context, b, values[0])
    return b.bitcast(b.gep(array.data, [values[1]]), target.as_pointer())


def _loader(lanes: Lanes, emit: Callable[..., Any], source: ir.Type) -> Any:
    @intrinsic
    def load(typing: Any, array: Any, index: Any):
        def emit_all(context, b, signature, values):
            return emit(b, b.load(_pointer(context, b, signature, values, source), align=2))

        return lanes(array, types.uintp), emit_all

    return load


def _storer(lanes: Lanes, emit: Callable[..., None]) -> Any:
    @intrinsic
    def store(typing: Any, array: Any, index: Any, value: Any):
        def emit_all(context, b, signature, values):
            emit(b, values[2], _pointer(context, b, signature, values, lanes.vector))
            return context.get_dummy_value()

        return types.void(array, types.uintp, lanes), emit_all

    return store


def _store_plain(b: Any, value: Any, pointer: Any) -> None:
    b.store(value, pointer, align=2)


_WORDS = ir.VectorType(ir.IntType(16), LANES // 16)


def _unpack(b: Any, words: Any) -> Any:
    """Compare each lane's bit, for processors whose masks are as wide as the lanes."""
    which = ir.Constant(ir.VectorType(_I32, LANES), [lane // 16 for lane in range(LANES)])
    wide = b.shuffle_vector(words, ir.Constant(_WORDS, ir.Undefined), which)
    bit = ir.Constant(U16.vector, [1 << lane % 16 for lane in range(LANES)])
    return b.icmp_unsigned("==", b.and_(wide, bit), bit)


def _store_packed(b: Any, value: Any, pointer: Any) -> None:
    """Pack sixteen lanes at a time, for the same processors."""
    words = b.bitcast(pointer, ir.IntType(16).as_pointer())
    for word in range(LANES // 16):
        lanes = [16 * word + lane for lane in range(16)]
        which = ir.Constant(ir.VectorType(_I32, 16), lanes)
        part = b.shuffle_vector(value, ir.Constant(MASK.vector, ir.Undefined), which)
        b.store(b.bitcast(part, ir.IntType(16)), b.gep(words, [_I32(word)]), align=2)


def _high_half(b: Any, x: Any, y: Any) -> Any:
    wide = ir.VectorType(_I32, LANES)
    product = b.mul(b.zext(x, wide), b.zext(y, wide))
    return b.trunc(b.lshr(product, _equal(wide, 16)), U16.vector)


def _rotate(b: Any, x: Any, k: Any) -> Any:
    return b.or_(b.shl(x, k), b.lshr(x, b.sub(_equal(U32.vector, 32), k)))


def _magnitude(b: Any, x: Any) -> Any:
    return b.select(b.icmp_signed("<", x, _equal(x.type, 0)), b.neg(x), x)


def _any(b: Any, x: Any) -> Any:
    word = ir.IntType(LANES)
    return b.icmp_unsigned("!=", b.bitcast(x, word), ir.Constant(word, 0))


def _plain(b: Any, value: Any) -> Any:
    return value


load16 = _loader(U16, _plain, U16.vector)
load32 = _loader(U32, _plain, U32.vector)
store16 = _storer(U16, _store_plain)
store32 = _storer(U32, _store_plain)
load_whole_mask = _loader(MASK, _plain, MASK.vector)
load_unpacked_mask = _loader(MASK, _unpack, _WORDS)
store_whole_mask = _storer(MASK, _store_plain)
store_packed_mask = _storer(MASK, _store_packed)
load_mask = load_whole_mask if _ANY_MASKS else load_unpacked_mask
store_mask = store_whole_mask if _ANY_MASKS else store_packed_mask

add16 = _two(U16, U16, lambda b, x, y: b.add(x, y))
subtract16 = _two(U16, U16, lambda b, x, y: b.sub(x, y))
xor16 = _two(U16, U16, lambda b, x, y: b.xor(x, y))
left16 = _two(U16, U16, lambda b, x, y: b.shl(x, y))
right16 = _two(U16, U16, lambda b, x, y: b.lshr(x, y))
least16 = _two(U16, U16, lambda b, x, y: b.select(b.icmp_unsigned("<", x, y), x, y))
most16 = _two(U16, U16, lambda b, x, y: b.select(b.icmp_unsigned(">", x, y), x, y))
product_high16 = _two(U16, U16, _high_half)
sign16 = _one(U16, lambda b, x: b.ashr(x, _equal(x.type, 15)))
magnitude16 = _one(U16, _magnitude)
not16 = _one(U16, lambda b, x: b.not_(x))
below = _two(MASK, U16, lambda b, x, y: b.icmp_unsigned("<", x, y))
at_most = _two(MASK, U16, lambda b, x, y: b.icmp_unsigned("<=", x, y))
not_negative = _one(MASK, lambda b, x: b.icmp_signed(">=", x, _equal(x.type, 0)))
xor_masks = _two(MASK, MASK, lambda b, x, y: b.xor(x, y))
any_lane = _one(types.boolean, _any)
add32 = _two(U32, U32, lambda b, x, y: b.add(x, y))
xor32 = _two(U32, U32, lambda b, x, y: b.xor(x, y))
left32 = _two(U32, U32, lambda b, x, y: b.shl(x, y))
rotate32 = _two(U32, U32, _rotate)
halves = _one(U16, lambda b, x: b.bitcast(x, U16.vector))


@intrinsic
def add_where(typing: Any, x: Any, mask: Any, number: Any):
    """Add a number in the lanes of a mask."""

    def emit(context, b, signature, values):
        addend = _spread(b, signature.args[2], values[2], U16)
        return b.select(values[1], b.add(values[0], addend), values[0])

    return U16(U16, MASK, number), emit


@intrinsic
def lowest_bit(typing: Any, word: Any):
    """Find the place of the lowest bit of a word that is set."""

    def emit(context, b, signature, values):
        return b.cttz(values[0], ir.Constant(ir.IntType(1), 1))

    return types.uint32(types.uint32), emit


@intrinsic
def equal_lanes(typing: Any, number: Any):
    """Make a vector of equal lanes."""

    def emit(context, b, signature, values):
        return _spread(b, signature.args[0], values[0], U16)

    return U16(number), emit
