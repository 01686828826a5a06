"""Whether a score can see anything: twins of Geant4 with a stated defect of stated size."""
