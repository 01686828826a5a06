"""The model of the paper: encoder, prior, decoder and voxels joined, and its loss."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae._core.rng import RandomSource
from calo4pqvae._core.typing import Bits, IncidentEnergy, Showers
from calo4pqvae.boltzmann.machine import BoltzmannMachine
from calo4pqvae.config import TrainingConfig
from calo4pqvae.data.batches import ShowerBatches
from calo4pqvae.data.energy_code import EnergyCode
from calo4pqvae.data.transforms import EnergyScale, to_logits
from calo4pqvae.errors import ConfigError, PhysicsWarning
from calo4pqvae.geometry import CylindricalGeometry
from calo4pqvae.models.base import Calibration, Losses, ShowerModel
from calo4pqvae.models.vae.draws import fit_draws
from calo4pqvae.models.vae.encoder import HierarchicalEncoder
from calo4pqvae.models.vae.global_bits import GlobalBits, quantities
from calo4pqvae.models.vae.mean_shower import CellSums, MeanShower
from calo4pqvae.models.vae.relax import entropy
from calo4pqvae.models.voxels import PointVoxels, VoxelModel

__all__ = ["Calo4pQVAE"]

MOST_SHOWERS = 20_000
"""Showers that the mean shower is fitted to; more would not move it by what training does."""

RELAXED_MASK = (
    "the loss multiplies each value by a relaxed mask (model.voxels.true_mask=false), as the "
    "text of the paper has it: the best value is then the hit probability times the true one, "
    "and the response comes out 48 to 66 % too low however long you train; "
    "model.voxels.true_mask=true with model.voxels.value_exponent=0.5 is right to about 1 %"
)


class Calo4pQVAE(ShowerModel):
    r"""Discrete variational autoencoder with a four-partite Boltzmann prior.

    It minimises $-\ln p(x|z,e) + \beta\,[\ln q(z|x,e) + E(z)]$ over encoder and decoder. The
    prior's normalisation does not depend on them, and its own gradient is written by hand
    (`boltzmann.gradient`).

    Arguments:
        geometry: the regular cylinder whose showers it makes.
        scale: range of incident energies.
        code: code of the incident energy on partition 0.
        prior: the Boltzmann machine of its bits.
        encoder: gives bits to showers.
        decoder: gives bits and energies a hit mask and values.
        voxels: what is made of these.
        global_bits: bits that no network gives, first of partition 1.

    Example:
        >>> geometry = CylindricalGeometry.regular(6, 4, [0.0, 10.0, 20.0], threshold=0.1)
        >>> config = load_config("quick", settings=["data.energy_gev=[1, 10]"])
        >>> model = build_model(config, geometry).eval()  # untrained
        >>> e_inc = torch.tensor([[2000.0], [5000.0]])
        >>> bits = model.encode(torch.rand(2, 6, 4, 2), e_inc, SharedNoise(1))
        >>> numbers = Recorder(SharedNoise(2))
        >>> showers = model.decode(bits, e_inc, numbers)
        >>> torch.equal(showers, model.decode(bits, e_inc, Replay(numbers.draws)))
        True

    Source: seed paper, section 3.
    """

    LATER = ("voxels.point_totals.",)

    voxels: VoxelModel

    def __init__(
        self,
        *,
        geometry: CylindricalGeometry,
        scale: EnergyScale,
        code: EnergyCode,
        prior: BoltzmannMachine,
        encoder: HierarchicalEncoder,
        decoder: nn.Module,
        voxels: VoxelModel,
        global_bits: GlobalBits | None = None,
    ) -> None:
        super().__init__(geometry=geometry, scale=scale, code=code, prior=prior, voxels=voxels)
        self.encoder, self.decoder, self.global_bits = encoder, decoder, global_bits

    def choose_values(self, kind: str) -> None:
        """Make drawn, point or literal values from now on (`PointVoxels`); drawn by default.

        Raises:
            ConfigError: the model has one way only, or it was fitted before the totals of
                point values were measured.
        """
        if not isinstance(self.voxels, PointVoxels) or self.voxels.residuals is None:
            super().choose_values(kind)
            return
        totals = (self.voxels.totals, self.voxels.point_totals)
        drawn, point = (one is not None and bool(one.mean.any()) for one in totals)
        if kind == "point" and drawn and not point:
            raise ConfigError(
                "this model was fitted by an earlier version, which measured no totals of "
                "point values; take literal ones, or fit its run anew"
            )
        self.voxels.kind = kind

    @torch.no_grad()
    def prepare(self, batches: ShowerBatches) -> None:
        """Fit distributions of global bits and the decoder's mean shower, if it has them.

        Warns:
            PhysicsWarning: the loss multiplies values by a relaxed mask, which cannot give
                right energies.
        """
        if not isinstance(self.voxels, PointVoxels):
            return
        if not self.voxels.true_mask:
            warnings.warn(RELAXED_MASK, PhysicsWarning, stacklevel=2)
        mean = getattr(self.decoder, "mean", None)
        if not isinstance(mean, MeanShower):
            return
        if self.global_bits is not None:
            seen = [
                (quantities(x, e_inc), self.scale(e_inc)) for x, e_inc in self._some(batches)
            ]
            self.global_bits.fit(*(torch.cat(part) for part in zip(*seen, strict=True)))
        sums = CellSums(self.voxels.exponent)
        for showers, e_inc in self._some(batches):
            t, told = self.scale(e_inc), None
            if self.global_bits is not None:
                told = self.global_bits.values(self.global_bits.encode(showers, e_inc, t))
            sums.add(to_logits(showers, e_inc), mean.features(t, told))
        mean.fit(sums)

    def _some(self, batches: ShowerBatches) -> Iterator[tuple[Showers, IncidentEnergy]]:
        """Give showers that fits before training are made with."""
        device = self.prior.bias.device
        for batch in islice(batches.epoch(0), -(-MOST_SHOWERS // batches.batch_size)):
            showers = torch.from_numpy(batch.showers).view(-1, *self.geometry.shape)
            yield self.read_out(showers.to(device)), torch.from_numpy(batch.e_inc).to(device)

    def fit(
        self,
        batches: ShowerBatches,
        settings: TrainingConfig,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Fit what draws need once the networks are trained: residuals, clusters, totals."""
        super().fit(batches, settings, on_stage)
        fit_draws(self, batches, settings.seed)

    def take_networks(self, weights: Mapping[str, Tensor]) -> None:
        """Take over all but the distributions of draws, which a fit measures anew."""
        kept = {k: v for k, v in weights.items() if not k.startswith("voxels.")}
        fitted = {k: v for k, v in self.state_dict().items() if k.startswith("voxels.")}
        self.load_state_dict(fitted | kept)

    def known(
        self, showers: Showers, e_inc: IncidentEnergy
    ) -> tuple[Float[Tensor, "batch 1"], Float[Tensor, "batch known"]]:
        """Give t, and the bits that no network gives: energy code and global bits."""
        t, code = self.condition(e_inc)
        if self.global_bits is not None:
            code = torch.cat([code, self.global_bits.encode(showers, e_inc, t)], dim=1)
        return t, code.to(showers.dtype)

    def told(self, bits: Bits) -> Float[Tensor, "batch quantities"] | None:
        """Give what global bits say of a shower; None for a model without."""
        return None if self.global_bits is None else self.global_bits.told(bits.float())

    def forward(
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource, sharpness: float
    ) -> Losses:
        """Compute the loss terms of a batch."""
        showers = self.read_out(showers)
        t, known = self.known(showers, e_inc)
        n_given = self.prior.graph.n_nodes - known.shape[1]
        uniform = noise.uniform(len(showers), n_given)
        logits, latents = self.encoder(to_logits(showers, e_inc), t, known, uniform, sharpness)
        nodes = torch.cat([known, latents.float()], dim=1)
        terms = self.voxels.loss(self.decoder(nodes, t), showers, e_inc, noise, sharpness)
        return Losses(
            **terms,
            negative_entropy=-entropy(logits.float()).mean(),
            positive_energy=self.prior.energy(nodes, t).mean(),
            bits=nodes.detach() > 0.5,
            nodes=nodes,
        )

    @torch.no_grad()
    def encode(self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource) -> Bits:
        """Draw exact bits of all nodes for given showers [MeV]."""
        showers = self.read_out(showers)
        t, known = self.known(showers, e_inc)
        n_given = self.prior.graph.n_nodes - known.shape[1]
        uniform = noise.uniform(len(showers), n_given)
        _, latents = self.encoder(to_logits(showers, e_inc), t, known, uniform, None)
        return torch.cat([known.bool(), latents.bool()], dim=1)

    @torch.no_grad()
    def calibration(
        self, showers: Showers, e_inc: IncidentEnergy, noise: RandomSource
    ) -> Calibration:
        """Compare energies of hits with the distributions that their encoded bits give."""
        bits = self.encode(showers, e_inc, noise)
        outputs = self.decoder(bits.float(), self.scale(e_inc))
        return self.voxels.measured(outputs, showers, e_inc)

    @torch.no_grad()
    def decode(self, bits: Bits, e_inc: IncidentEnergy, noise: RandomSource) -> Showers:
        """Draw showers [MeV] for given bits, readout threshold applied."""
        self.scale.check(e_inc)
        t = self.scale(e_inc)
        showers = self.voxels.draw(self.decoder(bits.float(), t), e_inc, noise)
        return self.read_out(self.voxels.corrected(showers, e_inc, t, self.told(bits)))
