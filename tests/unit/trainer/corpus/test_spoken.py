"""Only the spoken words of a subtitle are used."""

from __future__ import annotations

import time

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
        ("[JOHN]: Hello", "Hello"),
        ("(JOHN): Hello", "Hello"),
        ("FRAU MEIßNER: Guten Tag", "Guten Tag"),
        ("NARRATOR：你好", "你好"),
        ("[music [loud]] Hello", "Hello"),
        ("((laughs)) Hello", "Hello"),
        ("Thank you. [applause].", "Thank you."),
        ("Hello, [name], how are you?", "Hello, how are you?"),
        ("[...] and then (...)", "and then"),
        ("Great (!).", "Great."),
        ("* Beifall * Danke.", "Danke."),
        ("♪\nAnd now the news.", "And now the news."),
        ("🎵 La la 🎵 And now the news.", "And now the news."),
        ("【音楽】こんにちは", "こんにちは"),
        ("〔音乐〕你好", "你好"),
        ("كيف حالك؟ (ضحك) نعم", "كيف حالك؟ نعم"),
        ("\u202b- שלום\n\u202b- [צחוק] מה נשמע?", "שלום מה נשמע?"),
    ],
)
def test_sounds_songs_and_speaker_labels_are_removed(cue: str, words: str) -> None:
    assert spoken(cue) == words


@pytest.mark.parametrize(
    "cue", ["[music]", "♪ La\nla ♪", "- [laughs]", "# La la #", "NARRATOR:", "♪♪\n(laughs)", ">>", "* Musik *"]
)
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
        "-5 °C i Kiruna",
        "(555) 123-4567",
        "# 1 in the charts",
        "U.S.: The president spoke.",
        "COVID-19: What you need to know",
        "CO2: the facts",
        "I SAID:\nWE LOST",
        "He *really* means it, f***",
        "5 * 3 * 2 = 30",
    ],
)
def test_other_words_are_kept(cue: str) -> None:
    assert spoken(cue) == " ".join(cue.splitlines())


def test_time_grows_with_the_length_of_a_cue_only() -> None:
    begin_s = time.process_time()
    spoken("# " * 26 + "#x")
    assert time.process_time() - begin_s < 1
