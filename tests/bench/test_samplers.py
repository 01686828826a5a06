"""Who takes part: every sampler by its name, with its threads, or with a reason why not."""

import pytest
import torch

from calo4pqvae.bench import OURS, SAMPLERS
from calo4pqvae.bench import samplers as bench_samplers
from calo4pqvae.bench.contender import Task, UnavailableError
from calo4pqvae.bench.dwave_annealer import dwave_annealer
from calo4pqvae.bench.lattice_problem import lattice_problem
from calo4pqvae.bench.samplers import KINDS, contenders
from calo4pqvae.errors import ConfigError, MissingExtraError

# The plugin still imports the deprecated package.
pytestmark = pytest.mark.filterwarnings("ignore:dwave-networkx is deprecated")

LATTICE = lattice_problem(1)


@pytest.fixture
def no_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_samplers, "require", lambda module, extra: (module, extra))


def test_names_are_those_of_the_command_line() -> None:
    assert tuple(KINDS) == SAMPLERS
    assert set(OURS) < set(SAMPLERS)


@pytest.mark.usefixtures("no_cuda", "all_installed")
def test_a_row_per_number_of_threads() -> None:
    rows, left_out = contenders(SAMPLERS, "auto", [2, 1, 2])
    assert left_out == {"cuda": "needs a CUDA device"}
    found = [(row.name, row.threads) for row in rows]
    expected = [(name, n) for name in SAMPLERS if name != "cuda" for n in (1, 2)]
    expected.remove(("thrml", 1))
    assert found == expected
    assert {row.device for row in rows} == {"cpu"}


@pytest.mark.usefixtures("all_installed")
def test_cuda_adds_rows_and_asks_for_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    rows, left_out = contenders(["compiled", "cuda", "torch-dense"], "auto", [1, 2])
    assert not left_out
    assert [row.label for row in rows] == [
        "compiled, 1 thread",
        "compiled, 2 threads",
        "cuda, cuda",
        "torch-dense, 1 thread",
        "torch-dense, 2 threads",
        "torch-dense, cuda",
    ]
    rows, left_out = contenders(["compiled", "torch-dense"], "cuda", [1])
    assert [row.label for row in rows] == ["torch-dense, cuda"]
    assert left_out == {"compiled": "runs on the CPU only"}


@pytest.mark.usefixtures("no_cuda")
def test_cuda_that_is_asked_for_must_be_there() -> None:
    with pytest.raises(ConfigError, match="no CUDA device"):
        contenders(["torch-dense"], "cuda", [1])


@pytest.mark.usefixtures("no_cuda")
def test_a_peer_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, extra: str) -> None:
        raise MissingExtraError(f"{module} {extra}")

    monkeypatch.setattr(bench_samplers, "require", missing)
    rows, left_out = contenders(SAMPLERS, "cpu", [1])
    assert [row.name for row in rows] == ["compiled", "torch-sparse", "torch-dense"]
    assert left_out["thrml"] == "not installed (pip install 'calo4pqvae[bench]')"
    assert set(left_out) == set(SAMPLERS) - {row.name for row in rows}


@pytest.mark.parametrize("name", [name for name in SAMPLERS if name != "cuda"])
def test_draws_free_bits_that_a_seed_repeats(name: str) -> None:
    """Forty chains of 36 free bits; both draws alike by chance: never."""
    rows, left_out = contenders([name], "cpu", [1])
    if not rows:
        pytest.skip(left_out[name])
    prepare = rows[0].kind.make(Task(LATTICE, 40, 3, 1, "cpu"))
    bits, again, other = prepare(5)(), prepare(5)(), prepare(6)()
    assert (bits.dtype, tuple(bits.shape)) == (torch.bool, (40, 36))
    assert torch.equal(bits, again)
    assert not torch.equal(bits, other)
    assert rows[0].version


def test_threads_of_the_annealer_share_the_chains_and_no_seed() -> None:
    pytest.importorskip("dwave.samplers")
    bits = dwave_annealer(Task(LATTICE, 41, 3, 2, "cpu"))(5)()
    assert bits.shape == (41, 36)
    assert not torch.equal(bits[:20], bits[21:])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    "name", ["cuda", "torch-sparse", "torch-dense", "dwave-pytorch-plugin"]
)
def test_draws_on_cuda(name: str) -> None:
    rows, left_out = contenders([name], "cuda", [1])
    if not rows:
        pytest.skip(left_out[name])
    try:
        bits = rows[0].kind.make(Task(LATTICE, 40, 3, 1, "cuda"))(5)()
    except (UnavailableError, MissingExtraError) as reason:
        pytest.skip(str(reason))
    assert (bits.dtype, tuple(bits.shape)) == (torch.bool, (40, 36))
