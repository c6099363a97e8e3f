"""The settings of ingest, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wire import keys
from wire.audio import samples
from wire.errors import SettingsError
from wire.settings import REDIS, setting

#: Minimum interval of partial chunks, in seconds: shorter ones would waste the transcribers' time.
MIN_PARTIAL_S = 0.25


@dataclass(frozen=True)
class Settings:
    """Settings of `python -m ingest`, decoders included."""

    #: URL of the Redis that all services share.
    redis_url: str = setting("REDIS_URL", "redis://127.0.0.1:6379/0", schemes=REDIS)
    #: Folder of uploads; paths of jobs are relative to it. The API writes there, so both must share the folder.
    data_dir: str = setting("DATA_DIR", "var")
    #: File with the initial stations. It may be empty; if it is missing, a warning is logged.
    stations_file: str = setting("STATIONS_FILE", "stations.yml")
    #: New audio per chunk, in seconds. Shorter chunks mean less delay and more decoding.
    chunk_s: float = setting("CHUNK_S", 5.0, minimum=1, maximum=25)
    #: Interval at which an incomplete chunk is captioned provisionally, in seconds: for microphones, and for stations
    #: with viewers, when a transcriber is idle. The audio is sent and decoded again with the complete chunk. At least
    #: 0.25; 0 disables this.
    partial_s: float = setting("PARTIAL_S", 1.25, minimum=0, maximum=25)
    #: Audio that each chunk repeats from the previous one (the lead), in seconds, approximately on average. The lead
    #: begins in a pause if there is one within twice this value; otherwise its length depends on how much shorter
    #: leads saved before. It is decoded twice. CHUNK_S plus twice this value should not exceed the model's context,
    #: which is 7 seconds for the bundled model.
    lead_s: float = setting("LEAD_S", 1.0, minimum=0, maximum=5)
    #: Voice activity detector, which keeps music and silence from being transcribed. `off` only skips digital silence.
    vad: str = setting("VAD", "silero", choices=("silero", "off"))
    #: Speech probability at which audio counts as speech after half a minute without any; shortly after speech, two
    #: fifths of it are enough. Lower values transcribe more music, higher values lose isolated words in noise.
    vad_threshold: float = setting("VAD_THRESHOLD", 0.5, minimum=0.05, maximum=0.95)
    #: Reconnect to a station that has sent nothing for this long, in seconds.
    stall_s: float = setting("STALL_S", 30.0, minimum=2, maximum=600)
    #: Time-out for the first response of a server, in seconds.
    connect_timeout_s: float = setting("CONNECT_TIMEOUT_S", 10.0, minimum=1, maximum=120)
    #: Live audio kept while Redis is unavailable, in seconds; older audio becomes a gap. 32 kB per second and source.
    live_max_lag_s: float = setting("LIVE_MAX_LAG_S", 90.0, minimum=10, maximum=3600)
    #: How long the speech of stations is kept for playback, in seconds. It takes 6 kB of Redis memory per second and
    #: station (`python -m benchmarks.keeping`): 6 MB per station, or 550 MB for a day. 0 disables this.
    audio_kept_s: float = setting("AUDIO_KEPT_S", 900.0, minimum=0, maximum=86_400)
    #: Offer stations to players as HLS, with captions synchronised to the audio. The last minute of each station's
    #: audio is kept in memory (1 MB at 128 kbit/s), and also in Redis while somebody listens.
    hls: bool = setting("HLS", True)
    #: Maximum number of registered stations.
    max_stations: int = setting("MAX_STATIONS", 200, minimum=1, maximum=10_000)
    #: Maximum number of microphones that this process reads at once; others wait for another process.
    max_microphones: int = setting("MAX_MICROPHONES", 32, minimum=0, maximum=1000)
    #: A microphone that has sent nothing for this long is ended, in seconds. Until then it can be resumed after its
    #: connection was lost, and counts towards MAX_MICROPHONES; if others are waiting for its place, only for 20 s. The
    #: API closes silent sockets sooner.
    microphone_idle_s: float = setting("MICROPHONE_IDLE_S", 180.0, minimum=2, maximum=600)
    #: Number of processes that decode uploads, each one upload at a time. A decoder keeps one core busy for a moment
    #: and then waits for transcribers. Further uploads take turns.
    upload_workers: int = setting("UPLOAD_WORKERS", 3, minimum=0, maximum=32)
    #: Maximum length of an accepted recording, in hours.
    max_upload_hours: float = setting("MAX_UPLOAD_HOURS", 12.0, minimum=0.01, maximum=1000)
    #: Maximum size of a file that a job fetches by its URL, in megabytes. It is streamed if possible, else stored
    #: temporarily.
    max_fetch_mb: float = setting("MAX_FETCH_MB", 4096.0, minimum=0.001)
    #: Number of chunks that the decoding of an upload may be ahead of its captions. Should keep all transcribers busy.
    upload_ahead_chunks: int = setting("UPLOAD_AHEAD_CHUNKS", 32, minimum=1, maximum=10_000)
    #: Another process takes over a station whose lease was not renewed for this long, in seconds.
    lease_s: float = setting("LEASE_S", 10.0, minimum=1, maximum=300)
    #: How long jobs and captions are kept after their last change, in seconds. Use the same value for all services.
    retention_s: int = setting("RETENTION_S", keys.RETENTION_S, minimum=86_400)
    #: Minimum level of log messages.
    log_level: str = setting("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))

    def __post_init__(self) -> None:
        if self.lead_s > self.chunk_s:
            raise SettingsError(f"LEAD_S={self.lead_s:g} must be at most CHUNK_S={self.chunk_s:g}")
        if 0 < self.partial_s < MIN_PARTIAL_S:
            raise SettingsError(
                f"PARTIAL_S={self.partial_s:g} must be at least {MIN_PARTIAL_S:g}, or 0 to disable partial captions"
            )

    @property
    def chunk_samples(self) -> int:
        """New samples per chunk."""
        return samples(self.chunk_s)

    @property
    def partial_samples(self) -> int:
        """Interval of partial chunks, in samples."""
        return samples(self.partial_s)

    @property
    def lead_samples(self) -> int:
        """Repeated samples per chunk, on average."""
        return samples(self.lead_s)

    @property
    def data_folder(self) -> Path:
        """DATA_DIR, which jobs' paths are relative to."""
        return Path(self.data_dir).resolve()
