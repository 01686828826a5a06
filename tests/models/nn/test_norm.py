"""Batch normalisation on one process is torch's own."""

import pytest
import torch
from torch import nn

from calo4pqvae.models.nn.norm import BatchNorm


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 5), (8, 3, 4, 2, 2)])
def test_it_equals_torch(shape, generator):
    plain = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 5: nn.BatchNorm3d}[len(shape)](3)
    ours = BatchNorm(3)
    for _ in range(3):
        x = 3 + 2 * torch.randn(shape, generator=generator)
        first, second = (x.clone().requires_grad_() for _ in range(2))
        made, expected = ours(first), plain(second)
        assert torch.equal(made, expected)
        made.square().sum().backward()
        expected.square().sum().backward()
        assert torch.equal(first.grad, second.grad)
    for name, value in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)
    x = torch.randn(shape, generator=generator)
    assert torch.equal(ours.eval()(x), plain.eval()(x))


def test_a_vector_is_refused():
    with pytest.raises(ValueError, match="batch, channel"):
        BatchNorm._check_input_dim(BatchNorm(3), torch.zeros(3))
