"""The journal of a job: damaged parts are asked for again, another job is refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from cloud import ABOUT, paid_once

from calo4pqvae.annealer.jobs.journal import Journal
from calo4pqvae.errors import AnnealerError, OutputError, PhysicsWarning


@pytest.mark.parametrize("where", ["answer", "everything"])
def test_a_damaged_journal_costs_what_is_damaged_and_no_money(
    cloud, draw, clean, tmp_path, where
):
    """An answer, or all marks but the header: collected from the solver, by name or label."""
    draw()
    path = tmp_path / "journal" / "journal.sqlite"
    content = bytearray(path.read_bytes())
    if where == "answer":
        at = content.rindex(b'"event": "stored"')
        content[at] ^= 1
    else:
        at = content.index(b"000000")
        for begin in range(len(content) - 8):
            if content[begin : begin + 5] == b"00000":
                content[begin] ^= 1
    path.write_bytes(content)
    with pytest.warns(PhysicsWarning, match="asked for again"):
        states, annealer = draw()
    assert torch.equal(states, clean)
    assert paid_once(cloud)
    assert annealer.dispatcher.collected >= 1


def test_two_jobs_do_not_share_a_journal(tmp_path):
    one = Journal(tmp_path / "j", "run", ABOUT)
    one.mark_intended("000000", "digest", 3)
    with ThreadPoolExecutor() as pool:  # the thread that has a lock may take it again
        other = pool.submit(Journal, tmp_path / "j", "run", ABOUT)
        with pytest.raises(OutputError, match="is in use by"):
            other.result()
    one.close()
    with pytest.raises(AnnealerError, match="holds no journal to go on with"):
        Journal(tmp_path / "another", "run", ABOUT, resume=True)
    with pytest.raises(AnnealerError, match="its solver is Advantage2_system4, not other"):
        Journal(tmp_path / "j", "run", {"solver": "other"})
    again = Journal(tmp_path / "j", "another", ABOUT)
    assert again.run == "run"
    assert again.event("000000") == "intended"
    again.close()


def test_journals_of_earlier_versions_are_refused(tmp_path):
    (tmp_path / "journal.json").write_text("{}")
    with pytest.raises(AnnealerError, match="earlier version"):
        Journal(tmp_path, "run", ABOUT)
