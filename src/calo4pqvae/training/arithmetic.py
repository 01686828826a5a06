"""Arithmetic of the networks in training: bfloat16 where the processor computes in it."""

from contextlib import AbstractContextManager, nullcontext

import torch

__all__ = ["arithmetic", "describe_arithmetic", "has_bfloat16", "name_arithmetic"]


def has_bfloat16(device: torch.device) -> bool:
    """Whether a device has instructions for bfloat16, so that it is faster than float32.

    Without them torch emulates it: a step of the preset `quick` then takes eight times as long
    as in float32 (AMD EPYC with AVX2, one core: 1.5 and 0.2 s).
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except (AttributeError, RuntimeError):  # built without oneDNN
        return False


def name_arithmetic(precision: str, device: torch.device) -> str:
    """Name what networks compute in: the precision, or float32 where a device lacks it."""
    return precision if has_bfloat16(device) else "float32"


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Give the context in which networks compute.

    Arguments:
        precision: ``float32``, or ``bfloat16``, which a device without it replaces by float32.
        device: where they compute.
    """
    if name_arithmetic(precision, device) == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def describe_arithmetic(precision: str, device: torch.device) -> str | None:
    """Say that a device cannot compute as it shall; None if it can."""
    if name_arithmetic(precision, device) == precision:
        return None
    return (
        "this processor has no instructions for bfloat16 and would be many times slower "
        "with it: the networks learn in float32"
    )
