"""Names of the classifiers, and of what they are given; known without torch."""

from typing import Literal

__all__ = ["Classifiers", "Kind"]

Classifiers = Literal["none", "quick", "official"]
"""No classifier, one that takes seconds, or the challenge's set-up."""

Kind = Literal["high", "low", "resnet"]
"""Dense network on features, dense network on voxels, ResNet on voxels."""
