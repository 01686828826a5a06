// Electrons at the front, known and unknown, through the fast-simulation model.
#include <cstdio>

#include "ShowerModel.hh"

int main() {
  calo4pqvae_model *model = nullptr;
  if (calo4pqvae_load("model.c4pqvae", &model)) return 1;
  G4Region region;
  ShowerModel showers("showers", &region, model, {3.4, 4.65, {0, 0, 0}});
  const G4Track known{5000, {10, -5, 0}, {0, 0, 1}}, slow{500, {0, 0, 0}, {0, 0, 1}};
  const G4Track tilted{5000, {0, 0, 0}, {0.6, 0, 0.8}}, inside{5000, {0, 0, 20}, {0, 0, 1}};
  for (const G4Track *track : {&known, &slow, &tilted, &inside}) {
    const G4FastTrack fast{track};
    G4FastStep step;
    if (!showers.ModelTrigger(fast)) continue;
    showers.DoIt(fast, step);
    if (!step.killed) return 2;
  }
  double sum = 0, x = 0;
  for (const auto &hit : made) sum += hit.energy, x += hit.energy * hit.place.x();
  std::printf("%lld %lld %g %g\n", static_cast<long long>(showers.Generated()),
              static_cast<long long>(showers.InFull()), sum, x / sum);
  if (showers.IsApplicable(G4ParticleDefinition())) return 3;
  return 0;
}
