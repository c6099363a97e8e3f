"""Reads stations.yml, the initial stations; comments in the file explain each field."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import yaml

from wire.errors import SettingsError
from wire.hot_words import validate_hot_words
from wire.languages import CODES, code_of
from wire.messages import Station, Task

log = logging.getLogger(__name__)

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_FIELDS = {"id", "name", "url", "language", "task", "listen_url", "hot_words"}


def read(path: Path, environ: Mapping[str, str]) -> list[Station]:
    """The stations of a file.

    Raises:
        SettingsError: it cannot be read or an entry is invalid; the message names the entry and the remedy.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"STATIONS_FILE={path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not YAML: {error}") from error
    if content is None:
        return []
    entries = content.get("stations") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        raise SettingsError(f"{path}: it must contain a list named `stations:`")
    stations = [_station(path, number, entry, environ) for number, entry in enumerate(entries, start=1)]
    seen: set[str] = set()
    for station in stations:
        if station.id in seen:
            raise SettingsError(f"{path}: two stations have the id {station.id!r}; ids must be unique")
        seen.add(station.id)
    return stations


def _station(path: Path, number: int, entry: Any, environ: Mapping[str, str]) -> Station:
    if not isinstance(entry, dict):
        raise SettingsError(f"{path}, entry {number}: it must have the fields id, name and url")
    where = f"{path}, entry {number} ({entry.get('id', 'without id')})"
    unknown = sorted(set(map(str, entry)) - _FIELDS)
    if unknown:
        raise SettingsError(f"{where}: unknown field {unknown[0]!r}; allowed are {', '.join(sorted(_FIELDS))}")
    for name in ("id", "url"):
        if not entry.get(name):
            raise SettingsError(f"{where}: `{name}` is missing")
    id, language, task = str(entry["id"]), entry.get("language"), entry.get("task")
    if not _ID.fullmatch(id):
        raise SettingsError(
            f"{where}: the id must consist of lower-case letters, digits and single hyphens, such as `p4-malmo`"
        )
    if language is False:
        raise SettingsError(f"{where}: YAML reads the language `no` as false; quote it: 'no'")
    code = code_of(language) if isinstance(language, str) else None
    if language is not None and code is None:
        raise SettingsError(f"{where}: {language!r} is not a language code, such as sv or en")
    if code is not None and code not in CODES:
        log.warning("%s: Whisper does not support the language %r; only models trained for it do", where, code)
    if task is not None and task not in get_args(Task):
        raise SettingsError(f"{where}: the task must be one of {', '.join(get_args(Task))}, not {task!r}")
    listen_url = entry.get("listen_url")
    try:
        words = validate_hot_words(entry.get("hot_words"))
    except ValueError as error:
        raise SettingsError(f"{where}: `hot_words` {error}") from error
    return Station(
        id=id,
        name=str(entry.get("name") or id),
        url=_checked_url(where, "url", entry["url"], environ),
        language=code,
        listen_url=_checked_url(where, "listen_url", listen_url, environ) if listen_url else None,
        from_file=True,
        hot_words=words,
        task=task,
    )


def _checked_url(where: str, field: str, value: Any, environ: Mapping[str, str]) -> str:
    def substitute(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        # As in a shell, an empty variable counts as unset if there is a default.
        replacement = environ.get(name) or default
        if replacement is None:
            raise SettingsError(f"{where}: `{field}` needs the environment variable {name}, which is not set")
        return replacement

    url = _VARIABLE.sub(substitute, str(value)).strip()
    try:
        parts = urlsplit(url)
        fit = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        fit = False
    if not fit:
        raise SettingsError(f"{where}: `{field}` must be an http or https address, not {url!r}")
    return url
