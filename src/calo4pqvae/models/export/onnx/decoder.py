"""Voxels of given layer energies in ONNX operators: one Scan over the layers."""

import numpy as np
import torch
from torch import Tensor, nn

from calo4pqvae.models.autoregressive import constants
from calo4pqvae.models.autoregressive.causal import CausalDecoder
from calo4pqvae.models.autoregressive.sectors import Group
from calo4pqvae.models.export.onnx.graph import Graph, Value, lanes
from calo4pqvae.models.export.onnx.hits import HitDistribution, chosen, conditioned, drawn
from calo4pqvae.models.export.onnx.normal import logit, sigmoid, silu
from calo4pqvae.models.voxels.shared import SharedVoxels

__all__ = ["voxels_of"]


def voxels_of(
    decoder: CausalDecoder, voxels: SharedVoxels, layers: Value, t: Value, uniforms: Value
) -> Value:
    """Draw voxels (layers, batch, sectors * rings) [MeV], odd rings moved by one sector.

    Arguments:
        decoder: what a layer depends on.
        voxels: distribution of the energies of hits.
        layers: layer energies (batch, layers) [MeV].
        t: scaled energies (batch, 1).
        uniforms: numbers of all layers (batch, layers * (2 + 2 voxels)).
    """
    n_layers, n_alpha, n_r = decoder.shape
    places = n_alpha * n_r
    context = _context(decoder, layers, t).op("Transpose", perm=[2, 0, 1])
    energy = layers.op("Transpose", perm=[1, 0]).shaped(n_layers, -1, 1)
    mean = decoder.mean.detach()[:, :, :, 0].permute(2, 1, 0, 3).reshape(n_layers, 3, 2, n_r)
    none = t @ np.zeros((1, 1), np.float32)
    features = 2 * places + 4 + 2 * n_r
    states = [none @ np.zeros((1, decoder.memory.hidden_size), np.float32)]
    states += [none @ np.zeros((1, features), np.float32) for _ in range(3)]
    sequences = [context, energy, layers.graph.constant(mean.numpy().astype(np.float32))]
    sequences.append(lanes(uniforms, n_layers, 2 + 2 * places))
    layer = _Layer(decoder, voxels, t)
    return layers.graph.scan(layer.step, states, sequences)[-1]


