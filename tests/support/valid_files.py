"""A small valid file for each registered reader, to be damaged."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import torch

from calo4pqvae._core.atomic import write_json
from calo4pqvae._core.journal import Journal
from calo4pqvae.annealer.calibration.temperature_file import Purpose
from calo4pqvae.annealer.chip.working_graph import WorkingGraph
from calo4pqvae.annealer.programs.shims import Shims
from calo4pqvae.config import CONFIG_SCHEMA, load_config
from calo4pqvae.data.formats.convert import convert, open_any
from calo4pqvae.data.shower_file import ShowerWriter
from calo4pqvae.data.splits import paper_split
from calo4pqvae.evaluation.report.events import write_events
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.build import build_model
from calo4pqvae.models.storage import save_model
from calo4pqvae.shards.folder import Job, ShardFolder
from calo4pqvae.shards.ledger import Entry, Ledger
from calo4pqvae.shards.plan import Plan
from calo4pqvae.training.checkpoint import write_checkpoint

__all__ = ["VALID", "Valid"]

BINNING = """<?xml version="1.0" encoding="utf-8"?>
<Bins>
  <Bin pid="22" name="photon">
    <Layer id="0" r_edges="0,5,10" n_bin_alpha="3"/>
    <Layer id="1" r_edges="0" n_bin_alpha="1"/>
    <Layer id="2" r_edges="0,20.5,40" n_bin_alpha="10"/>
  </Bin>
  <Bin name="pion"><Layer id="0" r_edges="0,4" n_bin_alpha="2"/></Bin>
</Bins>
"""

STACK = """slabs:
  - {material: W, mm: 1.4}
  - {material: Si, mm: 0.3, sensitive: true}
layers: 5
alpha: 4
r_edges_mm: [0, 10, 20, 40]
sampling_fraction: 0.033
threshold_kev: 0.5
period_mm: 3.0
scoring: cells
"""

CONFIG = """data:
  energy_gev: [1, 100]
  split: sample
prior: {nodes_per_partition: 20, lattice: zephyr}
model: &n
  kind: depth
  encoder_widths: [4, 3, 6]
  decoder_widths: [6, 3, 4, 5]
training:
  epochs: 3
  learning_rate: 1.0e-3
  sharpness: [1.0, 20.0]
