// Random numbers of a shower: functions of seed, number of the shower, and place in its stream.
#pragma once

#include "vectors.hpp"

namespace calo4pqvae {

// Philox4x64-10 (Salmon et al., SC 2011), as numpy's `Philox(key=(seed, number))` counts it.
// One block of four words makes eight uniform numbers.
class Stream {
 public:
  static constexpr std::uint64_t DECODING = 0, SAMPLING = 1;

  Stream(std::uint64_t seed, std::uint64_t number, std::uint64_t purpose)
      : seed_(seed), number_(number), purpose_(purpose) {}

  void block(std::uint64_t index, std::uint64_t out[4]) const {
    std::uint64_t c[4] = {index + 1, 0, purpose_, 0}, k[2] = {seed_, number_};
    for (int round = 0; round < 10; ++round) {
      std::uint64_t high0, high1;
      const std::uint64_t low0 = product(0xD2E7470EE14C6C93u, c[0], high0);
      const std::uint64_t low1 = product(0xCA5A826395121157u, c[2], high1);
      const std::uint64_t next[4] = {high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0};
      std::memcpy(c, next, sizeof c);
      k[0] += 0x9E3779B97F4A7C15u;
      k[1] += 0xBB67AE8584CAA73Bu;
    }
    std::memcpy(out, c, sizeof c);
  }

  // Uniform numbers first .. first + n - 1 of the stream, in (0, 1).
  void uniforms(std::uint64_t first, int n, float *out) const {
    std::uint64_t words[4];
    for (int k = 0; k < n;) {
      const std::uint64_t at = first + static_cast<std::uint64_t>(k);
      block(at / 8, words);
      for (std::uint64_t part = at % 8; part < 8 && k < n; ++part, ++k) {
        const auto word = static_cast<std::uint32_t>(words[part / 2] >> 32 * (part % 2));
        const float u = static_cast<float>(word >> 8) * 0x1p-24f;
        out[k] = u > 0x1p-25f ? u : 0x1p-25f;
      }
    }
  }

 private:
  static std::uint64_t product(std::uint64_t a, std::uint64_t b, std::uint64_t &high) {
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 Wide;
    const Wide both = static_cast<Wide>(a) * b;
    high = static_cast<std::uint64_t>(both >> 64);
    return static_cast<std::uint64_t>(both);
#else
    const std::uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    const std::uint64_t low = a0 * b0, one = a1 * b0 + (low >> 32);
    const std::uint64_t two = a0 * b1 + (one & 0xffffffffu);
    high = a1 * b1 + (one >> 32) + (two >> 32);
    return (two << 32) | (low & 0xffffffffu);
#endif
  }

  std::uint64_t seed_, number_, purpose_;
};

// Sixteen xoshiro128++ generators side by side (Blackman and Vigna, 2019), seeded by a stream.
struct Lanes {
  static constexpr int PARTS = LANES / EACH;
  Words s[4][PARTS];

  explicit Lanes(const Stream &stream) {
    std::uint64_t words[4];
    char *to = reinterpret_cast<char *>(s);
    for (std::uint64_t k = 0; k < sizeof s / (sizeof words); ++k) {
      stream.block(k, words);
      std::memcpy(to + k * sizeof words, words, sizeof words);
    }
  }

  // The next numbers of those generators that fill register `part`.
  Words next(int part) {
    Words &a = s[0][part], &b = s[1][part], &c = s[2][part], &d = s[3][part];
    const Words sum = a + d;
    const Words result = ((sum << 7) | (sum >> 25)) + a, shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >> 21);
    return result;
  }

  void next(std::uint32_t all[LANES]) {
    for (int part = 0; part < PARTS; ++part) store(all + part * EACH, next(part));
  }
};

}  // namespace calo4pqvae
