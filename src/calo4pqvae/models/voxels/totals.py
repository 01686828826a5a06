"""The total energy of drawn showers, given the spread that Geant4's has."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from calo4pqvae._core.polynomials import legendre

__all__ = ["Totals"]

Column = Float[Tensor, "batch 1"]
Told = Float[Tensor, "batch quantities"]


class Totals(nn.Module):
    r"""Mean and spread of the total as functions of t, for drawn showers and for true ones.

    Voxels that are drawn one by one make a total that varies too much above some 20 GeV, where
    deposits share a fixed energy. With y = ln(total / incident energy), and mean $\mu(t)$ and
    spread $\sigma(t)$ of y on both sides, a drawn shower is multiplied by the factor that moves
    its y to $\mu_G + (y - \mu_D)\, \sigma_G / \sigma_D$ (G: Geant4, D: drawn): who was above
    the mean stays there. Before `fit` nothing is multiplied. Where bits name the total, means
    depend on it as well (linear in what else is told, to third order in the total), so that
    spreads are what is left.

    Arguments:
        n_told: numbers w that bits name outright, the total first.
    """

    ORDER, TOLD_ORDER, ROUNDS = 4, 2, 20
    FEWEST = 500
    """Showers that curves of five coefficients can be fitted to."""

    mean: Tensor
    log_ratio: Tensor

    def __init__(self, n_told: int = 0) -> None:
        super().__init__()
        n_features = self.ORDER + 1 + ((n_told + 2) * (self.TOLD_ORDER + 1) if n_told else 0)
        self.register_buffer("mean", torch.zeros(2, n_features))
        self.register_buffer("log_ratio", torch.zeros(self.ORDER + 1))

    def forward(self, y: Column, t: Column, told: Told | None = None) -> Column:
        """Give the factors of drawn showers with logarithmic responses y."""
        features = self._features(t, told)
        drawn, true = (features @ curve[:, None] for curve in self.mean)
        ratio = torch.exp(legendre(t, self.ORDER) @ self.log_ratio[:, None])
        return torch.exp(true + ratio * (y - drawn) - y)

    def fit(self, drawn: Column, true: Column, t: Column, told: Told | None = None) -> None:
        """Fit the curves.

        Arguments:
            drawn: y of showers that were encoded, decoded and drawn.
            true: y of the originals.
            t: scaled energies.
            told: numbers that bits name.
        """
        if len(t) < self.FEWEST:
            return
        features, spread_features = (
            self._features(t.double(), told),
            legendre(t.double(), self.ORDER),
        )
        spreads = []
        for number, y in enumerate((drawn.double(), true.double())):
            curve = torch.linalg.lstsq(features, y).solution
            self.mean[number] = curve[:, 0].to(self.mean)
            spreads.append(self._log_variance(spread_features, (y - features @ curve) ** 2))
        self.log_ratio.copy_((spreads[1] - spreads[0]) / 2)

    def _features(self, t: Column, told: Told | None) -> Tensor:
        """Evaluate what the means are linear in."""
        columns = [legendre(t, self.ORDER)]
        if told is not None:
            w = told.to(t)
            total = w[:, :1]
            w = torch.cat([w, total**2 - 1, total**3 - 3 * total], dim=1)
            columns.append(
                (w[:, :, None] * legendre(t, self.TOLD_ORDER)[:, None]).flatten(start_dim=1)
            )
        return torch.cat(columns, dim=1)

    def _log_variance(self, features: Tensor, squares: Tensor) -> Tensor:
        """Fit ln of the variance by Fisher scoring of the normal likelihood."""
        curve = torch.zeros(features.shape[1], dtype=features.dtype)
        curve[0] = squares.mean().clamp(min=1e-12).log()
        for _ in range(self.ROUNDS):
            pull = squares[:, 0] * torch.exp(-(features @ curve)) - 1
            curve = curve + torch.linalg.lstsq(features, pull[:, None]).solution[:, 0].clamp(
                -1, 1
            )
        return curve
