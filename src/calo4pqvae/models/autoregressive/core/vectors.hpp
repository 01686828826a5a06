// Vectors of floats and doubles, and the functions of them that a shower needs.
//
// A vector is a register of the processor. Wider ones would be taken by compilers too, but GCC
// keeps them in memory: products are then ten times as slow. No result depends on the width:
// every lane is computed alone, by the same operations.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace calo4pqvae {

#if defined(__AVX512F__)
constexpr int REGISTER = 64;
#elif defined(__AVX__)
constexpr int REGISTER = 32;
#else
constexpr int REGISTER = 16;
#endif

typedef float Floats __attribute__((vector_size(REGISTER)));
typedef std::int32_t Ints __attribute__((vector_size(REGISTER)));
typedef std::uint32_t Words __attribute__((vector_size(REGISTER)));
typedef double Doubles __attribute__((vector_size(REGISTER)));
typedef std::uint64_t LongWords __attribute__((vector_size(REGISTER)));
typedef std::uint8_t Bytes __attribute__((vector_size(REGISTER / 4)));

// Lanes of a vector of floats, and of one of doubles.
constexpr int EACH = REGISTER / 4;
constexpr int WIDE = REGISTER / 8;

// Weights and scratch are padded to as many floats or doubles, whatever the processor.
constexpr int LANES = 16;
constexpr int PITCH = 8;

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

inline Floats all(float x) { return Floats{} + x; }
inline Doubles all(double x) { return Doubles{} + x; }

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
  std::int64_t parts[WIDE], sum = 0;
  std::memcpy(parts, &mask, sizeof parts);
  for (std::int64_t part : parts) sum |= part;
  return sum != 0;
}

// e^x, relative error 1e-7; x beyond +-87 is taken for +-87.
inline Floats exponential(Floats x) {
  x = most(least(x, all(87.0f)), all(-87.0f));
  // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the lowest bits.
  const Floats shifted = x * 1.44269504f + 12582912.0f;
  const Floats n = shifted - 12582912.0f;
  Floats r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const Words scale = (bits_of<Words>(shifted) + 127u) << 23;
  return p * bits_of<Floats>(scale);
}

inline Floats sigmoid(Floats x) { return 1.0f / (1.0f + exponential(-x)); }
inline Floats silu(Floats x) { return x / (1.0f + exponential(-x)); }
inline Floats hyperbolic_tangent(Floats x) { return 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f); }

// e^x, relative error 2e-15; x beyond +-700 is taken for +-700.
inline Doubles exponential(Doubles x) {
  x = most(least(x, all(700.0)), all(-700.0));
  const Doubles shifted = x * 1.4426950408889634 + 6755399441055744.0;
  const Doubles n = shifted - 6755399441055744.0;
  Doubles r = x - n * 0.693145751953125;
  r = r - n * 1.42860682030941723212e-6;
  Doubles p = r * (1.0 / 479001600.0) + 1.0 / 39916800.0;
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
  const LongWords scale = (bits_of<LongWords>(shifted) + 1023u) << 52;
  return p * bits_of<Doubles>(scale);
}

// ln x of positive normal numbers, absolute error 1e-15 beside a relative one of 2e-16.
inline Doubles logarithm(Doubles x) {
  const LongWords bits = bits_of<LongWords>(x);
  // A whole number in the mantissa of 2^52 becomes a double by subtracting 2^52.
  Doubles n = bits_of<Doubles>((bits >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
  Doubles m = bits_of<Doubles>((bits & 0x000fffffffffffffu) | 0x3ff0000000000000u);
  const auto high = m > 1.4142135623730951;
  m = choose(high, m * 0.5, m);
  n = choose(high, n + 1.0, n);
  const Doubles s = (m - 1.0) / (m + 1.0), q = s * s;
  Doubles p = q * (2.0 / 19.0) + 2.0 / 17.0;
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
inline Floats logarithm(Floats x) {
  const Words bits = bits_of<Words>(x);
  Floats n = bits_of<Floats>((bits >> 23) | 0x4b000000u) - (8388608.0f + 127.0f);
  Floats m = bits_of<Floats>((bits & 0x007fffffu) | 0x3f800000u);
  const auto high = m > 1.41421356f;
  m = choose(high, m * 0.5f, m);
  n = choose(high, n + 1.0f, n);
  const Floats s = (m - 1.0f) / (m + 1.0f), q = s * s;
  Floats p = q * (2.0f / 9.0f) + 2.0f / 7.0f;
  p = p * q + 2.0f / 5.0f;
  p = p * q + 2.0f / 3.0f;
  return n * 0.693147181f + (2.0f * s + s * q * p);
}

}  // namespace calo4pqvae