class _Layer:
    """One step of the scan: everything of one layer."""

    def __init__(self, decoder: CausalDecoder, voxels: SharedVoxels, t: Value) -> None:
        self.decoder, self.voxels, self.t = decoder, voxels, t
        self.distribution = HitDistribution(voxels, decoder.shape[1])

    def step(
        self, graph: Graph, old: list[Value], elements: list[Value]
    ) -> tuple[list[Value], list[Value]]:
        decoder, (memory, *past), (context, energy, mean, uniform) = self.decoder, old, elements
        _, n_alpha, n_r = decoder.shape
        places, non_empty = n_alpha * n_r, energy.above(0.0)
        memory = self._step_memory(memory, past[0], context)
        n_hits = self._count(graph.joined([memory, context]), energy, uniform) * non_empty
        embedded = self._embed(graph, graph.joined([memory, context]), past, n_hits)
        t = self.t.seen_in(graph)
        base = [mean.part(k, k + 1, 0).shaped(2, n_r) for k in range(3)]
        base = [b.part(0, 1, 0) + b.part(1, 2, 0) * t for b in base]
        margin = logit(uniform.part(2, 2 + places)).shaped(0, n_alpha, n_r)
        hits = self._hits(graph, embedded, base[0], margin, n_hits)
        uniform = uniform.part(2 + places, 2 + 2 * places).shaped(0, n_alpha, n_r)
        made = self._energies(graph, embedded, base[1:], hits, uniform, energy)
        features = self._features(graph, made)
        averages = [
            rate * mine + (1 - rate) * features
            for rate, mine in zip(constants.DECAY, past[1:], strict=True)
        ]
        return [memory, features, *averages], [made.shaped(0, places)]

    def _step_memory(self, memory: Value, before: Value, context: Value) -> Value:
        gru, n_r = self.decoder.memory, self.decoder.shape[2]
        rings = silu(_linear(self.decoder.rings, _tail(before, 2 * n_r, self._features_of)))
        seen = memory.graph.joined([rings, context])
        into = seen @ _t(gru.get_parameter("weight_ih_l0")) + _n(
            gru.get_parameter("bias_ih_l0")
        )
        back = memory @ _t(gru.get_parameter("weight_hh_l0")) + _n(
            gru.get_parameter("bias_hh_l0")
        )
        size = gru.hidden_size
        r, z, new = ((into.part(k * size, (k + 1) * size), back.part(k * size, (k + 1) * size))
                     for k in range(3))  # fmt: skip
        keep = sigmoid(z[0] + z[1])
        fresh = (new[0] + sigmoid(r[0] + r[1]) * new[1]).op("Tanh")
        return (1.0 - keep) * fresh + keep * memory

    @property
    def _features_of(self) -> int:
        _, n_alpha, n_r = self.decoder.shape
        return 2 * n_alpha * n_r + 4 + 2 * n_r

    def _count(self, layer_context: Value, energy: Value, uniform: Value) -> Value:
        outputs = _linear(self.decoder.counts.outputs, layer_context)
        first = sigmoid(outputs.part(0, 1)).above(uniform.part(0, 1))
        mean, width = (
            outputs.part(k, k + 1).where(first, outputs.part(k + 1, k + 2)) for k in (1, 3)
        )
        spread = width.op("Softplus") + constants.LEAST_COUNT_WIDTH
        place = (mean * 4.0 + 2.0 + spread * logit(uniform.part(1, 2))).op("Max", 0.0)
        n = (place * place / 4.0 - 0.5).op("Ceil").between(1, self.decoder.counts.most)
        most = (energy / self.voxels.threshold + constants.SLACK).op("Floor").op("Max", 1.0)
        return n.op("Min", most)

    def _embed(
        self, graph: Graph, layer_context: Value, past: list[Value], n_hits: Value
    ) -> tuple[Value, Value, Value]:
        """Sums into the hidden units of hits and of energies, and what goes past them."""
        net, (_, n_alpha, n_r) = self.decoder.sectors, self.decoder.shape
        share = n_hits / float(n_alpha * n_r)
        log, root = (n_hits + 1.0).op("Log") / constants.COUNT_SCALE, n_hits.op("Sqrt")
        known = graph.joined([layer_context, log, root / constants.ROOT_SCALE, share])
        bias = _linear(net.world, known) + _n(net.history.bias)
        weight = torch.cat([net.history.weight, net.direct.weight])
        both = self._history(graph, past) @ _t(weight)
        hidden = both.part(0, 2 * net.first, 2) + bias.shaped(0, 1, -1)
        end = 2 * net.first + 3 * n_r
        return (
            hidden.part(0, net.first, 2),
            hidden.part(net.first, 2 * net.first, 2),
            both.part(2 * net.first, end, 2),
        )

    def _history(self, graph: Graph, past: list[Value]) -> Value:
        _, n_alpha, n_r = self.decoder.shape
        size = 2 * n_alpha * n_r
        own = [part.part(0, size).shaped(0, n_alpha, 2 * n_r) for part in past]
        beside = [_turned(own[0], step, n_alpha) for step in (1, -1)]
        seen = []
        for part in past:
            centre = part.part(size, size + 4).shaped(0, 1, 2, 2)
            toward = centre * self.decoder.directions.numpy()[None]
            seen.append(toward.summed(3))
        return graph.joined([*own, *beside, *seen], axis=2)

    def _hits(
        self,
        graph: Graph,
        embedded: tuple[Value, Value, Value],
        base: Value,
        margin: Value,
        n_left: Value,
    ) -> Value:
        net, (_, n_alpha, n_r) = self.decoder.sectors, self.decoder.shape
        hits, places = margin * 0.0, n_alpha * n_r
        for number, group in enumerate(net.groups):
            odds = n_left + constants.SOFTENING
            odds = (odds / (places + constants.SOFTENING - n_left)).op("Log")
            log = (n_left + 1.0).op("Log")
            left = graph.joined([odds, log]) / constants.COUNT_SCALE
            hidden = _take(embedded[0], group) + _linear(net.hits_left[number], left).shaped(
                0, 1, -1
            )
            if number:
                hidden = hidden + _beside(hits, group) @ _t(
                    _weight(net.hits_beside[number - 1])
                )
            logits = _linear(net.hits, silu(hidden)) + _take(embedded[2], group).part(0, n_r, 2)
            logits = logits + (base + odds).shaped(0, 1, n_r)
            places -= group.count * n_r
            flat = (logits + _take(margin, group)).shaped(0, group.count * n_r)
            mine = chosen(flat, (n_left - float(places)).op("Max", 0.0), n_left)
            hits = hits + _put(mine.shaped(0, group.count, n_r), group, n_alpha)
            n_left = n_left - mine.summed(1, keep=True)
        return hits

    def _energies(
        self,
        graph: Graph,
        embedded: tuple[Value, Value, Value],
        base: list[Value],
        hits: Value,
        uniform: Value,
        left: Value,
    ) -> Value:
        net, (_, n_alpha, n_r) = self.decoder.sectors, self.decoder.shape
        threshold, whole = self.voxels.threshold, left
        around = [hits, _turned(hits, 1, n_alpha), _turned(hits, -1, n_alpha)]
        values = embedded[1] + graph.joined(around, axis=2) @ _t(net.around.weight)
        layer, scaled = hits * 0.0, hits * 0.0
        n_left = hits.summed(1, 2).shaped(-1, 1)
        mu_all, sigma_all, final, amount = hits * 0.0, hits * 0.0 + 1.0, hits * 0.0, whole * 0.0
        for number, group in enumerate(net.groups):
            y, each = (left / threshold + 1.0).op("Log"), (n_left + 1.0).op("Log")
            rest = graph.joined(
                [
                    y / constants.Y_SCALE,
                    (y - each) / constants.Y_SCALE,
                    each / constants.COUNT_SCALE,
                ]
            )
            hidden = _take(values, group) + _linear(net.energy_left[number], rest).shaped(
                0, 1, -1
            )
            if number:
                seen = graph.joined([scaled, hits], axis=2)
                hidden = hidden + _beside(seen, group) @ _t(
                    _weight(net.values_beside[number - 1])
                )
            both = _linear(net.values, silu(_linear(net.inner, silu(hidden))))
            both = both + _take(embedded[2], group).part(n_r, 3 * n_r, 2)
            both = both + graph.joined(base).shaped(0, 1, 2 * n_r)
            mine, low, high = _take(hits, group), *self.voxels.WIDTHS
            mu = both.part(0, n_r, 2)
            sigma = sigmoid(both.part(n_r, 2 * n_r, 2)) * (high - low) + low
            after = n_left - mine.summed(1, 2).shaped(-1, 1)
            last = (0.5 - after).above(0.0) * n_left.above(0.5)
            free = drawn(
                self.distribution, mu, sigma, mine, _take(uniform, group), left, n_left, group
            )
            layer = layer + _put(free * (1.0 - last).shaped(0, 1, 1), group, n_alpha)
            scaled = scaled + _put(self._scaled(free), group, n_alpha)
            marked = mine * last.shaped(0, 1, 1)
            mu_all = mu_all + _put(mu * marked, group, n_alpha)
            sigma_all = sigma_all + _put((sigma - 1.0) * marked, group, n_alpha)
            final, amount = final + _put(marked, group, n_alpha), amount + left * last
            left = (left - free.summed(1, 2).shaped(-1, 1)).op("Max", 0.0)
            n_left = after
        return layer + conditioned(self.distribution, mu_all, sigma_all, final, uniform, amount)

    def _scaled(self, v: Value) -> Value:
        return (v / self.voxels.threshold).op("Max", 1.0).op("Log") / constants.Y_SCALE

    def _features(self, graph: Graph, layer: Value) -> Value:
        """What later layers know of a layer: see `CausalDecoder`."""
        _, n_alpha, n_r = self.decoder.shape
        is_hit = layer.above(0.0)
        sectors = graph.joined([self._scaled(layer), is_hit], axis=2).shaped(
            0, 2 * n_alpha * n_r
        )
        flat = layer.shaped(0, n_alpha * n_r)
        total = flat.summed(1, keep=True).op("Max", self.voxels.threshold)
        moments = flat @ self.decoder.moments.numpy() / total
        rings = (layer.summed(1) / self.voxels.threshold + 1.0).op("Log") / constants.Y_SCALE
        return graph.joined([sectors, moments, rings, is_hit.summed(1) / float(n_alpha)])


