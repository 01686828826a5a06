"""Draws of voxels on a CPU: matrix products by torch, everything between them compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from calo4pqvae._core.typing import Showers
from calo4pqvae.models.autoregressive.constants import DECAY
from calo4pqvae.models.cellwise import energy_loops, hit_loops
from calo4pqvae.models.cellwise.allocation_loops import allocate
from calo4pqvae.models.cellwise.compiled_allocation import odds_of_scores
from calo4pqvae.models.cellwise.corrections import DrawCorrections
from calo4pqvae.models.cellwise.decoder import N_PAST, CellDecoder
from calo4pqvae.models.cellwise.lateral import DRAWN, N_AIMS, Aims, Lateral
from calo4pqvae.models.cellwise.memory import update_memory
from calo4pqvae.models.voxels.quantiles import QuantileTable

__all__ = ["CompiledCells", "DrawnLayer"]

_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class _Stage:
    """A stage of the order: what stands beside its sectors, and weights of what it is told."""

    first: int
    end: int
    beside: np.ndarray
    sides: np.ndarray
    hits: Float[Tensor, "told_hits hidden"]
    values: Float[Tensor, "told_values hidden"]
    biases: tuple[Float[Tensor, " hidden"], Float[Tensor, " hidden"]]


class DrawnLayer(NamedTuple):
    """A layer that has been drawn, of those showers that have energy there.

    Attributes:
        number: of the layer.
        n_hits: hits of each.
        hits, voxels, levels: of all cells, sectors in the order of drawing.
    """

    number: int
    n_hits: np.ndarray
    hits: np.ndarray
    voxels: np.ndarray
    levels: np.ndarray


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
        self.stages = _fold(decoder)
        weights = [net.hits_history.weight, net.hits_direct.weight]
        self.for_hits = torch.cat(weights).T.detach().contiguous()
        hidden = torch.cat([net.values_history.weight.T, net.around.weight.T])
        nothing = torch.zeros(net.around.in_features, net.values_direct.out_features)
        direct = torch.cat([net.values_direct.weight.T, nothing])
        expected = net.expected.weight.T
        self.for_values = torch.cat([hidden, direct, expected], dim=1).detach().contiguous()
        self.bias = torch.cat([net.hits_history.bias, net.values_history.bias]).detach()
        self.share = net.share.detach().numpy()
        mean = decoder.mean.detach()[..., 0, :]
        self.logit_mean = mean[:, 0].numpy()
        self.log_mean = mean[:, 1].numpy()
        self.output_mean = mean[:, 2:].movedim(1, 2).flatten(start_dim=2).numpy()
        self.moments, self.directions = decoder.moments.numpy(), decoder.directions.numpy()
        self.order = order.sectors.numpy()
        distribution = decoder.deposits
        tables = (distribution.edges, distribution.rooms, distribution.cumulated().detach())
        self.tables = tuple(table.double().numpy() for table in tables)
        quantiles = (shape.levels, shape.edges, shape.table)
        self.quantiles = tuple(part.double().numpy() for part in quantiles)

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
        self.context, self.aims = decoder.context(layers, t), Aims.set(lateral, layers, DRAWN)
        self.state = layers.new_zeros(1, rows, decoder.memory.hidden_size)
        self.rings = layers.new_zeros(rows, 2 * n_r)
        known = decoder.sectors.hits_history.in_features
        self.history = torch.zeros(rows, n_alpha, known)
        self.moments = np.zeros((rows, 1 + len(DECAY), 4), dtype=np.float32)
        self.before = np.zeros((rows, n_alpha, n_r), dtype=np.float32)
        self.spent, self.in_block = layers.new_zeros(rows, 4), layers.new_zeros(rows, 2)

    def draw(self) -> None:
        """Draw all layers."""
        decoder, blocks = self.decoder, self.aims.block
        for number, energy in enumerate(self.layers.unbind(dim=1)):
            memory, self.state = decoder.step_memory(
                self.rings, self.context[:, number], self.state
            )
            if number and blocks[number] != blocks[number - 1]:
                self.in_block.zero_()
            aims, scalars = self.aims.at(
                slice(number, number + 1), self.spent[:, None], self.in_block[:, None]
            )
            seen = aims[:, 0] @ decoder.directions[:, 0].T
            self.history[..., -N_AIMS:] = seen.transpose(1, 2)
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
        shape = (len(non_empty), *block.decoder.shape[1:])
        self.hits, self.voxels, self.scaled = (
            np.zeros(shape, dtype=np.float32) for _ in range(3)
        )

    def draw(self) -> None:
        """Draw the number of hits, the hits, and their energies."""
        n_hits = self._count()
        known = self.decoder.with_counts(self.layer_context, n_hits)
        bias = self.net.world(known) + self.draws.bias
        for_hits, for_values = bias.split(self.net.first, dim=1)
        self._draw_hits(known, for_hits, n_hits)
        levels = self._levels(n_hits)
        left = self.energy.clone().numpy()
        self._draw_energies(known, for_values, left, n_hits.clone().numpy(), levels)
        if self.draws.watch is not None:
            drawn = (n_hits.numpy(), self.hits, self.voxels, levels)
            self.draws.watch(DrawnLayer(self.number, *drawn))

    def update(self) -> None:
        """Show the layer to those after it."""
        block, draws, history = self.block, self.draws, self.block.history.numpy()
        n_r = self.hits.shape[2]
        block.before[:] = history[..., n_r : 2 * n_r]
        row_of = np.full(len(block.layers), -1)
        row_of[self.non_empty] = np.arange(len(self.non_empty))
        voxels, scaled = (np.empty_like(x) for x in (self.voxels, self.scaled))
        voxels[:, draws.order], scaled[:, draws.order] = self.voxels, self.scaled
        fixed = (draws.moments, draws.directions, self.decoder.threshold, DECAY)
        memory = (history, block.moments, block.rings.numpy())
        update_memory(self.number, row_of, voxels, scaled, *fixed, *memory, block.showers)
        sums = torch.from_numpy(voxels).flatten(start_dim=1)
        sums = torch.cat([sums.sum(dim=1, keepdim=True), sums @ self.decoder.weights], dim=1)
        block.spent[self.rows] += sums
        block.in_block[self.rows] += sums[:, 1:3]

    def _count(self) -> Float[Tensor, " non_empty"]:
        counts, threshold = self.decoder.counts, self.decoder.threshold
        uniform = self._mine(self.block.uniforms[0][:, self.number])
        most = torch.floor(self.energy / threshold + 1e-4).clamp(min=1)
        return torch.minimum(counts.draw(counts(self.layer_context), uniform), most)

    def _levels(self, n_hits: Float[Tensor, " non_empty"]) -> Float[np.ndarray, "..."]:
        """Give the levels of the hits' energies."""
        uniform = self._mine(self.block.uniforms[2][:, self.number]).view(self.hits.shape)
        tables = self.draws.corrections
        shares = tables.of_levels(self.number, n_hits).numpy()
        levels = np.zeros_like(self.hits)
        energy_loops.reshape_levels(
            uniform.numpy(), self.hits, shares, tables.knots.numpy(), levels
        )
        return levels

    def _draw_hits(
        self, known: Tensor, bias: Tensor, n_hits: Float[Tensor, " non_empty"]
    ) -> None:
        block, net, draws = self.block, self.net, self.draws
        rows, n_alpha, n_r = self.hits.shape
        n_left, gates = n_hits.clone().numpy(), self.decoder.gates(known)
        of_rings, of_bonds = draws.corrections.of_scores(self.number, n_hits)
        gates[..., N_PAST:] += of_bonds[:, None]
        gates = gates.numpy()
        base = np.empty_like(self.hits)
        mean, t = draws.logit_mean[:, self.number], self.t[:, 0].numpy()
        history = block.history.numpy()
        hit_loops.look_around(
            history, block.before, self.non_empty, draws.order, gates, mean, t, base
        )
        decides = self._mine(block.uniforms[1][:, self.number])
        decides = decides.view(rows, n_alpha, n_r).numpy()
        order = self.decoder.order
        past = self._mine(block.history)[:, order.sectors].flatten(end_dim=1) @ draws.for_hits
        past = past.view(rows, n_alpha, -1)
        hidden, direct = past.split([net.first, n_r], dim=2)
        base += direct.numpy()
        base += of_rings[:, None].numpy()
        past_odds = odds_of_scores(torch.from_numpy(base)).numpy()
        c = np.log((n_left + 0.1) / (n_alpha * n_r - n_left + 0.1))
        for stage in draws.stages:
            mine, count = slice(stage.first, stage.end), stage.end - stage.first
            told = torch.empty(rows * count, len(stage.hits))
            places = (n_alpha - stage.first) * n_r
            hit_loops.line_up_hits(self.hits, n_left, places, stage.beside, told.numpy())
            known = hidden[:, mine] + (bias + stage.biases[0])[:, None]
            known = silu(torch.addmm(known.flatten(end_dim=1), told, stage.hits), inplace=True)
            logits = linear(known, net.hits.weight, net.hits.bias).numpy()
            scores = torch.empty(rows, count, n_r)
            seen = (gates, stage.sides, stage.first, self.hits)
            hit_loops.score_cells(logits, base, *seen, scores.numpy())
            odds = (odds_of_scores(scores).numpy(), past_odds)
            allocate(*odds, stage.first, c, n_left, decides, self.hits)

    def _draw_energies(
        self,
        known: Tensor,
        bias: Tensor,
        left: np.ndarray,
        n_left: np.ndarray,
        levels: np.ndarray,
    ) -> None:
        net, draws = self.net, self.draws
        rows, n_alpha, n_r = self.hits.shape
        places, owners = np.nonzero(self.hits.any(axis=2).T)
        ends = np.searchsorted(places, np.arange(n_alpha + 1))
        t, v0 = self.t[:, 0].numpy(), self.decoder.threshold
        sizes = [net.first, net.values.out_features, n_r]
        told = (self._values_told(places, owners) @ draws.for_values).split(sizes, dim=1)
        more = net.expected_world(known) + net.expected.bias
        log_e = (told[2] + more[owners]).numpy()
        expected, rest = np.zeros_like(log_e), np.zeros(rows, dtype=np.float32)
        mean = draws.log_mean[:, self.number]
        energy_loops.sum_expected(log_e, mean, t, owners, places, self.hits, expected, rest)
        fixed = (draws.output_mean[:, self.number], draws.share, t)
        distribution = (v0, self.decoder.deposits.WIDTHS, draws.tables, draws.quantiles)
        for stage in draws.stages:
            for place in range(stage.first, stage.end):
                mine = slice(ends[place], ends[place + 1])
                owner = owners[mine]
                if not len(owner):
                    continue
                near = torch.empty(len(owner), len(stage.values))
                beside = stage.beside[place - stage.first]
                seen = (owner, self.hits, self.scaled, left, n_left, v0, beside)
                energy_loops.line_up_values(*seen, near.numpy())
                hidden = told[0][mine] + (bias + stage.biases[1])[owner]
                hidden = silu(torch.addmm(hidden, near, stage.values), inplace=True)
                hidden = silu(linear(hidden, net.inner.weight, net.inner.bias), inplace=True)
                outputs = linear(hidden, net.values.weight, net.values.bias).numpy()
                means = (log_e[mine], expected[mine])
                taken = (self.hits, self.voxels, self.scaled, left, n_left, rest)
                given = (outputs, told[1][mine].numpy(), *fixed, owner, place)
                energy_loops.give_energies(*given, *distribution, *means, levels, *taken)

    def _values_told(self, places: np.ndarray, owners: np.ndarray) -> Tensor:
        """Line up the past and the hits around of sectors with hits."""
        order, n_alpha = self.draws.order, self.hits.shape[1]
        sectors = order[places]
        natural = np.empty_like(self.hits)
        natural[:, order] = self.hits
        parts = [self.block.history.numpy()[self.non_empty[owners], sectors]]
        parts += [natural[owners, (sectors + turn) % n_alpha] for turn in (0, -1, 1)]
        return torch.from_numpy(np.concatenate(parts, axis=1))

    def _mine(self, rows: Tensor) -> Tensor:
        """Pick the rows of showers that have energy in the layer."""
        return rows if self.whole else rows[self.rows]


def _fold(decoder: CellDecoder) -> list[_Stage]:
    net, order = decoder.sectors, decoder.order
    known, place, stages = order.known_beside(), order.place, []
    for number, stage in enumerate(order.stages):
        hits, values = net.hits_left[number], net.energy_left[number]
        sectors = order.sectors[stage.places]
        around = torch.stack([place.roll(k)[sectors] for k in (1, -1)], dim=-1)
        stages.append(
            _Stage(
                stage.first,
                stage.end,
                stage.beside.numpy(),
                torch.where(known[sectors], around, -1).numpy(),
                _stacked(hits, net.hits_beside, number),
                _stacked(values, net.values_beside, number),
                (_bias(hits), _bias(values)),
            )
        )
    return stages


def _stacked(left: nn.Module, beside: nn.ModuleList, number: int) -> Tensor:
    layers: list[nn.Module] = [left, *list(beside)[number - 1 : number]] if number else [left]
    parts = [layer.get_parameter("weight").T for layer in layers]
    return torch.cat(parts).detach().contiguous()


def _bias(layer: nn.Module) -> Tensor:
    return layer.get_parameter("bias").detach()
