"""Every command and option explains itself, and the references say the same."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

import click
import pytest
from click.types import FloatParamType

import cli_reference


def _is_inner(command: click.Command) -> bool:
    """Whether it is a group within a program, whose commands have the examples."""
    return isinstance(command, click.Group) and command not in cli_reference.PROGRAMS.values()


COMMANDS = {context.command_path: context.command for context in cli_reference.commands()}


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_has_help(path: str) -> None:
    assert COMMANDS[path].help


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_has_help(path: str) -> None:
    options = [p for p in COMMANDS[path].params if isinstance(p, click.Option)]
    assert not [option.opts for option in options if not option.help and not option.hidden]


@pytest.mark.parametrize("path", COMMANDS)
def test_every_number_of_an_option_is_finite(path: str) -> None:
    """NaN is within any range of click's own, and an infinity within any without an end."""
    for option in COMMANDS[path].params:
        if isinstance(option.type, FloatParamType):
            for text in ("nan", "inf", "-inf"):
                with pytest.raises(click.BadParameter):
                    option.type.convert(text, option, None)


METAVARS = {
    *("URL", "KEY", "USER", "PASSWORD", "TOKEN", "SHA256", "HOST", "FILE", "FOLDER", "INDEX"),
    *("N", "NUMBER", "FRACTION", "COSINE", "RATING", "SECONDS", "HOURS", "DAYS", "SIZE", "I/N"),
    *("LANG", "MARKET", "MODEL", "STRING", "WORDS", "FIELD", "JSON", "VERSION", "ID", "CURSOR"),
    *("DURATION", "COMMIT"),
}


def test_no_help_page_shows_what_click_calls_a_value() -> None:
    calls = re.compile(r"\b(TEXT|RANGE|INTEGER|FLOAT|FILENAME|PATH|DIRECTORY)\b")
    found = {c.command_path: calls.findall(c.get_help()) for c in cli_reference.commands()}
    assert {path: words for path, words in found.items() if words} == {}


def test_a_kind_of_value_has_one_name_on_all_help_pages() -> None:
    shown = {
        option.make_metavar(context)
        for context in cli_reference.commands()
        for option in context.command.params
        if isinstance(option, click.Option) and not option.is_flag and not option.count
    }
    single = {name for name in shown if re.fullmatch(r"[A-Z0-9]+(/[A-Z]+)?", name)}
    assert single <= METAVARS


def meanings(contexts: Iterable[click.Context]) -> dict[str, set[tuple[str, str, str]]]:
    """Of each option name, shortest too: what its value is called and is, and its help."""
    found = defaultdict(set)
    for context in contexts:
        for option in context.command.params:
            if isinstance(option, click.Option):
                value = "" if option.is_flag else option.make_metavar(context)
                for name in option.opts:
                    found[name].add((value, option.type.name, option.help or ""))
    return found


MANY_MEANINGS = {
    "--clicks": "a log is compared from a file too, dashboards read an index",
    "--dims": "compress makes a smaller model, all others cut the vectors of one",
    "--dtype": "float16 is for encoding alone; training keeps weights in float32",
    "--field": "which fields there are depends on the file that the command reads",
    "--force": "what is refused is a model, or a version of a placement",
    "--format": "each output has forms of its own",
    "--image": "pictures of a field are encoded, or shown by Kibana",
    "--impressions-index": "a service makes it, and users are deleted from it",
    "--index": "role takes patterns and several",
    "--interactions": "init looks at the file, reindex evaluates by it, trends are of it",
    "--language": "only recommend and query divide slots between languages",
    "--learner": "pairs cannot be learned by exact EASE",
    "--market": "what is popular is learned by market, what trends is counted",
    "--max-tokens": "training reads less of a text than encoding",
    "--model": "who needs the model's files takes no encoder that runs elsewhere",
    "--relation": "it is learned, asked for, or looked at",
    "--output": "a report is a file, a model and pairs are folders",
    "--shown": "a user was shown items, dashboards read an index of such lists",
    "--space": "role takes several",
    "--workers": "a service has processes that answer, Ray has workers for encoding and learning",
    "--preset": "init writes a file, placement set writes placements",
}
"""Names that stand for more than one thing, each with the reason."""

SHORT = {"-f": "--field", "-F": "--format", "-i": "--index", "-l": "--language", "-o": "--output"}


def test_one_option_name_has_one_meaning() -> None:
    found = meanings(cli_reference.commands())
    several = {name for name, ones in found.items() if len(ones) > 1}
    assert {SHORT.get(name, name) for name in several} == MANY_MEANINGS.keys()


def test_a_name_with_two_meanings_is_found() -> None:
    def context(*options: click.Option) -> click.Context:
        return click.Context(click.Command("one", params=list(options)))

    one = context(click.Option(["--keep"], help="Leave it."), click.Option(["-k"], help="A."))
    for other in (
        click.Option(["--keep"], help="Leave it.", is_flag=True),
        click.Option(["--keep"], help="Leave it.", metavar="FIELD"),
        click.Option(["--keep"], help="Leave it.", type=int, metavar="TEXT"),
        click.Option(["--keep"], help="Take it."),
    ):
        found = meanings([one, context(other)])
        assert {name: len(ones) for name, ones in found.items()} == {"--keep": 2, "-k": 1}


@pytest.mark.parametrize("path", COMMANDS)
def test_old_names_of_options_are_no_others_names(path: str) -> None:
    """Within a command; and none is shown."""
    options = [p for p in COMMANDS[path].params if isinstance(p, click.Option)]
    shown = [name for option in options for name in option.opts]
    old = [name for option in options for name in getattr(option, "old", ())]
    assert not {*shown} & {*old}
    assert len(old) == len({*old})


@pytest.mark.parametrize("path", COMMANDS)
def test_defaults_are_shown_by_click_alone(path: str) -> None:
    """Then they stand in one place, in one form, and beside what else click shows."""
    helps = [getattr(p, "help", None) or "" for p in COMMANDS[path].params]
    assert [text for text in helps if re.search(r"\[default|\bdefault:", text, re.I)] == []


@pytest.mark.parametrize("path", [p for p, one in COMMANDS.items() if not _is_inner(one)])
def test_every_command_has_examples_that_parse(path: str) -> None:
    examples = cli_reference.examples(COMMANDS[path])
    assert examples
    assert path in " ".join(examples)
    for example in examples:
        cli_reference.parse(example)


@pytest.mark.parametrize("program", cli_reference.PROGRAMS)
def test_the_reference_is_that_of_now(program: str) -> None:
    document = cli_reference.DOCUMENTS[program]
    assert document.read_text("utf-8") == cli_reference.render(program), (
        f"{document} is behind: run python3 tests/environment.py python tests/cli_reference.py"
    )


@pytest.mark.parametrize("path", COMMANDS)
def test_no_option_is_lost_in_the_reference(path: str) -> None:
    text = cli_reference.DOCUMENTS[path.split()[0]].read_text("utf-8")
    section = text.partition(f"## `{path}`\n")[2].partition("\n## ")[0]
    if "#connection-options" in section:
        section += text.partition("## Connection options")[2]
    options = [p for p in COMMANDS[path].params if isinstance(p, click.Option) and not p.hidden]
    assert [name for o in options for name in o.opts if name not in section] == []
