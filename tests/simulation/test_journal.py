"""Finished showers are used only where they fit the job."""

import zlib
from pathlib import Path

import numpy as np
import pytest

from calo4pqvae.errors import OutputError, PhysicsWarning, SimulationError
from calo4pqvae.simulation.journal import Event, ShowerJournal, pack_shower

FACTS = {"seed": 3, "stack": {"layers": 2, "r_edges_mm": (0.0, 1.0)}}
N_VOXELS = 40
EVENTS = [Event(number, 1000.0 / 3 + number, 77 + number) for number in range(5)]


@pytest.fixture
def showers(rng: np.random.Generator) -> np.ndarray:
    return rng.exponential(1, (5, N_VOXELS)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path, showers: np.ndarray) -> Path:
    """Showers 3, 0 and 4 of five."""
    with opened(tmp_path / "j") as journal:
        for number in (3, 0, 4):
            journal.keep(EVENTS[number], pack_shower(showers[number]), 0.5 + number)
    return tmp_path / "j"


def opened(path: Path, **facts: object) -> ShowerJournal:
    return ShowerJournal(path, {**FACTS, **facts}, N_VOXELS)


def test_round_trip(path: Path, showers: np.ndarray) -> None:
    with opened(path) as journal:
        assert journal.done(EVENTS) == {0, 3, 4}
        shower, seconds = journal.read(EVENTS[4])
        assert seconds == 4.5
        np.testing.assert_array_equal(shower, showers[4])
        with pytest.raises(SimulationError, match="shower 2 is not there any more"):
            journal.read(EVENTS[2])


@pytest.mark.parametrize(
    "other", [EVENTS[3]._replace(energy=334.0), EVENTS[3]._replace(seed=5), Event(3, 0.0, 0)]
)
def test_a_record_of_another_energy_or_seed_is_simulated_again(
    path: Path, showers: np.ndarray, other: Event
) -> None:
    events = [*EVENTS[:3], other, EVENTS[4]]
    with opened(path) as journal:
        with pytest.warns(PhysicsWarning, match="1 records are not showers .* number 3"):
            assert journal.done(events) == {0, 4}
        with pytest.raises(SimulationError):
            journal.read(other)
        journal.keep(other, pack_shower(showers[1]), 1.0)
        assert journal.done(events) == {0, 3, 4}
        np.testing.assert_array_equal(journal.read(other)[0], showers[1])


@pytest.mark.parametrize(
    "content",
    [b"", b"x" * 100, zlib.compress(bytes(4 * N_VOXELS - 4)), zlib.compress(bytes(10**8))],
)
def test_a_content_that_is_no_shower_is_simulated_again(path: Path, content: bytes) -> None:
    with opened(path) as journal:
        journal.keep(EVENTS[1], content, 1.0)
        with pytest.warns(PhysicsWarning, match="number 1; they are simulated again"):
            assert journal.done(EVENTS) == {0, 3, 4}


def test_a_number_that_was_changed_after_it_was_written(path: Path) -> None:
    """Number 3 becomes 2, as one damaged byte can do it: neither is finished then."""
    whole = path.read_bytes()
    assert whole.count(b'{"number": 3,') == 1
    path.write_bytes(whole.replace(b'{"number": 3,', b'{"number": 2,'))
    with pytest.warns(PhysicsWarning, match="record 1 is damaged and passed over"):
        journal = opened(path)
    with journal:
        assert journal.done(EVENTS) == {0, 4}


def test_showers_of_another_simulation(path: Path) -> None:
    with pytest.raises(OutputError, match=r"of another simulation \(it differs in seed\)"):
        opened(path, seed=4)
    with opened(path) as journal:
        assert journal.done(EVENTS) == {0, 3, 4}


def test_a_simulation_without_showers_gives_way(tmp_path: Path) -> None:
    with opened(tmp_path / "j"):
        pass
    with opened(tmp_path / "j", seed=4) as journal:
        assert journal.done(EVENTS) == set()
    with opened(tmp_path / "j", seed=4):
        pass


def test_any_changed_byte_never_gives_another_shower(path: Path, showers: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    clean = path.read_bytes()
    lost = 0
    for place in rng.integers(4096, len(clean), 60):
        changed = bytearray(clean)
        changed[place] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("calo4pqvae.simulation.journal._warn", lambda _: None)
            with opened(path) as journal:
                done = journal.done(EVENTS)
                for number in done:
                    np.testing.assert_array_equal(
                        journal.read(EVENTS[number])[0], showers[number]
                    )
        lost += len(done) < 3
    assert 0 < lost < 60
