// The standard normal distribution: probabilities, quantiles, and draws between two ends.
#pragma once

#include <algorithm>

#include "vectors.hpp"

namespace calo4pqvae {

namespace normal {

// J. F. Hart's fraction within, G. West's continued fraction beyond (Wilmott, May 2005).
constexpr double FAR = 7.07106781186547, NEVER = 38.0, TINY = 1e-12;

template <class V>
inline V hart(V z, V gauss) {
  V over = z * 0.0352624965998911 + 0.700383064443688;
  over = over * z + 6.37396220353165;
  over = over * z + 33.912866078383;
  over = over * z + 112.079291497871;
  over = over * z + 221.213596169931;
  over = over * z + 220.206867912376;
  V under = z * 0.0883883476483184 + 1.75566716318264;
  under = under * z + 16.064177579207;
  under = under * z + 86.7807322029461;
  under = under * z + 296.564248779674;
  under = under * z + 637.333633378831;
  under = under * z + 793.826512519948;
  under = under * z + 440.413735824752;
  return gauss * over / under;
}

template <class V>
inline V west(V z, V gauss) {
  const V rest = z + 1.0 / (z + 2.0 / (z + 3.0 / (z + 4.0 / (z + 0.65))));
  return gauss / (rest * 2.506628274631);
}

// P. J. Acklam's fractions for quantiles, relative error 1.2e-9.
constexpr double EDGE = 0.02425;

template <class V>
inline V middle(V p) {
  const V x = p - 0.5, s = x * x;
  V over = s * -39.69683028665376 + 220.9460984245205;
  over = over * s + -275.9285104469687;
  over = over * s + 138.3577518672690;
  over = over * s + -30.66479806614716;
  over = over * s + 2.506628277459239;
  V under = s * -54.47609879822406 + 161.5858368580409;
  under = under * s + -155.6989798598866;
  under = under * s + 66.80131188771972;
  under = under * s + -13.28068155288572;
  under = under * s + 1.0;
  return x * over / under;
}

template <class V>
inline V tail(V s) {
  V over = s * -0.007784894002430293 + -0.3223964580411365;
  over = over * s + -2.400758277161838;
  over = over * s + -2.549732539343734;
  over = over * s + 4.374664141464968;
  over = over * s + 2.938163982698783;
  V under = s * 0.007784695709041462 + 0.3224671290700398;
  under = under * s + 2.445134137142996;
  under = under * s + 3.754408661907416;
  under = under * s + 1.0;
  return over / under;
}

inline double probability(double x) {
  const double z = std::fabs(x);
  if (z > NEVER) return x > 0 ? 1.0 : 0.0;
  const double gauss = std::exp(-z * z / 2);
  const double beyond = z < FAR ? hart(z, gauss) : west(z, gauss);
  return x > 0 ? 1 - beyond : beyond;
}

inline double quantile(double p) {
  if (p >= EDGE && p <= 1 - EDGE) return middle(p);
  const double s = std::sqrt(-2 * std::log(std::min(p, 1 - p)));
  return p < 0.5 ? tail(s) : -tail(s);
}

inline Doubles probability(Doubles x) {
  const Doubles z = choose(x < 0.0, -x, x);
  const Doubles gauss = exponential(z * z * -0.5);
  Doubles beyond = hart(z, gauss);
  const auto far = z > FAR;
  if (any(far)) {
    beyond = choose(far, west(z, gauss), beyond);
    beyond = choose(z > NEVER, Doubles{}, beyond);
  }
  return choose(x > 0.0, 1.0 - beyond, beyond);
}

inline Doubles square_root(Doubles x) {
  Doubles root;
  for (int k = 0; k < WIDE; ++k) root[k] = std::sqrt(x[k]);
  return root;
}

inline Doubles quantile(Doubles p) {
  Doubles x = middle(p);
  const Doubles q = least(p, 1.0 - p);
  const auto outer = q < EDGE;
  if (any(outer)) {
    const Doubles s = square_root(-2.0 * logarithm(choose(outer, q, all(EDGE))));
    const Doubles beyond = tail(s);
    x = choose(outer, choose(p < 0.5, beyond, -beyond), x);
  }
  return x;
}

// Draw between two ends, in the tail that keeps its digits.
inline double between(double low, double high, double uniform) {
  const bool mirrored = low > 0;
  const double a = mirrored ? -high : low, b = mirrored ? -low : high;
  const double below = probability(a), p = below + uniform * (probability(b) - below);
  const double drawn = quantile(std::min(std::max(p, TINY), 1 - TINY));
  return mirrored ? -drawn : drawn;
}

}  // namespace normal
}  // namespace calo4pqvae
