"""Phrases that Whisper writes when nobody speaks, because it was trained on films with subtitles over silence.

Most were reported by users of Whisper: openai/whisper discussion 679, McCloudS/subgen 21, Vexa-ai/vexa 155 and 617,
zachlatta/freeflow 68 and 111, SYSTRAN/faster-whisper 621; Swedish credits are from published transcripts of podcasts.
Barański et al. (2025, "Investigation of Whisper ASR hallucinations induced by non-speech audio") show that a short
list of them accounts for much of the invented text. People do say some of these, so a phrase alone is not a reason to
reject a text: see `rules`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from transcriber.orthography import normalised

#: Text in brackets describes sounds.
_DESCRIPTION = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*")

#: Credits may be followed by a name or an address of at most this many words.
_NAME_WORDS = 4

_FAREWELLS = """
    Thanks for watching! | Thank you for watching. | Thank you so much for watching. | Thank you. | Thank you very much.
    Please subscribe. | Please like and subscribe. | Please subscribe to my channel. | Don't forget to subscribe.
    I'll see you next time. | See you in the next video. | Bye-bye. | You | Music | Applause
    Tack för att du tittade. | Tack för att ni tittade. | Tack för att du har tittat. | Tack för att ni har tittat.
    Glöm inte att prenumerera. | Vi ses i nästa video. | Musik
    Takk for at du så på. | Takk for att du så med. | Tak for at du så med. | Tak fordi I kiggede med.
    Kiitos kun katsoit. | Kiitos katsomisesta.
    Vielen Dank. | Vielen Dank fürs Zuschauen! | Danke fürs Zuschauen. | Bis zum nächsten Mal.
    Merci d'avoir regardé. | Merci d'avoir regardé cette vidéo ! | Abonnez-vous à la chaîne.
    ¡Gracias por ver el video! | Gracias por ver. | Suscríbete al canal.
    Obrigado por assistir. | Grazie per la visione!
    Bedankt voor het kijken. | Dziękuję za oglądanie. | Спасибо за просмотр! | Продолжение следует...
    Подписывайтесь на канал. | İzlediğiniz için teşekkür ederim. | Abone olmayı unutmayın.
    ご視聴ありがとうございました。 | 次の動画でお会いしましょう。 | 시청해주셔서 감사합니다. | 谢谢观看
"""

_CREDITS = """
    Subtitles by the Amara.org community | Transcribed by | Transcription by | Translated by | Subtitles by
    Captions by
    Undertexter från Amara.org-gemenskapen | Undertexter av | Undertexter från | Textning.nu | Svensktextning.nu
    Textning av | Textning | Översättning av | Tack till elever och lärare | Tack till elever och personal vid
    Undertekster av Amara.org-miljøet | Undertekster av | Teksting av | Danske tekster af | Tekstitys
    Untertitel der Amara.org-Community | Untertitel von | Untertitel im Auftrag des | Untertitelung des
    Sous-titres réalisés par la communauté d'Amara.org | Sous-titres réalisés para la communauté d'Amara.org
    Sous-titrage | Subtítulos realizados por la comunidad de Amara.org | Legendas pela comunidade Amara.org
    Sottotitoli creati dalla comunità Amara.org | Sottotitoli e revisione a cura di
    Ondertitels ingediend door de Amara.org gemeenschap | Ondertiteld door
    Napisy stworzone przez społeczność Amara.org
    Субтитры сделал | Субтитры создавал | Субтитры добавил | Редактор субтитров | Altyazı | 字幕由Amara.org社区提供
"""


def _phrases(table: str) -> frozenset[tuple[str, ...]]:
    return frozenset(
        _bare_words(phrase.split()) for line in table.splitlines() for phrase in line.split("|") if phrase.strip()
    )


def _bare_words(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word for word in map(normalised, words) if word)


_WHOLE, _BEGINNING = _phrases(_FAREWELLS), _phrases(_CREDITS)
_LONGEST = max(map(len, _WHOLE | _BEGINNING))


def is_description(text: str) -> bool:
    """Whether a text has no spoken words: it describes sounds, such as `[Music]` or `♪`, or is only punctuation."""
    return not any(character.isalnum() for character in _DESCRIPTION.sub("", text))


def is_known(text: str) -> bool:
    """Whether a text consists only of known phrases."""
    words = _bare_words(text.split())
    if not words:
        return False
    while words:
        length = next((n for n in range(_LONGEST, 0, -1) if words[:n] in _WHOLE or words[:n] in _BEGINNING), 0)
        if not length:
            return False
        credit = words[:length] in _BEGINNING
        words = words[length:]
        if credit and len(words) <= _NAME_WORDS:
            return True
    return True
