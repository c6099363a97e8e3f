"""What is asked of every page that the trainer makes: whole HTML, no script, and nothing to fetch."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_VOID = ("meta", "img", "br")


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)


def tags_of(page: str) -> set[str]:
    """The names of the tags of a page that is whole and alone."""
    tags = _Tags()
    tags.feed(page)
    assert tags.open == []
    assert "script" not in tags.seen
    # A link is followed by who reads, and fetches nothing by itself.
    assert not re.search(r'<(?!a )[^>]*(?:src|href)="(?!#|data:)', page)
    return tags.seen
