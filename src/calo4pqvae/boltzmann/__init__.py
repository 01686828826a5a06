"""The prior: graphs, the Boltzmann machine of eq. (2), its gradient, its Ising form."""
