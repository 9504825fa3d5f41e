"""What is refused before anything is loaded."""

from __future__ import annotations

import pytest

from ingest.encode.options import EncoderOptions, check_device, check_given
from xlrec_es.errors import ConfigError


@pytest.mark.parametrize("device", ["tpu", "", "cuda:", "auto,cpu", "mps,mps", "cuda,cuda:0", ","])
def test_what_is_no_device_is_refused(device: str) -> None:
    with pytest.raises(ConfigError, match="is not one of auto, cuda, mps, cpu, cuda:0"):
        check_device(device)
    with pytest.raises(ConfigError, match="names a GPU twice"):
        check_device("cuda:1,cuda:1")


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (EncoderOptions(prefix="a", prompt_name="b"), "--prefix is a prompt and --prompt-name"),
        (EncoderOptions(prefix="", prompt_name="b"), "--prefix is a prompt and --prompt-name"),
        (
            EncoderOptions(text_prefix="a", text_prompt_name="b"),
            "--text-prefix is a prompt and --text-prompt-name",
        ),
        (EncoderOptions(trusted_code="main"), "--trust-code 'main' is no commit"),
        (EncoderOptions(trusted_code=COMMIT.upper()), "is no commit"),
        (EncoderOptions(trusted_code=COMMIT, revision="main"), "leave out --revision"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: EncoderOptions, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        check_given(options)


def test_options_that_go_together_are_given_back() -> None:
    options = EncoderOptions(prompt_name="a", text_prefix="b", trusted_code=COMMIT)
    assert check_given(options) is options
    assert check_given(EncoderOptions(trusted_code=COMMIT, revision=COMMIT)).revision == COMMIT
