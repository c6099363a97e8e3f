"""Only the spoken words of a subtitle are used."""

from __future__ import annotations

import pytest

from trainer.corpus.sources.spoken import spoken


@pytest.mark.parametrize(
    ("cue", "words"),
    [
        ("[laughs] Well, hello.", "Well, hello."),
        ("Well [sighs], hello.", "Well, hello."),
        ("Hello. [door slams]\nWho is there?", "Hello. Who is there?"),
        ("(laughs) I know.", "I know."),
        ("- (laughs) I know.\n- (SHOUTING) Do you?", "I know. Do you?"),
        ("Hello. (APPLAUSE)", "Hello."),
        ("♪ La la ♪ And now the news.", "And now the news."),
        ("♪ first line\nlast line ♪\nAnd now the news.", "And now the news."),
        ("NARRATOR: Long ago", "Long ago"),
        ("- ANNA: Hej\n– DR. O'NEIL 2: Hej hej", "Hej Hej hej"),
        (">> JOHN: SO IT IS", "SO IT IS"),
        ("JOHN (V.O.): He left.", "He left."),
        ("JOHN [on phone]: He left.", "He left."),
        ("MARIE : Bonjour", "Bonjour"),
        ("（笑）そうですね", "そうですね"),
    ],
)
def test_sounds_songs_and_speaker_labels_are_removed(cue: str, words: str) -> None:
    assert spoken(cue) == words


@pytest.mark.parametrize("cue", ["[music]", "♪ La\nla ♪", "- [laughs]", "# La la #", "NARRATOR:", "♪♪\n(laughs)", ">>"])
def test_a_cue_of_nothing_else_has_no_words(cue: str) -> None:
    assert spoken(cue) == ""


@pytest.mark.parametrize(
    "cue",
    [
        "We met in Paris (the capital) yesterday.",
        "We met in the capital (Paris)",
        "He left. (Nobody knew why.) She stayed.",
        "(Hon) går",
        "12:30",
        "Kl. 12:30: nyheter",
        "Note: this is important.",
        "USA:s president",
        "THIS IS THE POINT: WE LOST",
        "I SAID: WE LOST",
        "Q: Who?",
        "#MeToo är viktigt",
        "...",
        "東京（とうきょう）は",
    ],
)
def test_other_words_are_kept(cue: str) -> None:
    assert spoken(cue) == cue
