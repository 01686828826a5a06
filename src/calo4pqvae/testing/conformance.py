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
from calo4pqvae.testing.laws import check_distribution, check_independence
from calo4pqvae.testing.machines import known_machines
from calo4pqvae.testing.subject import ConformanceError, Make, Subject

__all__ = ["Case", "Report", "check_sampler", "conformance_cases"]


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
    """What each check found."""

    found: dict[str, str]

    def __str__(self) -> str:
        width = max(len(name) for name in self.found)
        return "\n".join(f"{name:{width}}  {text}" for name, text in self.found.items())


def conformance_cases() -> list[Case]:
    """List the checks, each a function of how to make the sampler, for use under pytest.

    ```python
    @pytest.mark.parametrize("case", conformance_cases(), ids=str)
    def test_my_sampler_conforms(case):
        case(lambda graph, seed: MySampler(graph, seed), exact_sweeps=100)
    ```
    """
    distributions = [
        Case(f"distribution: {machine.name}", partial(check_distribution, machine=machine))
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
    make: Make, exact_sweeps: int = 100, *, chains: int = 20_011, device: str = "cpu"
) -> Report:
    """Run all checks on a sampler.

    Six checks are statistical; together they refuse a right sampler for fewer than one seed in
    ten thousand.

    Arguments:
        make: makes the sampler for a graph and a seed.
        exact_sweeps: sweeps after which its states count as exact draws. 100 are plenty for
            block Gibbs on the machines of the suite; samplers without sweeps ignore it.
        chains: chains of each statistical check; more of them see smaller mistakes.
        device: device of the problems and states that the sampler is given.

    Raises:
        ConformanceError: naming in `failed` every check that the sampler does not pass.
    """
    found, errors = {}, []
    for case in conformance_cases():
        try:
            found[case.name] = case(make, exact_sweeps, chains=chains, device=device)
        except ConformanceError as error:
            errors.append(error)
    if errors:
        failed = tuple(name for error in errors for name in error.failed)
        raise ConformanceError("\n".join(map(str, errors)), failed)
    return Report(found)
