"""The settings of `make up`, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass

from wire.settings import setting


@dataclass(frozen=True)
class Settings:
    """The settings of `make up` itself; each service reads its own."""

    #: Address on which the API listens; the default is reachable only from this machine.
    host: str = setting("HOST", "127.0.0.1")
    #: Port of the API and the page.
    port: int = setting("PORT", 8000, minimum=1, maximum=65535)
    #: Port of the demo station.
    demo_port: int = setting("DEMO_PORT", 8010, minimum=1, maximum=65535)
    #: Port of the embedded Redis, which is started unless REDIS_URL is set.
    redis_port: int = setting("REDIS_PORT", 6390, minimum=1, maximum=65535)
    #: An external Redis, 6.2 or newer, to use instead of the embedded one.
    redis_url: str = setting("REDIS_URL", "")
    #: Folder for uploads and Redis' files, relative to the root of the repository.
    data_dir: str = setting("DATA_DIR", "var")
    #: A checkpoint's directory or a hub id.
    model: str = setting("MODEL", "demo/model")
    #: File with the initial stations.
    stations_file: str = setting("STATIONS_FILE", "stations.yml")
    #: Number of transcriber processes: ideally one per core on a CPU, or one per GPU (each uses a different one). With
    #: 0, only other machines transcribe (`make transcribers`).
    transcribers: int = setting("TRANSCRIBERS", 1, minimum=0, maximum=64)
    #: Time for everything to become ready, in seconds. A model from a hub has to be downloaded first.
    start_timeout_s: float = setting("START_TIMEOUT_S", 1800.0, minimum=1)
