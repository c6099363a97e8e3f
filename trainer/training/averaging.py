"""A moving average of the weights: better than the weights of any single step while the learning rate is high."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

Weights = dict[str, Tensor]


def trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The trainable parameters, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class Average:
    """The average of a model's trainable weights, which is measured and published. Decay 0: the model itself."""

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self.weights: Weights = {name: p.detach().clone() for name, p in trained(model).items()} if decay else {}

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Move towards the model: after n steps, averages about the last n / 10 of them, until the decay limits it."""
        if self.weights:
            decay = min(self._decay, (1 + steps) / (10 + steps))
            torch._foreach_lerp_(list(self.weights.values()), list(trained(self._model).values()), 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Swap the averaged weights into the model for the duration of the block."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        parameters = trained(self._model)
        for name, average in self.weights.items():
            self.weights[name], parameters[name].data = parameters[name].data, average
