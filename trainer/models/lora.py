"""Low-rank adapters (LoRA, Hu et al. 2021) with peft: inject them into a model, and merge them for saving."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import Linear
from torch import Tensor
from transformers import WhisperForConditionalGeneration

from trainer.errors import PlanError
from trainer.models.frozen import Originals, plain

#: The default targets: all attention and feed-forward layers.
TARGETS = ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2")

_ADAPTER = "default"


def adapt(
    model: WhisperForConditionalGeneration,
    rank: int,
    alpha: int,
    targets: Sequence[str],
    seed: int,
    decoder_alone: bool = False,
) -> None:
    """Inject adapters into the model, in place, and freeze everything else.

    Args:
        alpha: the adapters' output is scaled by alpha / rank.
        targets: names of the linear layers to adapt, in every block.
        decoder_alone: adapt the decoder only: adapters in a frozen encoder take memory and learn nothing.

    Raises:
        PlanError: no layer has such a name.
    """
    linear = [name for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)]
    layers = {name.rpartition(".")[2] for name in linear if ".layers." in name}
    if unknown := [name for name in targets if name not in layers]:
        raise PlanError(f"--lora-targets: no layer is called {unknown[0]!r}, only {', '.join(sorted(layers))}")
    torch.manual_seed(seed)
    within = [name for name in linear if name.rpartition(".")[2] in targets and ".layers." in name]
    chosen = [name for name in within if not decoder_alone or ".decoder." in name]
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=chosen), model, _ADAPTER)


@torch.no_grad()
def merged(model: WhisperForConditionalGeneration, originals: Originals | None = None) -> dict[str, Tensor]:
    """The weights of an equivalent Whisper without adapters.

    peft merges and unmerges in place, which leaves rounding errors in a run that continues. Sums are computed and
    stored on the CPU: a GPU that trains adapters may have no room for all weights in single precision.

    Args:
        originals: weights before they were converted to the precision that the model computes in.
    """
    state = {plain(name): value for name, value in model.state_dict().items() if ".lora_" not in name}
    state |= originals or {}
    for name, module in model.named_modules():
        if isinstance(module, Linear):
            state[f"{name}.weight"] = state[f"{name}.weight"].cpu() + module.get_delta_weight(_ADAPTER).cpu()
    return state
