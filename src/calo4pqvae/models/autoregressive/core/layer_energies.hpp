// Energies of the layers, given the bits: intervals, copula, tables, exponential tilting.
#pragma once

#include "normal.hpp"
#include "weights.hpp"

namespace calo4pqvae {

class LayerEnergies {
 public:
  int layers = 0, quantities = 0, n_bits = 0, rounds = 0, nodes = 0;

  bool open(const Weights &w) {
    const std::int32_t *size = w.integers("energies.sizes", 10);
    constants_ = w.doubles("energies.constants", 12);
    if (!size || !constants_) return false;
    layers = size[0], quantities = size[1], n_bits = size[2], rounds = size[3];
    knots_ = size[4], columns_ = size[5], bins_ = size[6], pitch_ = size[7];
    steps_ = size[8], nodes = size[9];
    leading_ = quantities - layers;
    if (layers < 1 || layers > 4096 || leading_ != 4 || n_bits < 0 || n_bits > nodes ||
        rounds < 0 || rounds > 1000 || knots_ < 2 || knots_ > 4096 || columns_ < 2 ||
        columns_ > 4096 || bins_ < 1 || bins_ > 4096 || steps_ < 0 || steps_ > 1000 ||
        pitch_ != (quantities + PITCH - 1) / PITCH * PITCH || nodes < 1)
      return false;
    const auto q = static_cast<std::size_t>(quantities), b = static_cast<std::size_t>(bins_);
    const auto k = static_cast<std::size_t>(knots_);
    table_ = w.floats("energies.table", k * q * static_cast<std::size_t>(columns_));
    absent_ = w.floats("energies.absent", k * q);
    precision_ = w.doubles("energies.precision", b * q * static_cast<std::size_t>(pitch_));
    first_ = w.doubles("energies.first", b * 4 * PITCH);
    bits_of_ = w.integers("energies.bits", q);
    node_ = w.integers("energies.node", static_cast<std::size_t>(n_bits));
    if (!table_ || !absent_ || !precision_ || !first_ || !bits_of_ || !node_) return false;
    int sum = 0;
    for (int n = 0; n < quantities; ++n) {
      if (bits_of_[n] < 0 || bits_of_[n] > n_bits) return false;
      sum += bits_of_[n];
    }
    for (int n = 0; n < n_bits; ++n)
      if (node_[n] < 0 || node_[n] >= nodes) return false;
    return sum == n_bits;
  }

  int uniforms() const { return quantities * (1 + rounds); }

  struct Scratch {
    double *u, *low, *high, *absence, *scale, *tilted, *give, *x;
    void plan(Arena &arena, const LayerEnergies &e) {
      const auto n = static_cast<std::size_t>(e.pitch_);
      for (double **part : {&u, &low, &high, &absence, &scale, &tilted, &give, &x})
        arena.want(*part, n);
    }
  };

  // Draw the energies of all layers [MeV], 0 for an empty one.
  void draw(const std::uint8_t *state, float e_inc, float t, const float *uniform, Scratch &s,
            float *energies) const {
    intervals(state, t, s);
    for (int q = quantities; q < pitch_; ++q) s.u[q] = 0;
    for (int q = 0; q < quantities; ++q)
      s.u[q] = held(normal::between(s.low[q], s.high[q], uniform[q]), s.low[q], s.high[q]);
    const int bin = std::min(std::max(static_cast<int>(t * static_cast<float>(bins_)), 0), bins_ - 1);
    const float *draws = uniform + quantities;
    lead(first_ + bin * 4 * PITCH, draws, s);
    const double *matrix = precision_ + static_cast<std::ptrdiff_t>(bin) * quantities * pitch_;
    for (int turn = 0; turn < rounds; ++turn)
      for (int q = 0; q < layers; ++q)
        s.u[q] = redraw(s.u[q], reach(matrix + q * pitch_, s.u, pitch_), matrix[q * pitch_ + q],
                        s.low[q], s.high[q], draws[turn * quantities + q]);
    finish(e_inc, t, s, energies);
  }

