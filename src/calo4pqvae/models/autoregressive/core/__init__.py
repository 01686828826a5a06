"""The compiled core: C++ headers that draw whole showers, and how Python calls them.

The same headers are exported for other programs. Each shower is drawn alone, from random
numbers of its own, so that it depends on nothing that is drawn with it.
"""

from calo4pqvae.models.autoregressive.core.binding import Core, Numbers

__all__ = ["Core", "Numbers"]
