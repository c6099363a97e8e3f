from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from trainer.models.features import HOP_SAMPLES, LogMel, with_silence


@pytest.mark.parametrize("mels", [80, 128])
def test_log_mel_equals_the_feature_extractor_of_transformers(mels: int) -> None:
    rng = np.random.default_rng(1)
    clips = [rng.standard_normal(48_000).astype(np.float32) * gain for gain in (0.5, 0.01, 0.0)]
    clips[1][16_000:] = 0.0
    theirs = WhisperFeatureExtractor(feature_size=mels, chunk_length=3)(clips, sampling_rate=16_000)["input_features"]
    ours = LogMel(mels)(torch.from_numpy(np.stack(clips))).numpy()
    assert ours.shape == (3, mels, 48_000 // HOP_SAMPLES)
    np.testing.assert_allclose(ours, np.stack(theirs), atol=2e-4)


def test_the_loudest_bin_of_one_clip_does_not_hide_another() -> None:
    loud, quiet = torch.randn(16_000), 1e-4 * torch.randn(16_000)
    log_mel = LogMel()
    torch.testing.assert_close(log_mel(torch.stack([loud, quiet]))[1], log_mel(quiet[None])[0])


def test_features_are_not_affected_by_autocast() -> None:
    audio, log_mel = torch.randn(1, 16_000), LogMel()
    whole = log_mel(audio)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(log_mel(audio), whole)


@pytest.mark.parametrize("gain", [0.5, 1e-4, 0.0])
def test_padding_features_equals_padding_the_audio(gain: float) -> None:
    rng = np.random.default_rng(2)
    audio = torch.from_numpy(gain * rng.standard_normal((2, 16_000)).astype(np.float32))
    longer = torch.nn.functional.pad(audio, (0, 32_000))
    theirs, ours = LogMel()(longer), with_silence(LogMel()(audio), 300)
    heard = torch.ones(300, dtype=torch.bool)
    heard[99:102] = False  # frames whose windows overlap the end of the audio
    torch.testing.assert_close(ours[..., heard], theirs[..., heard])
    assert with_silence(ours, 200) is ours
