"""Figures of the paper; importing this package needs the extra ``report``."""

from calo4pqvae._core.optional import require

require("matplotlib", "report")
