"""What a processor makes of decoding and of training in either arithmetic, one thread.

    python scripts/processor_table.py --data low_train.h5 [--models pretrained pretrained-cells]

Decoding: 1,024 showers of the file's energies, best of three, without the prior. Training: a
step of the presets' own batch, mean of eight after two, in float32 and in bfloat16, emulated
where the processor has none. Set CXX to choose the compiler of the core.
"""

import argparse
import tempfile
import time
from itertools import islice
from pathlib import Path

import torch

from calo4pqvae._core.rng import RowNoise, SharedNoise
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.config import load_config
from calo4pqvae.data.shower_file import ShowerFile
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import load_model
from calo4pqvae.training import arithmetic
from calo4pqvae.training.energy_range import with_energy_range
from calo4pqvae.training.folder import resolve_split
from calo4pqvae.training.loop import Trainer
from calo4pqvae.training.run import make_batches

SHOWERS, STEPS = 1024, 8


def main():
    """Time and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--models", nargs="*", default=["pretrained", "pretrained-cells"])
    parser.add_argument("--presets", nargs="*", default=["quick", "paper-compact"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    has = arithmetic.has_bfloat16(torch.device("cpu"))
    print(f"{torch.backends.cpu.get_cpu_capability()}, bfloat16: {'yes' if has else 'no'}")
    with ShowerFile(args.data) as file:
        for name in args.models:
            print(f"{name}: {decoding(load_model(name).model, file):.2f} ms a shower")
        arithmetic.has_bfloat16 = lambda _: True
        for name in args.presets:
            for precision in ("float32", "bfloat16"):
                print(f"{name}, {precision}: {step(name, precision, file):.2f} s a step")


@torch.no_grad()
def decoding(model, file):
    """Time the decoding of a shower [ms]."""
    e_inc = torch.from_numpy(file.e_inc()[:SHOWERS])
    t, code = model.condition(e_inc)
    bits = sample_machine(
        model.prior, choose_sampler(model.prior.graph, SharedNoise(1)), t, code, 2
    )
    taken = []
    for _ in range(4):  # the first may wait for the compiler
        start = time.perf_counter()
        model.decode(bits, e_inc, RowNoise(1, 0))
        taken.append(time.perf_counter() - start)
    return 1e3 * min(taken[1:]) / len(e_inc)


def step(preset, precision, file):
    """Time a step of training [s]."""
    settings = [f"training.precision={precision}"]
    config = with_energy_range(load_config(preset, settings=settings), [file])
    batches, _ = make_batches(config, [file], resolve_split(config, [len(file)]))
    model = build_model(config, file.geometry)
    model.prepare(batches)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(model, config, batches, folder=Path(folder))
        for number, batch in enumerate(islice(batches.epoch(0), 2 + STEPS)):
            if number == 2:
                start = time.perf_counter()
            trainer.step(batch)
    return (time.perf_counter() - start) / STEPS


if __name__ == "__main__":
    main()
