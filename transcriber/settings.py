"""What a transcriber can be told by its environment."""

from __future__ import annotations

from dataclasses import dataclass

from transcriber.second_try import SecondTry
from wire import keys
from wire.settings import REDIS, setting


@dataclass(frozen=True)
class Settings:
    """Each field names its variable; `python -m transcriber --help` prints them all."""

    #: Where Redis is.
    redis_url: str = setting("REDIS_URL", "redis://127.0.0.1:6379/0", schemes=REDIS)
    #: The Whisper checkpoint: a folder, or a name on the Hugging Face hub such as KBLab/kb-whisper-small. A folder,
    #: or a link to one, is watched: what takes its place goes on air between two batches.
    model: str = setting("MODEL", "demo/model")
    #: What computes. `auto` takes a GPU where there is one; of several, that which the fewest have, as does `cuda`.
    device: str = setting("DEVICE", "auto")
    #: Precision of the weights. `auto` is float16 on a GPU and float32 on a CPU, where int8 takes half the time with
    #: a large model; so does bfloat16 on a CPU that has it (of x86, those with AMX).
    dtype: str = setting("DTYPE", "auto", choices=("auto", "float32", "float16", "bfloat16", "int8"))
    #: Threads of a CPU. One worker per core is faster than one worker with more threads.
    threads: int = setting("THREADS", 1, minimum=1, maximum=256)
    #: Most windows decoded together: a chunk each, or what a recording has waiting, as much as the model hears at once.
    #: More is faster on a GPU and makes each chunk wait longer on a CPU.
    batch_size: int = setting("BATCH_SIZE", 8, minimum=1, maximum=256)
    #: A text whose tokens have a mean log-probability below this is doubtful and decoded again with beam search. 0: all
    #: are, as openai/whisper does.
    retry_below: float = setting("RETRY_BELOW", SecondTry.below, minimum=-100, maximum=0)
    #: Texts that such a search weighs against each other; 1: nothing is decoded again.
    beams: int = setting("BEAMS", SecondTry.beams, minimum=1, maximum=16)
    #: Follow a language that turns within a chunk, in sources whose language is not given. Where it may, and where a
    #: text is in doubt (RETRY_BELOW), what lies between two pauses is encoded by itself, too: if the model hears 30 s
    #: at once, each costs as much as a chunk.
    follow_turns: bool = setting("FOLLOW_TURNS", True)
    #: A live chunk older than this is marked as a gap instead of transcribed, in seconds.
    live_max_lag_s: float = setting("LIVE_MAX_LAG_S", 60.0, minimum=5, maximum=3600)
    #: A chunk whose worker has not been heard of for so long is taken over by another, in seconds.
    claim_after_s: float = setting("CLAIM_AFTER_S", 10.0, minimum=1, maximum=600)
    #: A chunk handed out more often than this goes to the dead letters.
    max_deliveries: int = setting("MAX_DELIVERIES", 3, minimum=1, maximum=20)
    #: What to do with the speech of sources that do not name a task: write it down, or translate it into English. A
    #: model that was not made to translate is refused.
    task: str = setting("TASK", "transcribe", choices=("transcribe", "translate"))
    #: How long a job, and the captions of any source, are kept after their last change, in seconds. The same for all.
    retention_s: int = setting("RETENTION_S", keys.RETENTION_S, minimum=86_400)
    #: How much is logged.
    log_level: str = setting("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
