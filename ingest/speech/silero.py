"""Silero VAD: the speech probability of each frame of 32 ms, with ONNX Runtime on one CPU thread.

The model is recurrent. Its file (see `silero_vad/README.md`) takes a sequence of frames in one call and returns, bit
for bit, the results of one call per frame: a chunk of 5 s takes 7 ms instead of 14, outside Python's global lock.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Audio = NDArray[np.float32]

#: Samples of one frame at 16 kHz, and the number of preceding samples that the model gets with it.
FRAME_SAMPLES, CONTEXT_SAMPLES = 512, 64

MODEL_FILE = Path(__file__).parent / "silero_vad" / "silero_vad_16k_sequence.onnx"

_STATE = (1, 1, 128)


@dataclass(frozen=True, eq=False)
class Memory:
    """The model's state after the previous frames."""

    context: Audio = field(default_factory=lambda: np.zeros(CONTEXT_SAMPLES, np.float32))
    hidden: Audio = field(default_factory=lambda: np.zeros(_STATE, np.float32))
    cell: Audio = field(default_factory=lambda: np.zeros(_STATE, np.float32))


class Silero:
    """The model. One instance serves all sources of a process: it is stateless and thread-safe.

    Raises:
        ImportError: ONNX Runtime is not installed, or does not support this machine.
        OSError: the model's file cannot be read.
    """

    def __init__(self) -> None:
        # From version 1.29 on, it sends telemetry with an identifier that it stores on disk, unless this is set before
        # (https://github.com/microsoft/onnxruntime/pull/27379).
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # More threads would compete with the readers of other sources for the same cores.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            MODEL_FILE.read_bytes(), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, audio: Audio, memory: Memory) -> tuple[Audio, Memory]:
        """The speech probability of each whole frame of `audio` (full scale ±1), and the state for the next call."""
        frames = audio[: len(audio) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
        if not len(frames):
            return np.zeros(0, np.float32), memory
        contexts = np.vstack([memory.context, frames[:, -CONTEXT_SAMPLES:]])
        probabilities, hidden, cell = self._session.run(
            ["speech_probs", "hn", "cn"],
            {"input": np.hstack([contexts[:-1], frames]), "h": memory.hidden, "c": memory.cell},
        )
        return probabilities, Memory(contexts[-1], hidden, cell)
