"""Rules between and about settings that types cannot express."""

import math
from typing import TYPE_CHECKING

from calo4pqvae.boltzmann.samplers.registry import SAMPLERS
from calo4pqvae.errors import ConfigError

if TYPE_CHECKING:
    from calo4pqvae.config.tree import Config, TrainingConfig

__all__ = ["check"]


def check(config: "Config") -> None:
    """Refuse values that have the right type but no meaning.

    Raises:
        ConfigError: naming the first rule that is broken.
    """
    rules = _training_rules(config.training) | _model_rules(config)
    for rule, holds in rules.items():
        if not holds:
            raise ConfigError(rule)


def _model_rules(config: "Config") -> dict[str, bool]:
    p, n, data, law = config.prior, config.network, config.data, config.longitudinal
    layered = n.kind == "layers"
    n_widths, n_decoder = _ENCODER_WIDTHS[n.kind], 3 if n.kind == "compact" else 4
    return {
        "data.energy_gev must be two rising energies above zero": _is_range(data.energy_gev),
        "data.buffer_gib must be above zero": data.buffer_gib > 0,
        "data.split_seed must not be negative": data.split_seed >= 0,
        "prior.nodes_per_partition must be at least 1": p.nodes_per_partition >= 1,
        "prior.grid, prior.bias_order and prior.burn_in must not be negative": min(
            p.grid, p.bias_order, p.burn_in
        )
        >= 0,
        "prior.initial_scale must not be negative": 0 <= p.initial_scale < math.inf,
        f"network.decoder_widths must be {n_decoder} numbers": (
            len(n.decoder_widths) == n_decoder
        ),
        "network.kind=compact goes with network.mean_shower=true": n.kind != "compact"
        or n.mean_shower,
        "network.mean_shower=true goes with network.kind=conv3d or compact and "
        "voxels.model=point": not n.mean_shower
        or (n.kind in {"conv3d", "compact"} and config.voxels.model == "point"),
        "voxels.residuals=true goes with voxels.model=point": not config.voxels.residuals
        or config.voxels.model == "point",
        "prior.coupling_bins must be at least 1": p.coupling_bins >= 1,
        "longitudinal.level_bits and longitudinal.copula_rounds must not be negative, "
        "longitudinal.copula_bins must be at least 1": min(
            *law.level_bits, law.copula_rounds, law.copula_bins - 1
        )
        >= 0,
        "network.kind=layers goes with prior.free=true, training.prior_fit=whole and "
        "voxels.model=shared, the other kinds with prior.free=false, "
        "training.prior_fit=batches and voxels.model=point or drawn": layered == p.free
        and layered == (config.training.prior_fit == "whole")
        and layered == (config.voxels.model == "shared"),
        "prior.coupling_bins above 1 goes with network.kind=layers": layered
        or p.coupling_bins == 1,
        f"network.encoder_widths must be {n_widths} numbers": len(n.encoder_widths) == n_widths,
        "network.encoder_widths and network.decoder_widths must be at least 1": min(
            n.encoder_widths + n.decoder_widths
        )
        >= 1,
    }


def _is_range(ends: tuple[float, float] | None) -> bool:
    return ends is None or 0 < ends[0] < ends[1] < math.inf


def _training_rules(t: "TrainingConfig") -> dict[str, bool]:
    prior_rates = (t.prior_learning_rate, t.prior_learning_rate_end)
    return {
        "training.epochs and training.batch_size must be at least 1": min(
            t.epochs, t.batch_size
        )
        > 0,
        "training.batch_size must be at least 2 for batch normalisation": t.batch_size > 1,
        "training.sweeps and training.fit_steps must not be negative": min(
            t.sweeps, t.fit_steps
        )
        >= 0,
        "training.learning_rate must be above zero": 0 < t.learning_rate < math.inf,
        "training.clip_gradient must not be negative": 0 <= t.clip_gradient < math.inf,
        "training.learning_rate_end must not be negative": 0 <= t.learning_rate_end < math.inf,
        "training.prior_learning_rate and training.prior_learning_rate_end must not be "
        "negative": all(0 <= rate < math.inf for rate in prior_rates),
        "training.prior_momentum must be at least 0 and below 1": 0 <= t.prior_momentum < 1,
        "training.sharpness must stay above zero": min(t.sharpness) > 0,
        "training.sharpness_epochs must be at least 1": t.sharpness_epochs >= 1,
        "training.match_weight must not be negative": 0 <= t.match_weight < math.inf,
        "training.match_weight above 0 goes with training.negative_phase=pcd and "
        "training.prior_fit=batches": not t.match_weight
        or (t.negative_phase == "pcd" and t.prior_fit == "batches"),
        "training.kl_epochs must rise": t.kl_epochs[0] < t.kl_epochs[1],
        f"training.sampler must be auto, {', '.join(list(SAMPLERS)[:-1])} or "
        f"{list(SAMPLERS)[-1]}": t.sampler in {"auto", *SAMPLERS},
        "training.seed must lie between 0 and 2^53": 0 <= t.seed <= 1 << 53,
    }


_ENCODER_WIDTHS = {"conv3d": 4, "compact": 4, "depth": 3, "layers": 0}
