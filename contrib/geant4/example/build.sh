#!/bin/sh
# Build run.cpp from a source tree of Geant4 11.4.0 and the shared libraries of that version.
#
#     sh build.sh GEANT4_SOURCE LIBRARIES EXPORTED OUT
#
# GEANT4_SOURCE: unpacked sources. LIBRARIES: folder of libG4*.so of the same version, such as
# opengate_core.libs from `pip download --no-deps opengate-core==10.1.0`, unpacked; others crash.
# EXPORTED: what `calo4pqvae export cpp` wrote. OUT: folder for headers and program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
source=$1 libraries=$(cd "$2" && pwd) exported=$3 out=$4
mkdir -p "$out/include"
find "$source/source" -path '*/include/*' -type f ! -path '*/externals/*' \
  -exec cp -n {} "$out/include/" \;
cp -R "$source/source/externals/clhep/include/CLHEP" "$out/include/"
# What CMake would have written, as the libraries were built.
for name in G4GlobalConfig G4GeomConfig; do
  printf '#pragma once\n' > "$out/include/$name.hh"
done
printf '#define %s\n' G4MULTITHREADED G4_STORE_TRAJECTORY G4VERBOSE \
  >> "$out/include/G4GlobalConfig.hh"
set --
for part in global clhep intercoms materials particles geometry graphics_reps track tracking \
  processes_core digits_hits event run parmodels physicslists ptl; do
  for file in "$libraries"/libG4"$part"[-.]*so*; do set -- "$@" "$file"; done
done
c++ -std=c++17 -O2 -march=native -fno-math-errno -fno-trapping-math \
  -I"$here/.." -I"$exported" -isystem "$out/include" "$here/run.cpp" \
  -Wl,--allow-shlib-undefined -Wl,--no-as-needed "$@" -Wl,-rpath,"$libraries" -o "$out/run"
cp "$exported/model.c4pqvae" "$out/"
