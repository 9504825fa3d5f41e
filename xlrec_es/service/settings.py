"""What a service is told when it starts. It goes to each of its processes by pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import ConfigError
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.placements.store import DEFAULT_INDEX
from xlrec_es.recommend.options import Options
from xlrec_es.service.web.access import AccessRules
from xlrec_es.service.web.limits import Limits
from xlrec_es.vectors.open_encoder import Access


@dataclass(frozen=True, slots=True)
class Settings:
    """What a service is told.

    Attributes:
        indices: Aliases that it answers for; the first is meant where a request names none.
        connection: Of the cluster.
        access: Who may ask.
        limits: How much at once.
        options: How recommendations are made where a request says nothing else.
        events: Where histories are read, and events are written; None: neither.
        impressions: Index of what was shown; None: it is not kept.
        placements: Index where placements are kept.
        spool: Folder where both wait for Elasticsearch.
        spool_bytes: How large it may become.
        encoder_url: Of an encoder, for texts; see `open_encoder`. None: there is none.
        encoder_access: What that encoder is told.
        timeout_s: Seconds that one call may take.
        samples: Histories to try, as lists of ids by a name; for the page.
    """

    indices: tuple[str, ...]
    connection: Connection
    access: AccessRules
    limits: Limits = field(default_factory=Limits)
    options: Options = field(default_factory=Options)
    events: EventSource | None = None
    impressions: str | None = None
    placements: str = DEFAULT_INDEX
    spool: Path | None = None
    spool_bytes: int = 256 * 2**20
    encoder_url: str | None = None
    encoder_access: Access = field(default_factory=Access)
    timeout_s: float = 10.0
    samples: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.indices:
            raise ConfigError("a service needs an index: give --index")
        if (self.events or self.impressions) and self.spool is None:
            raise ConfigError("events and impressions need a folder to wait in: give --spool")
