"""The energy of a single hit: learnt spectra of a few particles, or a normal logarithm."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

__all__ = ["N_LATER", "Deposits"]

Hits = Float[Tensor, " hits"]
Outputs = Float[Tensor, "hits outputs"]
Rows = Int[Tensor, " hits"]

_COARSE, _FINE = (0.0, 4.0, 10), (4.0, 7.4, 54)
"""Bins of y = ln(v / v0) below and above 0.8 MeV; the last one ends at 25 MeV."""

_STARTS = ((5.6, 0.45), (3.5, 1.5), (6.3, 0.5))
"""Peak and width in y that each spectrum has before training: one particle in a cell, one that
touches its edge, two particles."""

_ROOMS = (0.05, 8.0, 80)
"""Rooms ln(R / v0) at which spectra are tabulated: up to 45 MeV; beyond it they are free."""

N_LATER = 4
"""Numbers of later hits, from one, each with a distribution of its own for what is left."""

_BEGIN = 50.0
"""Energy [v0] at which that distribution turns over before training: 0.8 MeV."""

_POINTS = 8
_LEAST = 1e-6


class Deposits(nn.Module):
    r"""Distribution of y = ln(v / v_0) of a hit of energy v, of which there is room for R.

    R is what is left of the layer's energy, less the threshold v_0 of all later hits.

    $p(y) = \sum_k w_k T_k(y) g(R - v) / C_k(R) + w_0 p_0(y)$. The spectra T_k are histograms
    that all hits share: the edge of a particle that crosses a cell at 2.3 MeV is in them, so
    that no width can smear it. What is left for the later hits has its own learnt distribution
    g if these are one, two or three, since it has such an edge, too; for more of them, $g = (1
    - v / R)^2$. Cells with many particles have $p_0$: $\tilde y = y - \ln(1 - v / R)$ is
    normal, cut at zero.

    Outputs of the network for each hit: ln(w_k / w_0), $\mu$ of $\tilde y$, and the logit of
    $\sigma$ between `WIDTHS`.

    Arguments:
        threshold: readout threshold v_0 [MeV].
    """

    WIDTHS = (0.04, 1.2)
    N_SPECTRA = len(_STARTS)
    N_OUTPUTS = N_SPECTRA + 2

    edges: Tensor
    rooms: Tensor
    free: Tensor
    place: Tensor

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold
        parts = [torch.linspace(a, b, n + 1)[:-1] for a, b, n in (_COARSE, _FINE)]
        edges = torch.cat([*parts, torch.tensor([_FINE[1]])])
        self.register_buffer("edges", edges, persistent=False)
        rooms = torch.linspace(*_ROOMS)
        self.register_buffer("rooms", rooms, persistent=False)
        part = (torch.arange(_POINTS) + 0.5) / _POINTS
        y = edges[:-1, None] + part * edges.diff()[:, None]
        free = (1 - torch.exp(y - rooms[:, None, None])).clamp(min=0)
        left = rooms[:, None, None] + torch.log(free.clamp(min=1e-9))
        place = torch.bucketize(left.clamp(min=0), edges[1:-1], right=True)
        self.register_buffer("free", free, persistent=False)
        self.register_buffer("place", place, persistent=False)
        middle, width = (edges[1:] + edges[:-1]) / 2, edges.diff()
        start = [-(((middle - m) / s) ** 2) / 2 + width.log() for m, s in _STARTS]
        self.spectra = nn.Parameter(torch.stack(start))
        begin = torch.log(1 - torch.exp(-middle.exp() / _BEGIN))
        self.rest = nn.Parameter(torch.stack([k * begin for k in range(1, N_LATER)]))

    def loss(self, outputs: Outputs, y: Hits, room: Hits, later: Hits) -> Hits:
        """Compute the negative log-likelihood of each hit [nats].

        Arguments:
            outputs: of the network.
            y: logarithmic energies in units of the threshold.
            room: ln(R / v_0).
            later: number of later hits.
        """
        log_w, mu, sigma = self.split(outputs)
        log_jacobian = -torch.log1p(-torch.exp(y - room).clamp(max=1 - 1e-4))
        z = (y + log_jacobian - mu) / sigma
        normal = log_jacobian - z**2 / 2 - sigma.log() - math.log(2 * math.pi) / 2
        normal = normal - torch.special.log_ndtr(mu / sigma)
        place = torch.bucketize(y, self.edges[1:], right=True)
        density = torch.log(self.tables().clamp(min=1e-12)) - self.edges.diff().log()
        density = torch.nn.functional.pad(density, (0, 1), value=-30.0)
        few = density[self.rows(room, later), :, place]
        return -torch.logsumexp(log_w + torch.cat([few, normal[:, None]], dim=1), dim=1)

    def draw(
        self,
        outputs: Outputs,
        room: Hits,
        later: Hits,
        uniform: Hits,
        shape: Callable[[Hits, Hits], Hits] = lambda _, level: level,
    ) -> Hits:
        r"""Draw y from a uniform number.

        Arguments:
            outputs: of the network.
            room: ln(R / v_0).
            later: number of later hits.
            uniform: numbers in (0, 1).
            shape: reshapes levels of $p_0$, given $\mu$ and level.
        """
        log_w, mu, sigma = self.split(outputs)
        sums = log_w.exp().cumsum(dim=1)
        which = (sums[:, :-1] <= uniform[:, None]).sum(dim=1)
        weight, end = (x.gather(1, which[:, None])[:, 0] for x in (log_w.exp(), sums))
        level = ((uniform - end + weight) / weight.clamp(min=1e-12)).clamp(0, 1)
        rows = self.rows(room, later)
        few = self._read(self.cumulated()[rows, which.clamp(max=self.N_SPECTRA - 1)], level)
        low = torch.special.ndtr(-mu / sigma)
        probability = (low + (1 - low) * shape(mu, level)).clamp(_LEAST, 1 - _LEAST)
        free = (mu + sigma * torch.special.ndtri(probability)).clamp(min=0)
        many = free - torch.log1p(torch.exp((free - room).clamp(max=60)))
        y = torch.where(which < self.N_SPECTRA, few, many)
        return torch.minimum(y.clamp(min=0), room)

    def of_many(
        self, outputs: Outputs, y: Hits, room: Hits, later: Hits
    ) -> tuple[Hits, Hits, Hits]:
        r"""Compute what shows the shape of $p_0$.

        Returns:
            probability that hits of y come from $p_0$, the mean $\mu$, and the probability
            under $p_0$ of a smaller y.
        """
        log_w, mu, sigma = self.split(outputs)
        log_jacobian = -torch.log1p(-torch.exp(y - room).clamp(max=1 - 1e-4))
        z, least = (y + log_jacobian - mu) / sigma, torch.special.ndtr(-mu / sigma)
        density = log_jacobian - z**2 / 2 - sigma.log() - math.log(2 * math.pi) / 2
        log_p = log_w[:, -1] + density - torch.special.log_ndtr(mu / sigma)
        share = torch.exp(log_p + self.loss(outputs, y, room, later)).clamp(max=1)
        level = (torch.special.ndtr(z) - least) / (1 - least).clamp(min=_LEAST)
        return share, mu, level.clamp(0, 1)

    def split(self, outputs: Outputs) -> tuple[Tensor, Hits, Hits]:
        """Give logarithms of the weights, means and widths."""
        logits, mu, width = outputs.split([self.N_SPECTRA, 1, 1], dim=1)
        log_w = torch.log_softmax(torch.nn.functional.pad(logits, (0, 1)), dim=1)
        low, high = self.WIDTHS
        return log_w, mu[:, 0], low + (high - low) * torch.sigmoid(width[:, 0])

    def rows(self, room: Hits, later: Hits) -> Rows:
        """Find the row of the tables that belongs to each hit."""
        number = (later - 0.5).clamp(0, N_LATER - 1).long()
        return torch.bucketize(room, self.rooms) + number * (len(self.rooms) + 1)

    def tables(self) -> Float[Tensor, "rows spectra bins"]:
        """Give the probability of each bin for rooms and powers, spectrum by spectrum."""
        some = torch.exp(self.rest - self.rest.amax(dim=1, keepdim=True))
        few = some[:, self.place] * (self.free > 0)
        leave = torch.cat([few, self.free[None] ** 2]).mean(dim=-1)
        leave = torch.nn.functional.pad(leave, (0, 0, 0, 1), value=1.0).flatten(end_dim=1)
        weight = torch.softmax(self.spectra, dim=1) * leave[:, None]
        return weight / weight.sum(dim=2, keepdim=True).clamp(min=1e-20)

    def cumulated(self) -> Float[Tensor, "rows spectra edges"]:
        """Give the probability of each spectrum below the edges of the bins."""
        sums = self.tables().cumsum(dim=2)
        return torch.nn.functional.pad(sums / sums[..., -1:], (1, 0))

    def _read(self, sums: Float[Tensor, "hits edges"], level: Hits) -> Hits:
        """Find where spectra reach a level."""
        above = torch.searchsorted(sums.contiguous(), level[:, None].contiguous(), right=True)
        above = above.clamp(1, sums.shape[1] - 1)
        low, high = (sums.gather(1, above - k)[:, 0] for k in (1, 0))
        part = ((level - low) / (high - low).clamp(min=1e-12)).clamp(0, 1)
        return torch.lerp(self.edges[above[:, 0] - 1], self.edges[above[:, 0]], part)
