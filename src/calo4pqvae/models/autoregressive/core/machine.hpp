// Bits of the Boltzmann machine: block Gibbs sampling of one chain, exact in whole numbers.
//
// Fields are sums of biases and couplings in units of 2^-20 nats, so that no order of summation
// changes them: a flip adds or takes away its couplings, and nothing drifts. Nodes stand in
// places: each partition begins a new vector, and the places that fill up the last one of a
// partition hold nodes that are always 0. The couplings of a node are blocks of one vector.
#pragma once

#include "random.hpp"
#include "weights.hpp"

namespace calo4pqvae {

class Machine {
 public:
  int nodes = 0, kept_states = 0;

  bool open(const Weights &w) {
    const std::int32_t *size = w.integers("machine.sizes", 8);
    if (!size) return false;
    nodes = size[0], places_ = size[1], order_ = size[2], bins_ = size[3], clamped_ = size[4];
    parts_ = size[5], blocks_ = size[6], kept_states = size[7];
    if (nodes < 1 || places_ < nodes || places_ > 1 << 20 || places_ % LANES || order_ < 0 ||
        order_ > 64 || bins_ < 1 || bins_ > 1 << 16 || clamped_ < 0 || clamped_ > nodes ||
        parts_ < 1 || parts_ > 64 || blocks_ < 0 || blocks_ > 1 << 24 || kept_states < 0 ||
        kept_states > 1 << 20)
      return false;
    const auto z = [](int n) { return static_cast<std::size_t>(n); };
    sweeps_ = w.integers("machine.sweeps", z(bins_));
    place_ = w.integers("machine.place", z(nodes));
    bias_ = w.floats("machine.bias", z(order_ + 1) * z(places_));
    thresholds_ = w.floats("machine.thresholds", z(clamped_));
    ends_ = w.integers("machine.ends", z(parts_ + 1));
    first_ = w.integers("machine.first", z(places_ + 1));
    block_ = w.integers("machine.block", z(blocks_));
    coupling_ = w.floats("machine.coupling", z(blocks_) * LANES);
    slope_ = w.floats("machine.slope", z(blocks_) * LANES);
    kept_ = w.bytes("machine.states", z(kept_states) * z(bins_) * z(bytes()));
    return sweeps_ && place_ && bias_ && thresholds_ && ends_ && first_ && block_ && coupling_ &&
           slope_ && kept_ && inside();
  }

  int most_sweeps() const { return *std::max_element(sweeps_, sweeps_ + bins_); }

  struct Scratch {
    std::int32_t *field, *weight;
    std::uint8_t *bits;
    void plan(Arena &arena, const Machine &m) {
      arena.want(field, static_cast<std::size_t>(m.places_));
      arena.want(bits, static_cast<std::size_t>(m.places_));
      arena.want(weight, static_cast<std::size_t>(m.blocks_) * LANES);
    }
  };

  // Draw the bits of one shower with scaled energy t; return their energy
  // E(z) = - sum b z - sum W z z [nats]. Chains start from a stored state of their energy, if
  // there are any, otherwise from random bits.
  double sample(float t, std::uint64_t seed, std::uint64_t number, int wanted, Scratch &s,
                std::uint8_t *bits) const {
    Lanes random(Stream(seed, number, Stream::SAMPLING));
    const int rounds = wanted < 0 ? sweeps_[interval(t)] : wanted;
    start(t, random, s.bits);
    prepare(t, s);
    for (int sweep = 0; sweep < rounds; ++sweep)
      for (int part = 0; part < parts_; ++part) update(ends_[part], ends_[part + 1], random, s);
    for (int k = 0; k < nodes; ++k) bits[k] = s.bits[place_[k]];
    return energy(t, s);
  }

 private:
  static constexpr float UNIT = 0x1p20f;

  int bytes() const { return (nodes + 7) / 8; }

  bool inside() const {
    for (int k = 0; k < nodes; ++k)
      if (place_[k] < 0 || place_[k] >= places_) return false;
    for (int k = 0; k < places_; ++k)
      if (first_[k] < 0 || first_[k] > first_[k + 1] || first_[k + 1] > blocks_) return false;
    for (int k = 0; k < blocks_; ++k)
      if (block_[k] < 0 || block_[k] % LANES || block_[k] > places_ - LANES) return false;
    for (int k = 0; k < parts_; ++k)
      if (ends_[k] < 0 || ends_[k] % LANES || ends_[k] > ends_[k + 1]) return false;
    for (int k = 0; k < bins_; ++k)
      if (sweeps_[k] < 0) return false;
    return ends_[parts_] == places_;
  }

  int interval(float t) const {
    const int k = static_cast<int>(t * static_cast<float>(bins_));
    return std::min(std::max(k, 0), bins_ - 1);
  }

  // 2 t - 1 in the middle of an interval, by which the couplings follow the energy.
  float middle(float t) const {
    return static_cast<float>(2 * interval(t) + 1) / static_cast<float>(bins_) - 1;
  }

