"""What `--field` of the commands that read records says."""

from __future__ import annotations

from collections.abc import Iterable

from xlrec_es.cli.options.values import name_and_value


def parse_paths(assignments: Iterable[str]) -> dict[str, list[str]]:
    """`name=path` or `name=path,path`, each; see `ingest.documents.field_map.FieldMap`.

    Raises:
        ConfigError: Not NAME=FIELD.
    """
    form = "NAME=FIELD, such as title=name"
    pairs = (name_and_value("--field", text, form=form) for text in assignments)
    return {name.strip(): [path.strip() for path in paths.split(",")] for name, paths in pairs}
