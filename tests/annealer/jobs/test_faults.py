"""What goes wrong with a cloud: no answer is lost, and none is paid for twice."""

import pytest
import torch
from cloud import CONDITIONS, READS, TOKEN, paid_once

from calo4pqvae.annealer.chip.solvers import list_solvers, open_solver
from calo4pqvae.errors import AnnealerError


def test_without_faults(cloud, draw, clean):
    states, annealer = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)
    assert annealer.usage.time.total == pytest.approx(6 * 8000 + 24 * 85.6)
    assert [solver.name for solver in list_solvers()] == ["Advantage2_system4"]


def test_a_second_run_reads_the_journal_and_pays_nothing(cloud, draw, clean):
    draw()
    states, annealer = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)
    assert annealer.usage.reads == READS


def test_offline_solver(cloud, draw, clean):
    cloud.faults[3] = "offline"
    with pytest.raises(AnnealerError, match="is offline"):
        draw()
    assert len(cloud.charged) == 5  # two that were on their way are stored
    states, _ = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_timeout_of_an_answer(cloud, draw, clean):
    """The solver keeps the problem: it is collected later, not sent again."""
    cloud.faults[2] = "stuck"

    def sleep(_):
        for message in cloud.problems.values():
            message.pop("stuck", None)

    states, annealer = draw(polling=0.3, sleep=sleep)
    assert annealer.dispatcher.retries == annealer.dispatcher.collected == 1
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_an_answer_that_never_comes(cloud, draw, clean):
    cloud.faults[2] = "stuck"
    with pytest.raises(AnnealerError, match="gave up after 2 attempts"):
        draw(polling=0.3, attempts=2)
    for message in cloud.problems.values():
        message.pop("stuck", None)
    states, _ = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_partial_answer(cloud, draw, codes):
    """Half of the reads came: the others are asked for under a label of their own."""
    cloud.faults[1] = "partial"
    states, annealer = draw()
    assert [reads for _, _, reads in cloud.charged].count(2) == 1
    assert paid_once(cloud, CONDITIONS + 1)
    assert annealer.usage.reads == READS
    again, _ = draw()
    assert torch.equal(states, again)
    assert torch.equal(states[:, :36], codes(CONDITIONS, READS))
    assert paid_once(cloud, CONDITIONS + 1)


def test_duplicate_answer(cloud, draw, clean):
    """Two submissions are given one name: the second's own answer is found by its label."""
    cloud.faults[4] = "half"
    states, _ = draw(window=1)
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_connection_lost_after_the_problem_arrived(cloud, draw, clean):
    cloud.faults[2] = "drop"
    states, annealer = draw(window=1)
    assert annealer.dispatcher.collected == 1
    assert torch.equal(states, clean)
    assert paid_once(cloud)


@pytest.mark.parametrize("status", [429, 503])
def test_rate_limit_and_server_errors(cloud, draw, clean, status):
    cloud.faults |= {1: status, 2: status, 4: status}
    waits = []
    states, annealer = draw(window=1, sleep=waits.append)
    assert waits == [1, 2, 1]
    assert annealer.dispatcher.retries == 3
    assert torch.equal(states, clean)
    assert paid_once(cloud)


def test_wrong_and_expired_token(cloud, draw, clean, monkeypatch, tmp_path):
    cloud.faults[3] = 401
    with pytest.raises(AnnealerError, match="token") as caught:
        draw(window=1)
    assert len(cloud.charged) == 3
    assert TOKEN not in str(caught.value)
    kept = [path.read_bytes() for path in (tmp_path / "journal").rglob("*") if path.is_file()]
    assert not any(TOKEN.encode() in content for content in kept)
    cloud.token = "RENEWED-987"
    with pytest.raises(AnnealerError, match="token"):
        open_solver()
    monkeypatch.setenv("DWAVE_API_TOKEN", "RENEWED-987")
    states, _ = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)


@pytest.mark.usefixtures("cloud")
def test_no_token_at_all(monkeypatch):
    monkeypatch.delenv("DWAVE_API_TOKEN")
    with pytest.raises(AnnealerError, match="no access to D-Wave is configured"):
        open_solver()


@pytest.mark.usefixtures("cloud")
def test_no_such_solver():
    with pytest.raises(AnnealerError, match="is not there"):
        open_solver("Advantage9")
