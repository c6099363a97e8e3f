"""The settings of the API, and what it costs to raise them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from wire import keys
from wire.errors import SettingsError
from wire.settings import REDIS, setting

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """The environment variables of `python -m api`."""

    #: Address to listen on. Any other than loopback lets others change stations and upload: set API_TOKEN then.
    host: str = setting("HOST", "127.0.0.1")
    #: Port to listen on.
    port: int = setting("PORT", 8000, minimum=1, maximum=65535)

    #: URL of the Redis that all services share.
    redis_url: str = setting("REDIS_URL", "redis://127.0.0.1:6379/0", schemes=REDIS)

    #: Folder for data; uploads are stored in `uploads/` below it, where ingest reads them.
    data_dir: str = setting("DATA_DIR", "var")

    #: Folder of the page's files. If empty, no page is served.
    frontend_dir: str = setting("FRONTEND_DIR", str(Path(__file__).resolve().parent.parent / "frontend"))

    #: If set, this token is required for all requests that change something, the list of jobs, and microphones.
    api_token: str = setting("API_TOKEN", "")

    #: Origins, separated by spaces or commas, whose pages may use this API from a browser: other sites, and the public
    #: name behind a reverse proxy (https://captions.example.org) while HOST is loopback.
    allowed_origins: str = setting("ALLOWED_ORIGINS", "")

    #: Host names, separated by spaces or commas, that requests may use besides loopback and those in ALLOWED_ORIGINS;
    #: all others are refused. If empty, any name is allowed, unless HOST is loopback.
    allowed_hosts: str = setting("ALLOWED_HOSTS", "")

    #: Maximum size of an upload, in bytes. It occupies disk space below DATA_DIR until it is decoded.
    max_upload_bytes: int = setting("MAX_UPLOAD_BYTES", 2048 * _MIB, minimum=1024)

    #: Maximum number of uploads that wait for a decoder; further ones are refused with 429.
    max_jobs_waiting: int = setting("MAX_JOBS_WAITING", 20, minimum=1)

    #: Time limit for one attempt at an upload, in seconds, transcription included.
    job_timeout_s: int = setting("JOB_TIMEOUT_S", keys.RETENTION_S, minimum=60)

    #: How long jobs and captions are kept after their last change, in seconds. Use the same value for all services.
    retention_s: int = setting("RETENTION_S", keys.RETENTION_S, minimum=86_400)

    #: How long captions can be searched and read, in days (those of a recording at most as long as its job). 0
    #: disables the archive. It is stored in `archive/` below DATA_DIR: about 14 MB per day of speech
    #: (`python -m benchmarks.archive`).
    archive_days: int = setting("ARCHIVE_DAYS", 30, minimum=0, maximum=3650)

    #: Maximum number of stations. Each needs an ffmpeg in ingest, a chunk every 5 s, and a metric label.
    max_stations: int = setting("MAX_STATIONS", 200, minimum=1)

    #: Maximum number of open WebSockets and event streams. Each takes about 60 kB of memory; further ones are refused
    #: with 503.
    max_sockets: int = setting("MAX_SOCKETS", 2000, minimum=1)

    #: Maximum number of microphones at once.
    max_microphones: int = setting("MAX_MICROPHONES", 20, minimum=1)

    #: Maximum length of a microphone recording, in seconds.
    max_microphone_s: int = setting("MAX_MICROPHONE_S", 4 * 3600, minimum=1)

    #: Maximum size of a message from a WebSocket client, in bytes; a second of 192 kHz audio has 384,000.
    max_message_bytes: int = setting("MAX_MESSAGE_BYTES", 512 * 1024, minimum=1024)

    #: Maximum number of messages that wait for one slow viewer; beyond that the oldest are dropped, and the viewer is
    #: notified.
    viewer_queue: int = setting("VIEWER_QUEUE", 200, minimum=2)

    #: A viewer whose connection accepts no data for this long is disconnected, in seconds.
    send_timeout_s: float = setting("SEND_TIMEOUT_S", 20.0, minimum=0.1)

    #: Time between pings, in seconds; a WebSocket that has not answered the last one is closed. An event stream that
    #: was idle for this long sends a comment.
    ping_interval_s: float = setting("PING_INTERVAL_S", 25.0, minimum=0.1)

    #: How long to wait for the last captions after a microphone stops, in seconds.
    microphone_drain_s: float = setting("MICROPHONE_DRAIN_S", 30.0, minimum=0)

    #: How long a request waits for Redis, in seconds, before it retries once.
    redis_timeout_s: float = setting("REDIS_TIMEOUT_S", 2.0, minimum=0.1, maximum=30)

    #: Minimum level of log messages.
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
        """The file of archived captions."""
        return Path(self.data_dir).resolve() / "archive" / "captions.sqlite"

    @property
    def uploads_dir(self) -> Path:
        """Where uploads are kept."""
        return Path(self.data_dir).resolve() / "uploads"