"""

TOY = CylindricalGeometry.regular(6, 4, [0.0, 5.0, 10.0, 15.0], threshold=0.05)
SMALL = {
    "quick": ("data.energy_gev=[1,1000]", "prior.nodes_per_partition=6",
              "model.encoder_widths=[4,3,6]", "model.decoder_widths=[6,3,4,5]"),
    "best": ("data.energy_gev=[1,1000]", "prior.nodes_per_partition=40",
             "model.decoder_widths=[4,4,4,4]"),
}  # fmt: skip


class Valid(NamedTuple):
    """How to write a valid file, and how to damage it.

    Attributes:
        name: what the file must be called; a folder's file that is damaged.
        kinds: kind of each file that may be damaged, by its name in the folder.
        write: writes variant 0, 1, .. into a folder.
        variants: number of them.
    """

    kinds: dict[str, str]
    write: Callable[[Path, int], None]
    variants: int = 1
    folder: bool = False


def arrays(n: int = 24) -> tuple[np.ndarray, np.ndarray]:
    """Toy showers, always the same."""
    rng = np.random.default_rng(7)
    e_inc = rng.uniform(2e3, 9e3, (n, 1)).astype(np.float32)
    showers = rng.exponential(1.0, (n, 72)) * (rng.random((n, 72)) < 0.4) * e_inc / 40
    return e_inc, showers.astype(np.float32)


def write_showers(folder: Path, variant: int) -> None:
    """Our own layout, and files as other programs write them."""
    path, (e_inc, showers) = folder / "x.h5", arrays()
    if variant == 0:
        with ShowerWriter(path, TOY, {"seed": 7, "generator": "toy"}) as writer:
            writer.append(e_inc, showers, prior_energy=e_inc[:, 0])
        return
    with h5py.File(path, "w", libver="latest" if variant == 1 else "earliest") as file:
        file.attrs["geometry"] = json.dumps(TOY.to_dict())
        file.attrs["words"] = ["one", "two"]
        file["incident_energies"] = e_inc
        options = {"chunks": (5, 40), "maxshape": (None, 72), "fletcher32": True}
        file.create_dataset("showers", data=showers, **(options if variant == 1 else {}))
        file["group/prior_energy"] = e_inc[:, 0]
        file["prior_energy"] = h5py.SoftLink("/group/prior_energy")


def write_model(folder: Path, variant: int) -> None:
    """A tiny model of the preset `quick` or `best`."""
    preset = ("quick", "best")[variant]
    config = load_config(preset, settings=SMALL[preset])
    save_model(folder, build_model(config, TOY), config, {"epochs": 3})


def write_state(folder: Path, _variant: int) -> None:
    """A checkpoint with all kinds of content."""
    config = load_config("quick", settings=SMALL["quick"])
    model = build_model(config, TOY)
    optimiser = torch.optim.Adam(model.parameters())
    state = {
        "epoch": 3,
        "config": json.dumps(config.to_dict()),
        "fingerprint": "0123",
        "prior": model.prior.state_dict(),
        "optimiser": optimiser.state_dict(),
        "chains": torch.zeros(4, 24, dtype=torch.bool),
        "random": torch.get_rng_state(),
        "losses": [1.0, None, {"a": (1, 2)}],
    }
    write_checkpoint(folder / "x.pt", state)


def write_graph(folder: Path, _variant: int) -> None:
    """A small chip with defects."""
    WorkingGraph.perfect("zephyr", (2, 4)).with_defects(150, 1000).save(folder / "x.json")


def write_display(folder: Path, _variant: int) -> None:
    """Showers to display."""
    from calo4pqvae.data.shower_file import ShowerFile

    write_showers(folder, 0)
    with ShowerFile(folder / "x.h5") as file:
        write_events(file, file, folder / "x.json")
    (folder / "x.h5").unlink()


def write_metrics(folder: Path, _variant: int) -> None:
    """Metrics of showers against themselves."""
    from calo4pqvae.data.shower_file import ShowerFile
    from calo4pqvae.evaluation.evaluate import evaluate
    from calo4pqvae.evaluation.metrics.metric import Options
    from calo4pqvae.evaluation.metrics_file import write_metrics

    write_showers(folder, 0)
    with ShowerFile(folder / "x.h5") as file:
        metrics = evaluate(file, file, options=Options("none", batches=1))
        write_metrics(metrics, folder / "metrics.json")
    (folder / "x.h5").unlink()


def write_temperature(folder: Path, _variant: int) -> None:
    """A measured temperature."""
    content = {
        "schema": "calo4pqvae annealer temperature 1",
        **asdict(Purpose("chip", "0123abcd", "4567", 20.0)),
        "beta": 8.5,
        "error": 0.1,
        "converged": True,
        "likelihood_ratio": {"value": 1.01, "error": 0.02, "freedom": 30.0},
    }
    write_json(folder / "x.json", content)


def write_shims(folder: Path, _variant: int) -> None:
    """Lasting errors of a chip."""
    pairs, values = np.array([[3, 30], [30, 41]]), np.array([0.01, -0.02])
    qubits, field = np.array([3, 30, 41]), np.array([0.01, -0.03, 0.0])
    shims = Shims("chip", "0123abcd", "2026-11-30", qubits, field, pairs, values, 0.5)
    shims.save(folder / "x.json")


def write_journal(folder: Path, _variant: int) -> None:
    """A journal with a few records of different lengths."""
    with Journal(folder / "x.journal", "simulation", {"seed": 7}) as journal:
        for number in range(12):
            journal.append(str(number), {"energy": 1000.0 * number}, bytes(number * 700))


def write_converted(kind: str) -> Callable[[Path, int], None]:
    """A writer of showers in another format."""

    def write(folder: Path, _variant: int) -> None:
        write_showers(folder, 0)
        name = "y.root" if kind in {"ttree", "rntuple"} else "y.h5"
        with open_any(folder / "x.h5") as source:
            convert(source, folder / name, kind)
        (folder / "x.h5").unlink()

    return write


def write_job(folder: Path, _variant: int) -> None:
    """The description of a folder of shards."""
    ShardFolder.begin(folder, Job({"seed": 3, "stack": {"r": [1.5]}}, Plan(5, 100, 7)))


def write_manifest(folder: Path, _variant: int) -> None:
    """A manifest of a few shards."""
    ledger = Ledger(folder / "x.jsonl")
    for number in range(5):
        ledger.append(
            Entry(number, 7 * number, 7, "a", "b" * 64, 99, "here", 0.5, 0.4, "today")
        )


def _text(name: str, content: str) -> Valid:
    return Valid(
        {name: "text"}, lambda folder, _: (folder / name).write_text(content, encoding="utf-8")
    )


def _write_split(folder: Path, _variant: int) -> None:
    paper_split(60, seed=3).save(folder / "x.json")


VALID: dict[str, Valid] = {
    "shower file": Valid({"x.h5": "hdf5"}, write_showers, 3),
    "model folder": Valid(
        {"config.json": "text", "model.safetensors": "weights"}, write_model, 2, folder=True
    ),
    "checkpoint": Valid({"x.pt": "zip"}, write_state),
    "split": Valid({"x.json": "text"}, _write_split),
    "binning": _text("x.xml", BINNING),
    "configuration": _text("x.yaml", CONFIG),
    "stack": _text("x.yaml", STACK),
    "metrics": Valid({"metrics.json": "text"}, write_metrics),
    "showers to display": Valid({"x.json": "text"}, write_display),
    "working graph": Valid({"x.json": "text"}, write_graph),
    "measured temperature": Valid({"x.json": "text"}, write_temperature),
    "shims of an annealer": Valid({"x.json": "text"}, write_shims),
    "file of hits": Valid({"y.h5": "hdf5"}, write_converted("sparse")),
    "file of points": Valid({"y.h5": "hdf5"}, write_converted("showerdata")),
    "ROOT file": Valid({"y.root": "bytes"}, write_converted("ttree")),
    "job of shards": Valid({"job.json": "text"}, write_job),
    "manifest of shards": Valid({"x.jsonl": "text"}, write_manifest),
    "journal": Valid({"x.journal": "bytes"}, write_journal),
    "anything to inspect": Valid(
        {"config.json": "text", "model.safetensors": "weights"}, write_model, 2, folder=True
    ),
    "run folder": Valid(
        {"config.json": "text"},
        lambda folder, _: (folder / "config.json").write_text(
            json.dumps(
                {
                    "schema": CONFIG_SCHEMA,
                    "calo4pqvae": "0",
                    "config": load_config("quick").to_dict(),
                    "files": [{"name": "a.h5", "path": "/a.h5", "showers": 3, "sha256": "00"}],
                }
            )
        ),
        folder=True,
    ),
    "log of a run": _text(
        "log.jsonl", "".join(f'{{"epoch": {n}, "loss": {n / 7}}}\n' for n in range(20))
    ),
}
"""Each reader's, by its name in the registry."""
