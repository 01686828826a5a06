"""The mean shower as a function of the incident energy, fitted in closed form.

A decoder that begins with the mean shower has only differences left to learn, and the encoder
sees only differences. Without it a network spends most of a short training on what a few
polynomials say exactly, and a squared error weighted by the energy does not find its way
(docs/model.md).
"""

from collections.abc import Callable
from itertools import combinations_with_replacement

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from calo4pqvae._core.polynomials import legendre
from calo4pqvae._core.typing import Showers

__all__ = ["START", "CellSums", "MeanShower"]

Told = Float[Tensor, "batch quantities"]
Terms = Callable[[Tensor], tuple[Tensor, Tensor]]

START = 0.1
"""Factor of the initial weights of what is added to the mean shower: small, not zero, so that
all weights before them learn from the first step on."""

ORDER = 6
"""Polynomials to this order follow three decades of energy to 1 % in every layer and ring."""

ROUNDS = 30
"""Newton steps: ten suffice for full cells, empty ones creep towards minus infinity."""

TOLD_ORDER = 2
"""Polynomials in t of what a told number changes: its trend over three decades is smooth."""

RIDGE = 0.3
"""Pull of all coefficients towards the constant start, in units of one entry: keeps cells with
few hits finite and moves a cell with a hundred entries by less than its error."""


class CellSums:
    """What a fit of the mean shower needs of the showers, summed over the azimuth.

    Arguments:
        exponent: k of the weights $e^{k x}$ of the values.
    """

    def __init__(self, exponent: float) -> None:
        self.exponent = exponent
        self._parts: list[tuple[Tensor, ...]] = []
        self.n_alpha = 0

    def add(self, x: Showers, features: Float[Tensor, "batch features"]) -> None:
        """Take note of showers transformed by eq. (1), and of what is known of them."""
        hits = (x > 0).to(x.dtype)
        weight = torch.exp(self.exponent * x) * hits
        self.n_alpha = x.shape[2]
        self._parts.append((features, *(y.sum(dim=2) for y in (hits, weight, weight * x))))

    def join(self) -> tuple[Tensor, ...]:
        """Give features, and by layer and ring: hits, sums of weights, weighted sums of x."""
        return tuple(torch.cat(part).double() for part in zip(*self._parts, strict=True))


class MeanShower(nn.Module):
    r"""Hit logit and value of every layer and ring as polynomials of the scaled energy.

    $l_{lr}(t) = \sum_{k \le 6} L_{lrk} P_k(2t - 1)$, the same for the values before the
    softplus. The mean shower does not depend on the azimuth. Told numbers w of a shower, such
    as its depth, add $w_q P_k(2t - 1)$ with $k \le 2$, and $w_q w_p - \delta_{qp}$.

    Arguments:
        shape: (layers, alpha, r) of the cylinder.
        n_told: numbers w of a shower.
    """

    def __init__(self, shape: tuple[int, int, int], n_told: int = 0) -> None:
        super().__init__()
        n_features = ORDER + 1 + n_told * (TOLD_ORDER + 1) + n_told * (n_told + 1) // 2
        self.weight = nn.Parameter(torch.zeros(2, n_features, shape[0], 1, shape[2]))

    def forward(
        self, t: Float[Tensor, "batch 1"], told: Told | None = None
    ) -> Float[Tensor, "batch 2 layer 1 r"]:
        """Evaluate logit and raw value (before the softplus) at scaled energies t."""
        features = self.features(t.float(), told)
        return torch.einsum("bk,oklar->bolar", features, self.weight.float())

    @staticmethod
    def features(
        t: Float[Tensor, "batch 1"], told: Told | None = None
    ) -> Float[Tensor, "batch features"]:
        """Evaluate what the mean shower is linear in."""
        columns = [legendre(t, ORDER)]
        if told is not None:
            told = told.to(t)
            trend = legendre(t, TOLD_ORDER)
            columns.append((told[:, :, None] * trend[:, None]).flatten(start_dim=1))
            columns += [
                told[:, [q]] * told[:, [p]] - float(q == p)
                for q, p in combinations_with_replacement(range(told.shape[1]), 2)
            ]
        return torch.cat(columns, dim=1)

    @torch.no_grad()
    def fit(self, sums: CellSums) -> None:
        r"""Fit both outputs to showers, by damped Newton steps in every cell.

        Logits maximise the likelihood of the hits. Values minimise
        $\sum e^{k x} (x - \hat x)^2$ over the hits: with k = 1/2 and a normal x, the energy of
        the minimum is right, since the weight moves the mean by half of the variance.
        """
        features, n_hits, weight, weighted = sums.join()
        shape = n_hits.shape[1:]
        n_hits, weight, weighted = (y.flatten(start_dim=1) for y in (n_hits, weight, weighted))

        def logit_terms(raw: Tensor) -> tuple[Tensor, Tensor]:
            p = torch.sigmoid(raw)
            return sums.n_alpha * p - n_hits, sums.n_alpha * p * (1 - p)

        scale = weight.sum(dim=0).clamp(min=1e-30) / n_hits.sum(dim=0).clamp(min=1)

        def value_terms(raw: Tensor) -> tuple[Tensor, Tensor]:
            slope = torch.sigmoid(raw)
            pull = slope * (weight * softplus(raw) - weighted) / scale
            return pull, slope.square() * weight / scale

        share = (n_hits.sum(dim=0) + 0.1) / (sums.n_alpha * len(features) + 0.2)
        mean = (weighted.sum(dim=0) + 1e-30) / (weight.sum(dim=0) + 1e-30)
        starts = (torch.logit(share), torch.log(torch.expm1(mean.clamp(0.05, 60.0))))
        for output, (start, terms) in enumerate(
            zip(starts, (logit_terms, value_terms), strict=True)
        ):
            fitted = _newton(features, start, terms)
            self.weight[output] = fitted.view(-1, shape[0], 1, shape[1]).to(self.weight)


def _newton(
    features: Tensor, start: Float[Tensor, " cells"], terms: Terms
) -> Float[Tensor, "features cells"]:
    """Solve the same kind of regression in every cell at once.

    Arguments:
        features: polynomials of every shower.
        start: constant to begin with.
        terms: gives slope and curvature of the loss at every shower's linear predictor.
    """
    c = torch.zeros(features.shape[1], len(start), dtype=features.dtype)
    c[0] = start
    begin = c.clone()
    ridge = RIDGE * torch.eye(len(c), dtype=c.dtype)
    for _ in range(ROUNDS):
        slope, curvature = terms(features @ c)
        gradient = features.T @ slope + RIDGE * (c - begin)
        each = [features.T @ (w[:, None] * features) for w in curvature.T]  # little memory
        hessian = torch.stack(each) + ridge
        step = torch.linalg.solve(hessian, gradient.T[:, :, None])[:, :, 0].T
        longest = step.abs().amax(dim=0).clamp(min=1.0)
        c = c - step / longest
        if float(step.abs().max()) < 1e-4:
            break
    return c
