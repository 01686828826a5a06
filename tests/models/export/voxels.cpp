// Write the voxels of some showers to standard output, as they are in memory.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "calo4pqvae.h"

int main(int, char **argv) {
  const int showers = std::atoi(argv[1]);
  calo4pqvae_model *model = nullptr;
  calo4pqvae_worker *worker = nullptr;
  if (calo4pqvae_load("model.c4pqvae", &model)) return 1;
  if (calo4pqvae_open(model, &worker)) return 1;
  calo4pqvae_facts facts;
  calo4pqvae_describe(model, &facts);
  std::vector<float> shower(static_cast<std::size_t>(facts.voxels));
  for (int number = 0; number < showers; ++number) {
    const float energy = 1000.0f * static_cast<float>(1 << number % 10);
    if (calo4pqvae_draw(worker, 1, &energy, 7, static_cast<std::uint64_t>(number),
                        CALO4PQVAE_AS_STORED, shower.data(), nullptr))
      return 1;
    std::fwrite(shower.data(), sizeof(float), shower.size(), stdout);
  }
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return 0;
}
