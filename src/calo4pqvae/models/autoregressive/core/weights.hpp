// The weights file: named arrays behind a digest. Everything that is read is checked.
//
// Layout, little endian: 8 bytes "C4PQVAE1"; uint64 bytes of the whole file; uint64 CRC-32
// of all that follows; uint64 number of arrays; then 64 bytes for each array (name, 40
// bytes; uint64 type: 0 float, 1 double, 2 int32, 3 uint8; uint64 elements; uint64 offset),
// and the arrays, each at a multiple of 64 bytes.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <limits>
#include <new>

#include "vectors.hpp"

namespace calo4pqvae {

enum Code : int {
  OK = 0,
  NO_FILE,
  DAMAGED,
  OTHER_VERSION,
  NO_MEMORY,
  BAD_ARGUMENT,
  BAD_ENERGY,
  BAD_UNIFORM,
  TOO_FEW_PLACES,
  CODES
};

class Weights {
 public:
  Weights() = default;
  Weights(const Weights &) = delete;
  Weights &operator=(const Weights &) = delete;
  ~Weights() { std::free(whole_); }

  Code read(const char *path) {
    std::FILE *file = std::fopen(path, "rb");
    if (!file) return NO_FILE;
    Code code = DAMAGED;
    if (std::fseek(file, 0, SEEK_END) == 0) {
      const long size = std::ftell(file);
      if (size > 0 && std::fseek(file, 0, SEEK_SET) == 0) {
        const auto bytes = static_cast<std::size_t>(size);
        code = reserve(bytes);
        if (code == OK && std::fread(data_, 1, bytes, file) != bytes) code = DAMAGED;
      }
    }
    std::fclose(file);
    return code == OK ? check() : code;
  }

  Code take(const void *bytes, std::size_t size) {
    const Code code = reserve(size);
    if (code != OK) return code;
    std::memcpy(data_, bytes, size);
    return check();
  }

  // The array of that name, or nullptr if it is missing or has another size.
  const float *floats(const char *name, std::size_t n) const { return find<float>(name, 0, n); }
  const double *doubles(const char *name, std::size_t n) const { return find<double>(name, 1, n); }
  const std::int32_t *integers(const char *name, std::size_t n) const {
    return find<std::int32_t>(name, 2, n);
  }
  const std::uint8_t *bytes(const char *name, std::size_t n) const {
    return find<std::uint8_t>(name, 3, n);
  }

  std::uint64_t digest() const { return digest_; }

 private:
  struct Entry {
    char name[40];
    std::uint64_t type, count, offset;
  };
  static constexpr std::size_t HEAD = 32, ALIGNED = 64;

  Code reserve(std::size_t size) {
    if (size < HEAD) return DAMAGED;
    if (size > std::numeric_limits<std::size_t>::max() - ALIGNED) return NO_MEMORY;
    whole_ = std::malloc(size + ALIGNED);
    if (!whole_) return NO_MEMORY;
    const auto at = reinterpret_cast<std::uintptr_t>(whole_);
    data_ = static_cast<char *>(whole_) + (ALIGNED - at % ALIGNED);
    size_ = size;
    return OK;
  }

  Code check() {
    std::uint64_t head[4];
    std::memcpy(head, data_, sizeof head);
    if (std::memcmp(data_, "C4PQVAE", 7) != 0) return DAMAGED;
    if (data_[7] != '1') return OTHER_VERSION;
    if (head[1] != size_ || head[3] > (size_ - HEAD) / sizeof(Entry)) return DAMAGED;
    digest_ = crc(data_ + 24, size_ - 24);
    if (digest_ != head[2]) return DAMAGED;
    count_ = static_cast<std::size_t>(head[3]);
    static constexpr std::uint64_t WIDTH[4] = {4, 8, 4, 1};
    for (std::size_t k = 0; k < count_; ++k) {
      const Entry e = entry(k);
      if (e.type > 3 || e.offset % ALIGNED || e.offset > size_ || e.name[39] != 0 ||
          e.count > (size_ - e.offset) / WIDTH[e.type])
        return DAMAGED;
    }
    return OK;
  }

  // CRC-32 as zlib and Ethernet have it.
  static std::uint32_t crc(const char *data, std::size_t n) {
    std::uint32_t table[256], sum = 0xffffffffu;
    for (std::uint32_t k = 0; k < 256; ++k) {
      table[k] = k;
      for (int bit = 0; bit < 8; ++bit)
        table[k] = table[k] & 1 ? table[k] >> 1 ^ 0xedb88320u : table[k] >> 1;
    }
    for (std::size_t k = 0; k < n; ++k)
      sum = table[(sum ^ static_cast<unsigned char>(data[k])) & 0xff] ^ sum >> 8;
    return ~sum;
  }

  Entry entry(std::size_t k) const {
    Entry e;
    std::memcpy(&e, data_ + HEAD + k * sizeof e, sizeof e);
    return e;
  }

  template <class T>
  const T *find(const char *name, std::uint64_t type, std::size_t n) const {
    for (std::size_t k = 0; k < count_; ++k) {
      const Entry e = entry(k);
      if (std::strcmp(e.name, name) == 0)
        return e.type == type && e.count == n ? reinterpret_cast<const T *>(data_ + e.offset)
                                              : nullptr;
    }
    return nullptr;
  }

  void *whole_ = nullptr;
  char *data_ = nullptr;
  std::size_t size_ = 0, count_ = 0;
  std::uint64_t digest_ = 0;
};

// Scratch memory of one worker, taken once: first counted, then handed out.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  ~Arena() { std::free(whole_); }

  template <class T>
  void want(T *&pointer, std::size_t n) {
    if (base_) pointer = reinterpret_cast<T *>(base_ + used_);
    used_ += (n * sizeof(T) + 63) / 64 * 64;
  }

  bool open() {
    whole_ = std::calloc(used_ + 64, 1);
    if (!whole_) return false;
    base_ = static_cast<char *>(whole_) + (64 - reinterpret_cast<std::uintptr_t>(whole_) % 64);
    used_ = 0;
    return true;
  }

 private:
  void *whole_ = nullptr;
  char *base_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace calo4pqvae
