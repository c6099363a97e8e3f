"""The settings of `make up`, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass

from wire.settings import setting


@dataclass(frozen=True)
class Settings:
    """What `make up` reads from the environment; the services read their own."""

    #: Where the API listens; only this machine reaches the default.
    host: str = setting("HOST", "127.0.0.1")
    #: Where the API listens: the page and everything else.
    port: int = setting("PORT", 8000, minimum=1, maximum=65535)
    #: Where the demo station listens.
    demo_port: int = setting("DEMO_PORT", 8010, minimum=1, maximum=65535)
    #: Where our own Redis listens; it is started unless REDIS_URL names another.
    redis_port: int = setting("REDIS_PORT", 6390, minimum=1, maximum=65535)
    #: A Redis of your own, 6.2 or newer, instead of the one that `make up` brings.
    redis_url: str = setting("REDIS_URL", "")
    #: The uploads' spool and Redis' files; relative to the root of the repository.
    data_dir: str = setting("DATA_DIR", "var")
    #: A checkpoint's directory or a hub id.
    model: str = setting("MODEL", "demo/model")
    #: The stations to begin with.
    stations_file: str = setting("STATIONS_FILE", "stations.yml")
    #: Transcriber processes. One a core is best on a CPU, one a GPU, of which each takes another.
    transcribers: int = setting("TRANSCRIBERS", 1, minimum=1, maximum=64)
    #: How long everything may take to be ready, in seconds. A model from a hub has to be fetched first.
    start_timeout_s: float = setting("START_TIMEOUT_S", 1800.0, minimum=1)
