// The model behind the C interface.
#pragma once

#include "drawing.hpp"
#include "interface.h"
#include "layer_energies.hpp"
#include "machine.hpp"

struct calo4pqvae_model {
  calo4pqvae::Weights weights;
  calo4pqvae::Machine machine;
  calo4pqvae::LayerEnergies energies;
  calo4pqvae::Decoder decoder;
  float low = 0, high = 0, log_ratio = 0;

  calo4pqvae::Code open() {
    const float *range = weights.floats("range", 3);
    if (!range || !machine.open(weights) || !energies.open(weights) || !decoder.open(weights))
      return calo4pqvae::DAMAGED;
    low = range[0], high = range[1], log_ratio = range[2];
    const bool fits = energies.layers == decoder.layers && energies.nodes == machine.nodes;
    return fits && low > 0 && high > low ? calo4pqvae::OK : calo4pqvae::DAMAGED;
  }

  int voxels() const { return decoder.layers * decoder.sectors * decoder.rings; }
  // Numbers of a shower: of its layer energies, of its voxels, and two for its orientation.
  int uniforms() const {
    return energies.uniforms() + decoder.layers * decoder.uniforms_of_layer() + 2;
  }
  bool covers(float energy) const {
    return energy >= low * (1 - 1e-6) && energy <= high * (1 + 1e-6);
  }
  float scaled(float energy) const { return std::log(energy / low) / log_ratio; }
};

struct calo4pqvae_worker {
  const calo4pqvae_model &model;
  calo4pqvae::Arena arena;
  calo4pqvae::Machine::Scratch machine;
  calo4pqvae::LayerEnergies::Scratch energies;
  calo4pqvae::Decoder::Scratch decoder;
  std::uint8_t *bits = nullptr;
  float *layers = nullptr, *uniforms = nullptr, *shower = nullptr, *turned = nullptr;

  explicit calo4pqvae_worker(const calo4pqvae_model &of) : model(of) {}

  bool open() {
    plan();
    if (!arena.open()) return false;
    plan();
    return true;
  }

  void plan() {
    machine.plan(arena, model.machine);
    energies.plan(arena, model.energies);
    decoder.plan(arena, model.decoder);
    arena.want(bits, static_cast<std::size_t>(model.machine.nodes));
    arena.want(layers, static_cast<std::size_t>(model.decoder.layers));
    arena.want(uniforms, static_cast<std::size_t>(model.energies.uniforms() + 2));
    arena.want(shower, static_cast<std::size_t>(model.voxels()));
    arena.want(turned, static_cast<std::size_t>(model.voxels()));
  }

  // Draw a state of the machine into `bits` and return its energy.
  double sample(float energy, std::uint64_t seed, std::uint64_t number, int sweeps) {
    return model.machine.sample(model.scaled(energy), seed, number, sweeps, machine, bits);
  }

  // Numbers of a shower: given ones, or those of a stream.
  struct Numbers {
    const float *given;
    calo4pqvae::Stream stream;
  };

  void decode(float energy, const std::uint8_t *state, const Numbers &numbers, float *voxels) {
    const float *mine = numbers.given;
    if (!mine) {
      numbers.stream.uniforms(0, model.energies.uniforms(), uniforms);
      mine = uniforms;
    }
    model.energies.draw(state, energy, model.scaled(energy), mine, energies, layers);
    fill(energy, layers, numbers, voxels);
  }

  void fill(float energy, const float *given_layers, const Numbers &numbers, float *voxels) {
    const float *given = numbers.given;
    const auto before = static_cast<std::uint64_t>(model.energies.uniforms());
    const auto last = static_cast<std::uint64_t>(model.uniforms()) - 2;
    model.decoder.draw(given_layers, model.scaled(energy),
                       {given ? given + before : nullptr, &numbers.stream, before}, decoder,
                       shower);
    if (!given) numbers.stream.uniforms(last, 2, uniforms);
    turn(given ? given + last : uniforms, voxels);
  }

  // A shower turned by any number of sectors, or mirrored, is as likely as itself.
  void turn(const float *uniform, float *voxels) const {
    const int n = model.decoder.sectors, rings = model.decoder.rings;
    const int shift = static_cast<int>(uniform[0] * static_cast<float>(n));
    const int sign = uniform[1] < 0.5f ? 1 : -1;
    for (int l = 0; l < model.decoder.layers; ++l)
      for (int sector = 0; sector < n; ++sector) {
        const int from = ((sign * sector + shift) % n + n) % n;
        calo4pqvae::copy(voxels + (l * n + sector) * rings, shower + (l * n + from) * rings, rings);
      }
  }
};

