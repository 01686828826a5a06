// Vectors of 16 floats and 8 doubles, and the functions of them that a shower needs.
//
// The compiler splits them into whatever registers the processor has. No result depends on
// how: every lane is computed alone, by the same operations.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace calo4pqvae {

typedef float F16 __attribute__((vector_size(64)));
typedef std::int32_t I16 __attribute__((vector_size(64)));
typedef std::uint32_t U16 __attribute__((vector_size(64)));
typedef double D8 __attribute__((vector_size(64)));
typedef std::int64_t I8 __attribute__((vector_size(64)));
typedef std::uint64_t U8 __attribute__((vector_size(64)));

constexpr int LANES = 16;
constexpr int WIDE = 8;

constexpr int padded(int n) { return (n + LANES - 1) / LANES * LANES; }

template <class V, class T>
inline V load(const T *from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class V, class T>
inline void store(T *to, V v) {
  std::memcpy(to, &v, sizeof v);
}

template <class To, class From>
inline To bits_of(From x) {
  static_assert(sizeof(To) == sizeof(From), "same bits, another type");
  To y;
  std::memcpy(&y, &x, sizeof y);
  return y;
}

inline F16 all16(float x) { return F16{} + x; }
inline D8 all8(double x) { return D8{} + x; }

template <class V, class M>
inline V choose(M mask, V yes, V no) {
  return mask ? yes : no;
}

template <class V>
inline V least(V a, V b) { return choose(a < b, a, b); }
template <class V>
inline V most(V a, V b) { return choose(a > b, a, b); }

template <class M>
inline bool any(M mask) {
  M found = mask;
  std::int64_t parts[8], sum = 0;
  std::memcpy(parts, &found, sizeof parts);
  for (std::int64_t part : parts) sum |= part;
  return sum != 0;
}

// e^x, relative error 1e-7; x beyond +-87 is taken for +-87.
inline F16 exponential(F16 x) {
  x = most(least(x, all16(87.0f)), all16(-87.0f));
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
  const F16 shifted = x * 1.44269504f + 12582912.0f;
  const F16 n = shifted - 12582912.0f;
  F16 r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  F16 p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const U16 scale = (bits_of<U16>(shifted) + 127u) << 23;
  return p * bits_of<F16>(scale);
}

inline F16 sigmoid(F16 x) { return 1.0f / (1.0f + exponential(-x)); }
inline F16 silu(F16 x) { return x / (1.0f + exponential(-x)); }
inline F16 hyperbolic_tangent(F16 x) { return 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f); }

// e^x, relative error 2e-15; x beyond +-700 is taken for +-700.
inline D8 exponential(D8 x) {
  x = most(least(x, all8(700.0)), all8(-700.0));
  const D8 shifted = x * 1.4426950408889634 + 6755399441055744.0;
  const D8 n = shifted - 6755399441055744.0;
  D8 r = x - n * 0.693145751953125;
  r = r - n * 1.42860682030941723212e-6;
  D8 p = r * (1.0 / 479001600.0) + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r * r + r + 1.0;
  const U8 scale = (bits_of<U8>(shifted) + 1023u) << 52;
  return p * bits_of<D8>(scale);
}

// ln x of positive normal numbers, absolute error 1e-15 beside a relative one of 2e-16.
inline D8 logarithm(D8 x) {
  const U8 bits = bits_of<U8>(x);
  // A whole number in the mantissa of 2^52 becomes a double by subtracting 2^52.
  D8 n = bits_of<D8>((bits >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
  D8 m = bits_of<D8>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  const auto high = m > 1.4142135623730951;
  m = choose(high, m * 0.5, m);
  n = choose(high, n + 1.0, n);
  const D8 s = (m - 1.0) / (m + 1.0), q = s * s;
  D8 p = q * (2.0 / 19.0) + 2.0 / 17.0;
  p = p * q + 2.0 / 15.0;
  p = p * q + 2.0 / 13.0;
  p = p * q + 2.0 / 11.0;
  p = p * q + 2.0 / 9.0;
  p = p * q + 2.0 / 7.0;
  p = p * q + 2.0 / 5.0;
  p = p * q + 2.0 / 3.0;
  return n * 0.69314718055994531 + (2.0 * s + s * q * p);
}

// ln x of positive normal floats, relative error 1e-7 away from 1 and absolute 1e-7 near it.
inline F16 logarithm(F16 x) {
  const U16 bits = bits_of<U16>(x);
  F16 n = bits_of<F16>((bits >> 23) | 0x4b000000u) - (8388608.0f + 127.0f);
  F16 m = bits_of<F16>((bits & 0x007fffffu) | 0x3f800000u);
  const auto high = m > 1.41421356f;
  m = choose(high, m * 0.5f, m);
  n = choose(high, n + 1.0f, n);
  const F16 s = (m - 1.0f) / (m + 1.0f), q = s * s;
  F16 p = q * (2.0f / 9.0f) + 2.0f / 7.0f;
  p = p * q + 2.0f / 5.0f;
  p = p * q + 2.0f / 3.0f;
  return n * 0.693147181f + (2.0f * s + s * q * p);
}

}  // namespace calo4pqvae