  // Intervals that the bits leave to each quantity, on the scale of a normal number.
  void intervals(const std::uint8_t *state, float t, Scratch &s) const {
    absences(t, s);
    for (int q = 0, at = 0; q < quantities; at += bits_of_[q++]) {
      const int n = bits_of_[q];
      int count = 0;
      for (int k = 0; k < n; ++k) count += state[node_[at + k]];
      s.low[q] = count > 0 ? threshold(s.absence[q], count - 1, n) : -INFINITY;
      s.high[q] = count < n ? threshold(s.absence[q], count, n) : INFINITY;
      if (n == 0) s.low[q] = -INFINITY, s.high[q] = INFINITY;
    }
  }

 private:
  static double held(double x, double low, double high) { return std::min(std::max(x, low), high); }

  static double threshold(double absence, int k, int n) {
    return normal::quantile(
        std::max(absence + (1 - absence) * k / n, (k + 1.0) / (n + 1.0)));
  }

  // Where a scaled energy lies between the knots of the tables.
  void place(float t, int &below, double &part) const {
    const double at = std::min(std::max(static_cast<double>(t), 0.0), 1.0) * (knots_ - 1);
    below = std::min(static_cast<int>(at), knots_ - 2);
    part = at - below;
  }

  void absences(float t, Scratch &s) const {
    int below;
    double part;
    place(t, below, part);
    const float *low = absent_ + below * quantities, *high = low + quantities;
    for (int q = 0; q < quantities; ++q)
      s.absence[q] = 1 / (1 + std::exp(-(low[q] + part * (double(high[q]) - low[q]))));
  }

  static double reach(const double *row, const double *u, int n) {
    Doubles parts[PITCH / WIDE] = {};
    for (int k = 0; k < n; k += PITCH)
      for (int p = 0; p < PITCH / WIDE; ++p)
        parts[p] += load<Doubles>(row + k + p * WIDE) * load<Doubles>(u + k + p * WIDE);
    double sum[PITCH];
    std::memcpy(sum, parts, sizeof sum);
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
  }

  // Draw a number anew from its distribution given all others.
  static double redraw(double u, double pull, double own, double low, double high, float uniform) {
    if (low == high) return u;
    const double mean = u - pull / own, scale = 1 / std::sqrt(own);
    const double drawn =
        mean + scale * normal::between((low - mean) / scale, (high - mean) / scale, uniform);
    return held(drawn, low, high);
  }

  // Total, mean layer, spread and filling first, as if nothing were known of the layers.
  void lead(const double *matrix, const float *draws, Scratch &s) const {
    alignas(64) double u[PITCH] = {};
    for (int k = 0; k < leading_; ++k) u[k] = s.u[layers + k];
    for (int turn = 0; turn < rounds; ++turn)
      for (int k = 0; k < leading_; ++k)
        u[k] = redraw(u[k], reach(matrix + k * PITCH, u, PITCH), matrix[k * PITCH + k],
                      s.low[layers + k], s.high[layers + k],
                      draws[turn * quantities + layers + k]);
    for (int k = 0; k < leading_; ++k) s.u[layers + k] = u[k];
  }

  // From normal numbers to quantities, and from these to energies that agree with each other.
  void finish(float e_inc, float t, Scratch &s, float *energies) const {
    int below;
    double part;
    place(t, below, part);
    const double reach = constants_[0], step = constants_[1], certain = constants_[2];
    bool total_present = false;
    for (int q = quantities - 1; q >= 0; --q) {
      const double absence = s.absence[q];
      bool present = s.u[q] > normal::quantile(absence);
      present = (present || absence < certain) && absence < 1 - certain;
      const double survival =
          held(normal::probability(-s.u[q]) / (1 - absence), 1e-6, 1 - 1e-6);
      const double at =
          held((reach - normal::quantile(survival)) / step, 0.0, columns_ - 1.001);
      const int column = static_cast<int>(at);
      const float *low = table_ + (static_cast<std::ptrdiff_t>(below) * quantities + q) * columns_;
      const float *high = low + quantities * columns_;
      const double a = low[column] + part * (double(high[column]) - low[column]);
      const double b = low[column + 1] + part * (double(high[column + 1]) - low[column + 1]);
      s.scale[q] = a + (at - column) * (b - a);
      if (q == layers) total_present = present;
      if (q < layers)
        s.tilted[q] = present && total_present ? std::exp(std::min(s.scale[q], 700.0)) : 0.0;
    }
    tilt(e_inc, s);
    const double threshold = constants_[3];
    for (int l = 0; l < layers; ++l)
      energies[l] = static_cast<float>(s.tilted[l] > 0 ? std::max(s.tilted[l], threshold) : 0.0);
  }

