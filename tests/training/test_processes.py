"""Who belongs to a group of processes, and who only finds its names in the environment."""

import pytest

from calo4pqvae.training.processes import PATIENCE, Processes

LEFT_OVER = [
    {"WORLD_SIZE": "2"},
    {"WORLD_SIZE": ""},
    {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29577"},
    {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1"},
]


@pytest.mark.parametrize("names", LEFT_OVER, ids="+".join)
def test_names_that_something_left_in_the_environment_are_passed_over(
    names: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    alone = Processes.join("cpu")
    assert (alone.rank, alone.world_size) == (0, 1)


def test_a_group_of_torchrun_is_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "none"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    assert Processes.join("cpu").world_size == 1
    monkeypatch.setenv("WORLD_SIZE", "2")
    called = []
    monkeypatch.setattr(
        "torch.distributed.init_process_group",
        lambda *words, **more: called.append((words, more)),
    )
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 1)
    both = Processes.join("cpu")
    assert called == [(("gloo",), {"timeout": PATIENCE})]
    assert (both.rank, both.world_size) == (1, 2)
