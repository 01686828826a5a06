"""A model's chains as an annealer is asked for them."""

import torch

from calo4pqvae.annealer.request import Request
from calo4pqvae.data.energies import Energies
from calo4pqvae.models.base import ShowerModel

__all__ = ["request_of"]


def request_of(model: ShowerModel, e_inc: Energies) -> Request:
    """State the chains behind showers of these incident energies [MeV].

    Raises:
        ConfigError: an energy lies outside the range of the model.
    """
    energies = torch.from_numpy(e_inc)
    model.scale.check(energies)
    t, code = model.condition(energies)
    return Request(model.prior, code, t)
