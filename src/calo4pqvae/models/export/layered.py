"""Which models can be exported."""

from calo4pqvae.errors import ConfigError
from calo4pqvae.models.autoregressive.model import LayeredQVAE
from calo4pqvae.models.base import ShowerModel

__all__ = ["layered"]


def layered(model: ShowerModel) -> LayeredQVAE:
    """Give the model as what can be exported.

    Raises:
        ConfigError: it is of another kind.
    """
    if not isinstance(model, LayeredQVAE):
        raise ConfigError(
            "models that draw layer after layer can be exported (preset best and its kind); "
            "this one is of another kind"
        )
    return model
