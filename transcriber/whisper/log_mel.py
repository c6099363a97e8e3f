"""Whisper's log-mel features for a whole batch, with the numbers of transformers' WhisperFeatureExtractor.

Audio is padded with zeros *before* the spectrogram, as in training: zero is not the log-mel value of silence, so
padding the features would give the model inputs that it was not trained on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Hop and window length in samples (openai/whisper, audio.py).
HOP_SAMPLES = 160
WINDOW_SAMPLES = 400

#: Minimum power: smaller values are clamped before the logarithm.
_FLOOR = 1e-10


class LogMel:
    """Computes log-mel features.

    Args:
        filters: mel filter bank of the checkpoint's feature extractor, [n_fft / 2 + 1, n_mels].
    """

    def __init__(self, filters: NDArray[np.floating], device: torch.device) -> None:
        self._filters = torch.from_numpy(np.ascontiguousarray(filters.T)).to(device, torch.float32)
        self._window = torch.hann_window(WINDOW_SAMPLES, device=device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, audios: Sequence[NDArray[np.float32]], frames: int) -> Tensor:
        """Features [B, n_mels, frames] of audio of at most frames · HOP_SAMPLES samples each."""
        longest = max(len(audio) for audio in audios)
        # Frames more than a window after the last sample are exactly silent and need no Fourier transform.
        computed = min(frames, -(-longest // HOP_SAMPLES) + -(-WINDOW_SAMPLES // HOP_SAMPLES))
        batch = np.zeros((len(audios), computed * HOP_SAMPLES), dtype=np.float32)
        for row, audio in zip(batch, audios, strict=True):
            row[: len(audio)] = audio
        samples = torch.from_numpy(batch).to(self._device)
        spectrum = torch.stft(samples, WINDOW_SAMPLES, HOP_SAMPLES, window=self._window, return_complex=True)
        power = spectrum[..., :-1].abs().square()
        logarithm = (self._filters @ power).clamp(min=_FLOOR).log10()
        if computed < frames:
            logarithm = torch.nn.functional.pad(logarithm, (0, frames - computed), value=-10.0)
        loudest = logarithm.amax(dim=(1, 2), keepdim=True)
        return (torch.maximum(logarithm, loudest - 8.0) + 4.0) / 4.0