namespace calo4pqvae {

inline int check_request(const calo4pqvae_worker *worker, std::size_t n, const float *energies,
                         std::int32_t sweeps) {
  if (!worker || (n && !energies) || sweeps < CALO4PQVAE_AS_STORED)
    return BAD_ARGUMENT;
  for (std::size_t k = 0; k < n; ++k)
    if (!worker->model.covers(energies[k])) return BAD_ENERGY;
  return OK;
}

inline bool inside(const float *uniforms, std::size_t n) {
  for (std::size_t k = 0; uniforms && k < n; ++k)
    if (!(uniforms[k] > 0 && uniforms[k] < 1)) return false;
  return true;
}

inline calo4pqvae_worker::Numbers numbers(const float *uniforms, std::size_t each, std::size_t k,
                                          std::uint64_t seed, std::uint64_t number) {
  return {uniforms ? uniforms + k * each : nullptr, Stream(seed, number, Stream::DECODING)};
}

inline int opened(calo4pqvae_model *made, Code code, calo4pqvae_model **model) {
  if (code == OK) code = made->open();
  if (code == OK)
    *model = made;
  else
    delete made;
  return code;
}

}  // namespace calo4pqvae

CALO4PQVAE_API const char *calo4pqvae_text(int code) CALO4PQVAE_SAFE {
  static const char *const TEXTS[calo4pqvae::CODES] = {
      "it worked",
      "the weights file cannot be read",
      "the weights file is damaged; export it again",
      "the weights file is of another version; export it again",
      "there is not enough memory",
      "an argument is missing or makes no sense",
      "an incident energy is not a number, or lies outside the range of the model",
      "a uniform number does not lie between 0 and 1, or a bit is neither 0 nor 1",
      "there is not enough room for the hits",
  };
  return code < 0 || code >= calo4pqvae::CODES ? "no such code" : TEXTS[code];
}

CALO4PQVAE_API int calo4pqvae_load(const char *path, calo4pqvae_model **model) CALO4PQVAE_SAFE {
  if (model) *model = nullptr;
  if (!path || !model) return calo4pqvae::BAD_ARGUMENT;
  auto *made = new (std::nothrow) calo4pqvae_model;
  if (!made) return calo4pqvae::NO_MEMORY;
  return calo4pqvae::opened(made, made->weights.read(path), model);
}

CALO4PQVAE_API int calo4pqvae_load_bytes(const void *bytes, size_t size,
                                         calo4pqvae_model **model) CALO4PQVAE_SAFE {
  if (model) *model = nullptr;
  if (!bytes || !model) return calo4pqvae::BAD_ARGUMENT;
  auto *made = new (std::nothrow) calo4pqvae_model;
  if (!made) return calo4pqvae::NO_MEMORY;
  return calo4pqvae::opened(made, made->weights.take(bytes, size), model);
}

CALO4PQVAE_API void calo4pqvae_free(calo4pqvae_model *model) CALO4PQVAE_SAFE { delete model; }

CALO4PQVAE_API int calo4pqvae_describe(const calo4pqvae_model *model,
                                       calo4pqvae_facts *facts) CALO4PQVAE_SAFE {
  if (!model || !facts) return calo4pqvae::BAD_ARGUMENT;
  const auto &m = *model;
  *facts = {m.decoder.layers, m.decoder.sectors, m.decoder.rings, m.voxels(), m.machine.nodes,
            m.uniforms(), m.machine.most_sweeps(), static_cast<float>(m.decoder.hit_energies.threshold),
            m.low, m.high, m.weights.digest()};
  return calo4pqvae::OK;
}

CALO4PQVAE_API int calo4pqvae_open(const calo4pqvae_model *model,
                                   calo4pqvae_worker **worker) CALO4PQVAE_SAFE {
  if (worker) *worker = nullptr;
  if (!model || !worker) return calo4pqvae::BAD_ARGUMENT;
  auto *made = new (std::nothrow) calo4pqvae_worker(*model);
  if (!made || !made->open()) {
    delete made;
    return calo4pqvae::NO_MEMORY;
  }
  *worker = made;
  return calo4pqvae::OK;
}

CALO4PQVAE_API void calo4pqvae_close(calo4pqvae_worker *worker) CALO4PQVAE_SAFE { delete worker; }

CALO4PQVAE_API int calo4pqvae_draw(calo4pqvae_worker *worker, size_t n, const float *energies,
                                   uint64_t seed, uint64_t first, int32_t sweeps, float *voxels,
                                   double *prior) CALO4PQVAE_SAFE {
  const int code = calo4pqvae::check_request(worker, n, energies, sweeps);
  if (code != calo4pqvae::OK) return code;
  if (n && !voxels) return calo4pqvae::BAD_ARGUMENT;
  const auto size = static_cast<std::size_t>(worker->model.voxels());
  for (std::size_t k = 0; k < n; ++k) {
    const double e = worker->sample(energies[k], seed, first + k, sweeps);
    worker->decode(energies[k], worker->bits, calo4pqvae::numbers(nullptr, 0, 0, seed, first + k),
                   voxels + k * size);
    if (prior) prior[k] = e;
  }
  return calo4pqvae::OK;
}

