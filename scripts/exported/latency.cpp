// Draws showers one at a time over all energies of a model; CPU time of the first, and of all.
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "calo4pqvae.h"

static double now() {
  std::timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

int main(int argc, char **argv) {
  const auto n = static_cast<std::uint64_t>(argc > 1 ? std::atoll(argv[1]) : 400);
  const int sweeps = argc > 2 ? std::atoi(argv[2]) : CALO4PQVAE_AS_STORED;
  const double start = now();
  calo4pqvae_model *model = nullptr;
  calo4pqvae_worker *worker = nullptr;
  calo4pqvae_facts facts;
  if (calo4pqvae_load("model.c4pqvae", &model) || calo4pqvae_describe(model, &facts) ||
      calo4pqvae_open(model, &worker))
    return 1;
  const double loaded = now();
  std::vector<float> voxels(static_cast<std::size_t>(facts.voxels));
  std::vector<std::uint8_t> bits(static_cast<std::size_t>(facts.nodes));
  double first = 0, prior = 0, decoder = 0;
  for (std::uint64_t k = 0; k < n; ++k) {
    const double u = (static_cast<double>(k * 37 % n) + 0.5) / static_cast<double>(n);
    const auto energy = static_cast<float>(facts.lowest * std::pow(facts.highest / facts.lowest, u));
    const double before = now();
    if (calo4pqvae_sample(worker, 1, &energy, 5, k, sweeps, bits.data(), nullptr)) return 2;
    const double middle = now();
    if (calo4pqvae_decode(worker, 1, &energy, bits.data(), nullptr, 5, k, voxels.data())) return 2;
    const double after = now();
    if (k == 0) first = after - before;
    prior += middle - before, decoder += after - middle;
  }
  std::printf("{\"load_ms\": %.3f, \"first_ms\": %.3f, \"prior_ms\": %.4f, \"decoder_ms\": %.4f}\n",
              1e3 * (loaded - start), 1e3 * first, 1e3 * prior / static_cast<double>(n),
              1e3 * decoder / static_cast<double>(n));
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return 0;
}
