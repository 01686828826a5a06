"""Figures of the paper; importing this package needs the extra ``report``."""

from calo4pqvae.extras import require

require("matplotlib", "report")