CALO4PQVAE_API int calo4pqvae_draw_hits(calo4pqvae_worker *worker, size_t n,
                                        const float *energies, uint64_t seed, uint64_t first,
                                        int32_t sweeps, calo4pqvae_hit *hits, size_t places,
                                        size_t *ends) CALO4PQVAE_SAFE {
  const int code = calo4pqvae::check_request(worker, n, energies, sweeps);
  if (code != calo4pqvae::OK) return code;
  if (n && (!ends || (places && !hits))) return calo4pqvae::BAD_ARGUMENT;
  const int voxels = worker->model.voxels();
  std::size_t used = 0;
  for (std::size_t k = 0; k < n; ++k) {
    worker->sample(energies[k], seed, first + k, sweeps);
    worker->decode(energies[k], worker->bits, calo4pqvae::numbers(nullptr, 0, 0, seed, first + k),
                   worker->turned);
    for (int v = 0; v < voxels; ++v) {
      if (!(worker->turned[v] > 0)) continue;
      if (used == places) return calo4pqvae::TOO_FEW_PLACES;
      hits[used++] = {v, worker->turned[v]};
    }
    ends[k] = used;
  }
  return calo4pqvae::OK;
}

CALO4PQVAE_API int calo4pqvae_sample(calo4pqvae_worker *worker, size_t n, const float *energies,
                                     uint64_t seed, uint64_t first, int32_t sweeps,
                                     uint8_t *bits, double *prior) CALO4PQVAE_SAFE {
  const int code = calo4pqvae::check_request(worker, n, energies, sweeps);
  if (code != calo4pqvae::OK) return code;
  if (n && !bits) return calo4pqvae::BAD_ARGUMENT;
  const auto size = static_cast<std::size_t>(worker->model.machine.nodes);
  for (std::size_t k = 0; k < n; ++k) {
    const double e = worker->sample(energies[k], seed, first + k, sweeps);
    std::memcpy(bits + k * size, worker->bits, size);
    if (prior) prior[k] = e;
  }
  return calo4pqvae::OK;
}

CALO4PQVAE_API int calo4pqvae_decode(calo4pqvae_worker *worker, size_t n, const float *energies,
                                     const uint8_t *bits, const float *uniforms, uint64_t seed,
                                     uint64_t first, float *voxels) CALO4PQVAE_SAFE {
  const int code = calo4pqvae::check_request(worker, n, energies, 0);
  if (code != calo4pqvae::OK) return code;
  if (n && (!bits || !voxels)) return calo4pqvae::BAD_ARGUMENT;
  const auto nodes = static_cast<std::size_t>(worker->model.machine.nodes);
  const auto numbers = static_cast<std::size_t>(worker->model.uniforms());
  const auto size = static_cast<std::size_t>(worker->model.voxels());
  for (std::size_t k = 0; k < n * nodes; ++k)
    if (bits[k] > 1) return calo4pqvae::BAD_UNIFORM;
  if (!calo4pqvae::inside(uniforms, n * numbers)) return calo4pqvae::BAD_UNIFORM;
  for (std::size_t k = 0; k < n; ++k)
    worker->decode(energies[k], bits + k * nodes,
                   calo4pqvae::numbers(uniforms, numbers, k, seed, first + k), voxels + k * size);
  return calo4pqvae::OK;
}

CALO4PQVAE_API int calo4pqvae_fill(calo4pqvae_worker *worker, size_t n, const float *energies,
                                   const float *layers, const float *uniforms, uint64_t seed,
                                   uint64_t first, float *voxels) CALO4PQVAE_SAFE {
  const int code = calo4pqvae::check_request(worker, n, energies, 0);
  if (code != calo4pqvae::OK) return code;
  if (n && (!layers || !voxels)) return calo4pqvae::BAD_ARGUMENT;
  const auto numbers = static_cast<std::size_t>(worker->model.uniforms());
  const auto size = static_cast<std::size_t>(worker->model.voxels());
  const auto depth = static_cast<std::size_t>(worker->model.decoder.layers);
  const auto threshold = static_cast<float>(worker->model.decoder.hit_energies.threshold);
  for (std::size_t k = 0; k < n * depth; ++k)
    if (!(layers[k] == 0 || (layers[k] >= threshold * (1 - 1e-4f) && layers[k] < 1e12f)))
      return calo4pqvae::BAD_ENERGY;
  if (!calo4pqvae::inside(uniforms, n * numbers)) return calo4pqvae::BAD_UNIFORM;
  for (std::size_t k = 0; k < n; ++k)
    worker->fill(energies[k], layers + k * depth,
                 calo4pqvae::numbers(uniforms, numbers, k, seed, first + k), voxels + k * size);
  return calo4pqvae::OK;
}
