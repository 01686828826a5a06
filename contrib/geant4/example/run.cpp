// A block of tungsten in which electrons become generated showers, in Geant4 itself.
//
// The particles have no physics but transportation, so that no data of Geant4 are needed: what a
// sensitive detector sees comes from the model alone.
#include <cstdio>

#include "G4Box.hh"
#include "G4FastSimulationManagerProcess.hh"
#include "G4Gamma.hh"
#include "G4LogicalVolume.hh"
#include "G4NistManager.hh"
#include "G4PVPlacement.hh"
#include "G4ParticleGun.hh"
#include "G4Positron.hh"
#include "G4ProcessManager.hh"
#include "G4Region.hh"
#include "G4RunManager.hh"
#include "G4SDManager.hh"
#include "G4VFastSimSensitiveDetector.hh"
#include "G4VSensitiveDetector.hh"
#include "G4VUserDetectorConstruction.hh"
#include "G4VUserPhysicsList.hh"
#include "G4VUserPrimaryGeneratorAction.hh"
#include "ShowerModel.hh"

static double energy = 0, moment = 0, depth = 0;
static long hits = 0;
static ShowerModel *showers = nullptr;

class Counter : public G4VSensitiveDetector, public G4VFastSimSensitiveDetector {
 public:
  Counter() : G4VSensitiveDetector("counter") {}
  G4bool ProcessHits(G4Step *, G4TouchableHistory *) override { return true; }
  G4bool ProcessHits(const G4FastHit *hit, const G4FastTrack *, G4TouchableHistory *) override {
    energy += hit->GetEnergy(), moment += hit->GetEnergy() * hit->GetPosition().x();
    depth += hit->GetEnergy() * hit->GetPosition().z(), ++hits;
    return true;
  }
};

class Detector : public G4VUserDetectorConstruction {
 public:
  explicit Detector(const calo4pqvae_model *model) : model_(model) {}
  G4VPhysicalVolume *Construct() override {
    auto *nist = G4NistManager::Instance();
    auto *world = new G4LogicalVolume(new G4Box("world", 1 * m, 1 * m, 1 * m),
                                      nist->FindOrBuildMaterial("G4_Galactic"), "world");
    block_ = new G4LogicalVolume(new G4Box("block", 30 * cm, 30 * cm, 10 * cm),
                                 nist->FindOrBuildMaterial("G4_W"), "block");
    new G4PVPlacement(nullptr, {0, 0, 10 * cm}, block_, "block", world, false, 0);
    auto *region = new G4Region("calorimeter");
    region->AddRootLogicalVolume(block_);
    return new G4PVPlacement(nullptr, {}, world, "world", nullptr, false, 0);
  }
  void ConstructSDandField() override {
    auto *region = block_->GetRegion();
    showers = new ShowerModel("showers", region, model_, {3.4 * mm, 4.65 * mm, {0, 0, 0}});
    auto *counter = new Counter;
    G4SDManager::GetSDMpointer()->AddNewDetector(counter);
    SetSensitiveDetector(block_, counter);
  }

 private:
  const calo4pqvae_model *model_;
  G4LogicalVolume *block_ = nullptr;
};

class Physics : public G4VUserPhysicsList {
  void ConstructParticle() override {
    G4Electron::Definition(), G4Gamma::Definition(), G4Positron::Definition();
  }
  void ConstructProcess() override {
    AddTransportation();
    G4Electron::Definition()->GetProcessManager()->AddDiscreteProcess(
        new G4FastSimulationManagerProcess("fast"));
  }
  void SetCuts() override {}
};

class Source : public G4VUserPrimaryGeneratorAction {
 public:
  void GeneratePrimaries(G4Event *event) override {
    const bool photon = event->GetEventID() % 3 == 2;
    gun_.SetParticleDefinition(photon ? static_cast<G4ParticleDefinition *>(G4Gamma::Definition())
                                      : G4Electron::Definition());
    gun_.SetParticleEnergy(event->GetEventID() % 3 == 1 ? 0.5 * GeV : 10 * GeV);
    gun_.SetParticlePosition({5 * mm, 0, -10 * cm});
    gun_.SetParticleMomentumDirection({0, 0, 1});
    gun_.GeneratePrimaryVertex(event);
  }

 private:
  G4ParticleGun gun_{1};
};

int main() {
  calo4pqvae_model *model = nullptr;
  if (calo4pqvae_load("model.c4pqvae", &model)) return 1;
  G4RunManager run;
  run.SetUserInitialization(new Detector(model));
  run.SetUserInitialization(new Physics);
  run.SetUserAction(new Source);
  run.Initialize();
  run.BeamOn(30);
  const auto n = static_cast<double>(showers->Generated());
  std::printf("%lld generated, %lld in full; %.0f hits of %.3f GeV, at x %.2f mm, z %.1f mm\n",
              static_cast<long long>(showers->Generated()), static_cast<long long>(showers->InFull()),
              static_cast<double>(hits) / n, energy / n / GeV, moment / energy, depth / energy);
  return 0;
}
