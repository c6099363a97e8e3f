"""The API's settings. Each says what it costs to raise it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wire import keys
from wire.errors import SettingsError
from wire.settings import REDIS, setting

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """What `python -m api` reads from the environment."""

    #: Where to listen. Anything but loopback lets others change stations and upload: set API_TOKEN then.
    host: str = setting("HOST", "127.0.0.1")
    port: int = setting("PORT", 8000, minimum=1, maximum=65535)

    #: The Redis that all services share.
    redis_url: str = setting("REDIS_URL", "redis://127.0.0.1:6379/0", schemes=REDIS)

    #: Uploads are kept below it, in `uploads/`; ingest reads them there.
    data_dir: str = setting("DATA_DIR", "var")

    #: The page. Empty serves none.
    frontend_dir: str = setting("FRONTEND_DIR", str(Path(__file__).resolve().parent.parent / "frontend"))

    #: If set, every changing request, the list of jobs and the microphone must carry it.
    api_token: str = setting("API_TOKEN", "")

    #: Origins, separated by spaces or commas, whose pages may use this API from a browser: other sites, and the public
    #: name behind a reverse proxy (https://captions.example.org) while HOST is loopback.
    allowed_origins: str = setting("ALLOWED_ORIGINS", "")

    #: Names, separated by spaces or commas, under which this server is asked besides those of loopback and of
    #: ALLOWED_ORIGINS; all others are refused. Empty: any name, unless HOST is loopback.
    allowed_hosts: str = setting("ALLOWED_HOSTS", "")

    #: Largest upload, in bytes. Costs disk under DATA_DIR until its job has gone.
    max_upload_bytes: int = setting("MAX_UPLOAD_BYTES", 2048 * _MIB, minimum=1024)

    #: Uploads that may wait for a decoder; one more is answered 429.
    max_jobs_waiting: int = setting("MAX_JOBS_WAITING", 20, minimum=1)

    #: Longest time that one attempt at an upload may take, in seconds, transcription included.
    job_timeout_s: int = setting("JOB_TIMEOUT_S", keys.RETENTION_S, minimum=60)

    #: How long a job, and the captions of any source, are kept after their last change, in seconds. The same for all.
    retention_s: int = setting("RETENTION_S", keys.RETENTION_S, minimum=86_400)

    #: Days for which what was said can be searched, and read (of an upload, no longer than it is kept itself); 0: not
    #: at all. On disk, in `archive/` below DATA_DIR: about 14 MB for a day of speech (`benchmarks.archive`).
    archive_days: int = setting("ARCHIVE_DAYS", 30, minimum=0, maximum=3650)

    #: Stations at once. Each is an ffmpeg in ingest, a chunk every 5 s, and a metric label.
    max_stations: int = setting("MAX_STATIONS", 200, minimum=1)

    #: Open sockets and streams of events. Each costs about 60 kB; more are answered 503 instead of hanging.
    max_sockets: int = setting("MAX_SOCKETS", 2000, minimum=1)

    #: Microphones at once.
    max_microphones: int = setting("MAX_MICROPHONES", 20, minimum=1)

    #: Longest recording from one microphone, in seconds.
    max_microphone_s: int = setting("MAX_MICROPHONE_S", 4 * 3600, minimum=1)

    #: Largest message that a socket may send us, in bytes: a second of 192 kHz audio is 384,000.
    max_message_bytes: int = setting("MAX_MESSAGE_BYTES", 512 * 1024, minimum=1024)

    #: Messages that wait for one slow viewer; the oldest beyond it are dropped, and the viewer is told.
    viewer_queue: int = setting("VIEWER_QUEUE", 200, minimum=2)

    #: A viewer whose network takes nothing for so long is cut off, in seconds.
    send_timeout_s: float = setting("SEND_TIMEOUT_S", 20.0, minimum=0.1)

    #: Time between pings, in seconds; a socket that has not answered the last one is closed. A stream of events on
    #: which nothing has gone out for so long has a comment.
    ping_interval_s: float = setting("PING_INTERVAL_S", 25.0, minimum=0.1)

    #: After a microphone stops, how long to wait for its last captions, in seconds.
    microphone_drain_s: float = setting("MICROPHONE_DRAIN_S", 30.0, minimum=0)

    #: One request's patience with a Redis that does not answer, in seconds, before it tries again once.
    redis_timeout_s: float = setting("REDIS_TIMEOUT_S", 2.0, minimum=0.1, maximum=30)

    log_level: str = setting("LOG_LEVEL", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))

    def __post_init__(self) -> None:
        for origin in self.origins:
            if not origin.startswith(("http://", "https://")) or origin.count("/") != 2:
                raise SettingsError(
                    f"ALLOWED_ORIGINS: {origin!r} is not an origin such as https://captions.example.org"
                )

    @property
    def origins(self) -> frozenset[str]:
        """ALLOWED_ORIGINS, split."""
        return frozenset(self.allowed_origins.lower().replace(",", " ").split())

    @property
    def hosts(self) -> frozenset[str]:
        """ALLOWED_HOSTS, split."""
        return frozenset(self.allowed_hosts.lower().replace(",", " ").split())

    @property
    def archive_path(self) -> Path:
        """The file of what was said."""
        return Path(self.data_dir).resolve() / "archive" / "captions.sqlite"

    @property
    def uploads_dir(self) -> Path:
        """Where uploads are kept."""
        return Path(self.data_dir).resolve() / "uploads"
