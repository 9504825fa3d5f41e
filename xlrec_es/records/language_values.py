"""What catalogs write where a language tag should be, and what it says of a text.

Three kinds are told apart: values that name a language (`English`, `en_US.UTF-8`), values that name
none (`xx`, `x-default`, the code of a country), after which the language is detected, and values
that could be one language or another, which nobody but their owner can tell.

Sources: https://developer.themoviedb.org/reference/configuration-languages (`cn` for Cantonese,
`xx` for no language),
https://developers.google.com/search/docs/specialty/international/localized-versions (`x-default`),
and the names of https://www.loc.gov/standards/iso639-2/php/code_list.php.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from xlrec_es.errors import UnknownLanguage
from xlrec_es.languages import UNDETERMINED, is_tag, normalize

_NAMES = {
    "af": "afrikaans",
    "am": "amharic",
    "ar": "arabic, العربية",
    "az": "azerbaijani",
    "be": "belarusian",
    "bg": "bulgarian, български",
    "bn": "bengali, bangla, বাংলা",
    "bs": "bosnian",
    "ca": "catalan, català",
    "cs": "czech, čeština",
    "cy": "welsh, cymraeg",
    "da": "danish, dansk",
    "de": "german, deutsch",
    "el": "greek, ελληνικά",
    "en": "english",
    "en-GB": "english (uk), english (united kingdom), british english",
    "en-US": "english (us), english (united states), american english",
    "eo": "esperanto",
    "es": "spanish, castilian, español",
    "es-419": "spanish (latin america), latin american spanish",
    "et": "estonian, eesti",
    "eu": "basque, euskara",
    "fa": "persian, farsi, فارسی",
    "fi": "finnish, suomi",
    "fil": "filipino, tagalog",
    "fr": "french, français",
    "fr-CA": "french (canada), canadian french",
    "ga": "irish, gaeilge",
    "gl": "galician, galego",
    "gu": "gujarati",
    "he": "hebrew, עברית",
    "hi": "hindi, हिन्दी",
    "hr": "croatian, hrvatski",
    "hu": "hungarian, magyar",
    "hy": "armenian",
    "id": "indonesian, bahasa indonesia",
    "is": "icelandic, íslenska",
    "it": "italian, italiano",
    "ja": "japanese, 日本語",
    "ka": "georgian",
    "kk": "kazakh",
    "km": "khmer",
    "kn": "kannada",
    "ko": "korean, 한국어",
    "la": "latin",
    "lo": "lao",
    "lt": "lithuanian, lietuvių",
    "lv": "latvian, latviešu",
    "mk": "macedonian",
    "ml": "malayalam",
    "mn": "mongolian",
    "mr": "marathi",
    "ms": "malay, bahasa melayu",
    "my": "burmese",
    "nb": "norwegian bokmål, bokmål, norsk bokmål",
    "ne": "nepali",
    "nl": "dutch, flemish, nederlands",
    "nn": "norwegian nynorsk, nynorsk, norsk nynorsk",
    "no": "norwegian, norsk",
    "pa": "punjabi, panjabi",
    "pl": "polish, polski",
    "pt": "portuguese, português",
    "pt-BR": "portuguese (brazil), brazilian portuguese, português (brasil)",
    "pt-PT": "portuguese (portugal), european portuguese",
    "ro": "romanian, română",
    "ru": "russian, русский",
    "si": "sinhala, sinhalese",
    "sk": "slovak, slovenčina",
    "sl": "slovenian, slovene, slovenščina",
    "sq": "albanian",
    "sr": "serbian, српски",
    "sv": "swedish, svenska",
    "sw": "swahili",
    "ta": "tamil, தமிழ்",
    "te": "telugu",
    "th": "thai, ไทย",
    "tr": "turkish, türkçe",
    "uk": "ukrainian, українська",
    "ur": "urdu, اردو",
    "uz": "uzbek",
    "vi": "vietnamese, tiếng việt",
    "yue": "cantonese",
    "zh": "chinese, mandarin, mandarin chinese, 中文",
    "zh-Hans": "chinese (simplified), simplified chinese, zh-chs, 简体中文",
    "zh-Hant": "chinese (traditional), traditional chinese, zh-cht, 繁體中文",
}
_TAGS = {name: tag for tag, names in _NAMES.items() for name in names.split(", ")}

_NOTHING = frozenset(
    {"xx", "x-default", "n/a", "none", "null", "unknown", "undefined", "other", "-"}
)

_COUNTRIES = {
    "cz": "cs",
    "dk": "da",
    "gr": "el",
    "jp": "ja",
    "sp": "es",
    "ua": "uk",
    "vn": "vi",
}
"""Codes of countries, and no language's, that mean one language where a text tells nothing."""

