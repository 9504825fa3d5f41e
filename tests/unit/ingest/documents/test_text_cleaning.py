from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.documents.text_cleaning import clean

# Letters, marks and digits, one script each: a mix of scripts may look like mojibake, as œß does.
SCRIPTS = {
    "Latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHäöüßéèñçłøå0123456789",
    "Greek": "αβγδεζηθικλμνξοπρστυφχψωάέήίόύώ",
    "Cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєґўћђ",
    "Hebrew": "אבגדהוזחטיכלמנסעפצקרשתםןץףך",
    "Arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهويپچژگکی\u200c",
    "Devanagari": "अआइईउऊएऐओऔकखगघचछजझटठडढतथदधनपफबभमयरलवशषसहािीुूृेैोौ्ंँ\u200d",
    "Tamil": "அஆஇஈஉஊஎஏஐஒஓகஙசஞடணதநபமயரலவழளறனாிீுூெேை்",
    "Thai": "กขคงจฉชซญฎฏฐฑฒณดตถทธนบปผฝพฟภมยรลวศษสหฬอฮะัาำิีึืุูเแโใไ็่้๊๋์",
    "Khmer": "កខគឃងចឆជឈញដឋឌឍណតថទធនបផពភមយរលវសហឡអា្",
    "Georgian": "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "Ethiopic": "ሀለሐመሠረሰሸቀበተቸኀነኘአከኸወዐዘዠየደጀገጠጨጰጸፀፈፐ",
    "Hangul": "가나다라마바사아자차카타파하한글퍼즐게임",
    "Kana": "あいうえおかきくけこさしすせそアイウエオカキクケコーヴ",
    "Han": "的一是不了人我在有他这中大来上国和漢字龍鸛",
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # What only looks like markup.
        ("a < b and c > d", "a < b and c > d"),
        ("C<int> and List<String>", "C<int> and List<String>"),
        ("vector<b> of b", "vector<b> of b"),
        ("if a<b then c", "if a<b then c"),
        ("I <3 you", "I <3 you"),
        ("AT&T, R&D", "AT&T, R&D"),
        ("?a=1&copy=2&lt=3", "?a=1&copy=2&lt=3"),
        ("&nosuch;", "&nosuch;"),
        ("the <script> element", "the <script> element"),
        ("<plaintext>to the end", "<plaintext>to the end"),
        ("an open <!-- comment", "an open <!-- comment"),
        ("a cut <a href='", "a cut <a href='"),
        ("<?php echo 1 ?>", "<?php echo 1 ?>"),
        # Markup.
        ("<p>Hello <b>bold</b> wor<i>l</i>d</p>", "Hello bold world"),
        ("<ul><li>one<li>two</ul>", "one two"),
        ("one<br>two<BR/>three", "one two three"),
        ("<a href='x>y'>link", "link"),
        ("before<script>alert(1 < 2)</script>after", "beforeafter"),
        ("<style>p { color: red }</style>x<!-- c -->y", "xy"),
        ("<!DOCTYPE html><html><body>text</body></html>", "text"),
        ("&lt;b&gt; &amp; &eacute; &#233; &#xE9;", "<b> & é é é"),
        ("C<int> in <em>C++</em>", "C<int> in C++"),
        # Characters that nobody sees.
        ("NUL\x00 and bell\x07", "NUL and bell"),
        ("lone \ud800 surrogate", "lone surrogate"),
        ("soft\u00adhyphen", "softhyphen"),
        ("\ufeffmark \u200eleft \u202eright\u202c", "mark left right"),
        ("undecodable \ufffd", "undecodable"),
        # White space.
        ("  a\t\tb\r\n\u00a0c\u3000d\u2028e  ", "a b c d e"),
        ("ก\u200bข", "ก ข"),
        # Joiners and emoji.
        ("क्\u200dष می\u200cخواهم", "क्\u200dष می\u200cخواهم"),
        ("👩\u200d👩\u200d👧 🏴\U000e0067\U000e0062\U000e007f ❤\ufe0f", None),
        # Mojibake, and what is not.
        ("schÃ¶n â€” naÃ¯ve", "schön — naïve"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚", "привет"),
        ("“quoted” ﬁ Ａ", "“quoted” ﬁ Ａ"),
        # Normal form.
        ("e\u0301", "é"),
        ("\u1112\u1161\u11ab", "한"),
        ("", ""),
        (" \x00<p></p>\u200e ", ""),
    ],
)
def test_cleans(text: str, expected: str | None) -> None:
    assert clean(text) == (text if expected is None else expected)


@pytest.mark.parametrize("script", SCRIPTS)
@given(data=st.data())
def test_no_letter_of_any_script_is_lost(script: str, data: st.DataObject) -> None:
    words = data.draw(st.lists(st.text(SCRIPTS[script], min_size=1), min_size=1))
    text = " ".join(words)
    assert clean(text) == unicodedata.normalize("NFC", text)


UNSEEN = "\x00\x07\u00ad\u200e\u202e\u2060\ufeff\ufffd\ud800 \t\n\u00a0\u200b\u3000"


@pytest.mark.parametrize("script", SCRIPTS)
@given(data=st.data())
def test_cleaning_twice_changes_nothing(script: str, data: st.DataObject) -> None:
    once = clean(data.draw(st.text(SCRIPTS[script] + UNSEEN)))
    assert clean(once) == once


PIECES = """< > <p> </p> <b <script> </script> <!-- --> <![CDATA[ ]]> <? & &amp; &# &#x110000; / =
' \" <a\u00a0href= &#xD800; <!doctype\thtml>"""
MARKUP = st.sampled_from(PIECES.split())


@given(st.lists(st.one_of(MARKUP, st.text(max_size=5))).map("".join))
@example("<!-->")
@example("<p <p>")
def test_any_text_gives_one_clean_line(text: str) -> None:
    cleaned = clean(text)
    assert cleaned == " ".join(cleaned.split())
    assert unicodedata.is_normalized("NFC", cleaned)
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in cleaned)
    cleaned.encode()  # there are no surrogates


@pytest.mark.parametrize(
    "piece", ["<p ", "<b>", "</b>", "&", "<!--", "<a href='", "<p>", "&amp;", "x<y>", "\u00e9<"]
)
def test_time_grows_with_the_length_alone(piece: str) -> None:
    """Two million characters, made to be slow on; a quadratic step would take minutes."""
    start = time.process_time()
    clean(piece * (2_000_000 // len(piece)) + "-->")
    assert time.process_time() - start < 30
