// Draws showers of the energies on stdin (floats, MeV) and writes each one's prior energy and
// voxels to stdout, as floats.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "calo4pqvae.h"

int main(int argc, char **argv) {
  const auto seed = static_cast<std::uint64_t>(argc > 1 ? std::atoll(argv[1]) : 0);
  calo4pqvae_model *model = nullptr;
  calo4pqvae_worker *worker = nullptr;
  calo4pqvae_facts facts;
  if (calo4pqvae_load("model.c4pqvae", &model) || calo4pqvae_describe(model, &facts) ||
      calo4pqvae_open(model, &worker))
    return 1;
  std::vector<float> out(1 + static_cast<std::size_t>(facts.voxels));
  float energy;
  for (std::uint64_t k = 0; std::fread(&energy, sizeof energy, 1, stdin) == 1; ++k) {
    double prior = 0;
    if (calo4pqvae_draw(worker, 1, &energy, seed, k, CALO4PQVAE_AS_STORED, &out[1], &prior)) return 2;
    out[0] = static_cast<float>(prior);
    if (std::fwrite(out.data(), sizeof(float), out.size(), stdout) != out.size()) return 3;
  }
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return 0;
}
