"""Copies captions from the caption logs into the archive while they are committed."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from api.archive.merging import CaptionPage, CaptionsById, Period, merge
from api.archive.store import SEARCH_TIMEOUT_S, Archive, ArchiveError, LogPosition, Match, Search
from api.threadpool import run_in_thread
from wire.bus import RedisError
from wire.captions import CaptionLog
from wire.errors import UnknownSource
from wire.messages import Caption, Kind, source_name, split_source
from wire.sources import Jobs, Stations

log = logging.getLogger(__name__)

#: How often the logs are checked, and expired captions deleted, in seconds.
COPY_EVERY_S, PRUNE_EVERY_S = 2.0, 600.0

#: Most searches at once. More would take all of gevent's native threads for seconds, and a few hundred MB each (`s*`).
SEARCHES = 3

#: Pause after a failure that Redis did not cause, in seconds.
_RETRY_S = 30.0

#: Events copied in one transaction.
_PAGE = 500


class Archivist:
    """The thread that follows every station and every upload.

    The file is read and written on native threads.

    Args:
        path: the archive's file.
        keep_s: how long captions are kept; 0: no archive.
    """

    def __init__(self, path: Path, stations: Stations, jobs: Jobs, captions: CaptionLog, *, keep_s: float) -> None:
        self._path = path
        self._stations = stations
        self._jobs = jobs
        self._captions = captions
        self._keep_s = keep_s
        self._archive: Archive | None = None
        self._copied: dict[str, LogPosition] = {}
        self._complete: set[str] = set()  # uploads that are copied completely
        self._revised: set[str] = set()  # complete uploads with new events; other threads add to it
        self._pruned_s = -PRUNE_EVERY_S
        self._searches = threading.BoundedSemaphore(SEARCHES)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="archive", daemon=True)

    def start(self) -> None:
        """Open the archive and start the thread. Everything else works without an archive."""
        if self._keep_s:
            with suppress(ArchiveError):  # the thread tries again, and logs the error
                self._open()
            self._thread.start()

    def close(self) -> None:
        """Stop after the current step."""
        self._closing.set()

    def search(self, wanted: Search) -> list[Match]:
        """Search the archive.

        Raises:
            ArchiveError: there is none, or the search took too long, or others did.
        """
        if self._archive is None:
            raise ArchiveError("there is no archive: ARCHIVE_DAYS is 0, or it cannot be opened (see the API's log)")
        if not self._searches.acquire(timeout=SEARCH_TIMEOUT_S):
            raise ArchiveError(f"{SEARCHES} other searches are slow; try again")
        try:
            return run_in_thread(self._archive.search, wanted)
        finally:
            self._searches.release()

    def captions(self, source: str, period: Period) -> CaptionPage:
        """The captions of a station in a period: from the archive, and from the log those not yet archived.

        If there is no archive, or it cannot be read, the captions come from the log alone.
        """
        [(event, _)] = self._captions.newest([source])
        with suppress(ArchiveError):
            if self._archive is not None:
                fresh = read_uncopied(self._captions, source, self._copied.get(source, LogPosition()), event)
                # Captions that the log has withdrawn from the archive's make room for others.
                extended = replace(period, limit=period.limit + len(fresh))
                return merge(run_in_thread(self._archive.captions, source, extended), fresh, period, event)
        return merge({}, read_uncopied(self._captions, source, LogPosition(), event), period, event)

    def revise(self, source: str, id: int, start_s: float | None, change: Callable[[Caption], Caption]) -> Caption:
        """Store what `change` makes of a caption that is no longer in the log; see `Archive.revise`.

        Raises:
            UnknownSource: there is no such caption, or no archive.
        """
        if self._archive is None:
            raise UnknownSource(f"{source} has no caption {id}")
        return run_in_thread(self._archive.revise, source, id, start_s, change)

    def delete(self, source: str) -> None:
        """Delete the captions of a source. Of many, the thread deletes most, in the next minutes; none are shown."""
        if self._archive is not None:
            run_in_thread(self._archive.delete, source)

    def mark_revised(self, source: str) -> None:
        """Note that the log of an upload that has ended has new events."""
        if self._keep_s:
            self._revised.add(source)

    def copy_new(self) -> None:
        """Copy new captions; delete some of those that have expired, or whose source was deleted or no longer exists.

        A station that is no longer registered, although it was not removed, was in a stations.yml that has changed: its
        captions stay until they expire.

        Raises:
            RedisError: Redis does not answer.
            ArchiveError: the file cannot be opened.
        """
        archive = self._open()
        while self._revised:
            self._complete.discard(self._revised.pop())
        uploads = {source_name(Kind.JOB, id) for id in self._jobs.ids()}
        for source in [each for each in self._copied if split_source(each)[0] is Kind.JOB and each not in uploads]:
            self._drop(source)
            run_in_thread(archive.delete, source)
        for source in run_in_thread(archive.half_deleted):
            run_in_thread(archive.delete, source)
        stations = [source_name(Kind.STATION, station.id) for station in self._stations.all()]
        followed = [*stations, *(uploads - self._complete)]
        for source, (event, finished) in zip(followed, self._captions.newest(followed), strict=True):
            if self._copy(archive, source, event) and finished and source in uploads:
                self._complete.add(source)
        now_s = time.monotonic()
        if now_s - self._pruned_s >= PRUNE_EVERY_S and run_in_thread(archive.prune, time.time() - self._keep_s):
            self._pruned_s = now_s

    def _open(self) -> Archive:
        if self._archive is None:
            archive = run_in_thread(Archive, self._path)
            self._copied, self._archive = run_in_thread(archive.positions), archive
        return self._archive

    def _copy(self, archive: Archive, source: str, event: int) -> bool:
        """Copy a source up to `event`; return whether that is done."""
        while (before := self._copied.get(source)) is None or before.event != event:
            life, captions = read_next(self._captions, source, before or LogPosition(), event)
            if not captions or self._closing.is_set():
                break
            now = LogPosition(life, captions[-1].event, captions[-1].committed_s)
            if not run_in_thread(archive.add, source, captions, now, before):
                self._drop(source)  # it was deleted in the meantime
                break
            self._copied[source] = now
        return self._copied.get(source, LogPosition()).event == event

    def _drop(self, source: str) -> None:
        self._copied.pop(source, None)
        self._complete.discard(source)

    def _run(self) -> None:
        last_error = ""
        while not self._closing.is_set():
            pause_s = COPY_EVERY_S
            try:
                self.copy_new()
                last_error = ""
            except (RedisError, ArchiveError) as error:
                if str(error) != last_error:
                    log.warning("the archive waits: %s", error)
                last_error = str(error)
            except Exception:  # a full disk, a damaged file: it may pass, and captioning continues
                log.exception("the archive failed; trying again")
                pause_s = _RETRY_S
            self._closing.wait(pause_s)


def read_uncopied(captions: CaptionLog, source: str, copied: LogPosition, event: int) -> CaptionsById:
    """The captions in the log after what is copied, up to `event`, each in its newest revision."""
    uncopied: CaptionsById = {}
    while copied.event != event:
        life, page = read_next(captions, source, copied, event)
        if not page:
            break
        uncopied |= {(life, caption.id): caption for caption in page}
        copied = LogPosition(life, page[-1].event, page[-1].committed_s)
    return uncopied


def read_next(captions: CaptionLog, source: str, copied: LogPosition, event: int) -> tuple[int, list[Caption]]:
    """The captions after what is copied, up to `event`, and their life: the next one if the log has started again."""
    if not event:
        return copied.life, []
    life, page = copied.life, captions.read(source, max(0, copied.event - 1), _PAGE)
    last = page.pop(0) if page and page[0].event == copied.event else None
    if event < copied.event or (last and last.committed_s != copied.committed_s):
        life, page = copied.life + 1, captions.read(source, 0, _PAGE)
    return life, [caption for caption in page if caption.event <= event]
