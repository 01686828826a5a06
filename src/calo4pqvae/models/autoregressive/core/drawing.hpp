// The draw of a shower's voxels: see `Decoder`.
#pragma once

#include "decoder.hpp"

namespace calo4pqvae {

inline void Decoder::draw(const float *energies, float t, const Uniforms &uniforms, Scratch &s,
                          float *shower) const {
  const int voxels = sectors * rings;
  float moments[4 * (1 + AVERAGES)] = {};
  set_context(energies, t, s);
  fill(shower, layers * voxels);
  fill(s.memory, m_);
  fill(s.average, averages_ * sectors * p_);
  fill(s.hits, voxels), fill(s.scaled, voxels), fill(s.voxels, voxels);
  int last = layers - 1;
  while (last >= 0 && !(energies[last] > 0)) --last;
  for (int layer = 0; layer <= last; ++layer) {
    step_memory(layer, s);
    if (layer) take_average(moments, s);
    const bool non_empty = energies[layer] > 0;
    if (non_empty) look_back(moments, s);
    fill(s.hits, voxels), fill(s.scaled, voxels), fill(s.voxels, voxels);
    if (!non_empty) continue;
    const int n = uniforms_of_layer();
    const std::uint64_t at = uniforms.first + static_cast<std::uint64_t>(layer) *
                                                  static_cast<std::uint64_t>(n);
    if (uniforms.given)
      copy(s.uniform, uniforms.given + static_cast<std::ptrdiff_t>(layer) * n, n);
    else
      uniforms.stream->uniforms(at, n, s.uniform);
    draw_layer(layer, energies[layer], t, s);
    // Odd rings were moved by one sector on the way; here they go back.
    float *mine = shower + layer * voxels;
    for (int sector = 0; sector < sectors; ++sector)
      for (int r = 0; r < rings; ++r) {
        const int to = (sector + r % 2) % sectors;
        mine[to * rings + r] = s.voxels[sector * rings + r];
      }
  }
}

// What is known of every layer before the first voxel: two convolutions along the depth.
inline void Decoder::set_context(const float *energies, float t, Scratch &s) const {
  const int pad = taps_ / 2;
  const double threshold = hit_energies.threshold, scale = hit_energies.y_scale;
  double sum = 0;
  for (int l = 0; l < layers; ++l) sum += energies[l];
  const double whole = std::log(sum / threshold + 1), pi = 3.14159265358979323846;
  const float of_energy[4] = {t, t * t, static_cast<float>(std::sin(pi * t)),
                              static_cast<float>(std::cos(pi * t))};
  fill(s.input, (layers + 2 * pad) * INPUTS);
  fill(s.first_context, (layers + 2 * pad) * k_);
  for (int l = 0; l < layers; ++l) {
    float *row = s.input + (l + pad) * INPUTS;
    const bool non_empty = energies[l] > 0;
    const double y = non_empty ? std::log(energies[l] / threshold) : 0;
    row[0] = static_cast<float>(y / scale), row[1] = non_empty;
    row[2] = non_empty ? static_cast<float>((y - whole) / scale) : 0;
    copy(row + 3, of_energy, 4);
  }
  // The rows of a convolution overlap: `taps` of them are one long row of the input.
  float *to = s.first_context + pad * k_;
  for (int l = 0; l < layers; ++l) copy(to + l * k_, convolution_bias_[0], k_);
  add_product(to, layers, k_, s.input, INPUTS, taps_ * INPUTS, convolution_[0]);
  silu_all(to, layers * k_);
  for (int l = 0; l < layers; ++l) copy(s.context + l * k_, convolution_bias_[1], k_);
  for (int tap = 0; tap < taps_; ++tap)
    add_product(s.context, layers, k_, s.first_context + tap * k_, k_, known_,
                convolution_[1] + tap * known_ * k_);
  silu_all(s.context, layers * k_);
  for (int l = 0; l < layers; ++l) {
    copy(s.gates + l * 3 * m_, gru_bias_, 3 * m_);
    copy(s.world + l * 2 * f_, world_bias_, 2 * f_);
  }
  add_product(s.gates, layers, 3 * m_, s.context, k_, known_, gru_context_);
  add_product(s.world, layers, 2 * f_, s.context, k_, known_, world_context_);
}

// The recurrent memory of the rings of the layer before, which still lies in the scratch.
inline void Decoder::step_memory(int layer, Scratch &s) const {
  const double threshold = hit_energies.threshold, scale = hit_energies.y_scale;
  for (int r = 0; r < rings; ++r) {
    double sum = 0;
    int n = 0;
    for (int k = r; k < sectors * rings; k += rings) sum += s.voxels[k], n += s.hits[k] > 0;
    s.ring_sums[r] = sum > 0 ? static_cast<float>(std::log1p(sum / threshold) / scale) : 0;
    s.ring_sums[rings + r] = static_cast<float>(n) / static_cast<float>(sectors);
  }
  copy(s.ring_hidden, ring_bias_, h_);
  add_product(s.ring_hidden, 1, h_, s.ring_sums, 0, 2 * rings, ring_);
  silu_all(s.ring_hidden, h_);
  copy(s.gate, s.gates + layer * 3 * m_, 3 * m_);
  add_product(s.gate, 1, 3 * m_, s.ring_hidden, 0, half_, gru_rings_);
  fill(s.hidden, 2 * m_);
  copy(s.hidden + 2 * m_, gru_new_bias_, m_);
  add_product(s.hidden, 1, 3 * m_, s.memory, 0, memory_, gru_hidden_);
  for (int k = 0; k < m_; k += EACH) {
    const auto at = [&](const float *x, int gate) { return load<Floats>(x + gate * m_ + k); };
    const Floats reset = sigmoid(at(s.gate, 0) + at(s.hidden, 0));
    const Floats keep = sigmoid(at(s.gate, 1) + at(s.hidden, 1));
    const Floats fresh = hyperbolic_tangent(at(s.gate, 2) + reset * at(s.hidden, 2));
    store(s.memory + k, (1.0f - keep) * fresh + keep * load<Floats>(s.memory + k));
  }
}

// Rows of the hits of one sector: scaled logarithm, then 1.
inline int Decoder::add_hits(const float *hits, const float *scaled, int at, Term *terms) const {
  int n = 0;
  for (int r = 0; r < rings; ++r) {
    if (!(hits[r] > 0)) continue;
    terms[n++] = {scaled[r], at + r * p_};
    terms[n++] = {1.0f, at + (rings + r) * p_};
  }
  return n;
}

// Let the averages decay and add the layer before: of its sectors, and of its moments.
inline void Decoder::take_average(float moments[], Scratch &s) const {
  double centre[4] = {}, sum = 0;
  for (int k = 0; k < sectors * rings; ++k) {
    if (!(s.voxels[k] > 0)) continue;
    sum += s.voxels[k];
    for (int m = 0; m < 4; ++m) centre[m] += double(s.voxels[k]) * weight_of_voxel_[k * 4 + m];
  }
  sum = std::max(sum, hit_energies.threshold);
  for (int m = 0; m < 4; ++m) {
    moments[m] = static_cast<float>(centre[m] / sum);
    for (int a = 0; a < averages_; ++a) {
      float &mine = moments[4 * (1 + a) + m];
      mine = rate_[a] * mine + (1 - rate_[a]) * moments[m];
    }
  }
  const int block = 2 * rings * p_;
  for (int a = 0; a < averages_; ++a)
    for (int sector = 0; sector < sectors; ++sector) {
      float *mine = s.average + (a * sectors + sector) * p_;
      const int at = sector * rings;
      int n = add_hits(s.hits + at, s.scaled + at, (1 + a) * block, s.terms);
      for (int k = 0; k < n; ++k) s.terms[k].value *= 1 - rate_[a];
      for (int k = 0; k < p_; k += EACH) store(mine + k, rate_[a] * load<Floats>(mine + k));
      add_terms(mine, p_, history_, s.terms, n);
    }
}

// What each sector knows of earlier layers, as sums into its hidden units.
inline void Decoder::look_back(const float moments[], Scratch &s) const {
  const int block = 2 * rings * p_;
  for (int sector = 0; sector < sectors; ++sector) {
    float *past = s.past + sector * p_;
    copy(past, s.average + sector * p_, p_);
    for (int a = 1; a < averages_; ++a)
      for (int k = 0; k < p_; k += EACH)
        store(past + k, load<Floats>(past + k) +
                            load<Floats>(s.average + (a * sectors + sector) * p_ + k));
    const int one = (sector + sectors - 1) % sectors, other = (sector + 1) % sectors;
    int n = 0;
    const int from[3] = {sector, one, other}, at[3] = {0, 1 + averages_, 2 + averages_};
    for (int k = 0; k < 3; ++k)
      n += add_hits(s.hits + from[k] * rings, s.scaled + from[k] * rings, at[k] * block,
                    s.terms + n);
    add_terms(past, p_, history_, s.terms, n);
    n = 0;
    for (int part = 0; part < 1 + averages_; ++part)
      for (int order = 0; order < 2; ++order) {
        const float *along = direction_ + sector * 4 + 2 * order, *m = moments + 4 * part + 2 * order;
        s.terms[n] = {m[0] * along[0] + m[1] * along[1], n * p_};
        ++n;
      }
    add_terms(past, p_, moments_, s.terms, n);
  }
}

// Draw the number of hits from a mixture of two logistic distributions of 2 sqrt(n).
inline float Decoder::count_hits(int layer, float energy, Scratch &s) const {
  copy(s.out, counts_bias_, LANES);
  add_product(s.out, 1, LANES, s.memory, 0, memory_, counts_);
  add_product(s.out, 1, LANES, s.context + layer * k_, 0, known_, counts_ + memory_ * LANES);
  const double p = 1 / (1 + std::exp(-double(s.out[0])));
  const int which = s.uniform[0] < p ? 0 : 1;
  const double width = s.out[3 + which];
  const double softplus = width > 20 ? width : std::log1p(std::exp(width));
  const double u = s.uniform[1], mean = 2 + 4 * double(s.out[1 + which]);
  const double place = std::max(mean + (least_width_ + softplus) * std::log(u / (1 - u)), 0.0);
  const double n = std::ceil(place * place / 4 - 0.5), places = sectors * rings;
  const double most_hits = std::max(std::floor(energy / hit_energies.threshold + slack_), 1.0);
  return static_cast<float>(std::min(std::min(std::max(n, 1.0), places), most_hits));
}

inline void Decoder::draw_layer(int layer, float energy, float t, Scratch &s) const {
  float n_left = count_hits(layer, energy, s), left = energy;
  const float share = n_left / static_cast<float>(sectors * rings);
  copy(s.bias, s.world + layer * 2 * f_, 2 * f_);
  add_product(s.bias, 1, 2 * f_, s.memory, 0, memory_, world_memory_);
  const float counts[3] = {std::log1p(n_left) / count_scale_, std::sqrt(n_left) / root_scale_, share};
  add_product(s.bias, 1, 2 * f_, counts, 0, 3, world_counts_);
  const float *mean = mean_ + layer * 6 * rings;
  for (int k = 0; k < 3; ++k)
    for (int r = 0; r < rings; ++r)
      s.mean[k * rings + r] = mean[2 * k * rings + r] + mean[(2 * k + 1) * rings + r] * t;
  const int voxels = sectors * rings;
  float *uniform = s.uniform + 2;
  for (int k = 0; k < voxels; k += EACH) {
    const Floats u = load<Floats>(uniform + k);
    Floats safe = choose(u > 0.0f, u, all(0.5f));
    safe = choose(safe < 1.0f, safe, all(0.5f));
    store(s.margin + k, logarithm(safe / (1.0f - safe)));
  }
  float n_hits = n_left;
  int places = voxels;
  for (int g = 0; g < groups_; ++g) {
    n_left -= draw_hits(group_[g], s.margin, n_left, places, s);
    places -= group_[g].count * rings;
  }
  for (int g = 0; g < groups_; ++g)
    draw_energies(group_[g], uniform + voxels, left, n_hits, s);
}

// Draw the hits of a group: not more than are left, and no fewer than must be.
inline float Decoder::draw_hits(const Group &group, const float *, float n_left, int places,
                                Scratch &s) const {
  const float odds = std::log((n_left + softening_) / (static_cast<float>(places) - n_left + softening_));
  const Term left[2] = {{odds / count_scale_, 0}, {std::log1p(n_left) / count_scale_, f_}};
  const int later = places - group.count * rings;
  for (int c = 0; c < group.count; ++c) {
    const float *past = s.past + (group.start + c * group.step) * p_;
    float *row = s.rows + c * f_;
    for (int k = 0; k < f_; k += EACH)
      store(row + k, load<Floats>(past + k) + load<Floats>(s.bias + k) +
                         load<Floats>(group.hits_left_bias + k));
    add_terms(row, f_, group.hits_left, left, 2);
    int n = 0;
    for (int near = 0; near < group.near; ++near) {
      const float *hits = s.hits + group.beside[c * group.near + near] * rings;
      for (int r = 0; r < rings; ++r)
        if (hits[r] > 0) s.terms[n++] = {1.0f, (near * rings + r) * f_};
    }
    add_terms(row, f_, group.hits_beside, s.terms, n);
    copy(s.outputs + c * r_, hits_bias_, r_);
  }
  silu_all(s.rows, group.count * f_);
  add_product(s.outputs, group.count, r_, s.rows, f_, first_, hits_);
  float chosen = 0;
  for (int c = 0; c < group.count; ++c) {
    const int sector = group.start + c * group.step;
    const float *direct = s.past + sector * p_ + 2 * f_, *logit = s.outputs + c * r_;
    float *margin = s.margin + sector * rings, *hits = s.hits + sector * rings;
    for (int r = 0; r < rings; ++r) {
      margin[r] += logit[r] + direct[r] + s.mean[r] + odds;
      hits[r] = margin[r] > 0;
      chosen += hits[r];
    }
  }
  const float fewest = n_left - static_cast<float>(later);
  const float wanted = std::min(std::max(chosen, fewest), n_left);
  while (chosen != wanted) {
    const bool more = chosen < wanted;
    if (!force(group, more, s)) break;
    chosen += more ? 1.0f : -1.0f;
  }
  return chosen;
}

// Add the likeliest voxel without a hit, or take away the least likely hit.
inline bool Decoder::force(const Group &group, bool more, Scratch &s) const {
  int best = -1;
  for (int c = 0; c < group.count; ++c)
    for (int r = 0; r < rings; ++r) {
      const int k = (group.start + c * group.step) * rings + r;
      if ((s.hits[k] > 0) != more && (best < 0 || (s.margin[k] > s.margin[best]) == more)) best = k;
    }
  if (best >= 0) s.hits[best] = more;
  return best >= 0;
}

inline void Decoder::draw_energies(const Group &group, const float *uniform, float &left,
                                   float &n_left, Scratch &s) const {
  const double threshold = hit_energies.threshold;
  const auto scale = static_cast<float>(hit_energies.y_scale);
  const auto y = static_cast<float>(std::log1p(left / threshold));
  const float each = std::log1p(n_left);
  const Term rest[3] = {{y / scale, 0}, {(y - each) / scale, f_}, {each / count_scale_, 2 * f_}};
  int rows = 0;
  for (int c = 0; c < group.count; ++c) {
    const int sector = group.start + c * group.step;
    const float *mine = s.hits + sector * rings;
    bool some = false;
    for (int r = 0; r < rings; ++r) some = some || mine[r] > 0;
    if (!some) continue;
    const float *past = s.past + sector * p_ + f_;
    float *row = s.rows + rows * f_;
    for (int k = 0; k < f_; k += EACH)
      store(row + k, load<Floats>(past + k) + load<Floats>(s.bias + f_ + k) +
                         load<Floats>(group.energy_left_bias + k));
    add_terms(row, f_, group.energy_left, rest, 3);
    int n = 0;
    const int turns[3] = {0, sectors - 1, 1};
    for (int turn = 0; turn < 3; ++turn) {
      const float *hits = s.hits + (sector + turns[turn]) % sectors * rings;
      for (int r = 0; r < rings; ++r)
        if (hits[r] > 0) s.terms[n++] = {1.0f, (turn * rings + r) * f_};
    }
    add_terms(row, f_, around_, s.terms, n);
    n = 0;
    for (int near = 0; near < group.near; ++near) {
      const int at = group.beside[c * group.near + near] * rings;
      for (int r = 0; r < rings; ++r) {
        if (!(s.hits[at + r] > 0)) continue;
        s.terms[n++] = {s.scaled[at + r], (near * 2 * rings + r) * f_};
        s.terms[n++] = {1.0f, (near * 2 * rings + rings + r) * f_};
      }
    }
    add_terms(row, f_, group.values_beside, s.terms, n);
    copy(s.second + rows * s_, inner_bias_, s_);
    copy(s.outputs + rows * e_, values_bias_, e_);
    s.owner[rows++] = sector;
  }
  if (rows == 0) return;
  silu_all(s.rows, rows * f_);
  add_product(s.second, rows, s_, s.rows, f_, first_, inner_);
  silu_all(s.second, rows * s_);
  add_product(s.outputs, rows, e_, s.second, s_, second_, values_);
  HitEnergies::Scratch &h = s.energies;
  int n = 0;
  for (int m = 0; m < rows; ++m) {
    const float *direct = s.past + s.owner[m] * p_ + 2 * f_ + rings, *both = s.outputs + m * e_;
    for (int r = 0; r < rings; ++r) {
      const int voxel = s.owner[m] * rings + r;
      if (!(s.hits[voxel] > 0)) continue;
      const float mu = both[r] + direct[r] + s.mean[rings + r];
      const float width = both[rings + r] + direct[rings + r] + s.mean[2 * rings + r];
      h.mu[n] = mu, h.sigma[n] = hit_energies.width(width), h.row[n] = hit_energies.row(r, mu);
      h.uniform[n] = uniform[voxel], h.voxel[n++] = voxel;
    }
  }
  const float after = n_left - static_cast<float>(n);
  hit_energies.draw(n, left, n_left, after < 0.5f, h);
  float used = 0;
  for (int k = 0; k < n; k += WIDE) {
    for (int lane = 0; lane < WIDE; ++lane)
      h.v[k + lane] = k + lane < n ? double(static_cast<float>(h.v[k + lane])) : threshold;
    store(h.direction + k, logarithm(load<Doubles>(h.v + k) / threshold) / hit_energies.y_scale);
  }
  for (int k = 0; k < n; ++k) {
    const auto v = static_cast<float>(h.v[k]);
    s.voxels[h.voxel[k]] = v;
    s.scaled[h.voxel[k]] = static_cast<float>(h.direction[k]);
    used += v;
  }
  left = std::max(left - used, 0.0f);
  n_left = after;
}

}  // namespace calo4pqvae
