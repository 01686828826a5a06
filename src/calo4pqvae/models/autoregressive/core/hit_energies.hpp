// Energies of the hits of a group of sectors: single draws, or draws that share what is left.
#pragma once

#include "normal.hpp"
#include "weights.hpp"

namespace calo4pqvae {

class HitEnergies {
 public:
  double threshold = 0;

  bool open(const Weights &w, int rings) {
    const std::int32_t *size = w.integers("hits.sizes", 2);
    const double *c = w.doubles("hits.constants", 12);
    if (!size || !c) return false;
    levels_ = size[0], bins_ = size[1];
    if (levels_ < 2 || levels_ > 1 << 16 || bins_ < 1 || bins_ > 1 << 16) return false;
    threshold = c[0], largest_y_ = c[1], largest_step_ = c[2], least_chance_ = c[3];
    close_ = c[4], far_cut_ = c[5], low_ = c[6], high_ = c[7], rounds_ = static_cast<int>(c[8]);
    y_scale = c[9];
    const auto r = static_cast<std::size_t>(rings), b = static_cast<std::size_t>(bins_);
    level_ = w.floats("hits.levels", static_cast<std::size_t>(levels_));
    edge_ = w.floats("hits.edges", r * (b - 1));
    table_ = w.floats("hits.table", r * b * static_cast<std::size_t>(levels_));
    if (!level_ || !edge_ || !table_ || !(threshold > 0) || rounds_ < 1 || rounds_ > 100)
      return false;
    for (int k = 1; k < levels_; ++k)
      if (!(level_[k] > level_[k - 1])) return false;
    const float span = level_[levels_ - 1] - level_[0];
    cells_ = (GUIDE - 1) / span;
    for (int k = 0, above = 1; k < GUIDE; ++k) {
      const float x = level_[0] + static_cast<float>(k) / cells_;
      while (above < levels_ - 1 && level_[above] < x) ++above;
      // One step back, so that rounding of a cell's edge does not matter.
      guide_[k] = std::max(above - 1, 1);
    }
    return true;
  }

  double y_scale = 8;

  // Hits of one group; arrays are padded to full vectors of WIDE.
  struct Scratch {
    double *mu, *sigma, *uniform, *direction, *v, *inside;
    int *row, *voxel;
    void plan(Arena &arena, std::size_t most) {
      most += WIDE;
      for (double **part : {&mu, &sigma, &uniform, &direction, &v, &inside})
        arena.want(*part, most);
      arena.want(row, most);
      arena.want(voxel, most);
    }
  };

  double width(double parameter) const {
    return low_ + (high_ - low_) / (1 + std::exp(-parameter));
  }

  int row(int ring, float mu) const {
    const float *edges = edge_ + ring * (bins_ - 1);
    int n = 0;
    for (int k = 0; k < bins_ - 1; ++k) n += mu > edges[k];
    return (ring * bins_ + n) * levels_;
  }

  // Draw n hits of which `left` [MeV] is to share among `n_left`; s.v receives the energies.
  void draw(int n, double left, double n_left, bool last, Scratch &s) const {
    for (int k = n; k < (n + WIDE - 1) / WIDE * WIDE; ++k)
      s.mu[k] = 0, s.sigma[k] = 1, s.uniform[k] = 0.5, s.row[k] = 0, s.direction[k] = 0;
    for (int k = 0; k < n; k += WIDE) {
      store(s.inside + k, normal::probability(load<Doubles>(s.mu + k) / load<Doubles>(s.sigma + k)));
      store(s.v + k, energy(load<Doubles>(s.uniform + k), k, s));
    }
    if (last) {
      condition(n, left, s);
    } else {
      const double room = std::max(left - threshold * (n_left - 1), threshold);
      for (int k = 0; k < n; ++k) s.v[k] = std::max(s.v[k] / (1 + s.v[k] / room), threshold);
    }
    double total = 0, factor = 1;
    for (int k = 0; k < n; ++k) total += s.v[k];
    const double most_left = left - threshold * (n_left - n);
    if (last || total > most_left)
      factor = std::max(most_left - threshold * n, 0.0) / std::max(total - threshold * n, 1e-9);
    for (int k = 0; k < n; ++k) s.v[k] = threshold + (s.v[k] - threshold) * factor;
  }

