"""Clean text for searching and encoding. The user's own fields are never touched.

No letter of any script is lost: what goes is markup, control and formatting characters that nobody
sees, and white space in excess. The joiners of Indic and Persian writing and of emoji, combining
marks, and visible signs of the category "format" stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from html.entities import html5
from html.parser import HTMLParser

from xlrec_es.errors import MissingExtra

try:
    import ftfy
except ImportError as error:
    raise MissingExtra.named("ingest", "Cleaning texts") from error

VERSION = 1
"""Part of the text recipe: raise it when the same text would come out differently."""

# Mojibake ("schÃ¶n") is repaired; what changes characters that are right as they are is off.
_REPAIRS = ftfy.TextFixerConfig(
    unescape_html=False,  # the parser below does it
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    explain=False,
)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_BLOCKS = _names(
    "address article aside blockquote body br caption center dd details dialog div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 head header hgroup hr html li main menu nav "
    "ol option p pre section select summary table tbody td tfoot th thead title tr ul"
)
_HIDDEN = _names("iframe script style template")
_ELEMENTS = (
    _BLOCKS
    | _HIDDEN
    | _names(
        "a abbr acronym audio b bdi bdo big button canvas cite code data del dfn em embed font i "
        "img input ins kbd label legend link mark meta meter noscript object picture q rp rt ruby "
        "s samp small source span strike strong sub sup svg time track tt u var video wbr"
    )
)
_WITHOUT_END = _names("br dd dt hr img input li link meta p source td th tr track wbr")

_MARKUP = re.compile(
    r"""<(?: (?P<comment>!--)
           | (?P<doctype>!doctype\s+html)
           | /(?P<end>[a-z][a-z0-9]*) (?=[\s>])
           |  (?P<start>[a-z][a-z0-9]*) (?=[\s/>]) (?P<attribute>\s+[a-z][-:\w]*\s*=)?
       )?
     | &(?P<entity>\#[0-9]+;|\#x[0-9a-f]+;|[a-z][a-z0-9]*;)?""",
    re.IGNORECASE | re.VERBOSE,
)
_END_TAG = re.compile(r"</([a-z][a-z0-9]*)[\s>]", re.IGNORECASE)

# Characters that are neither seen nor needed: the rest of C0 and C1 (white space is folded later),
# soft hyphen, marks of writing direction, word joiner and invisible operators, byte order mark,
# interlinear annotation, and the sign that stands for what could not be decoded.
_UNSEEN = {
    code: None
    for first, last in (
        (0x00, 0x08),
        (0x0E, 0x1B),
        (0x7F, 0x84),
        (0x86, 0x9F),
        (0xAD, 0xAD),
        (0x61C, 0x61C),
        (0x200E, 0x200F),
        (0x202A, 0x202E),
        (0x2060, 0x206F),
        (0xD800, 0xDFFF),
        (0xFEFF, 0xFEFF),
        (0xFFF9, 0xFFFD),
    )
    for code in range(first, last + 1)
} | {0x200B: " "}  # the zero-width space stands between words of Thai, Khmer and others


def clean(text: str) -> str:
    """The text without mojibake, markup, unseen characters and excess white space, in NFC.

    Args:
        text: As it came, lone surrogates and NUL included.

    Returns:
        One line; empty if nothing is left.
    """
    if not text.isascii():  # mojibake and its like take a character beyond ASCII
        text = ftfy.fix_text(text, _REPAIRS)
    if "<" in text or "&" in text:
        text = _without_markup(text)
    folded = " ".join(text.translate(_UNSEEN).split())
    return unicodedata.normalize("NFC", folded)


def _without_markup(text: str) -> str:
    parser = _VisibleText()
    parser.feed(_escape_what_is_no_markup(text))
    parser.close()
    return "".join(parser.parts)


def _escape_what_is_no_markup(text: str) -> str:
    """Keep the parser from what only looks like a tag or an entity: `a < b`, `C<int>`, `AT&T`."""
    ended = {name.lower() for name in _END_TAG.findall(text)}
    last_bracket, last_comment_end = text.rfind(">"), text.rfind("-->")

    def escape(found: re.Match[str]) -> str:
        if found["comment"]:
            is_markup = found.end() <= last_comment_end
        elif found[0].startswith("<"):
            is_markup = found.end() <= last_bracket and _is_tag(found, ended)
        else:
            is_markup = _is_entity(found["entity"])
        return found[0] if is_markup else f"&{_ESCAPES[found[0][0]]};{found[0][1:]}"

    return _MARKUP.sub(escape, text)


def _is_tag(found: re.Match[str], ended: Container[str]) -> bool:
    """Whether HTML has such an element, and this is more than a name between brackets.

    `vector<b>` is text, unless the text also ends the element (`</b>`) or gives it attributes, or
    it is one that needs no end.
    """
    name = (found["start"] or found["end"] or "").lower()
    if name in _HIDDEN:
        return name in ended  # or else it would hide the rest
    return bool(found["doctype"]) or (
        name in _ELEMENTS
        and bool(found["end"] or found["attribute"] or name in _WITHOUT_END or name in ended)
    )


_ESCAPES = {"<": "lt", "&": "amp"}


def _is_entity(name: str | None) -> bool:
    return name is not None and (name.startswith("#") or name in html5)


class _VisibleText(HTMLParser):
    """Collects what a reader of the page would see."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden_in: str | None = None

    def handle_data(self, data: str) -> None:
        """Keep text, save that of scripts and styles."""
        if self._hidden_in is None:
            self.parts.append(data)

    def handle_starttag(self, tag: str, _attributes: list[tuple[str, str | None]]) -> None:
        """Part words where a reader sees a new line."""
        if tag in _HIDDEN:
            self._hidden_in = self._hidden_in or tag
        elif tag in _BLOCKS:
            self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        """Part words where a reader sees a new line."""
        if tag == self._hidden_in:
            self._hidden_in = None
        elif tag in _BLOCKS:
            self.handle_data(" ")
