/* Showers of a calorimeter from a trained model: the C interface.
 *
 * Energies are in MeV. A shower is `layers * sectors * rings` voxels, rings fastest, then
 * sectors (azimuth, from -pi on), then layers (in the order in which a shower crosses them).
 * A voxel is 0 or at least the readout threshold.
 *
 * A model is read once and never changes: any number of threads may share it. A worker holds
 * what one thread needs; no call with it takes or frees memory. A shower depends on the model,
 * the seed, its number, the number of sweeps and its energy alone, not on how many are drawn
 * together, nor on threads. Nothing is thrown; every call returns a code of calo4pqvae_code.
 */
#ifndef CALO4PQVAE_INTERFACE_H
#define CALO4PQVAE_INTERFACE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define CALO4PQVAE_API extern "C" inline __attribute__((used, visibility("default")))
#define CALO4PQVAE_SAFE noexcept
#else
#define CALO4PQVAE_API extern
#define CALO4PQVAE_SAFE
#endif

typedef struct calo4pqvae_model calo4pqvae_model;
typedef struct calo4pqvae_worker calo4pqvae_worker;

enum calo4pqvae_code {
  CALO4PQVAE_OK = 0,
  CALO4PQVAE_NO_FILE,
  CALO4PQVAE_DAMAGED,
  CALO4PQVAE_OTHER_VERSION,
  CALO4PQVAE_NO_MEMORY,
  CALO4PQVAE_BAD_ARGUMENT,
  CALO4PQVAE_BAD_ENERGY,
  CALO4PQVAE_BAD_UNIFORM,
  CALO4PQVAE_TOO_FEW_PLACES
};

enum { CALO4PQVAE_AS_STORED = -1 };

typedef struct {
  int32_t layers, sectors, rings, voxels;
  int32_t nodes;           /* of the Boltzmann machine */
  int32_t uniforms;        /* numbers in (0, 1) that `calo4pqvae_decode` takes for a shower */
  int32_t sweeps;          /* most sweeps of the machine for a shower, unless said otherwise */
  float threshold;         /* of the readout [MeV] */
  float lowest, highest;   /* incident energies that the model covers [MeV] */
  uint64_t digest;         /* of the weights */
} calo4pqvae_facts;

typedef struct {
  int32_t voxel;           /* (layer * sectors + sector) * rings + ring */
  float energy;            /* [MeV] */
} calo4pqvae_hit;

/* What a code means, in English. */
CALO4PQVAE_API const char *calo4pqvae_text(int code) CALO4PQVAE_SAFE;

/* Read a weights file, or its bytes; give the model back with calo4pqvae_free. It is null where
 * the code is not CALO4PQVAE_OK. */
CALO4PQVAE_API int calo4pqvae_load(const char *path, calo4pqvae_model **model) CALO4PQVAE_SAFE;
CALO4PQVAE_API int calo4pqvae_load_bytes(const void *bytes, size_t size,
                                         calo4pqvae_model **model) CALO4PQVAE_SAFE;
CALO4PQVAE_API void calo4pqvae_free(calo4pqvae_model *model) CALO4PQVAE_SAFE;
CALO4PQVAE_API int calo4pqvae_describe(const calo4pqvae_model *model,
                                       calo4pqvae_facts *facts) CALO4PQVAE_SAFE;

/* Make a worker of a model, which must outlive it; give it back with calo4pqvae_close. It is
 * null where the code is not CALO4PQVAE_OK. */
CALO4PQVAE_API int calo4pqvae_open(const calo4pqvae_model *model,
                                   calo4pqvae_worker **worker) CALO4PQVAE_SAFE;
CALO4PQVAE_API void calo4pqvae_close(calo4pqvae_worker *worker) CALO4PQVAE_SAFE;

/* Draw showers first .. first + n - 1 of a seed into voxels[n * facts.voxels] [MeV].
 * sweeps CALO4PQVAE_AS_STORED means as many as the weights file says for each energy. prior[n], unless null, receives the energies of the machine's
 * states. Energies are looked at before anything is drawn. */
CALO4PQVAE_API int calo4pqvae_draw(calo4pqvae_worker *worker, size_t n, const float *energies,
                                   uint64_t seed, uint64_t first, int32_t sweeps, float *voxels,
                                   double *prior) CALO4PQVAE_SAFE;

/* The same showers as lists of hits: those of shower k are ends[k - 1] .. ends[k] - 1. */
CALO4PQVAE_API int calo4pqvae_draw_hits(calo4pqvae_worker *worker, size_t n,
                                        const float *energies, uint64_t seed, uint64_t first,
                                        int32_t sweeps, calo4pqvae_hit *hits, size_t places,
                                        size_t *ends) CALO4PQVAE_SAFE;

/* Draw states of the machine alone, bits[n * facts.nodes], each 0 or 1. */
CALO4PQVAE_API int calo4pqvae_sample(calo4pqvae_worker *worker, size_t n, const float *energies,
                                     uint64_t seed, uint64_t first, int32_t sweeps,
                                     uint8_t *bits, double *prior) CALO4PQVAE_SAFE;

/* Draw voxels for given energies of the layers, layers[n * facts.layers] [MeV], each 0 or at
 * least the threshold; uniforms as for calo4pqvae_decode, those of the layer energies unused. */
CALO4PQVAE_API int calo4pqvae_fill(calo4pqvae_worker *worker, size_t n, const float *energies,
                                   const float *layers, const float *uniforms, uint64_t seed,
                                   uint64_t first, float *voxels) CALO4PQVAE_SAFE;

/* Draw showers for given bits from given numbers, uniforms[n * facts.uniforms], or, where
 * that is null, from those of a seed. */
CALO4PQVAE_API int calo4pqvae_decode(calo4pqvae_worker *worker, size_t n, const float *energies,
                                     const uint8_t *bits, const float *uniforms, uint64_t seed,
                                     uint64_t first, float *voxels) CALO4PQVAE_SAFE;

#endif
