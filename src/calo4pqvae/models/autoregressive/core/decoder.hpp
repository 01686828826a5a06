// Voxels of given layer energies, layer after layer and group after group of sectors.
//
// What a sector knows of earlier layers enters the hidden units linearly, so it is kept there,
// already multiplied: a hit adds its rows of the weights, the moving averages decay in place,
// and sectors without hits cost nothing.
#pragma once

#include "hit_energies.hpp"
#include "products.hpp"
#include "random.hpp"

namespace calo4pqvae {

class Decoder {
 public:
  int layers = 0, sectors = 0, rings = 0;
  HitEnergies hit_energies;

  bool open(const Weights &w) {
    const std::int32_t *size = w.integers("decoder.sizes", 10);
    if (!size) return false;
    layers = size[0], sectors = size[1], rings = size[2], known_ = size[3], memory_ = size[4];
    first_ = size[5], second_ = size[6], groups_ = size[7], averages_ = size[8], taps_ = size[9];
    for (int k = 0; k < 10; ++k)
      if (size[k] < 1 || size[k] > 8192) return false;
    if (groups_ > GROUPS || averages_ > AVERAGES || layers > 4096 || sectors * rings > 1 << 20)
      return false;
    half_ = known_ / 2;
    f_ = padded(first_), s_ = padded(second_), m_ = padded(memory_), k_ = padded(known_);
    h_ = padded(half_), r_ = padded(rings), e_ = padded(2 * rings), d_ = padded(3 * rings);
    p_ = 2 * f_ + d_;
    const auto array = [&](const char *name, std::ptrdiff_t rows, std::ptrdiff_t columns) {
      const float *found = w.floats(name, static_cast<std::size_t>(rows * columns));
      complete_ = complete_ && found;
      return found;
    };
    const int two = 2 * rings;
    convolution_[0] = array("decoder.known0", taps_ * INPUTS, k_);
    convolution_[1] = array("decoder.known1", taps_ * known_, k_);
    convolution_bias_[0] = array("decoder.known0_bias", 1, k_);
    convolution_bias_[1] = array("decoder.known1_bias", 1, k_);
    ring_ = array("decoder.rings", two, h_), ring_bias_ = array("decoder.rings_bias", 1, h_);
    gru_rings_ = array("decoder.gru_rings", half_, 3 * m_);
    gru_context_ = array("decoder.gru_context", known_, 3 * m_);
    gru_hidden_ = array("decoder.gru_hidden", memory_, 3 * m_);
    gru_bias_ = array("decoder.gru_bias", 1, 3 * m_);
    gru_new_bias_ = array("decoder.gru_new_bias", 1, m_);
    counts_ = array("decoder.counts", memory_ + known_, LANES);
    counts_bias_ = array("decoder.counts_bias", 1, LANES);
    world_memory_ = array("decoder.world_memory", memory_, 2 * f_);
    world_context_ = array("decoder.world_context", known_, 2 * f_);
    world_counts_ = array("decoder.world_counts", 3, 2 * f_);
    world_bias_ = array("decoder.world_bias", 1, 2 * f_);
    history_ = array("decoder.history", two * (3 + averages_), p_);
    moments_ = array("decoder.moments", 2 * (1 + averages_), p_);
    around_ = array("decoder.around", 3 * rings, f_);
    hits_ = array("decoder.hits", first_, r_), hits_bias_ = array("decoder.hits_bias", 1, r_);
    inner_ = array("decoder.inner", first_, s_);
    inner_bias_ = array("decoder.inner_bias", 1, s_);
    values_ = array("decoder.values", second_, e_);
    values_bias_ = array("decoder.values_bias", 1, e_);
    mean_ = array("decoder.mean", layers * 6, rings);
    weight_of_voxel_ = array("decoder.voxel_moments", sectors * rings, 4);
    direction_ = array("decoder.directions", sectors, 4);
    const double *c = w.doubles("decoder.constants", 8);
    if (!c || !complete_ || !hit_energies.open(w, rings)) return false;
    rate_[0] = static_cast<float>(c[0]), rate_[1] = static_cast<float>(c[1]);
    least_width_ = c[2], count_scale_ = static_cast<float>(c[3]);
    root_scale_ = static_cast<float>(c[4]), softening_ = static_cast<float>(c[5]), slack_ = c[6];
    return open_groups(w);
  }

  int uniforms_of_layer() const { return 2 + 2 * sectors * rings; }

  struct Scratch {
    float *first_context, *context, *gates, *world, *input, *ring_sums, *ring_hidden, *memory;
    float *gate, *hidden, *out, *bias, *past, *direct, *average, *rows, *second, *outputs;
    float *margin, *hits, *scaled, *voxels, *uniform, *mean;
    Term *terms;
    int *before, *owner;
    HitEnergies::Scratch energies;

    void plan(Arena &arena, const Decoder &d) {
      const auto z = [](std::ptrdiff_t n) { return static_cast<std::size_t>(n); };
      const auto n = d.sectors, v = d.sectors * d.rings;
      const int pad = d.taps_ - 1;
      arena.want(input, z((d.layers + pad) * INPUTS));
      arena.want(first_context, z((d.layers + pad) * d.k_));
      arena.want(context, z(d.layers * d.k_));
      arena.want(gates, z(d.layers * 3 * d.m_));
      arena.want(world, z(d.layers * 2 * d.f_));
      arena.want(ring_sums, z(2 * d.rings + LANES));
      arena.want(ring_hidden, z(d.h_));
      arena.want(memory, z(d.m_));
      arena.want(gate, z(3 * d.m_));
      arena.want(hidden, z(3 * d.m_));
      arena.want(out, z(LANES));
      arena.want(bias, z(2 * d.f_));
      arena.want(past, z(n * d.p_));
      arena.want(direct, z(d.p_));
      arena.want(average, z(d.averages_ * n * d.p_));
      arena.want(rows, z(n * d.f_));
      arena.want(second, z(n * d.s_));
      arena.want(outputs, z(n * std::max(d.r_, d.e_)));
      arena.want(margin, z(v + LANES));
      for (float **part : {&hits, &scaled, &voxels}) arena.want(*part, z(v + LANES));
      arena.want(uniform, z(d.uniforms_of_layer() + LANES));
      arena.want(mean, z(3 * d.rings));
      arena.want(terms, z(std::max(16 * d.rings, d.memory_ + d.known_) + 64));
      arena.want(before, z(v + 1));
      arena.want(owner, z(n));
      energies.plan(arena, z(v));
    }
  };

