"""Cut texts of languages that write no spaces into words, where the cluster cannot.

Every full Elasticsearch has an analyzer for these languages (`cjk`, `thai`, or a plugin's). Where
there is none, `standard` cuts Han and Kana into single characters and leaves Thai whole. So the
words are found here, stored with spaces between them, and analyzed by `whitespace`.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from xlrec_es.cluster.analyzers import FALLBACK_ANALYZER, choose_analyzer
from xlrec_es.errors import MissingExtra
from xlrec_es.languages import base_language

ANALYZER = "whitespace"

_PACKAGES = {"ja": "sudachipy", "th": "pythainlp", "zh": "jieba"}
_CHARACTERS = 10_000  # at once: SudachiPy refuses more than 49,149 bytes

Cut = Callable[[str], Iterable[str]]


def choose_analyzers(
    languages: Iterable[str], available: Collection[str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The analyzer of each language's text field.

    Languages that the cluster has no analyzer for get a segmenter, if one is installed.

    Args:
        languages: BCP 47 tags.
        available: The language analyzers that the cluster has.

    Returns:
        The analyzers, and the segmenters by language: package and version.
    """
    analyzers = {language: choose_analyzer(language, available) for language in sorted(languages)}
    segmenters = {
        language: f"{package} {importlib.metadata.version(package)}"
        for language, analyzer in analyzers.items()
        if analyzer == FALLBACK_ANALYZER
        and (package := _PACKAGES.get(base_language(language)))
        and importlib.util.find_spec(package)
    }
    return {**analyzers, **dict.fromkeys(segmenters, ANALYZER)}, segmenters


def can_help(languages: Iterable[str]) -> list[str]:
    """Those of the languages that there is a segmenter for, installed or not."""
    return [language for language in languages if base_language(language) in _PACKAGES]


class Segmentation:
    """The segmenters of an index.

    Args:
        segmenters: Of `IndexMeta.segmenters`.

    Raises:
        MissingExtra: One is not installed here; half of an index cut otherwise helps nobody.
    """

    def __init__(self, segmenters: Mapping[str, str]) -> None:
        for language, name in segmenters.items():
            if not importlib.util.find_spec(name.split()[0]):
                raise MissingExtra.named("segment", f"Cutting texts in {language} into words")
        self._cuts: dict[str, Cut] = {}
        self._languages = frozenset(segmenters)
        self._lock = threading.Lock()  # SudachiPy's tokenizer serves one thread at a time

    def text(self, language: str, text: str) -> str:
        """The text as it is stored: as it is, or its words in lower case, spaces between them."""
        if language not in self._languages:
            return text
        with self._lock:
            base = base_language(language)
            if base not in self._cuts:
                self._cuts[base] = _LOADERS[base]()
            return " ".join(_words(text, self._cuts[base]))


def _words(text: str, cut: Cut) -> Iterator[str]:
    for start in range(0, len(text), _CHARACTERS):
        for word in cut(text[start : start + _CHARACTERS]):
            if any(character.isalnum() for character in word):
                yield word.strip().casefold()


def _load_jieba() -> Cut:
    import jieba

    jieba.setLogLevel("ERROR")  # it tells how long its dictionary took
    return jieba.cut_for_search  # type: ignore[no-any-return]


def _load_sudachi() -> Cut:
    from sudachipy import Dictionary, SplitMode

    tokenizer = Dictionary().tokenizer(mode=SplitMode.A)  # the shortest words, as a search wants
    return lambda text: (word.surface() for word in tokenizer.tokenize(text))


def _load_thai() -> Cut:
    from pythainlp.tokenize import word_tokenize

    return lambda text: word_tokenize(text, keep_whitespace=False)


_LOADERS: dict[str, Callable[[], Cut]] = {
    "ja": _load_sudachi,
    "th": _load_thai,
    "zh": _load_jieba,
}