def _context(decoder: CausalDecoder, layers: Value, t: Value) -> Value:
    """What is known of every layer beforehand (batch, channels, layers)."""
    graph, n = layers.graph, decoder.shape[0]
    non_empty = layers.above(0.0)
    y = (layers / decoder.threshold).op("Log").where(non_empty, graph.constant(0.0))
    share = y - (layers.summed(1, keep=True) / decoder.threshold + 1.0).op("Log")
    rows = [y / constants.Y_SCALE, non_empty, non_empty * share / constants.Y_SCALE]
    angle = t * float(np.pi)
    of_energy = graph.joined([t, t * t, angle.op("Sin"), angle.op("Cos")]).shaped(0, 4, 1)
    wide = of_energy @ np.ones((1, n), np.float32)
    x = graph.joined([*(row.shaped(0, 1, n) for row in rows), wide])
    for layer in decoder.known:
        weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
        pad = weight.shape[2] // 2
        x = silu(x.op("Conv", _n(weight), _n(bias), pads=[pad, pad]))
    return x


def _take(x: Value, group: Group) -> Value:
    """Sectors of a group."""
    numbers = np.arange(group.count, dtype=np.int64) * group.step + group.start
    return x.picked(numbers, axis=1)


def _put(x: Value, group: Group, n_alpha: int) -> Value:
    """Put sectors of a group in their places, zeros elsewhere."""
    places = np.zeros((n_alpha, group.count), np.float32)
    places[np.arange(group.count) * group.step + group.start, np.arange(group.count)] = 1
    return x.graph.constant(places) @ x


def _beside(x: Value, group: Group) -> Value:
    """Line up, for each sector of a group, the known sectors on both sides."""
    near = []
    for shift in group.shifts:
        places = (np.arange(group.count) + shift) % group.n_known * group.known
        near.append(x.picked(places.astype(np.int64), axis=1))
    return x.graph.joined(near, axis=2)


def _turned(x: Value, step: int, n: int) -> Value:
    return x.picked(((np.arange(n) - step) % n).astype(np.int64), axis=1)


def _tail(x: Value, n: int, of: int) -> Value:
    return x.part(of - n, of)


def _linear(layer: nn.Module, x: Value) -> Value:
    product = x @ _t(_weight(layer))
    bias = getattr(layer, "bias", None)
    return product if bias is None else product + _n(bias)


def _weight(layer: nn.Module) -> Tensor:
    return layer.get_parameter("weight")


def _t(weight: Tensor) -> np.ndarray:
    return np.ascontiguousarray(_n(weight).T)


def _n(tensor: Tensor) -> np.ndarray:
    return tensor.detach().float().numpy()