 private:
  static constexpr int GUIDE = 1024;

  // From a uniform number to an energy: the table first, then the truncated normal.
  Doubles energy(Doubles u, int k, const Scratch &s) const {
    u = least(most(u, all(least_chance_)), all(1 - least_chance_));
    const Doubles x = logarithm(u / (1.0 - u)), mu = load<Doubles>(s.mu + k), sigma = load<Doubles>(s.sigma + k);
    Doubles logit;
    for (int lane = 0; lane < WIDE; ++lane) logit[lane] = look_up(x[lane], table_ + s.row[k + lane]);
    const Doubles survival =
        most(1.0 / (1.0 + exponential(least(logit, all(80.0)))), all(least_chance_));
    const Doubles tail = least(survival * load<Doubles>(s.inside + k), all(1 - least_chance_));
    const Doubles cut = -mu / sigma;
    const auto far = cut > far_cut_;
    Doubles y;
    if (any(far)) {
      const Doubles drop = -2.0 * logarithm(survival);
      const Doubles beyond = sigma * drop / (cut + normal::square_root(most(cut * cut + drop, Doubles{})));
      const Doubles safe = choose(far, all(0.5), tail);
      y = choose(far, beyond, mu - sigma * normal::quantile(safe));
    } else {
      y = mu - sigma * normal::quantile(tail);
    }
    return threshold * exponential(least(most(y, Doubles{}), all(largest_y_)));
  }

  double look_up(double x, const float *row) const {
    const double cell = (x - level_[0]) * cells_;
    int above = guide_[std::min(std::max(static_cast<int>(cell), 0), GUIDE - 1)];
    while (above < levels_ - 1 && level_[above] < x) ++above;
    const double part = (x - level_[above - 1]) / (double(level_[above]) - level_[above - 1]);
    return row[above - 1] + part * (double(row[above]) - row[above - 1]);
  }

  // Move normal numbers along the direction in which the sum moves, until it is `left`. The
  // first step takes the slope from the widths, later ones from what the step before did.
  void condition(int n, double left, Scratch &s) const {
    double square = 0, moved = 0, step = 0, before = 0;
    for (int k = 0; k < n; k += WIDE) {
      store(s.uniform + k, normal::quantile(load<Doubles>(s.uniform + k)));
      store(s.direction + k, load<Doubles>(s.v + k) * load<Doubles>(s.sigma + k));
    }
    for (int k = 0; k < n; ++k) square += s.direction[k] * s.direction[k];
    const double length = std::sqrt(square);
    for (int turn = 0; turn < rounds_; ++turn) {
      double total = 0, steep = 0;
      for (int k = 0; k < n; ++k) {
        total += s.v[k];
        steep += s.v[k] * s.sigma[k] * s.direction[k];
      }
      const double gap = std::log(left / total);
      if (std::fabs(gap) < close_) break;
      steep /= length * total;
      if (turn > 0 && (before - gap) * step > 0) steep = (before - gap) / step;
      step = std::min(std::max(gap / std::max(steep, 1e-3), -largest_step_), largest_step_);
      moved += step;
      before = gap;
      for (int k = 0; k < n; k += WIDE) {
        const Doubles w = load<Doubles>(s.uniform + k) + load<Doubles>(s.direction + k) * (moved / length);
        store(s.v + k, energy(normal::probability(w), k, s));
      }
    }
  }

  int levels_ = 0, bins_ = 0, rounds_ = 0, guide_[GUIDE] = {};
  float cells_ = 0;
  double largest_y_ = 0, largest_step_ = 0, least_chance_ = 0, close_ = 0, far_cut_ = 0;
  double low_ = 0, high_ = 0;
  const float *level_ = nullptr, *edge_ = nullptr, *table_ = nullptr;
};

}  // namespace calo4pqvae
