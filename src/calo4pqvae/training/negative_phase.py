"""The negative phase: one run of chains per batch, shared by all that needs it."""

import torch
from jaxtyping import Float
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae._core.typing import Bits, IncidentEnergy
from calo4pqvae.boltzmann.matching import correlation_mismatch
from calo4pqvae.boltzmann.samplers.choose import choose_sampler
from calo4pqvae.boltzmann.samplers.groups import sample_machine
from calo4pqvae.config import TrainingConfig
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.training.processes import Processes

__all__ = ["NegativePhase"]


class NegativePhase:
    """Chains of the prior, each clamped to the energy of one shower of the batch.

    Contrastive divergence (``cd``) starts every chain at the encoder's bits. Persistent
    chains (``pcd``) go on from the last batch: chain number k always takes the k-th smallest
    energy of the joined batch, so that its condition hardly changes from batch to batch.

    Arguments:
        model: model whose prior is sampled.
        config: kind of negative phase and number of sweeps.
        noise: random numbers of the chains.
        processes: who shares the batch.
    """

    def __init__(
        self,
        model: ShowerModel,
        config: TrainingConfig,
        noise: SharedNoise,
        processes: Processes,
    ) -> None:
        self._model, self._config, self._processes = model, config, processes
        self._sampler = choose_sampler(model.prior.graph, noise, config.sampler)
        self.chains: Bits | None = None

    def run(self, bits: Bits, e_inc: IncidentEnergy) -> tuple[Bits, IncidentEnergy]:
        """Draw one batch of chains.

        Arguments:
            bits: the encoder's bits for this process's showers.
            e_inc: their incident energies [MeV].

        Returns:
            states of this process's chains and the energies that they are clamped to.
        """
        persistent = self._config.negative_phase == "pcd"
        start = bits
        if persistent:
            joined = self._processes.gather(e_inc)
            order = torch.argsort(joined[:, 0], stable=True)
            mine = self._processes.share(len(joined))
            e_inc = joined[order[mine]]
            start = self._processes.gather(bits)[order[mine]]
            start = start if self.chains is None else self.chains
        t, code = self._model.condition(e_inc)
        states = sample_machine(
            self._model.prior, self._sampler, t, code, self._config.sweeps, start
        )
        if persistent:
            self.chains = states
        return states, e_inc

    def mismatch(
        self, nodes: Float[Tensor, "batch nodes"], bits: Bits, e_inc: IncidentEnergy
    ) -> Float[Tensor, ""]:
        """Compare correlations of the encoder's bits with those of the persistent chains.

        Values are those of the exact bits, gradients those of the relaxed ones. The chains are
        those of the last batch, at the ordered energies of this one; before the first there are
        none, and the difference is zero.

        Arguments:
            nodes: relaxed bits of all nodes of this process's showers.
            bits: exact ones.
            e_inc: their incident energies [MeV].
        """
        if self.chains is None:
            return nodes.new_zeros(())
        joined = self._processes.gather(e_inc).sort(dim=0).values
        chain_t = self._model.scale(joined[self._processes.share(len(joined))])
        clamped = self._model.prior.graph.sizes[0]
        straight = (bits.to(nodes.dtype) - nodes).detach() + nodes
        t, chains = self._model.scale(e_inc), self.chains[:, clamped:]
        return correlation_mismatch(straight[:, clamped:], t, chains, chain_t)
