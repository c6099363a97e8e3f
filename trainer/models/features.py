"""Log-mel features of a whole batch, numerically the same as those of transformers' WhisperFeatureExtractor."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional
from transformers import WhisperFeatureExtractor

from trainer.examples import SAMPLE_RATE

#: Samples between two feature frames, and in one analysis window.
HOP_SAMPLES, WINDOW_SAMPLES = 160, 400
#: The encoder halves the frame rate: one position covers this many samples (20 ms).
POSITION_SAMPLES = 2 * HOP_SAMPLES
POSITIONS_PER_S = SAMPLE_RATE // POSITION_SAMPLES
#: Frames after the end of the audio whose windows may overlap it.
_OVERLAPPING = -(-WINDOW_SAMPLES // HOP_SAMPLES)


class LogMel(torch.nn.Module):
    """Audio [batch, samples] in -1..1 to log-mel features [batch, mels, frames], of HOP_SAMPLES each.

    They are computed on the module's device, wherever the audio is. If `frames` is more than the audio has, the rest
    is digital silence.
    """

    window: Tensor
    filters: Tensor

    def __init__(self, mels: int = 80) -> None:
        super().__init__()
        filters = WhisperFeatureExtractor(feature_size=mels).mel_filters
        self.register_buffer("window", torch.hann_window(WINDOW_SAMPLES), persistent=False)
        self.register_buffer("filters", torch.from_numpy(filters.T.copy()).float(), persistent=False)

    @torch.no_grad()
    def forward(self, audio: Tensor, frames: int | None = None) -> Tensor:
        audio = audio.to(self.window.device)
        frames = audio.shape[-1] // HOP_SAMPLES if frames is None else frames
        # Frames of pure silence, most of a short clip in a context of 30 s, need no Fourier transform.
        computed = min(frames, -(-audio.shape[-1] // HOP_SAMPLES) + _OVERLAPPING)
        audio = functional.pad(audio, (0, computed * HOP_SAMPLES - audio.shape[-1]))
        spectrum = torch.stft(audio, WINDOW_SAMPLES, HOP_SAMPLES, window=self.window, return_complex=True)
        power = spectrum[..., :-1].abs().square()
        with torch.autocast(audio.device.type, enabled=False):  # the power spectrum spans 80 dB
            log = torch.clamp(self.filters @ power, min=1e-10).log10()
        log = functional.pad(log, (0, frames - computed), value=-10.0)
        # Whisper clips at 80 dB below the loudest bin of each clip.
        log = torch.maximum(log, log.amax(dim=(-2, -1), keepdim=True) - 8.0)
        return (log + 4.0) / 4.0


def with_silence(features: Tensor, frames: int) -> Tensor:
    """Log-mel features [B, mels, F], padded with digital silence to at least `frames` frames.

    Digital silence is at the floor: 80 dB below each clip's loudest bin, but not below 1e-10. Only the three frames
    around the end of the audio, whose windows overlap both sides, differ slightly from those of `LogMel`.
    """
    missing = frames - features.shape[-1]
    if missing <= 0:
        return features
    floor = (features.amax(dim=(-2, -1), keepdim=True) - 2.0).clamp(min=-1.5)
    return torch.cat([features, floor.expand(-1, features.shape[1], missing)], dim=-1)
