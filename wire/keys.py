"""All keys and channels in Redis, and how each is bounded.

| key                                   | type   | bound                                                     |
|---------------------------------------|--------|-----------------------------------------------------------|
| undertext:chunks:live, …:opening,     | stream | ChunkQueue's limits; entries are deleted when committed   |
| …:upload                              |        |                                                           |
| undertext:chunks:partial              | stream | MAXLEN, MINID; entries are deleted when they are taken    |
| undertext:chunks:dead                 | stream | MAXLEN                                                    |
| undertext:seam:SOURCE                 | string | one source's unsettled words; dies with the source        |
| undertext:progress:SOURCE             | hash   | six fields, and one a language; dies with the source      |
| undertext:captions:SOURCE             | stream | MAXLEN for live, for jobs the upload's length; plus       |
|                                       |        | corrections, at most MAX_REVISIONS for each caption       |
| undertext:status:SOURCE               | string | one message                                               |
| undertext:remark:SOURCE               | string | expires                                                   |
| undertext:audio:SOURCE                | zset   | AUDIO_KEPT_S of a station; expires                        |
| undertext:broadcast:SOURCE            | stream | MAXLEN; expires                                           |
| undertext:broadcast:SOURCE:N, …:runs  | string | expires                                                   |
| undertext:listened:SOURCE             | string | expires                                                   |
| undertext:epoch:SOURCE                | string | a counter; expires with the captions                      |
| undertext:stations                    | hash   | MAX_STATIONS                                              |
| undertext:stations:removed            | set    | as many as stations.yml names                             |
| undertext:lease:SOURCE                | string | expires                                                   |
| undertext:job:ID                      | string | expires                                                   |
| undertext:jobs                        | zset   | entries of expired jobs are pruned on every new one       |
| undertext:microphone:ID               | stream | MAXLEN, expires                                           |
| undertext:microphone:ID:read          | string | expires                                                   |
| undertext:microphone:ID:connections   | hash   | the newest few; expires                                   |
| undertext:microphones                 | list   | LTRIM                                                     |
| undertext:microphones:taken           | list   | being taken by a worker; emptied at every poll            |
| undertext:microphones:read            | hash   | MAX_MICROPHONES per process; ended ones are pruned        |
| undertext:watched:SOURCE              | string | expires                                                   |
| undertext:worker:NAME                 | string | expires                                                   |
| undertext:gpu:UUID                    | zset   | one member per process on that GPU; expires               |
| undertext:study:NAME                  | list   | trials of a search; expires                               |
| undertext:study:NAME:TOKEN            | string | expires                                                   |
| undertext:live:SOURCE                 | channel| pub/sub keeps nothing                                     |

Captions and their state expire `RETENTION_S` after their last change; the keys of a station are deleted with it.
"""

from __future__ import annotations

PREFIX = "undertext"

LIVE_CHUNKS = f"{PREFIX}:chunks:live"
OPENING_CHUNKS = f"{PREFIX}:chunks:opening"
UPLOAD_CHUNKS = f"{PREFIX}:chunks:upload"
PARTIAL_CHUNKS = f"{PREFIX}:chunks:partial"
DEAD_CHUNKS = f"{PREFIX}:chunks:dead"

#: The consumer group of all transcribers, on all chunk streams.
GROUP = "transcribers"

STATIONS = f"{PREFIX}:stations"
REMOVED_STATIONS = f"{PREFIX}:stations:removed"
JOBS = f"{PREFIX}:jobs"
MICROPHONES = f"{PREFIX}:microphones"
TAKEN_MICROPHONES = f"{PREFIX}:microphones:taken"
READ_MICROPHONES = f"{PREFIX}:microphones:read"
WORKERS = f"{PREFIX}:worker:"

#: The pattern that subscribes to the live channels of all sources.
LIVE_PATTERN = f"{PREFIX}:live:*"

#: How long the captions of a source are kept after their last change, in seconds (a week).
RETENTION_S = 7 * 24 * 3600


def seam(source: str) -> str:
    """The seam's state: words that the next chunk may still change, language votes, and results that arrived early."""
    return f"{PREFIX}:seam:{source}"


def progress(source: str) -> str:
    """How far the source has been committed, and which languages are spoken in it (`captions.Progress`)."""
    return f"{PREFIX}:progress:{source}"


def captions(source: str) -> str:
    """The source's caption log; entry N-0 is the caption whose `event` is N."""
    return f"{PREFIX}:captions:{source}"


def status(source: str) -> str:
    """The source's last `Status`."""
    return f"{PREFIX}:status:{source}"


def remark(source: str) -> str:
    """Why the source has no captions, as reported by a transcriber."""
    return f"{PREFIX}:remark:{source}"


def audio(source: str) -> str:
    """The source's recent speech (`kept_audio`)."""
    return f"{PREFIX}:audio:{source}"


def broadcast(source: str) -> str:
    """The playlist of a station's audio segments (`broadcast`)."""
    return f"{PREFIX}:broadcast:{source}"


def segment(source: str, number: int) -> str:
    """The audio of one segment."""
    return f"{PREFIX}:broadcast:{source}:{number}"


def runs(source: str) -> str:
    """Counter of contiguous runs of segments."""
    return f"{PREFIX}:broadcast:{source}:runs"


def listened(source: str) -> str:
    """Exists while a player requests the station's audio (`audience`)."""
    return f"{PREFIX}:listened:{source}"


def epoch(source: str) -> str:
    """Counter of connections."""
    return f"{PREFIX}:epoch:{source}"


def lease(source: str) -> str:
    """The worker that reads the source, with a fencing token."""
    return f"{PREFIX}:lease:{source}"


def live(source: str) -> str:
    """The pub/sub channel of captions and status changes."""
    return f"{PREFIX}:live:{source}"


def watched(source: str) -> str:
    """Exists while somebody watches the captions (`audience`)."""
    return f"{PREFIX}:watched:{source}"


def job(id: str) -> str:
    """A job's record."""
    return f"{PREFIX}:job:{id}"


def microphone(id: str) -> str:
    """Raw audio on its way from the API to ingest."""
    return f"{PREFIX}:microphone:{id}"


def microphone_read(id: str) -> str:
    """How much of a microphone's audio has been cut into chunks: a stream entry, an epoch and its number of chunks."""
    return f"{PREFIX}:microphone:{id}:read"


def microphone_connections(id: str) -> str:
    """The connections of a microphone: the number of the newest one, and the hello message of each."""
    return f"{PREFIX}:microphone:{id}:connections"


def worker(name: str) -> str:
    """A worker's heartbeat: its metrics in Prometheus' text format."""
    return f"{WORKERS}{name}"


def gpu(id: str) -> str:
    """The processes on a GPU, each with the time at which its registration expires."""
    return f"{PREFIX}:gpu:{id}"


def study(name: str) -> str:
    """All events of a hyper-parameter search, one entry each."""
    return f"{PREFIX}:study:{name}"


def of_captions(source: str) -> list[str]:
    """The keys that live as long as the source's captions."""
    return [make(source) for make in (seam, progress, captions, status, epoch)]


def of_source(source: str) -> list[str]:
    """All keys that are deleted with a source."""
    return [*of_captions(source), remark(source), audio(source), broadcast(source), runs(source)]