  // Multiply with e^(g (a + b x + c x^2)) to the wanted total, mean layer and spread.
  void tilt(float e_inc, Scratch &s) const {
    const double total = std::exp(s.scale[layers]) * e_inc, mean = s.scale[layers + 1];
    const double spread = std::max(std::exp(s.scale[layers + 2]) - constants_[4], 0.0);
    const double unit = constants_[5], stiffness = constants_[6], largest = constants_[7];
    const double wanted[3] = {1, 0, spread * spread / (unit * unit)};
    int filled = 0;
    for (int l = 0; l < layers; ++l) {
      filled += s.tilted[l] > 0;
      s.u[l] = s.tilted[l];  // from here on: energies before they are tilted
      s.give[l] = s.tilted[l] / (s.tilted[l] + stiffness);
      s.x[l] = (l - mean) / unit;
    }
    const int free = filled >= 3 ? 3 : 1;
    double shift[3] = {0, 0, 0};
    for (int turn = 0; turn < steps_; ++turn) {
      reweight(shift, s);
      double m[3] = {0, 0, 0}, j[5] = {0, 0, 0, 0, 0};
      for (int l = 0; l < layers; ++l) {
        const double v = s.tilted[l] / total, x = s.x[l], g = v * s.give[l];
        m[0] += v, m[1] += v * x, m[2] += v * x * x;
        j[0] += g, j[1] += g * x, j[2] += g * x * x, j[3] += g * x * x * x;
        j[4] += g * x * x * x * x;
      }
      double gap[3], matrix[3][3];
      for (int a = 0; a < 3; ++a) {
        gap[a] = a < free ? wanted[a] - m[a] : 0;
        for (int b = 0; b < 3; ++b) matrix[a][b] = a < free && b < free ? j[a + b] : 0;
        matrix[a][a] += 1e-4 * matrix[a][a] + (a < free ? 0 : 1) + 1e-9;
      }
      solve(matrix, gap);
      for (int a = 0; a < 3; ++a) shift[a] += held(gap[a], -largest, largest);
    }
    reweight(shift, s);
    double sum = 0;
    for (int l = 0; l < layers; ++l) sum += s.tilted[l];
    for (int l = 0; l < layers; ++l) s.tilted[l] = s.tilted[l] * total / std::max(sum, 1e-30);
  }

  void reweight(const double shift[3], Scratch &s) const {
    for (int l = 0; l < layers; l += WIDE) {
      const Doubles x = load<Doubles>(s.x + l);
      const Doubles by = (shift[0] + shift[1] * x + shift[2] * x * x) * load<Doubles>(s.give + l);
      const Doubles most_by = all(constants_[8]);
      store(s.tilted + l,
            load<Doubles>(s.u + l) * exponential(least(most(by, -most_by), most_by)));
    }
  }

  // Gaussian elimination with the largest pivot; a singular matrix leaves zeros.
  static void solve(double m[3][3], double y[3]) {
    for (int k = 0; k < 3; ++k) {
      int best = k;
      for (int r = k + 1; r < 3; ++r)
        if (std::fabs(m[r][k]) > std::fabs(m[best][k])) best = r;
      std::swap(y[k], y[best]);
      for (int c = 0; c < 3; ++c) std::swap(m[k][c], m[best][c]);
      if (!(std::fabs(m[k][k]) > 0)) continue;
      for (int r = k + 1; r < 3; ++r) {
        const double part = m[r][k] / m[k][k];
        y[r] -= part * y[k];
        for (int c = k; c < 3; ++c) m[r][c] -= part * m[k][c];
      }
    }
    for (int k = 2; k >= 0; --k) {
      for (int c = k + 1; c < 3; ++c) y[k] -= m[k][c] * y[c];
      y[k] = std::fabs(m[k][k]) > 0 ? y[k] / m[k][k] : 0;
    }
  }

  int knots_ = 0, columns_ = 0, bins_ = 0, pitch_ = 0, steps_ = 0, leading_ = 0;
  const float *table_ = nullptr, *absent_ = nullptr;
  const double *precision_ = nullptr, *first_ = nullptr, *constants_ = nullptr;
  const std::int32_t *bits_of_ = nullptr, *node_ = nullptr;
};

}  // namespace calo4pqvae
