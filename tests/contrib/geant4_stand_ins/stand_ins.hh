// Stand-ins of the few Geant4 classes that contrib/geant4 uses: names and types, no physics.
#pragma once
#include <string>
#include <vector>
using G4bool = bool;
using G4double = double;
using G4String = std::string;
constexpr double MeV = 1, mm = 1;
struct G4ThreeVector {
  double a = 0, b = 0, c = 0;
  G4ThreeVector(double x, double y, double z) : a(x), b(y), c(z) {}
  double x() const { return a; }
  double y() const { return b; }
  double z() const { return c; }
};
struct G4ParticleDefinition {};
struct G4Electron : G4ParticleDefinition {
  static G4Electron *Definition() {
    static G4Electron one;
    return &one;
  }
};
struct G4Track {
  double energy;
  G4ThreeVector place, along;
  double GetKineticEnergy() const { return energy; }
  const G4ThreeVector &GetPosition() const { return place; }
  const G4ThreeVector &GetMomentumDirection() const { return along; }
};
struct G4FastTrack {
  const G4Track *track;
  const G4Track *GetPrimaryTrack() const { return track; }
};
struct G4FastStep {
  bool killed = false;
  void KillPrimaryTrack() { killed = true; }
  void ProposePrimaryTrackPathLength(double) {}
  void ProposeTotalEnergyDeposited(double) {}
};
struct G4FastHit {
  G4ThreeVector place;
  double energy;
  G4FastHit(const G4ThreeVector &p, double e) : place(p), energy(e) {}
};
inline std::vector<G4FastHit> made;
struct G4FastSimHitMaker {
  void make(const G4FastHit &hit, const G4FastTrack &) { made.push_back(hit); }
};
struct G4Region {};
struct G4VFastSimulationModel {
  G4VFastSimulationModel(const G4String &, G4Region *) {}
  virtual ~G4VFastSimulationModel() = default;
  virtual G4bool IsApplicable(const G4ParticleDefinition &) = 0;
  virtual G4bool ModelTrigger(const G4FastTrack &) = 0;
  virtual void DoIt(const G4FastTrack &, G4FastStep &) = 0;
};
inline double G4UniformRand() { return 0.25; }
