"""A look at a file in a child: how long it may compute."""

import time

import pytest

from calo4pqvae._core.intake import child
from calo4pqvae._core.intake.child import allow, in_child
from calo4pqvae.errors import ShowerFileError


def compute(seconds: float) -> bool:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass
    return True


@pytest.mark.parametrize("given", [0.0, 1.0])
def test_a_look_at_many_parts_may_take_longer(
    given: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "CPU_LIMIT_S", 1)

    def look() -> bool:
        allow(given)
        return compute(1.4)

    if given:
        assert in_child(look, "a file", ShowerFileError)
    else:
        with pytest.raises(ShowerFileError, match="computes for more than 1 s"):
            in_child(look, "a file", ShowerFileError)


def test_a_process_that_is_no_such_child_keeps_its_limits() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_CPU)
    allow(5.0)
    assert resource.getrlimit(resource.RLIMIT_CPU) == before