_DOUBTFUL = {
    "ch": "Chamorro, and is written for Chinese and Swiss texts",
    "kr": "Kanuri, and is written for Korean",
    "se": "Northern Sami, and is written for Swedish",
    "tw": "Twi, and is written for Taiwanese texts",
}
"""Codes of languages that are more often those of a country."""

_SEVERAL = re.compile(r"\s*(?:[,;|/+&]|\band\b)\s*")
_TWO_LETTERS = re.compile(r"[a-z]{2}(?:-[a-z]{2})?")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value says of the language of a text.

    Attributes:
        language: Its tag; None: it is to be detected.
        otherwise: Its tag where that is not to be told from the text.
        doubt: Why it cannot be told then; empty: there is no doubt.
    """

    language: str | None
    otherwise: str = UNDETERMINED
    doubt: str = ""


class LanguageValues:
    """Reads the values of a catalog.

    Args:
        given: Tag by value, for values that the catalog's owner knows the meaning of; whatever
            else it could mean, and in capital or small letters.

    Raises:
        UnknownLanguage: What a value is to mean is no language tag.
    """

    def __init__(self, given: Mapping[str, str] | None = None) -> None:
        self._given = {_folded(value): normalize(tag) for value, tag in (given or {}).items()}
        self._read: dict[str, Reading] = {}

    def read(self, value: str) -> Reading:
        """What a value says.

        Raises:
            UnknownLanguage: It is no language, or several.
        """
        found = self._read.get(value)
        if found is None:
            found = self._reading(value)
            if len(self._read) < 1024:  # a catalog has few, and the wrong field has many
                self._read[value] = found
        return found

    def _reading(self, value: str) -> Reading:
        folded = _folded(value)
        plain = _without_encoding(folded)
        if tag := self._given.get(folded) or _TAGS.get(folded) or _TAGS.get(plain):
            return Reading(tag)
        if folded in _NOTHING:
            return Reading(None)
        if doubt := _DOUBTFUL.get(plain):
            return Reading(None, doubt=f"{value!r} is {doubt}; {_advice(value)}")
        if plain and is_tag(plain):
            return Reading(normalize(plain))
        if _TWO_LETTERS.fullmatch(plain):
            return Reading(None, otherwise=_COUNTRIES.get(plain[:2], UNDETERMINED))
        parts = [part for part in _SEVERAL.split(folded) if part]
        if len(parts) > 1 and all(part in _TAGS or is_tag(part) for part in parts):
            raise UnknownLanguage(
                f"{value!r} is several languages, and a text is in one; leave it out, and it is "
                f"detected, or {_advice(value)}"
            )
        try:
            return Reading(normalize(value))
        except UnknownLanguage as error:
            raise UnknownLanguage(f"{error}, or {_advice(value)}") from error


def _folded(value: str) -> str:
    return " ".join(value.split()).lower()


def _without_encoding(locale: str) -> str:
    """The language of a POSIX locale: of `de_AT.UTF-8@euro`, `de-at`."""
    return re.split(r"[.@]", locale, maxsplit=1)[0].replace("_", "-")


def _advice(value: str) -> str:
    return f"say what it means: --language-map '{value}=TAG'"