  // Legendre polynomials in 2t - 1.
  Floats bias(float t, int i) const {
    const float x = 2 * t - 1;
    float before = 1, now = x;
    Floats sum = load<Floats>(bias_ + i);
    for (int k = 1; k <= order_; ++k) {
      sum += now * load<Floats>(bias_ + k * places_ + i);
      const auto c = static_cast<float>(k);
      const float next = ((2 * c + 1) * x * now - c * before) / (c + 1);
      before = now, now = next;
    }
    return sum;
  }

  void start(float t, Lanes &random, std::uint8_t *bits) const {
    std::memset(bits, 0, static_cast<std::size_t>(places_));
    for (int k = 0; k < clamped_; ++k) bits[place_[k]] = t > thresholds_[k];
    if (kept_states) {
      std::uint32_t draw[LANES];
      random.next(draw);
      const auto pick = static_cast<std::uint64_t>(draw[0]) *
                        static_cast<std::uint64_t>(kept_states) >> 32;
      const auto row = static_cast<std::size_t>(interval(t)) *
                           static_cast<std::size_t>(kept_states) + static_cast<std::size_t>(pick);
      const std::uint8_t *kept = kept_ + row * static_cast<std::size_t>(bytes());
      for (int k = clamped_; k < nodes; ++k) bits[place_[k]] = kept[k / 8] >> k % 8 & 1;
      return;
    }
    for (int k = clamped_; k < nodes; k += LANES) {
      std::uint32_t draw[LANES];
      random.next(draw);
      for (int lane = 0; lane < LANES && k + lane < nodes; ++lane)
        bits[place_[k + lane]] = draw[lane] >> 31;
    }
  }

  static Ints whole(Floats x) {
    return __builtin_convertvector(x * UNIT + choose(x < 0.0f, all(-0.5f), all(0.5f)), Ints);
  }

  void prepare(float t, Scratch &s) const {
    const float x = middle(t);
    for (int i = 0; i < blocks_ * LANES; i += EACH)
      store(s.weight + i, whole(load<Floats>(coupling_ + i) + x * load<Floats>(slope_ + i)));
    for (int i = 0; i < places_; i += EACH) store(s.field + i, whole(bias(t, i)));
    for (int i = 0; i < places_; ++i)
      if (s.bits[i]) flip(i, s);
  }

  // p(z_i = 1 | rest) = 1 / (1 + e^-field): a uniform number u below it means 1.
  void update(int from, int to, Lanes &random, Scratch &s) const {
    for (int i = from; i < to; i += LANES) {
      std::uint8_t now[LANES];
      for (int part = 0; part < Lanes::PARTS; ++part) {
        const int lane = part * EACH;
        const Floats u = bits_of<Floats>((random.next(part) >> 9) | 0x3f800000u) - 1.0f;
        const Ints whole_field = load<Ints>(s.field + i + lane);
        const Floats field = __builtin_convertvector(whole_field, Floats) * (1.0f / UNIT);
        const Ints up = u * (1.0f + exponential(-field)) < 1.0f;
        store(now + lane, __builtin_convertvector(up & 1, Bytes));
      }
      std::uint64_t half[2], before[2];
      std::memcpy(half, now, sizeof half);
      std::memcpy(before, s.bits + i, sizeof before);
      std::memcpy(s.bits + i, now, sizeof now);
      for (int k = 0; k < 2; ++k) half[k] ^= before[k];
      for (int k = 0; k < 2; ++k)
        for (; half[k]; half[k] &= half[k] - 1) flip(i + 8 * k + __builtin_ctzll(half[k]) / 8, s);
    }
  }

  void flip(int i, Scratch &s) const {
    const std::int32_t *block = block_, *weight = s.weight;
    std::int32_t *field = s.field;
    const Ints sign = Ints{} - (s.bits[i] ? 0 : 1);  // x ^ -1 - -1 is -x
    for (int k = first_[i], end = first_[i + 1]; k < end; ++k) {
      std::int32_t *mine = field + block[k];
      const std::int32_t *by = weight + k * LANES;
      for (int lane = 0; lane < LANES; lane += EACH)
        store(mine + lane, load<Ints>(mine + lane) + ((load<Ints>(by + lane) ^ sign) - sign));
    }
  }

  double energy(float t, const Scratch &s) const {
    double sum = 0;
    const float x = middle(t);
    for (int i = 0; i < places_; ++i) {
      if (!s.bits[i]) continue;
      sum -= bias(t, i / EACH * EACH)[i % EACH];
      for (int k = first_[i]; k < first_[i + 1]; ++k)
        for (int lane = 0; lane < LANES; ++lane)
          if (s.bits[block_[k] + lane])
            sum -= 0.5 * (coupling_[k * LANES + lane] + double(x) * slope_[k * LANES + lane]);
    }
    return sum;
  }

  int places_ = 0, order_ = 0, bins_ = 0, clamped_ = 0, parts_ = 0, blocks_ = 0;
  const float *bias_ = nullptr, *thresholds_ = nullptr, *coupling_ = nullptr, *slope_ = nullptr;
  const std::int32_t *sweeps_ = nullptr, *place_ = nullptr, *ends_ = nullptr;
  const std::int32_t *first_ = nullptr, *block_ = nullptr;
  const std::uint8_t *kept_ = nullptr;
};

}  // namespace calo4pqvae
