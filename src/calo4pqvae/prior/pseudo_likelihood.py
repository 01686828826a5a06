"""A first fit of the machine that needs no samples: each node given all others."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from calo4pqvae.prior.boltzmann import BoltzmannPrior

__all__ = ["fit_pseudo_likelihood"]


def fit_pseudo_likelihood(
    prior: BoltzmannPrior,
    bits: Bool[Tensor, "showers nodes"],
    t: Float[Tensor, "showers 1"],
    ridge: float = 1e-4,
    steps: int = 200,
) -> float:
    r"""Maximise the mean of $\sum_i \ln p(z_i | z_{-i}, t)$ over biases and couplings.

    The function is concave. It has the likelihood's maximum in the limit of many showers and
    is a good start otherwise.

    Arguments:
        prior: machine to fit, in place.
        bits: states of all nodes.
        t: scaled incident energies.
        ridge: weight of half the sum of squared couplings and squared energy terms.
        steps: most steps of the optimiser (L-BFGS).

    Returns:
        the mean pseudo-log-likelihood reached [nats].
    """
    z, features = bits.double(), prior.features(t).double()
    slope = prior.coupling_feature(prior.coupling_bin(t)).double()[:, None]
    i, j = prior.graph.edges
    orders = 1 if prior.coupling_slope is None else 2
    bias = prior.bias.double().clone().requires_grad_()
    coupling = torch.zeros(orders, prior.graph.n_edges, dtype=torch.float64, requires_grad=True)
    sign = 2 * z - 1

    def objective() -> Tensor:
        field = features @ bias
        for k, values in enumerate(coupling):
            matrix = torch.zeros(z.shape[1], z.shape[1], dtype=torch.float64)
            matrix = matrix.index_put((i, j), values)
            reached = z @ (matrix + matrix.T)
            field = field + (reached if k == 0 else slope * reached)
        fit = -torch.nn.functional.softplus(-sign * field).sum(dim=1).mean()
        return ridge / 2 * ((coupling**2).sum() + (bias[1:] ** 2).sum()) - fit

    optimiser = torch.optim.LBFGS(
        [bias, coupling], max_iter=steps, history_size=20, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimiser.zero_grad()
        loss = objective()
        loss.backward()
        return loss

    optimiser.step(closure)
    with torch.no_grad():
        prior.bias.copy_(bias)
        prior.coupling.copy_(coupling[0])
        if prior.coupling_slope is not None:
            prior.coupling_slope.copy_(coupling[1])
        return -float(objective())
