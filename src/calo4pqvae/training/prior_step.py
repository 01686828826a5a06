"""The prior's own step: both phases, its hand-written gradient, and a brake."""

from typing import Any

import torch
from torch import Tensor

from calo4pqvae._core.rng import SharedNoise
from calo4pqvae._core.typing import Bits, IncidentEnergy
from calo4pqvae.boltzmann.gradient import centred_gradient, plain_gradient
from calo4pqvae.config import TrainingConfig
from calo4pqvae.models.base import ShowerModel
from calo4pqvae.training import schedules
from calo4pqvae.training.negative_phase import NegativePhase
from calo4pqvae.training.processes import Processes
from calo4pqvae.training.runaway import closing_rate, has_run_away

__all__ = ["PriorStep"]


class PriorStep:
    """Makes one step of the prior per batch, from one positive and one negative phase.

    Arguments:
        model: model whose prior is trained.
        settings: rule, rates, and kind of negative phase.
        noise: random numbers of the chains.
        processes: who shares the batch.

    Attributes:
        negative: the chains.
        optimiser: what moves the parameters.
    """

    def __init__(
        self,
        model: ShowerModel,
        settings: TrainingConfig,
        noise: SharedNoise,
        processes: Processes,
    ) -> None:
        self._model, self._settings, self._processes = model, settings, processes
        self.negative = NegativePhase(model, settings, noise, processes)
        self.optimiser = torch.optim.SGD(
            [model.prior.bias, model.prior.coupling],
            lr=settings.prior_learning_rate,
            momentum=settings.prior_momentum,
        )

    @torch.no_grad()
    def __call__(self, bits: Bits, e_inc: IncidentEnergy, epoch: float) -> Tensor:
        """Make a step.

        Arguments:
            bits: the encoder's exact bits for this process's showers.
            e_inc: their incident energies [MeV].
            epoch: how far training is.

        Returns:
            the mean energy of the chains, and 1 if the step was damped, else 0.
        """
        prior, together = self._model.prior, self._processes.average_moments
        chains, chain_e_inc = self.negative.run(bits, e_inc)
        t, chain_t = self._model.scale(e_inc), self._model.scale(chain_e_inc)
        data, model = together(prior.moments(bits, t)), together(prior.moments(chains, chain_t))
        rule = centred_gradient if self._settings.gradient == "centred" else plain_gradient
        gradient = rule(data, model, prior.graph)
        prior.apply_gradient(gradient)
        energies = torch.stack(
            [prior.energy(bits, t).mean(), prior.energy(chains, chain_t).mean()]
        )
        gap = float(torch.sub(*self._processes.average(energies)))
        rate = schedules.prior_learning_rate(self._settings, epoch)
        damped = has_run_away(gap, prior.graph.n_latents)
        if damped:
            rate = min(rate, closing_rate(gap, gradient, data, model))
            self.optimiser.state.clear()  # the momentum
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.step()
        return torch.stack([energies[1], energies.new_tensor(float(damped))])

    def state(self) -> dict[str, Any]:
        """Give the optimiser's state, for a checkpoint."""
        return self.optimiser.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Take up the state of a checkpoint."""
        self.optimiser.load_state_dict(state)
