"""A moving average of the weights: better than any single step's while the learning rate is still high."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

Weights = dict[str, Tensor]


def trained(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class Average:
    """The average of what is trained in a model, which is measured and published. A decay of 0: the model itself."""

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self._model, self._decay = model, decay
        self.weights: Weights = {name: p.detach().clone() for name, p in trained(model).items()} if decay else {}

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Move towards the model, fast at first: after n steps over about the last tenth of them, up to the decay."""
        if self.weights:
            decay = min(self._decay, (1 + steps) / (10 + steps))
            torch._foreach_lerp_(list(self.weights.values()), list(trained(self._model).values()), 1 - decay)

    @contextmanager
    def worn(self) -> Iterator[None]:
        """The model has the average's weights inside the block, and its own again behind it."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        parameters = trained(self._model)
        for name, average in self.weights.items():
            self.weights[name], parameters[name].data = parameters[name].data, average
