"""What ingest reads from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wire import keys
from wire.audio import samples
from wire.errors import SettingsError
from wire.settings import REDIS, setting

#: Transcribers have better to do than to hear what is shorter, in seconds.
LEAST_PARTIAL_S = 0.25


@dataclass(frozen=True)
class Settings:
    """Settings of `python -m ingest`, decoders included."""

    #: Where Redis is.
    redis_url: str = setting("REDIS_URL", "redis://127.0.0.1:6379/0", schemes=REDIS)
    #: Folder of uploads; the paths of jobs are relative to it. The API writes there, so both must see the same.
    data_dir: str = setting("DATA_DIR", "var")
    #: The stations to begin with. An empty file is allowed; a missing one is too, with a warning.
    stations_file: str = setting("STATIONS_FILE", "stations.yml")
    #: New audio of one chunk, in seconds. Shorter means less delay and more decoding.
    chunk_s: float = setting("CHUNK_S", 5.0, minimum=1, maximum=25)
    #: What is said is shown before its chunk is whole, every so many seconds: of a microphone, and of a station with
    #: which somebody reads along, where transcribers have time for it. It is sent and decoded again with the
    #: chunk. At least 0.25; 0: not.
    partial_s: float = setting("PARTIAL_S", 1.25, minimum=0, maximum=25)
    #: Audio of the chunk before that each chunk repeats, in seconds, about on average: it begins in a pause, if there
    #: is one within twice this, and else so far back as pauses that were near have left to spare. It is decoded twice.
    #: A chunk and twice this are best no longer than the model's context: 7 seconds for the bundled one.
    lead_s: float = setting("LEAD_S", 1.0, minimum=0, maximum=5)
    #: What finds speech, so that music and silence are not transcribed. `off`: only digital silence is left out.
    vad: str = setting("VAD", "silero", choices=("silero", "off"))
    #: Probability of speech from which it counts when there was none for half a minute; soon after speech two fifths
    #: of it are enough. Lower lets more music through to be transcribed, higher withholds lone words in noise.
    vad_threshold: float = setting("VAD_THRESHOLD", 0.5, minimum=0.05, maximum=0.95)
    #: A station that sends nothing for so long is connected to again, in seconds.
    stall_s: float = setting("STALL_S", 30.0, minimum=2, maximum=600)
    #: Time a server may take to answer at all, in seconds.
    connect_timeout_s: float = setting("CONNECT_TIMEOUT_S", 10.0, minimum=1, maximum=120)
    #: Live audio kept while Redis is away, in seconds; older audio becomes a gap. 32 kB a second and source.
    live_max_lag_s: float = setting("LIVE_MAX_LAG_S", 90.0, minimum=10, maximum=3600)
    #: How long what stations say is kept to be heard again, in seconds: 6 kB of Redis's memory a second and station, by
    #: `python -m benchmarks.keeping`, or 6 MB a station, and 550 for a day. 0: not at all.
    audio_kept_s: float = setting("AUDIO_KEPT_S", 900.0, minimum=0, maximum=86_400)
    #: Whether players may listen to stations, with captions in time with the sound (HLS): then the last minute of each
    #: station's sound is kept in memory, 1 MB at 128 kbit/s, and while somebody listens in Redis, too.
    hls: bool = setting("HLS", True)
    #: Most stations that may be registered.
    max_stations: int = setting("MAX_STATIONS", 200, minimum=1, maximum=10_000)
    #: Most microphones that this process reads at once; more wait for another process.
    max_microphones: int = setting("MAX_MICROPHONES", 32, minimum=0, maximum=1000)
    #: A microphone that sends nothing for so long has ended, in seconds: as long it can be resumed after its connection
    #: broke, and counts among MAX_MICROPHONES; where others wait for its place, for 20 s. The API closes silent sockets
    #: sooner.
    microphone_idle_s: float = setting("MICROPHONE_IDLE_S", 180.0, minimum=2, maximum=600)
    #: Processes that decode uploads, as many at once. Each keeps one core busy for a moment and then waits for
    #: transcribers. More uploads than that take turns.
    upload_workers: int = setting("UPLOAD_WORKERS", 3, minimum=0, maximum=32)
    #: Longest recording that is accepted, in hours.
    max_upload_hours: float = setting("MAX_UPLOAD_HOURS", 12.0, minimum=0.01, maximum=1000)
    #: Largest file that a job may fetch by its URL, in megabytes. Streamed; what cannot be is stored meanwhile.
    max_fetch_mb: float = setting("MAX_FETCH_MB", 4096.0, minimum=0.001)
    #: Chunks that one upload may be ahead of its captions. Enough for every transcriber to be busy with it.
    upload_ahead_chunks: int = setting("UPLOAD_AHEAD_CHUNKS", 32, minimum=1, maximum=10_000)
    #: A station's reader that has not been heard of for so long has died; another process takes over, in seconds.
    lease_s: float = setting("LEASE_S", 10.0, minimum=1, maximum=300)
    #: How long a job, and the captions of any source, are kept after their last change, in seconds. The same for all.
    retention_s: int = setting("RETENTION_S", keys.RETENTION_S, minimum=86_400)
    #: How much is logged.
    log_level: str = setting("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))

    def __post_init__(self) -> None:
        if self.lead_s > self.chunk_s:
            raise SettingsError(f"LEAD_S={self.lead_s:g} must be at most CHUNK_S={self.chunk_s:g}, which holds it")
        if 0 < self.partial_s < LEAST_PARTIAL_S:
            raise SettingsError(
                f"PARTIAL_S={self.partial_s:g} must be at least {LEAST_PARTIAL_S:g}, or 0 for not at all"
            )

    @property
    def chunk_samples(self) -> int:
        """New samples of one chunk."""
        return samples(self.chunk_s)

    @property
    def partial_samples(self) -> int:
        """Samples after which what there is of a chunk is heard ahead."""
        return samples(self.partial_s)

    @property
    def lead_samples(self) -> int:
        """Repeated samples of one chunk."""
        return samples(self.lead_s)

    @property
    def uploads(self) -> Path:
        """The folder that jobs' paths are relative to."""
        return Path(self.data_dir).resolve()
