"""Requirements that a job sets on metrics."""

import pytest

from calo4pqvae.errors import ConfigError
from calo4pqvae.evaluation.metrics.metric import Options
from calo4pqvae.evaluation.metrics.registry import metric_names
from calo4pqvae.evaluation.requirements import Requirement

METRICS = {
    "generated": {
        "metrics": {
            "fpd": {"value": 0.1, "error": 0.01},
            "kpd": {"value": None, "error": None, "reason": "too few showers"},
            "separation.e_tot": {"value": 0.02, "error": None},
            "response.5-10 GeV": {"value": -0.01, "error": 0.1},
        }
    }
}
KNOWN = list(metric_names(Options(classifiers="none", windows=[(5e3, 10e3)])))


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("fpd<0.2", True),
        ("fpd < 0.1", False),
        ("fpd<=0.1", True),
        ("fpd>0.1", False),
        ("fpd>=1e-1", True),
        ("separation.e_tot<0.01", False),
        ("separation.e_tot<0.1", True),
        ("response.5-10 GeV > -0.02", True),
        ("response.5-10 GeV<-0.02", False),
        ("profile.radial<1", False),  # left out of this evaluation
        ("kpd<1", False),
        ("kpd>-1", False),
    ],
)
def test_a_bound_holds_or_not(text, holds):
    assert Requirement.parse(text, KNOWN).holds(METRICS) is holds


@pytest.mark.parametrize(
    "text",
    ["fpd", "fpd<", "fpd=1", "<1", "fpd<one", "fpd<1<2", "", "fpd<nan", "fpd<inf", "fpd>-inf"],
)
def test_what_is_no_requirement_is_refused(text):
    with pytest.raises(ConfigError, match="a requirement reads like"):
        Requirement.parse(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fdp<1", "did you mean 'fpd'"),
        ("separation.etot<1", "did you mean 'separation.e_tot'"),
        ("response.5-11 GeV<1", "did you mean 'response.5-10 GeV'"),
        ("auc.high<0.6", "with these classifiers"),
        ("schema<4", "choose from worth, structure.beyond"),
    ],
)
def test_a_metric_that_will_not_be_measured_is_refused_before_the_work(text, says):
    with pytest.raises(ConfigError, match=r"there will be no metric") as error:
        Requirement.parse(text, KNOWN)
    assert says in str(error.value)


def test_a_requirement_prints_as_it_was_read():
    assert str(Requirement.parse(" fpd <= 1.50 ")) == "fpd<=1.5"