  // Where uniform numbers of a layer come from: an array, or a stream.
  struct Uniforms {
    const float *given;
    const Stream *stream;
    std::uint64_t first;
  };

  // Draw the voxels [MeV] of one shower; `shower` (layers, sectors, rings) is zeroed first.
  void draw(const float *energies, float t, const Uniforms &uniforms, Scratch &s,
            float *shower) const;

 private:
  static constexpr int INPUTS = 7, GROUPS = 32, AVERAGES = 2;

  struct Group {
    int start = 0, step = 0, count = 0, near = 0;
    const std::int32_t *beside = nullptr;
    const float *hits_left = nullptr, *hits_left_bias = nullptr, *hits_beside = nullptr;
    const float *energy_left = nullptr, *energy_left_bias = nullptr, *values_beside = nullptr;
  };

  bool open_groups(const Weights &w) {
    for (int g = 0; g < groups_; ++g) {
      const auto name = [g, this](const char *part) {
        std::snprintf(name_, sizeof name_, "group%d.%s", g, part);
        return name_;
      };
      Group &group = group_[g];
      const std::int32_t *size = w.integers(name("sizes"), 4);
      if (!size) return false;
      group.start = size[0], group.step = size[1], group.count = size[2], group.near = size[3];
      const int last = group.start + (group.count - 1) * group.step;
      if (group.start < 0 || group.step < 1 || group.count < 1 || group.count > sectors ||
          last >= sectors || group.near < 0 || group.near > 4)
        return false;
      const auto f = static_cast<std::size_t>(f_);
      const auto near = static_cast<std::size_t>(group.near * rings);
      const auto places = static_cast<std::size_t>(group.count * group.near);
      group.beside = w.integers(name("beside"), places);
      group.hits_left = w.floats(name("hits_left"), 2 * f);
      group.hits_left_bias = w.floats(name("hits_left_bias"), f);
      group.hits_beside = w.floats(name("hits_beside"), near * f);
      group.energy_left = w.floats(name("energy_left"), 3 * f);
      group.energy_left_bias = w.floats(name("energy_left_bias"), f);
      group.values_beside = w.floats(name("values_beside"), 2 * near * f);
      if (!group.beside || !group.hits_left || !group.hits_left_bias || !group.hits_beside ||
          !group.energy_left || !group.energy_left_bias || !group.values_beside)
        return false;
      for (std::size_t k = 0; k < places; ++k)
        if (group.beside[k] < 0 || group.beside[k] >= sectors) return false;
    }
    return true;
  }

  void set_context(const float *energies, float t, Scratch &s) const;
  void step_memory(int layer, Scratch &s) const;
  float count_hits(int layer, float energy, Scratch &s) const;
  void look_back(const float moments[], Scratch &s) const;
  void take_average(float moments[], Scratch &s) const;
  void draw_layer(int layer, float energy, float t, Scratch &s) const;
  float draw_hits(const Group &group, const float *uniform, float n_left, int places,
                  Scratch &s) const;
  bool force(const Group &group, bool more, Scratch &s) const;
  void draw_energies(const Group &group, const float *uniform, float &left, float &n_left,
                     Scratch &s) const;
  int add_hits(const float *hits, const float *scaled, int at, Term *terms) const;

  int known_ = 0, half_ = 0, memory_ = 0, first_ = 0, second_ = 0, groups_ = 0, averages_ = 0;
  int taps_ = 0, f_ = 0, s_ = 0, m_ = 0, k_ = 0, h_ = 0, r_ = 0, e_ = 0, d_ = 0, p_ = 0;
  bool complete_ = true;
  char name_[40] = {};
  float rate_[AVERAGES] = {};
  double least_width_ = 0, slack_ = 0;
  float count_scale_ = 0, root_scale_ = 0, softening_ = 0;
  Group group_[GROUPS];
  const float *convolution_[2] = {}, *convolution_bias_[2] = {};
  const float *ring_ = nullptr, *ring_bias_ = nullptr, *gru_rings_ = nullptr;
  const float *gru_context_ = nullptr, *gru_hidden_ = nullptr, *gru_bias_ = nullptr;
  const float *gru_new_bias_ = nullptr, *counts_ = nullptr, *counts_bias_ = nullptr;
  const float *world_memory_ = nullptr, *world_context_ = nullptr, *world_counts_ = nullptr;
  const float *world_bias_ = nullptr, *history_ = nullptr, *moments_ = nullptr;
  const float *around_ = nullptr, *hits_ = nullptr, *hits_bias_ = nullptr, *inner_ = nullptr;
  const float *inner_bias_ = nullptr, *values_ = nullptr, *values_bias_ = nullptr;
  const float *mean_ = nullptr, *weight_of_voxel_ = nullptr, *direction_ = nullptr;
};

}  // namespace calo4pqvae
