"""What the values of options say: numbers, pairs, queries, boosts, histories. Pure."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from click.types import FloatParamType

from xlrec_es import exact_json
from xlrec_es.errors import ConfigError, InvalidJson, UsageError
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.recommend.options import Boost, Options, Recency


def finite(text: str) -> float:
    """A finite number: `float` reads `nan` and `inf` too.

    Args:
        text: Of a command line, or the number itself.

    Raises:
        ValueError: It is none.
    """
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number


class Number(FloatParamType):
    """The value of an option that is any finite number."""

    def convert(
        self,
        value: Any,  # noqa: ANN401 - a text, or a default
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read it.

        Raises:
            BadParameter: It is none.
        """
        return _finite_of(self, super().convert(value, param, ctx), param, ctx)


class NumberRange(click.FloatRange):
    """The value of an option that is a finite number within limits.

    NaN is neither below nor above one, so `click.FloatRange` lets it through.
    """

    def convert(
        self,
        value: Any,  # noqa: ANN401 - a text, or a default
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Read it.

        Raises:
            BadParameter: It is none, or beyond the limits.
        """
        return _finite_of(self, super().convert(value, param, ctx), param, ctx)


def _finite_of(
    kind: click.ParamType[Any],
    number: float,
    param: click.Parameter | None,
    ctx: click.Context | None,
) -> float:
    if not math.isfinite(number):
        kind.fail(f"{number} is no finite number.", param, ctx)
    return number


def parse_caps(texts: tuple[str, ...]) -> dict[str, int]:
    """`field=number`, each a whole one."""
    caps = parse_numbers("--cap", texts)
    for field, most in caps.items():
        if not most.is_integer():
            raise UsageError(f"--cap {field}={most}: give a whole number")
    return {field: int(most) for field, most in caps.items()}


def parse_languages(
    texts: tuple[str, ...], options: Options
) -> tuple[tuple[str, ...] | None, Options]:
    """`language` or `language=part` of each: the languages, and options with the parts.

    Returns:
        None in place of no languages.
    """
    parts = parse_pairs("--language", texts)
    quotas = {tag: part for tag, part in parts.items() if part is not None}
    if quotas and len(quotas) < len(parts):
        raise UsageError("give every --language a part, or none of them")
    return tuple(parts) or None, replace(options, mix=quotas) if quotas else options


def parse_query(option: str, text: str) -> dict[str, Any]:
    """An Elasticsearch query as JSON, or `@FILE` for one in a file."""
    try:
        content = Path(text[1:]).read_bytes() if text.startswith("@") else text
        query = exact_json.loads(content, exact=False)
    except OSError as error:
        raise UsageError(f"{option} {text!r}: cannot read the file: {error.strerror}") from error
    except InvalidJson as error:
        raise UsageError(f"{option} {text!r} is {error}") from error
    if not isinstance(query, dict):
        raise UsageError(f'{option} {text!r}: give a query such as {{"term": {{"brand": "x"}}}}')
    return query


def parse_boost(text: str) -> Boost:
    """`factor=query`."""
    number, _, query = text.partition("=")
    try:
        factor = finite(number)
    except ValueError:
        raise UsageError(f"--boost {text!r}: {number!r} is no finite number; FACTOR=JSON") from None
    return Boost(parse_query("--boost", query), factor)


def parse_recency(text: str | None) -> Recency | None:
    """`field` or `field=half-life`."""
    if text is None:
        return None
    field, equals, half_life = text.partition("=")
    return Recency(field, half_life) if equals else Recency(field)


def parse_history(text: bytes) -> History:
    """A JSON list of ids and of objects with the fields of `Interaction`."""
    try:
        entries = exact_json.loads(text, exact=False)
        return History(tuple(_parse_interaction(entry) for entry in entries))
    except (InvalidJson, TypeError, ValueError) as error:
        raise UsageError(
            'the history must be JSON such as ["id", {"item": "id", "event": "like", '
            f'"time": "2026-11-24T12:00:00Z"}}]: {error}'
        ) from error


def _parse_interaction(entry: Any) -> Interaction:  # noqa: ANN401 - whatever the JSON holds
    if isinstance(entry, str):
        return Interaction(entry)
    if isinstance(entry, dict) and "time" in entry:
        entry = {**entry, "time": datetime.fromisoformat(entry["time"])}
    return Interaction(**entry)


def name_and_value(option: str, text: str, *, form: str) -> tuple[str, str]:
    """`name=value`: what stands before the first `=`, and what after it.

    Args:
        option: That the text was given for.
        text: On the command line.
        form: What to write, for the message, such as `NAME=FIELD`.

    Raises:
        ConfigError: One of the two is missing.
    """
    name, _, value = text.partition("=")
    if not (name and value):
        raise ConfigError(f"{option} {text}: write {form}")
    return name, value


def parse_pairs(option: str, texts: tuple[str, ...]) -> dict[str, float | None]:
    """`name` or `name=number`, each."""
    pairs: dict[str, float | None] = {}
    for text in texts:
        if "=" not in text:
            pairs[text] = None
            continue
        name, number = name_and_value(option, text, form="NAME=NUMBER")
        try:
            pairs[name] = finite(number)
        except ValueError:
            raise UsageError(f"{option} {text!r}: {number!r} is no finite number") from None
    return pairs


def parse_numbers(option: str, texts: tuple[str, ...]) -> dict[str, float]:
    """`name=number`, each."""
    pairs = parse_pairs(option, texts)
    for name, number in pairs.items():
        if number is None:
            raise UsageError(f"{option} {name!r} needs a number: {name}=0.5")
    return {name: number for name, number in pairs.items() if number is not None}
