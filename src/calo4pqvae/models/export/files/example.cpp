// Draw showers of an exported model, and show how deep and how wide they are.
//
//   c++ -std=c++17 @FLAGS@ example.cpp -o example
//   ./example [GeV] [showers] [seed]
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "calo4pqvae.h"

static int failed(int code, const char *what) {
  std::fprintf(stderr, "%s: %s\n", what, calo4pqvae_text(code));
  return 2;
}

int main(int argc, char **argv) {
  const double gev = argc > 1 ? std::atof(argv[1]) : 50;
  const int showers = argc > 2 ? std::atoi(argv[2]) : 100;
  const auto seed = static_cast<std::uint64_t>(argc > 3 ? std::atoll(argv[3]) : 1);

  // Read once; all threads may share it.
  calo4pqvae_model *model = nullptr;
  int code = calo4pqvae_load("model.c4pqvae", &model);
  if (code != CALO4PQVAE_OK) return failed(code, "model.c4pqvae");
  calo4pqvae_facts facts;
  calo4pqvae_describe(model, &facts);

  // One worker for each thread; no call with it takes memory.
  calo4pqvae_worker *worker = nullptr;
  code = calo4pqvae_open(model, &worker);
  if (code != CALO4PQVAE_OK) return failed(code, "worker");

  std::vector<float> shower(static_cast<std::size_t>(facts.voxels));
  std::vector<double> profile(static_cast<std::size_t>(facts.layers));
  double total = 0, hits = 0;
  for (int number = 0; number < showers; ++number) {
    const auto energy = static_cast<float>(1000 * gev);  // MeV
    code = calo4pqvae_draw(worker, 1, &energy, seed, static_cast<std::uint64_t>(number),
                           CALO4PQVAE_AS_STORED, shower.data(), nullptr);
    if (code != CALO4PQVAE_OK) return failed(code, "draw");
    for (int voxel = 0; voxel < facts.voxels; ++voxel) {
      const double v = shower[static_cast<std::size_t>(voxel)];
      profile[static_cast<std::size_t>(voxel / (facts.sectors * facts.rings))] += v;
      total += v;
      hits += v > 0;
    }
  }
  if (showers > 0)
    std::printf("%g GeV: %.1f MeV in %.1f voxels\n", gev, total / showers, hits / showers);
  for (int layer = 0; layer < facts.layers; ++layer) {
    const double part = profile[static_cast<std::size_t>(layer)] / (total > 0 ? total : 1);
    std::printf("%3d %6.2f %% %.*s\n", layer, 100 * part, static_cast<int>(600 * part),
                "############################################################");
  }
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return 0;
}
