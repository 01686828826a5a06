/* A C program; the core is compiled as C++ beside it.
 *
 *   c++ @FLAGS@ calo4pqvae.cpp -x c example.c -o example_c
 */
#include <stdio.h>
#include <stdlib.h>

#include "calo4pqvae.h"

int main(void) {
  calo4pqvae_model *model = NULL;
  calo4pqvae_worker *worker = NULL;
  calo4pqvae_facts facts;
  float energies[3] = {10e3f, 50e3f, 200e3f}; /* MeV */
  size_t ends[3], k, first = 0;
  calo4pqvae_hit *hits;
  int code = calo4pqvae_load("model.c4pqvae", &model);
  if (code == CALO4PQVAE_OK) code = calo4pqvae_describe(model, &facts);
  if (code == CALO4PQVAE_OK) code = calo4pqvae_open(model, &worker);
  if (code != CALO4PQVAE_OK) {
    fprintf(stderr, "model.c4pqvae: %s\n", calo4pqvae_text(code));
    return 2;
  }
  hits = malloc(3 * (size_t)facts.voxels * sizeof *hits);
  if (hits == NULL) return 2;
  code = calo4pqvae_draw_hits(worker, 3, energies, 1, 0, CALO4PQVAE_AS_STORED, hits,
                              3 * (size_t)facts.voxels, ends);
  for (k = 0; code == CALO4PQVAE_OK && k < 3; first = ends[k++]) {
    double sum = 0;
    size_t hit;
    for (hit = first; hit < ends[k]; ++hit) sum += hits[hit].energy;
    printf("%6.0f MeV: %5lu hits, %9.1f MeV\n", energies[k], (unsigned long)(ends[k] - first), sum);
  }
  if (code != CALO4PQVAE_OK) fprintf(stderr, "draw: %s\n", calo4pqvae_text(code));
  free(hits);
  calo4pqvae_close(worker);
  calo4pqvae_free(model);
  return code == CALO4PQVAE_OK ? 0 : 2;
}
