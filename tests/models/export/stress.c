/* Random and adversarial calls of the C interface: every answer is a code and sane voxels. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calo4pqvae.h"

static uint64_t state = 88172645463325252u;

static uint32_t random_word(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (uint32_t)(state >> 16);
}

static float random_uniform(void) { return ((float)(random_word() >> 9) + 0.5f) * 0x1p-23f; }

/* Any bits at all, or numbers at the edges of what is allowed. */
static float strange(void) {
  static const float edges[] = {0.0f, -0.0f, -1.0f, 1.0f, 999.0f, 1e3f, 1e6f, 1.0001e6f, 1e30f};
  uint32_t word = random_word();
  float x;
  switch (word % 4) {
    case 0: word = random_word(); memcpy(&x, &word, sizeof x); return x;
    case 1: return edges[random_word() % (sizeof edges / sizeof *edges)];
    case 2: return word & 8 ? (float)INFINITY : (float)NAN;
    default: return 1e3f * expf(6.9f * random_uniform());
  }
}

static int sane(const float *voxels, int n, float threshold, double most) {
  double sum = 0;
  int k;
  for (k = 0; k < n; ++k) {
    if (!(voxels[k] == 0 || voxels[k] >= 0.999f * threshold)) return 0;
    sum += voxels[k];
  }
  return isfinite(sum) && sum <= most;
}

int main(int argc, char **argv) {
  long calls = argc > 1 ? atol(argv[1]) : 1000, k, drawn = 0, refused = 0;
  const char *path = argc > 2 ? argv[2] : "model.c4pqvae";
  calo4pqvae_model *model = NULL;
  calo4pqvae_worker *worker = NULL;
  calo4pqvae_facts facts;
  float *voxels, *uniforms, *layers;
  uint8_t *bits;
  calo4pqvae_hit *hits;
  if (argc > 3) state ^= (uint64_t)atol(argv[3]) * 0x9E3779B97F4A7C15u;
  if (calo4pqvae_load("no such file", &model) != CALO4PQVAE_NO_FILE || model) return 1;
  model = (calo4pqvae_model *)&state; /* where nothing comes, null does */
  if (calo4pqvae_load(NULL, &model) != CALO4PQVAE_BAD_ARGUMENT || model) return 1;
  model = (calo4pqvae_model *)&state;
  if (calo4pqvae_load_bytes(NULL, 5, &model) != CALO4PQVAE_BAD_ARGUMENT || model) return 1;
  worker = (calo4pqvae_worker *)&state;
  if (calo4pqvae_open(NULL, &worker) != CALO4PQVAE_BAD_ARGUMENT || worker) return 1;
  if (calo4pqvae_load_bytes("short", 5, &model) != CALO4PQVAE_DAMAGED || model) return 1;
  if (calo4pqvae_load(path, &model) != CALO4PQVAE_OK) return 1;
  if (calo4pqvae_describe(model, &facts) || calo4pqvae_open(model, &worker)) return 1;
  voxels = malloc(sizeof *voxels * (size_t)facts.voxels);
  uniforms = malloc(sizeof *uniforms * (size_t)facts.uniforms);
  layers = malloc(sizeof *layers * (size_t)facts.layers);
  bits = malloc((size_t)facts.nodes);
  hits = malloc(sizeof *hits * (size_t)facts.voxels);
  if (!voxels || !uniforms || !layers || !bits || !hits) return 1;
  for (k = 0; k < calls; ++k) {
    float energy = random_word() % 2 ? 1e3f * expf(6.9f * random_uniform()) : strange();
    int good = energy >= 0.9999991f * facts.lowest && energy <= 1.0000009f * facts.highest;
    int code, j, odd = 0, kind = (int)(random_word() % 4);
    size_t end = 0, places = random_word() % (2u * (unsigned)facts.voxels);
    if (places > (size_t)facts.voxels) places = (size_t)facts.voxels;
    if (kind == 0) {
      code = calo4pqvae_draw(worker, 1, &energy, random_word(), random_word(),
                             (int32_t)(random_word() % 40), voxels, NULL);
    } else if (kind == 1) {
      code = calo4pqvae_draw_hits(worker, 1, &energy, 1, (uint64_t)k, 5, hits, places, &end);
      for (j = 0; code == CALO4PQVAE_OK && j < (int)end; ++j)
        if (!(hits[j].energy > 0) || hits[j].voxel < 0 || hits[j].voxel >= facts.voxels) return 3;
      if (code == CALO4PQVAE_OK || code == CALO4PQVAE_TOO_FEW_PLACES) {
        if (!good) return 4;
        ++drawn;
        continue;
      }
    } else {
      for (j = 0; j < facts.uniforms; ++j) uniforms[j] = random_uniform();
      for (j = 0; j < facts.nodes; ++j) bits[j] = random_word() & 1;
      for (j = 0; j < facts.layers; ++j)
        layers[j] = random_word() % 3 ? facts.threshold * expf(18 * random_uniform()) : 0;
      if (random_word() % 4 == 0) { /* the ends of the allowed numbers are allowed */
        float extreme = random_word() % 2 ? 0x1p-25f : 1 - 0x1p-24f;
        for (j = 0; j < facts.uniforms; ++j)
          if (random_word() % 8 == 0) uniforms[j] = extreme;
      }
      if (random_word() % 8 == 0) {
        float wrong[4] = {0, 1, (float)NAN, -0.5f};
        uniforms[random_word() % (unsigned)facts.uniforms] = wrong[random_word() % 4];
        odd = 1;
      }
      if (kind == 2) {
        code = calo4pqvae_decode(worker, 1, &energy, bits, uniforms, 0, 0, voxels);
      } else {
        if (random_word() % 8 == 0) {
          float wrong[4] = {-1, (float)NAN, (float)INFINITY, 0.5f * facts.threshold};
          layers[random_word() % (unsigned)facts.layers] = wrong[random_word() % 4];
          odd = 1;
        }
        code = calo4pqvae_fill(worker, 1, &energy, layers, uniforms, 0, 0, voxels);
      }
    }
    if (code == CALO4PQVAE_OK) {
      if (!good || odd) return 5;
      if (!sane(voxels, facts.voxels, facts.threshold, 1e12)) return 6;
      ++drawn;
    } else {
      if (good && !odd) return 7;
      if (code != CALO4PQVAE_BAD_ENERGY && code != CALO4PQVAE_BAD_UNIFORM) return 8;
      ++refused;
    }
  }
#ifdef OVERRUN
  if (((volatile float *)voxels)[facts.voxels] > 0) drawn += 0;
#endif
  printf("%ld drawn, %ld refused\n", drawn, refused);
  if (drawn == 0 || refused == 0) return 9;
  free(voxels), free(uniforms), free(layers), free(bits), free(hits);
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return 0;
}
