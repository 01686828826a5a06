"""The conformance suite: all checks in one call, or one test per check."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from calo4pqvae.testing.checks import (
    check_answers,
    check_clamps,
    check_inputs,
    check_refusals,
    check_seeds,
    check_start,
)
from calo4pqvae.testing.directions import smallest_error
from calo4pqvae.testing.distributions import check_distribution, check_independence
from calo4pqvae.testing.machines import known_machines
from calo4pqvae.testing.subject import ConformanceError, Make, Subject

__all__ = ["THOROUGH", "Case", "Report", "check_sampler", "conformance_cases"]

THOROUGH = 20
"""Times as many chains of a thorough comparison of distributions: with 400,220 of them a
sampler whose fields are all multiplied by 0.97 is refused."""

_DISTRIBUTION = "distribution"


@dataclass(frozen=True)
class Case:
    """One check of the suite, called with how to make the sampler under test."""

    name: str
    check: Callable[[Subject], str]

    def __str__(self) -> str:
        return self.name

    def __call__(
        self,
        make: Make,
        exact_sweeps: int = 100,
        *,
        chains: int = 20_011,
        device: str = "cpu",
    ) -> str:
        """Run the check; arguments as of `check_sampler`.

        Returns:
            what was found, in a few words.

        Raises:
            ConformanceError: the sampler breaks the promise.
        """
        try:
            return self.check(Subject(make, exact_sweeps, chains, device))
        except ConformanceError as error:
            raise ConformanceError(f"{self.name}: {error}", (self.name,)) from error


@dataclass(frozen=True)
class Report:
    """What each check found, and how much it could have seen.

    Attributes:
        found: by name of the check.
        smallest_error: the smallest relative error of all fields that the suite refuses in 99
            of 100 runs with so many chains: a sampler that passes may still be wrong by less.
    """

    found: dict[str, str]
    smallest_error: float

    def __str__(self) -> str:
        width = max(len(name) for name in self.found)
        lines = [f"{name:{width}}  {text}" for name, text in self.found.items()]
        power = f"fields wrong by {100 * self.smallest_error:.2g} % are refused 99 times in 100"
        return "\n".join([*lines, f"{'power':{width}}  {power}"])


def conformance_cases() -> list[Case]:
    """List the checks, each a function of how to make the sampler, for use under pytest.

    ```python
    @pytest.mark.parametrize("case", conformance_cases(), ids=str)
    def test_my_sampler_conforms(case):
        case(lambda graph, seed: MySampler(graph, seed), exact_sweeps=100)
    ```
    """
    distributions = [
        Case(f"{_DISTRIBUTION}: {machine.name}", partial(check_distribution, machine=machine))
        for machine in known_machines()
    ]
    return [
        Case("answers", check_answers),
        Case("clamped nodes", check_clamps),
        *distributions,
        Case("independence", check_independence),
        Case("seeds", check_seeds),
        Case("start", check_start),
        Case("inputs", check_inputs),
        Case("refusals", check_refusals),
    ]


def check_sampler(
    make: Make,
    exact_sweeps: int = 100,
    *,
    chains: int = 20_011,
    device: str = "cpu",
    thorough: bool = False,
) -> Report:
    """Run all checks on a sampler.

    Six checks are statistical; together they refuse a right sampler for fewer than one seed in
    ten thousand, thorough or not.

    Arguments:
        make: makes the sampler for a graph and a seed.
        exact_sweeps: sweeps after which its states count as exact draws. 100 are plenty for
            block Gibbs on the machines of the suite; samplers without sweeps ignore it.
        chains: chains of each statistical check; more of them see smaller mistakes.
        device: device of the problems and states that the sampler is given.
        thorough: whether to draw twenty times as many chains where distributions are
            compared, a minute or so in place of seconds, and to see errors 4.5 times smaller.

    Raises:
        ConformanceError: naming in `failed` every check that the sampler does not pass.
    """
    found, errors = {}, []
    many = THOROUGH * chains if thorough else chains
    for case in conformance_cases():
        n = many if case.name.startswith(_DISTRIBUTION) else chains
        try:
            found[case.name] = case(make, exact_sweeps, chains=n, device=device)
        except ConformanceError as error:
            errors.append(error)
    if errors:
        failed = tuple(name for error in errors for name in error.failed)
        raise ConformanceError("\n".join(map(str, errors)), failed)
    return Report(found, smallest_error(many))
