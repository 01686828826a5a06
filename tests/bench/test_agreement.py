"""Agreement of mean energies: chance passes, and the wrong sampler is the one named."""

from dataclasses import replace

import numpy as np
import pytest

from calo4pqvae.bench.agreement import check_agreement
from calo4pqvae.bench.harness import Result
from calo4pqvae.errors import SamplerError

ROW = Result(
    "a", "zephyr(1,4)", 48, 36, 40, 10, 1, "cpu", 2e9, 0.0, 1.0, "1", 1e9, 3e9, 1.0, 1.0
)


def rows(**energies: float) -> list[Result]:
    return [replace(ROW, name=name, mean_energy=value) for name, value in energies.items()]


def test_chance_passes(rng: np.random.Generator) -> None:
    """Five right samplers ten times: refused for 1 of 300 seeds of this test."""
    for _ in range(10):
        check_agreement(rows(**dict(zip("abcde", rng.normal(size=5).tolist(), strict=True))))


def test_the_one_that_is_off_is_named() -> None:
    with pytest.raises(
        SamplerError, match=r"^c draws from another .* -6\.00 .* the others 0\.00"
    ):
        check_agreement(rows(a=1.0, b=-1.0, c=-6.0, d=0.0))


def test_rows_of_one_sampler_do_not_vouch_for_it() -> None:
    """Four rows of the wrong sampler against two right ones: the four count as one."""
    wrong = [replace(row, mean_energy=6.0) for row in rows(a=0.0) for _ in range(4)]
    with pytest.raises(SamplerError, match="standard errors apart") as refusal:
        check_agreement([*wrong, *rows(b=0.0, c=0.0)])
    assert str(refusal.value).startswith("a ")


def test_the_limit_is_four_standard_errors() -> None:
    check_agreement(rows(a=0.0, b=3.99 * 2**0.5))
    with pytest.raises(SamplerError, match=r"4\.0 standard errors"):
        check_agreement(rows(a=0.0, b=4.01 * 2**0.5))


def test_one_sampler_has_none_to_differ_from() -> None:
    check_agreement(rows(a=5.0))
