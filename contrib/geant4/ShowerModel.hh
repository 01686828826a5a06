// A fast-simulation model of Geant4 that draws showers with an exported core.
//
// Attach it to the region of the calorimeter. Electrons that come in nearly along the axis, with
// an energy that the model knows, are ended at the front; their hits go to the sensitive
// detectors as `G4FastHit`s. Everything else is left to Geant4, and counted.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "G4Electron.hh"
#include "G4Event.hh"
#include "G4EventManager.hh"
#include "G4FastHit.hh"
#include "G4FastSimHitMaker.hh"
#include "G4FastStep.hh"
#include "G4FastTrack.hh"
#include "G4SystemOfUnits.hh"
#include "G4VFastSimulationModel.hh"
#include "Randomize.hh"
#include "calo4pqvae.h"

// The cylinder in which a shower's hits lie: as in model.json.
struct ShowerCylinder {
  double layerDepth;              // from the front of one layer to that of the next
  double ringWidth;
  std::array<double, 3> front;    // centre of the front face
};

class ShowerModel : public G4VFastSimulationModel {
 public:
  // Each worker thread makes its own; `model` may be shared, and must outlive them.
  ShowerModel(const G4String &name, G4Region *region, const calo4pqvae_model *model,
              const ShowerCylinder &cylinder)
      : G4VFastSimulationModel(name, region), cylinder_(cylinder) {
    int code = calo4pqvae_describe(model, &facts_);
    if (code == CALO4PQVAE_OK) code = calo4pqvae_open(model, &worker_);
    if (code != CALO4PQVAE_OK) throw std::runtime_error(calo4pqvae_text(code));
    hits_.resize(static_cast<std::size_t>(facts_.voxels));
  }
  ~ShowerModel() override { calo4pqvae_close(worker_); }
  ShowerModel(const ShowerModel &) = delete;
  ShowerModel &operator=(const ShowerModel &) = delete;

  G4bool IsApplicable(const G4ParticleDefinition &particle) override {
    return &particle == G4Electron::Definition();
  }

  // Only at the front, only nearly along the axis, only where the model was trained.
  G4bool ModelTrigger(const G4FastTrack &track) override {
    const double energy = track.GetPrimaryTrack()->GetKineticEnergy() / MeV;
    const auto place = track.GetPrimaryTrack()->GetPosition();
    const auto along = track.GetPrimaryTrack()->GetMomentumDirection();
    if (std::fabs(place.z() - cylinder_.front[2]) > 1e-6 * mm) return false;
    const bool known = energy >= facts_.lowest && energy <= facts_.highest &&
                       along.z() > std::cos(LARGEST_ANGLE);
    ++(known ? generated_ : inFull_);
    return known;
  }

  void DoIt(const G4FastTrack &track, G4FastStep &step) override {
    const auto *primary = track.GetPrimaryTrack();
    const auto place = primary->GetPosition();
    const auto energy = static_cast<float>(primary->GetKineticEnergy() / MeV);
    step.KillPrimaryTrack();
    step.ProposePrimaryTrackPathLength(0.0);
    step.ProposeTotalEnergyDeposited(0.0);  // the hits carry it
    // Geant4's own engine gives the seed, so that a repeated event has the same shower.
    const auto seed = static_cast<std::uint64_t>(G4UniformRand() * 9007199254740992.0);
    std::size_t end = 0;
    const int code = calo4pqvae_draw_hits(worker_, 1, &energy, seed, 0, CALO4PQVAE_AS_STORED,
                                          hits_.data(), hits_.size(), &end);
    if (code != CALO4PQVAE_OK) throw std::runtime_error(calo4pqvae_text(code));
    for (std::size_t k = 0; k < end; ++k)
      maker_.make(G4FastHit(position(hits_[k].voxel, place), hits_[k].energy * MeV), track);
  }

  std::int64_t Generated() const { return generated_; }
  std::int64_t InFull() const { return inFull_; }

 private:
  static constexpr double LARGEST_ANGLE = 0.02;  // [rad]: half a cell over a shower's depth

  // The middle of a voxel, around where the particle came in.
  G4ThreeVector position(int voxel, const G4ThreeVector &place) const {
    const int ring = voxel % facts_.rings, sector = voxel / facts_.rings % facts_.sectors;
    const int layer = voxel / (facts_.rings * facts_.sectors);
    const double r = (ring + 0.5) * cylinder_.ringWidth, pi = 3.14159265358979323846;
    const double angle = 2 * pi * (sector + 0.5) / facts_.sectors - pi;
    return {place.x() + r * std::cos(angle), place.y() + r * std::sin(angle),
            cylinder_.front[2] + (layer + 0.5) * cylinder_.layerDepth};
  }

  ShowerCylinder cylinder_;
  calo4pqvae_facts facts_{};
  calo4pqvae_worker *worker_ = nullptr;
  std::vector<calo4pqvae_hit> hits_;
  G4FastSimHitMaker maker_;
  std::int64_t generated_ = 0, inFull_ = 0;
};
