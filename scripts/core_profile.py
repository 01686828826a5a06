"""Where a shower's time goes in exported C++, and how far its products are from their limit.

    calo4pqvae export cpp FOLDER --model pretrained
    python scripts/core_profile.py FOLDER

The program is interrupted at each millisecond of its computing time; addr2line names the
functions there, inlined ones included. Products are counted and timed alone, in the nearest
cache. Needs binutils.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SOURCES = Path(__file__).parent / "exported"
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-march=native")
PARTS = {
    "Boltzmann machine": r"Machine::",
    "random numbers": r"Stream::",
    "products": r"add_terms|add_product|add_tile|add_block|add_columns|add_rest",
    "energies of hits": r"HitEnergies::|draw_energies",
    "energies of layers": r"LayerEnergies::|Numbers|normal::",
    "activations": r"silu|sigmoid|hyperbolic|exponential",
    "choice of hits": r"draw_hits|force|choose_hits|logarithm",
    "memory of layers": r"remember|look_back|take_average|set_context|count_hits|draw_layer",
}
"""By the first that is found among the functions at a place."""

ALONE = """
#include <chrono>
#include <cstdio>
#include <vector>
#include "calo4pqvae.h"
int main() {
  std::vector<float> out(8 * 96, 0.1f), x(8 * 96, 1e-3f), w(96 * 96, 1e-3f);
  double best = 1e9;
  for (int turn = 0; turn < 30; ++turn) {
    std::timespec a, b;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    for (int k = 0; k < 2000; ++k)
      calo4pqvae::add_product(out.data(), 8, 96, x.data(), 96, 96, w.data());
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    best = std::min(best, double(b.tv_sec - a.tv_sec) + 1e-9 * double(b.tv_nsec - a.tv_nsec));
  }
  std::printf("%.3f\\n", 2000.0 * 8 * 96 * 96 / best / 1e9 + 0 * out[3]);
}
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Profile exported C++.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--showers", type=int, default=2000)
    args = parser.parse_args()
    folder = args.folder.resolve()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        found = sampled(folder, work, args.showers)
        total = sum(found.values())
        took = json.loads(run(work / "profiled", folder, str(args.showers)))
        milliseconds = took["prior_ms"] + took["decoder_ms"]
        print("| part | ms | share, % |\n|---|--:|--:|")
        for part, n in found.most_common():
            print(f"| {part} | {milliseconds * n / total:.3f} | {100 * n / total:.1f} |")
        millions = counted(folder, work, args.showers)
        speed = float(run(build(work, folder, "alone.cpp", ALONE), folder))
        bound, reached = millions / speed, milliseconds * found["products"] / total
        print(
            f"\n{millions:.1f} million multiplications a shower; {speed:.0f} a nanosecond alone"
        )
        print(f"bound {bound:.3f} ms, reached {reached:.3f} ms: {100 * bound / reached:.0f} %")
    return 0


def sampled(folder: Path, work: Path, showers: int) -> Counter[str]:
    """Samples of each part."""
    program = build(work, folder, "profiled.cpp", (SOURCES / "latency.cpp").read_text())
    library = work / "sampler.so"
    command = ("cc", "-O1", "-shared", "-fPIC", str(SOURCES / "sampler.c"), "-o", str(library))
    subprocess.run(command, check=True)
    run(program, folder, str(showers), LD_PRELOAD=str(library), SAMPLES=str(work / "samples"))
    places = Counter((work / "samples").read_text().split())
    names = subprocess.run(
        ("addr2line", "-a", "-f", "-i", "-C", "-e", str(program), *places),
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    parts: Counter[str] = Counter()
    for block in re.split(r"(?m)^0x(?=[0-9a-f]+$)", names)[1:]:
        place, _, functions = block.partition("\n")
        times = places[hex(int(place, 16))]
        part = next((p for p, words in PARTS.items() if re.search(words, functions)), "rest")
        parts[part] += times
    return parts


def counted(folder: Path, work: Path, showers: int) -> float:
    """Millions of multiplications of products in a shower."""
    header = (folder / "calo4pqvae.h").read_text()
    inside = {
        "const float *weights, const Term *terms, int n) {\n  Floats sum[V];": "n * V",
        "const float *weights, int pitch) {\n  Floats sum[R][V];": "n * R * V",
    }
    for start, count in inside.items():
        assert header.count(start) == 1, start
        opened = start.replace("{", f"{{ counted += EACH * {count};", 1)
        header = header.replace(start, opened)
    header = header.replace("struct Term {", "inline double counted = 0;\nstruct Term {", 1)
    (work / "calo4pqvae.h").write_text(header)
    source = (SOURCES / "latency.cpp").read_text()
    end = "  calo4pqvae_close(worker);"
    source = source.replace(end, f'  std::printf("%.6f\\n", calo4pqvae::counted / 1e6);\n{end}')
    program = build(work, work, "counted.cpp", source)
    return float(run(program, folder, str(showers)).split()[-1]) / showers


def build(work: Path, headers: Path, name: str, source: str) -> Path:
    (work / name).write_text(source)
    program = work / Path(name).stem
    words = ("-g", "-no-pie", f"-I{headers}", str(work / name), "-o", str(program))
    subprocess.run(("c++", *FLAGS, *words), check=True)
    return program


def run(program: Path, folder: Path, *words: str, **variables: str) -> str:
    done = subprocess.run(
        (str(program), *words), cwd=folder, env=os.environ | variables,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
