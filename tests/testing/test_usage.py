"""The suite is used as its documentation says."""

import re

import pytest

import calo4pqvae.testing
from calo4pqvae._core.rng import SharedNoise
from calo4pqvae.boltzmann.samplers.exact import ExactSampler
from calo4pqvae.testing import check_sampler, conformance_cases


def test_the_example_of_the_module_runs(capsys: pytest.CaptureFixture) -> None:
    code = re.search(r"```python\n(.*?)```", calo4pqvae.testing.__doc__ or "", re.DOTALL)
    assert code is not None
    exec(compile(code[1], "calo4pqvae.testing", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(conformance_cases()) + 1
    assert any(line.split() == ["start", "honoured"] for line in lines)


def test_the_report_tells_what_each_check_found() -> None:
    report = check_sampler(lambda _, seed: ExactSampler(SharedNoise(seed)), chains=2003)
    assert str(report).splitlines()[-1].startswith("power")
    assert list(report.found) == [case.name for case in conformance_cases()]
    assert report.found["start"] == "ignored, as declared"
