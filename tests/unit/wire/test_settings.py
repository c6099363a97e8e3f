"""Settings from the environment: types, bounds, and errors that name the variable."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from wire.errors import SettingsError
from wire.settings import REDIS, describe, load, setting


@dataclass(frozen=True)
class Settings:
    #: Where Redis is.
    url: str = setting("URL", "redis://here")
    #: How many at once. More is faster on some machines and slower on others, which takes so many words to explain that
    #: they do not fit a line.
    size: int = setting("SIZE", 8, minimum=1, maximum=64)
    lag_s: float = setting("LAG_S", 60.0, minimum=0)
    debug: bool = setting("DEBUG", False)
    level: str = setting("LEVEL", "INFO", choices=("INFO", "DEBUG"))
    limit: int | None = setting("LIMIT", None, minimum=1)


def test_defaults_apply_to_unset_variables() -> None:
    assert load(Settings, {"SIZE": "", "OTHER": "x"}) == Settings()


def test_values_are_parsed_by_type() -> None:
    environ = {"URL": "redis://there", "SIZE": "16", "LAG_S": "2.5", "DEBUG": "Yes", "LEVEL": "DEBUG", "LIMIT": "3"}
    assert load(Settings, environ) == Settings("redis://there", 16, 2.5, True, "DEBUG", 3)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SIZE", "many", "whole number"),
        ("SIZE", "0", "at least 1"),
        ("SIZE", "65", "at most 64"),
        ("LAG_S", "nan", "at least 0"),
        ("LAG_S", "-1", "at least 0"),
        ("DEBUG", "perhaps", "yes or no"),
        ("LEVEL", "LOUD", "one of INFO, DEBUG"),
        ("LIMIT", "0", "at least 1"),
    ],
)
def test_bad_value_names_its_variable_and_the_remedy(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load(Settings, {variable: value})
    assert str(caught.value).startswith(f"{variable}={value!r}")


@dataclass(frozen=True)
class Addresses:
    redis_url: str = setting("REDIS_URL", "redis://here", schemes=REDIS)


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost:6379", "http://:secret@there:6379"])
def test_invalid_redis_url_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(Addresses, {"REDIS_URL": address})
    assert str(caught.value) == "REDIS_URL must begin with redis:// or rediss:// or unix://"


@pytest.mark.parametrize("address", ["redis://:pa/ss@there:6379", "redis://:pa#ss@there:6379", "redis://there:65536"])
def test_redis_url_with_an_invalid_port_is_refused_and_not_shown(address: str) -> None:
    """Most likely, its password contains a character that ends the host in a URL."""
    with pytest.raises(SettingsError, match=r"^REDIS_URL has no valid port") as caught:
        load(Addresses, {"REDIS_URL": address})
    assert "pa" not in str(caught.value).replace("password", "")


def test_help_shows_the_comments_above_fields() -> None:
    lines = describe(Settings).splitlines()
    assert lines[:3] == ["  URL=redis://here", "      Where Redis is.", "  SIZE=8"]
    assert lines[3].startswith("      How many at once.")
    assert all(len(line) <= 88 for line in lines)
    assert "  LAG_S=60" in lines
    assert "  LIMIT=" in lines
