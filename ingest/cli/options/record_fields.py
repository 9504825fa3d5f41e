"""What `--field` and `--language-map` of the commands that read records say."""

from __future__ import annotations

from collections.abc import Iterable

from xlrec_es.cli.options.values import name_and_value
from xlrec_es.languages import normalize


def parse_paths(assignments: Iterable[str]) -> dict[str, list[str]]:
    """`name=path` or `name=path,path`, each; see `xlrec_es.records.field_map.FieldMap`.

    Raises:
        ConfigError: Not NAME=FIELD.
    """
    form = "NAME=FIELD, such as title=name"
    pairs = (name_and_value("--field", text, form=form) for text in assignments)
    return {name.strip(): [path.strip() for path in paths.split(",")] for name, paths in pairs}


def parse_language_map(assignments: Iterable[str]) -> dict[str, str]:
    """`value=tag`, each; see `xlrec_es.records.language_values.LanguageValues`.

    Raises:
        ConfigError: Not VALUE=TAG.
        UnknownLanguage: Not a language tag.
    """
    form = "VALUE=TAG, such as cn=yue"
    pairs = (name_and_value("--language-map", text, form=form) for text in assignments)
    return {value: normalize(tag.strip()) for value, tag in pairs}
