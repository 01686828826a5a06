"""Requirements that a job sets on metrics."""

import pytest

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.requirements import Requirement

METRICS = {
    "schema": 2,
    "fpd": {"value": 0.1, "error": 0.01},
    "separation.e_tot": {"value": 0.02},
    "kpd": {"value": None, "reason": "too few showers"},
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fpd<0.2", True),
        ("fpd < 0.1", False),
        ("fpd<=0.1", True),
        ("fpd>0.1", False),
        ("fpd>=1e-1", True),
        ("separation.e_tot<0.01", False),
        ("kpd<1", False),
        ("kpd>-1", False),
    ],
)
def test_a_bound_holds_or_not(text, holds):
    assert Requirement.parse(text).holds(METRICS) is holds


@pytest.mark.parametrize("text", ["fpd", "fpd<", "fpd=1", "<1", "fpd<one", "fpd<1<2", ""])
def test_what_is_no_requirement_is_refused(text):
    with pytest.raises(ConfigError, match="a requirement reads like"):
        Requirement.parse(text)


def test_unknown_metrics_are_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no metric 'separation.etot'.*'separation.e_tot'"):
        Requirement.parse("separation.etot<1").holds(METRICS)


def test_a_requirement_prints_as_it_was_read():
    assert str(Requirement.parse(" fpd <= 1.50 ")) == "fpd<=1.5"
