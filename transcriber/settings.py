"""The transcriber's settings, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from transcriber.whisper.second_try import SecondTry
from wire import keys
from wire.messages import Task
from wire.settings import REDIS, setting


@dataclass(frozen=True)
class Settings:
    """Each field names its environment variable; `python -m transcriber --help` prints them all."""

    #: URL of the Redis that all services share.
    redis_url: str = setting("REDIS_URL", "redis://127.0.0.1:6379/0", schemes=REDIS)
    #: The Whisper checkpoint: a folder, or a name on the Hugging Face hub such as KBLab/kb-whisper-small. A folder, or
    #: a symbolic link to one, is watched: a new checkpoint in its place goes on air between two batches.
    model: str = setting("MODEL", "demo/model")
    #: Device to run on. `auto` uses a GPU if there is one; with several GPUs, `auto` and `cuda` pick the one that the
    #: fewest other processes have picked.
    device: str = setting("DEVICE", "auto")
    #: Precision of the weights. `auto` is float16 on a GPU and float32 on a CPU. On an x86 CPU, int8 halves the time of
    #: a large model; so does bfloat16 on a CPU that supports it (x86: those with AMX). On ARM, int8 only saves memory.
    dtype: str = setting("DTYPE", "auto", choices=("auto", "float32", "float16", "bfloat16", "int8"))
    #: CPU threads. One worker per core is faster than one worker with more threads.
    threads: int = setting("THREADS", 1, minimum=1, maximum=256)
    #: Maximum number of windows decoded together. A window is one chunk, or as many waiting chunks of a recording as
    #: fit into the model's context. More is faster on a GPU and delays each chunk on a CPU.
    batch_size: int = setting("BATCH_SIZE", 8, minimum=1, maximum=256)
    #: A text whose tokens have a mean log-probability below this is doubtful and decoded again with beam search. 0:
    #: every text is, as in openai/whisper.
    retry_below: float = setting("RETRY_BELOW", SecondTry.below, minimum=-100, maximum=0)
    #: Beam size of that search; 1: nothing is decoded again.
    beams: int = setting("BEAMS", SecondTry.beams, minimum=1, maximum=16)
    #: Detect changes of language within a chunk, in sources whose language is not given. Where the language may change,
    #: and where a text is doubtful (RETRY_BELOW), each part between two pauses is also encoded by itself: with a
    #: context of 30 s, each part costs as much as a chunk.
    follow_turns: bool = setting("FOLLOW_TURNS", True)
    #: A live chunk older than this is marked as a gap instead of transcribed, in seconds.
    live_max_lag_s: float = setting("LIVE_MAX_LAG_S", 60.0, minimum=5, maximum=3600)
    #: Another worker takes over a chunk whose worker has not renewed it for this long, in seconds.
    claim_after_s: float = setting("CLAIM_AFTER_S", 10.0, minimum=1, maximum=600)
    #: A chunk that has been delivered more often than this goes to the dead-letter stream.
    max_deliveries: int = setting("MAX_DELIVERIES", 3, minimum=1, maximum=20)
    #: Task of sources that do not name one: transcribe, or translate into English. A model that cannot translate is
    #: refused.
    task: Task = setting("TASK", "transcribe", choices=get_args(Task))  # noqa: RUF009  # a literal is immutable
    #: How long jobs and captions are kept after their last change, in seconds. Use the same value for all services.
    retention_s: int = setting("RETENTION_S", keys.RETENTION_S, minimum=86_400)
    #: Minimum level of log messages.
    log_level: str = setting("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))

    @property
    def claim_every_s(self) -> float:
        """Interval at which a worker looks for chunks of dead ones, in seconds."""
        return min(2.0, self.claim_after_s / 2)

    @property
    def renew_every_s(self) -> float:
        """Interval at which a worker renews its chunks, in seconds."""
        return self.claim_after_s / 4
