// Products of rows and matrices, with the sums in registers.
//
// Matrices are stored row after row, one row for each input, padded to full vectors. The order
// of every sum is that of the inputs, however many rows go through together.
#pragma once

#include <algorithm>

#include "vectors.hpp"

namespace calo4pqvae {

// One input that is not zero: its value, and where its row begins.
struct Term {
  float value;
  int row;
};

// Vectors of sums: all registers but those of a row of weights and of a value.
#if defined(__AVX512F__)
constexpr int TILE = 7, ROWS = 4, COLUMNS = 6;
#else
constexpr int TILE = 12, ROWS = 4, COLUMNS = 3;
#endif

template <int V>
inline void add_tile(float *out, const float *weights, const Term *terms, int n) {
  Floats sum[V];
  for (int v = 0; v < V; ++v) sum[v] = load<Floats>(out + EACH * v);
  for (int k = 0; k < n; ++k) {
    const float *row = weights + terms[k].row;
    const Floats value = all(terms[k].value);
    for (int v = 0; v < V; ++v) sum[v] += value * load<Floats>(row + EACH * v);
  }
  for (int v = 0; v < V; ++v) store(out + EACH * v, sum[v]);
}

template <int V>
inline void add_rest(float *out, int vectors, const float *weights, const Term *terms, int n) {
  if (vectors == V) return add_tile<V>(out, weights, terms, n);
  if constexpr (V > 1) add_rest<V - 1>(out, vectors, weights, terms, n);
}

// out += sum of value * row over the terms; `width` is a multiple of LANES.
inline void add_terms(float *out, int width, const float *weights, const Term *terms, int n) {
  if (n == 0) return;
  int at = 0;
  for (; width - at >= TILE * EACH; at += TILE * EACH)
    add_tile<TILE>(out + at, weights + at, terms, n);
  if (at < width) add_rest<TILE>(out + at, (width - at) / EACH, weights + at, terms, n);
}

template <int R, int V>
inline void add_block(float *out, int width, const float *x, int stride, int n,
                      const float *weights, int pitch) {
  Floats sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sum[r][v] = load<Floats>(out + r * width + EACH * v);
  for (int k = 0; k < n; ++k) {
    Floats row[V];
    for (int v = 0; v < V; ++v) row[v] = load<Floats>(weights + k * pitch + EACH * v);
    for (int r = 0; r < R; ++r) {
      const Floats value = all(x[r * stride + k]);
      for (int v = 0; v < V; ++v) sum[r][v] += value * row[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(out + r * width + EACH * v, sum[r][v]);
}

template <int R, int V>
inline void add_columns(float *out, int width, const float *x, int stride, int n,
                        const float *weights, int pitch, int vectors) {
  int at = 0;
  for (; vectors - at >= V; at += V)
    add_block<R, V>(out + EACH * at, width, x, stride, n, weights + EACH * at, pitch);
  if constexpr (V > 1)
    if (at < vectors)
      add_columns<R, V / 2>(out + EACH * at, width, x, stride, n, weights + EACH * at, pitch,
                            vectors - at);
}

// out (rows, width) += x (rows, n) times weights (n, width); `stride` parts the rows of x.
inline void add_product(float *out, int rows, int width, const float *x, int stride, int n,
                        const float *weights) {
  const int vectors = width / EACH;
  int r = 0;
  for (; rows - r >= ROWS; r += ROWS)
    add_columns<ROWS, COLUMNS>(out + r * width, width, x + r * stride, stride, n, weights,
                               width, vectors);
  for (; r < rows; ++r)
    add_columns<1, TILE>(out + r * width, width, x + r * stride, stride, n, weights, width,
                         vectors);
}

inline void copy(float *to, const float *from, int n) {
  std::memcpy(to, from, sizeof(float) * static_cast<std::size_t>(n));
}

inline void fill(float *to, int n) { std::memset(to, 0, sizeof(float) * static_cast<std::size_t>(n)); }

inline void silu_all(float *x, int n) {
  for (int k = 0; k < n; k += EACH) store(x + k, silu(load<Floats>(x + k)));
}

}  // namespace calo4pqvae
