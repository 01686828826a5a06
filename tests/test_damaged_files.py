"""Every registered reader, tried on damaged files: success, or an error that it declares.

`scripts/mutate_inputs.py` does the same with 20,000 files of each reader, and watches time and
memory as well.
"""

from pathlib import Path
from random import Random

import pytest
from mutations import mutate
from valid_files import VALID

from calo4pqvae.cli.readers import READERS

EACH = 60
"""Files of each reader; the slowest, shower files and models, take 30 ms each."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", READERS)
def test_damaged_files_give_a_result_or_one_line(name: str, tmp_path: Path) -> None:
    valid, reader, rng = VALID[name], READERS[name], Random(name)
    valid.write(tmp_path, 0)
    given = tmp_path if valid.folder else tmp_path / next(iter(valid.kinds))
    reader.read(given)  # the valid file itself
    said: list[str] = []
    for _ in range(EACH):
        chosen = tmp_path / rng.choice(list(valid.kinds))
        original = chosen.read_bytes()
        chosen.unlink()
        chosen.write_bytes(mutate(original, valid.kinds[chosen.name], rng))
        try:
            reader.read(given)
        except reader.errors as error:
            said.append(str(error))
        chosen.unlink()
        chosen.write_bytes(original)
    assert all(sentence.isprintable() for sentence in said)
    assert said or name in {"log of a run", "manifest of shards"}, "nothing was damaged"


def test_every_reader_has_a_valid_file() -> None:
    assert VALID.keys() == READERS.keys()
