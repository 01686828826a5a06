"""Draws of voxels on a CPU: matrix products by torch, everything between them compiled."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear, silu

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.constants import DECAY
from calo4pqvae.models.cellwise import energy_loops, hit_loops
from calo4pqvae.models.cellwise.allocation_loops import allocate
from calo4pqvae.models.cellwise.compiled_allocation import odds_of_scores
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.decoder import CellDecoder
from calo4pqvae.models.cellwise.folded import FoldedWeights
from calo4pqvae.models.cellwise.hit_list import HitList
from calo4pqvae.models.cellwise.lateral import DRAWN, N_AIMS, Aims, Lateral
from calo4pqvae.models.cellwise.memory import update_memory
from calo4pqvae.models.voxels.quantiles import QuantileTable

__all__ = ["CompiledCells", "DrawnLayer"]

_BLOCK = 1024


class DrawnLayer(NamedTuple):
    """A layer that has been drawn, of those showers that have energy there.

    Attributes:
        number: of the layer.
        n_hits: hits of each.
        hits, voxels, levels: of all cells, sectors in the order of drawing.
        left: what was left for the last hit: see `DrawCorrections.last`.
    """

    number: int
    n_hits: np.ndarray
    hits: np.ndarray
    voxels: np.ndarray
    levels: np.ndarray
    left: np.ndarray


class CompiledCells:
    """Draw voxels of given layer energies: what `draw_voxels` does, for a CPU.

    Arguments:
        decoder: what the cells of a layer depend on.
        shape: gives the distributions of hits their shape.
        corrections: what draws are shifted by.
        watch: shown each layer that has been drawn.
    """

    def __init__(
        self,
        decoder: CellDecoder,
        shape: QuantileTable,
        corrections: DrawCorrections,
        watch: Callable[[DrawnLayer], None] | None = None,
    ) -> None:
        net, order = decoder.sectors, decoder.order
        self.decoder, self.corrections, self.watch = decoder, corrections, watch
        self.folded = FoldedWeights(decoder)
        self.bias = torch.cat([net.hits_history.bias, net.values_history.bias]).detach()
        self.share = net.share.detach().numpy()
        mean = decoder.mean.detach()[..., 0, :]
        self.logit_mean = mean[:, 0].numpy()
        self.log_mean = mean[:, 1].numpy()
        self.output_mean = mean[:, 2:].movedim(1, 2).flatten(start_dim=2).numpy()
        self.weights = torch.cat([decoder.moments, decoder.weights[:, 2:]], dim=1).numpy()
        self.directions = decoder.directions[order.sectors]
        self.sectors = order.sectors.numpy()
        distribution = decoder.deposits
        tables = (distribution.edges, distribution.rooms, distribution.cumulated().detach())
        self.tables = tuple(table.numpy() for table in tables)
        quantiles = (shape.levels, shape.edges, shape.table)
        self.quantiles = tuple(part.numpy() for part in quantiles)

    @torch.no_grad()
    def __call__(
        self,
        layers: Float[Tensor, "batch layer"],
        lateral: Lateral,
        t: Float[Tensor, "batch 1"],
        uniforms: Float[Tensor, "batch layer uniforms"],
    ) -> Showers:
        """Draw voxels [MeV]; see `draw_voxels`."""
        showers = torch.zeros(len(layers), *self.decoder.shape)
        given = (layers, lateral.centres, lateral.radius, t, uniforms, showers)
        for block in zip(*(part.split(_BLOCK) for part in given), strict=True):
            layers, centres, radius, t, uniforms, made = block
            _Block(self, layers, Lateral(centres, radius), t, uniforms, made).draw()
        return showers


class _Block:
    """Some showers on their way through the layers."""

    def __init__(
        self,
        draws: CompiledCells,
        layers: Tensor,
        lateral: Lateral,
        t: Tensor,
        uniforms: Tensor,
        showers: Tensor,
    ) -> None:
        decoder, rows = draws.decoder, len(layers)
        (_, n_alpha, n_r), self.layers, self.t = decoder.shape, layers, t
        self.draws, self.decoder, self.showers = draws, decoder, showers.numpy()
        self.uniforms = uniforms.split([2, *[n_alpha * n_r] * 2], dim=2)
        self.context = decoder.context(layers, t).transpose(0, 1).contiguous()
        self.aims = Aims.set(lateral, layers, DRAWN)
        self.state = layers.new_zeros(1, rows, decoder.memory.hidden_size)
        self.rings = layers.new_zeros(rows, 2 * n_r)
        self.remembered = torch.zeros(rows, n_alpha, len(draws.folded.hits))
        self.moments = np.zeros((rows, 1 + len(DECAY), 4), dtype=np.float32)
        self.last = self.earlier = HitList.empty(np.full(rows, -1), 0, (n_alpha, n_r))
        self.spent, self.in_block = layers.new_zeros(rows, 4), layers.new_zeros(rows, 2)

    def draw(self) -> None:
        """Draw all layers."""
        decoder, blocks = self.decoder, self.aims.block
        for number, energy in enumerate(self.layers.unbind(dim=1)):
            memory, self.state = decoder.step_memory(
                self.rings, self.context[number], self.state
            )
            if number and blocks[number] != blocks[number - 1]:
                self.in_block.zero_()
            aims, scalars = self.aims.at(
                slice(number, number + 1), self.spent[:, None], self.in_block[:, None]
            )
            seen = aims[:, 0] @ self.draws.directions[:, 0].T
            self.remembered[..., -N_AIMS:] = seen.transpose(1, 2)
            layer = _Layer(self, number, torch.cat([memory, scalars[:, 0]], dim=1), energy)
            if len(layer.non_empty):
                layer.draw()
            layer.update()


class _Layer:
    """One layer of those showers of a block that have energy there."""

    def __init__(
        self, block: _Block, number: int, layer_context: Tensor, energy: Tensor
    ) -> None:
        self.block, self.number, self.draws = block, number, block.draws
        self.net, self.decoder = block.decoder.sectors, block.decoder
        non_empty = energy.nonzero()[:, 0]
        self.whole = len(non_empty) == len(energy)
        self.rows, self.non_empty = non_empty, non_empty.numpy()
        self.energy, self.layer_context, self.t = (
            self._mine(x) for x in (energy, layer_context, block.t)
        )
        rows, shape = len(non_empty), (block.decoder.shape[1], block.decoder.shape[2])
        self.hits = np.zeros((rows, *shape), dtype=np.float32)
        row_of = np.full(len(energy), -1)
        row_of[self.non_empty] = np.arange(rows)
        self.made = HitList.empty(row_of, rows, shape)
        self.voxels = np.empty_like(self.made.scaled)
        self.remembered = self._mine(block.remembered)

    def draw(self) -> None:
        """Draw the number of hits, the hits, and their energies."""
        n_hits = self._count()
        known = self.decoder.with_counts(self.layer_context, n_hits)
        bias = self.net.world(known) + self.draws.bias
        for_hits, for_values = bias.split(self.net.first, dim=1)
        self._draw_hits(known, for_hits, n_hits)
        levels = self._levels(n_hits)
        left = self.energy.clone().numpy()
        moves = self.draws.corrections.of_moves(self.number, n_hits).numpy()
        shaped = (levels, moves)
        self._draw_energies(known, for_values, left, n_hits.clone().numpy(), shaped)
        rest = self._share_remainder(n_hits)
        if self.draws.watch is not None:
            voxels = np.zeros_like(self.hits)
            energy_loops.spread(self.made, self.voxels, voxels)
            drawn = (n_hits.numpy(), self.hits, voxels, levels, rest)
            self.draws.watch(DrawnLayer(self.number, *drawn))

    def update(self) -> None:
        """Show the layer to those after it."""
        block, draws = self.block, self.draws
        fixed = (draws.sectors, draws.weights, draws.directions.numpy())
        memory = (block.remembered, block.rings, block.spent, block.in_block)
        remembered, rings, *spent = (part.numpy() for part in memory)
        update_memory(
            self.number,
            self.made,
            self.voxels,
            *fixed,
            self.decoder.threshold,
            DECAY,
            remembered,
            block.moments,
            rings,
            *spent,
            block.showers,
        )
        block.last, block.earlier = self.made, block.last

    def _count(self) -> Float[Tensor, " non_empty"]:
        counts, threshold = self.decoder.counts, self.decoder.threshold
        uniform = self._mine(self.block.uniforms[0][:, self.number])
        most = torch.floor(self.energy / threshold + 1e-4).clamp(min=1)
        return torch.minimum(counts.draw(counts(self.layer_context), uniform), most)

    def _levels(self, n_hits: Float[Tensor, " non_empty"]) -> Float[np.ndarray, "..."]:
        """Give the levels of the hits' energies."""
        uniforms = self.block.uniforms[2][:, self.number].numpy()
        tables = self.draws.corrections
        shares = tables.of_levels(self.number, n_hits).numpy()
        levels = np.zeros_like(self.hits)
        given = (uniforms, self.non_empty, self.made, shares, tables.knots.numpy())
        energy_loops.reshape_levels(*given, levels)
        return levels

    def _draw_hits(
        self, known: Tensor, bias: Tensor, n_hits: Float[Tensor, " non_empty"]
    ) -> None:
        block, net, draws = self.block, self.net, self.draws
        rows, n_alpha, n_r = self.hits.shape
        n_left, gates = n_hits.clone().numpy(), self.decoder.gates(known)
        of_rings, of_bonds = draws.corrections.of_scores(self.number, n_hits)
        gates += of_bonds[:, None]
        gates = gates.numpy()
        folded, base = draws.folded, np.empty_like(self.hits)
        past = self.remembered.flatten(end_dim=1) @ folded.hits
        past = past.view(rows, n_alpha, -1).numpy()
        last, mean = block.last, draws.logit_mean[:, self.number]
        around = (self.remembered.numpy(), last, block.earlier, self.non_empty, folded.circle)
        local = (gates, mean, self.t[:, 0].numpy())
        hit_loops.look_around(*around, *local, past, folded.logits_last, base)
        base += of_rings[:, None].numpy()
        past_odds = odds_of_scores(torch.from_numpy(base)).numpy()
        uniforms = block.uniforms[1][:, self.number].numpy()
        far = draws.corrections.of_far(self.number, n_hits).numpy()
        c = np.log((n_left + 0.1) / (n_alpha * n_r - n_left + 0.1))
        before = (last, self.non_empty, folded.hits_last, folded.circle)
        layer_bias, logits_of = bias.contiguous().numpy(), (net.hits.weight, net.hits.bias)
        for stage in folded.stages:
            count, places = stage.end - stage.first, (n_alpha - stage.first) * n_r
            known = torch.empty(rows * count, net.first)
            given = (past, layer_bias, stage.hits, n_left, places, stage.first)
            hit_loops.begin_stage(*given, *before, self.made, stage.beside, known.numpy())
            known = silu(known, inplace=True)
            logits = linear(known, *logits_of).numpy()
            scores = torch.empty(rows, count, n_r)
            seen = (gates, stage.sides, stage.first, self.hits)
            hit_loops.score_cells(logits, base, *seen, scores.numpy())
            decides = (odds_of_scores(scores).numpy(), past_odds, uniforms, self.non_empty)
            decides = (*decides, far, draws.sectors)
            allocate(*decides, stage.first, c, n_left, self.hits, self.made)

    def _draw_energies(
        self,
        known: Tensor,
        bias: Tensor,
        left: np.ndarray,
        n_left: np.ndarray,
        shaped: tuple[np.ndarray, np.ndarray],
    ) -> None:
        net, draws, folded = self.net, self.draws, self.draws.folded
        rows, n_alpha, n_r = self.hits.shape
        starts = self.made.starts
        places, owners = np.nonzero((starts[:, 1:] > starts[:, :-1]).T)
        ends = np.searchsorted(places, np.arange(n_alpha + 1))
        t, v0 = self.t[:, 0].numpy(), self.decoder.threshold
        remembered = torch.from_numpy(self.remembered.numpy()[owners, places])
        told = (remembered @ folded.values).numpy()
        where = (owners, places, folded.circle, self.non_empty)
        of_hits = (self.block.last, self.made, folded.values_last, folded.around)
        energy_loops.add_hits(*where, *of_hits, told)
        more = (net.expected_world(known) + net.expected.bias).numpy()
        log_e = np.empty((len(owners), n_r), dtype=np.float32)
        expected, rest = np.empty_like(log_e), np.zeros(rows, dtype=np.float32)
        means = (net.first, more, draws.log_mean[:, self.number], t)
        sums = (log_e, expected, rest)
        energy_loops.sum_expected(told, *means, owners, places, self.made, *sums)
        layer_bias, direct = bias.contiguous().numpy(), net.first + n_r
        inner, values = ((x.weight, x.bias) for x in (net.inner, net.values))
        fixed = (direct, draws.output_mean[:, self.number], draws.share, t)
        distribution = (v0, self.decoder.deposits.WIDTHS, draws.tables, draws.quantiles)
        for stage in folded.stages:
            for place in range(stage.first, stage.end):
                start = ends[place]
                owner = owners[start : ends[place + 1]]
                if not len(owner):
                    continue
                hidden = torch.empty(len(owner), net.first)
                seen = (owner, left, n_left, v0, self.made, stage.beside[place - stage.first])
                energy_loops.begin_sectors(
                    told, start, layer_bias, stage.values, *seen, hidden.numpy()
                )
                hidden = silu(hidden, inplace=True)
                hidden = silu(linear(hidden, *inner), inplace=True)
                outputs = linear(hidden, *values).numpy()
                given = (outputs, told, start, *fixed, owner, place, *distribution)
                taken = (*shaped, self.made, self.voxels, left, n_left, rest)
                energy_loops.give_energies(*given, log_e, expected, *taken)

    def _share_remainder(self, n_hits: Float[Tensor, " non_empty"]) -> np.ndarray:
        """Share what is left for the last hit with all others."""
        quantiles = self.draws.corrections.of_last(self.number, n_hits).numpy()
        left = np.empty(len(n_hits))
        given = (self.energy.numpy(), self.decoder.threshold, quantiles)
        energy_loops.share_remainder(*given, self.made, self.voxels, left)
        return left

    def _mine(self, rows: Tensor) -> Tensor:
        """Pick the rows of showers that have energy in the layer."""
        return rows if self.whole else rows[self.rows]
