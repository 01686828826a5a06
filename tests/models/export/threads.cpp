// Eight threads with a worker each draw what one thread draws, and no call takes memory.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <thread>
#include <vector>

#include "calo4pqvae.h"

static std::atomic<long> taken{0};

extern "C" void *__libc_malloc(std::size_t);
extern "C" void *__libc_calloc(std::size_t, std::size_t);
extern "C" void *malloc(std::size_t n) { return ++taken, __libc_malloc(n); }
extern "C" void *calloc(std::size_t n, std::size_t m) { return ++taken, __libc_calloc(n, m); }

int main(int argc, char **argv) {
  const char *path = argc > 1 ? argv[1] : "model.c4pqvae";
  const auto n = static_cast<std::size_t>(argc > 2 ? std::atol(argv[2]) : 64);
  calo4pqvae_model *model = nullptr;
  calo4pqvae_facts facts;
  if (calo4pqvae_load(path, &model) || calo4pqvae_describe(model, &facts)) return 1;
  const auto size = static_cast<std::size_t>(facts.voxels);
  std::vector<float> energies(n), whole(n * size), parts(n * size);
  for (std::size_t k = 0; k < n; ++k) energies[k] = 1e3f + 9e5f * static_cast<float>(k) / static_cast<float>(n);
  calo4pqvae_worker *worker = nullptr;
  if (calo4pqvae_open(model, &worker)) return 1;
  const long before = taken;
  if (calo4pqvae_draw(worker, n, energies.data(), 7, 0, 20, whole.data(), nullptr)) return 2;
  if (taken != before) return 3;
  std::vector<std::thread> threads;
  std::atomic<int> failed{0};
  for (std::size_t t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      calo4pqvae_worker *mine = nullptr;
      if (calo4pqvae_open(model, &mine)) ++failed;
      for (std::size_t k = t; k < n; k += 8)
        if (calo4pqvae_draw(mine, 1, &energies[k], 7, k, 20, &parts[k * size], nullptr)) ++failed;
      calo4pqvae_close(mine);
    });
  for (auto &thread : threads) thread.join();
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return failed || whole != parts ? 4 : 0;
}
