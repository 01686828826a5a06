// Draws showers in calls of 1 to 64 and prints how much memory is resident after each tenth.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "calo4pqvae.h"

static long resident_kib() {
  long kib = -1;
  char line[256];
  if (std::FILE *file = std::fopen("/proc/self/status", "r")) {
    while (std::fgets(line, sizeof line, file))
      if (std::strncmp(line, "VmRSS:", 6) == 0) kib = std::atol(line + 6);
    std::fclose(file);
  }
  return kib;
}

int main(int argc, char **argv) {
  const auto wanted = static_cast<std::uint64_t>(argc > 1 ? std::atoll(argv[1]) : 100000);
  const float energy = argc > 2 ? static_cast<float>(std::atof(argv[2])) : 1e3f;
  calo4pqvae_model *model = nullptr;
  calo4pqvae_worker *worker = nullptr;
  calo4pqvae_facts facts;
  if (calo4pqvae_load("model.c4pqvae", &model) || calo4pqvae_describe(model, &facts) ||
      calo4pqvae_open(model, &worker))
    return 1;
  constexpr std::size_t MOST = 64;
  std::vector<float> energies(MOST, energy), voxels(MOST * static_cast<std::size_t>(facts.voxels));
  std::vector<double> prior(MOST);
  std::uint64_t drawn = 0, calls = 0;
  double sum = 0;
  for (int tenth = 1; tenth <= 10; ++tenth) {
    while (drawn < wanted * static_cast<std::uint64_t>(tenth) / 10) {
      const std::size_t n = 1 + static_cast<std::size_t>(calls++ * 7 % MOST);
      const int code = calo4pqvae_draw(worker, n, energies.data(), 11, drawn, CALO4PQVAE_AS_STORED,
                                       voxels.data(), prior.data());
      if (code) return std::fprintf(stderr, "%s\n", calo4pqvae_text(code)), 2;
      for (std::size_t k = 0; k < n * static_cast<std::size_t>(facts.voxels); ++k) {
        if (!(voxels[k] >= 0)) return 3;
        sum += voxels[k];
      }
      drawn += n;
#ifdef LEAK
      std::memset(std::malloc(LEAK), 1, LEAK);
#endif
    }
    std::printf("%llu showers, %llu calls, %ld KiB\n", static_cast<unsigned long long>(drawn),
                static_cast<unsigned long long>(calls), resident_kib());
    std::fflush(stdout);
  }
  std::printf("mean response %.5f\n", sum / static_cast<double>(drawn) / energy);
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return 0;
}
