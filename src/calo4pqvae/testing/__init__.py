"""Test your own sampler: the suite that all samplers of this package pass.

Tell the suite how to make your sampler for a graph and a seed, and how many sweeps it needs
before its states are as good as exact ones:

```python
from calo4pqvae.boltzmann import GibbsSampler, SharedNoise
from calo4pqvae.testing import check_sampler

print(check_sampler(lambda graph, seed: GibbsSampler(graph, SharedNoise(seed)), 100))
```

It prints what each check found, or raises `ConformanceError` with the checks that failed. Under
pytest, `conformance_cases` gives one test per check.
"""

from calo4pqvae.testing.conformance import Report, check_sampler, conformance_cases
from calo4pqvae.testing.subject import ConformanceError

__all__ = ["ConformanceError", "Report", "check_sampler", "conformance_cases"]
