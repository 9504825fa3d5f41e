"""All that an import brings into Kibana: data views, saved searches and dashboards."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import UsageError, XlrecError
from xlrec_es.index.fields import ID_FIELD, POPULARITY_FIELD, VECTOR_FIELD
from xlrec_es.index.live_index import find_live
from xlrec_es.index.mapped_fields import mapped_fields, some
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.kibana.dashboards import catalog, quality, traffic, worker
from xlrec_es.kibana.data_views import Address, DataView, catalog_view, other_views
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.labels.field_labels import FieldLabel, labels_of
from xlrec_es.kibana.panels import Dashboard, MarkdownPanel
from xlrec_es.kibana.saved_objects import SavedObject
from xlrec_es.kibana.saved_searches import CatalogSearches, SavedSearch, rejects_search
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.recommend.request import query_forms

REJECTS = "{}-rejects"
"""Index of rejected records, by that of the runs that `xlrec-ingest run --write-to` names."""

MOST_POPULAR, FIRST = "the most popular document", "the first document, by its ID"
"""What the user of the search for the console likes; the latter where no popularity is known."""

GUIDE = "xlrec_es/KIBANA.md"
"""The guide, in the project's folder."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """What of a live index its data view and its searches depend on.

    Attributes:
        searches: See there.
        labels: Of the fields of ours that it has.
        addresses: Links and pictures among the user's own fields.
        request: A search that the recommender sends and that finds something, for the console;
            empty if there is none.
        liked: What the user of that search likes, in words.
    """

    searches: CatalogSearches
    labels: Mapping[str, FieldLabel]
    addresses: tuple[Address, ...] = ()
    request: str = ""
    liked: str = ""


def read_catalog(client: Elasticsearch, index: str, addresses: Iterable[Address] = ()) -> Catalog:
    """Look at an index.

    Args:
        client: Of the cluster.
        index: Its alias.
        addresses: Links and pictures.

    Raises:
        UsageError: It has no field of an address.
        IndexNotFound: Nothing has that name.
        NotAnXlrecIndex: It was not made by this program.
        ClusterError: The cluster does not answer, or refuses.
    """
    live, given = find_live(client, index), tuple(addresses)
    with friendly_errors(client):
        mappings = client.indices.get_mapping(index=live.name)[live.name]["mappings"]
    known = [field.path for field in mapped_fields(mappings)]
    for one in given:
        if one.field not in known:
            own = sorted(path for path in known if not path.startswith("xlrec."))
            raise UsageError(f"{index} has no field {one.field}; it has {some(own, 20) or 'none'}")
    pictures = tuple(one.field for one in given if one.is_picture)
    links = tuple(one.field for one in given if not one.is_picture)
    searches = CatalogSearches(
        live.meta.fingerprint.digest, live.meta.title_field, (*pictures, *links)
    )
    return Catalog(searches, labels_of(mappings), given, *_request(client, index))


def _request(client: Elasticsearch, index: str) -> tuple[str, str]:
    """The shortest search that finds something for a user of one document, and that document.

    The document is the most popular one. Before associations are learned, a search by them is among
    those that are planned, and finds nothing.
    """
    popular = [
        {POPULARITY_FIELD: {"order": "desc", "unmapped_type": "float"}},
        {ID_FIELD: {"order": "asc", "unmapped_type": "keyword"}},
    ]
    with friendly_errors(client):
        found = client.search(
            index=index,
            size=1,
            query={"exists": {"field": VECTOR_FIELD}},
            sort=popular,
            source=False,
            docvalue_fields=[{"field": POPULARITY_FIELD}],
        )["hits"]["hits"]
    if not found:
        return "", ""
    liked = MOST_POPULAR if found[0].get("fields") else FIRST
    history = History((Interaction(found[0]["_id"], "like"),))
    try:
        requests = Recommender(client, index).plan(history).requests
        texts = {query_forms.render([one], index=index, url=""): one.body for one in requests}
        for text in sorted(texts, key=len):
            with friendly_errors(client):
                answer = client.search(index=index, body={**texts[text], "size": 1})
            if answer["hits"]["hits"]:
                return text, liked
    except XlrecError:  # it is there to be tried, and an export does without
        pass
    return "", ""


def rejects_of(client: Elasticsearch, runs: str | None) -> str | None:
    """The index of the records that runs rejected; None where there is none.

    Args:
        client: Of the cluster.
        runs: Index of the runs.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    if runs is None:
        return None
    name = REJECTS.format(runs)
    with friendly_errors(client):
        return name if client.indices.exists(index=name) else None


def dashboards(names: Indices, found: Catalog) -> tuple[Dashboard, ...]:
    """The dashboards, those without data too."""
    return (
        catalog.dashboard(names, _notes(names, found)),
        quality.dashboard(names),
        traffic.dashboard(names),
        worker.dashboard(names),
    )


def objects(names: Indices, found: Catalog) -> list[SavedObject]:
    """The saved objects, those first that others need."""
    own = names.catalog
    view = catalog_view(own, found.labels, found.addresses)
    others = {one.index: one for one in other_views(names)}
    searches: list[tuple[SavedSearch, DataView]] = [(s, view) for s in found.searches.all()]
    if names.rejects is not None:
        searches.append((rejects_search(), others[names.rejects]))
    return [
        *(one.saved_object(own) for one in (view, *others.values())),
        *(search.saved_object(own, of) for search, of in searches),
        *(one.saved_object(own) for one in dashboards(names, found)),
    ]


def _notes(names: Indices, found: Catalog) -> MarkdownPanel:
    """Where to look closer: the saved searches, and a search of the recommender to try."""
    searches = [*found.searches.all()]
    if names.rejects is not None:
        searches.append(rejects_search())
    # Relative to `<base>/s/<space>/app/dashboards`, so that they lead into the same space.
    lines = [f"- [{one.title}](discover#/view/{one.id(names.catalog)})" for one in searches]
    if found.request:
        tried = [
            "**What the recommender searches for**: paste a search into "
            f"[Dev Tools](dev_tools#/console). This one is of a user who liked {found.liked}; the "
            "command prints all of them, for any history.",
            "",
            f"```\n{found.request}\n```",
        ]
    else:
        tried = [
            "**What the recommender searches for**: there was nothing to find when this was "
            "exported. Run `xlrec-ingest run`, and export again; the command prints the searches "
            "of any history, for [Dev Tools](dev_tools#/console).",
        ]
    text = "\n".join(
        [
            "**Documents that need a look**",
            "",
            *lines,
            "",
            *tried,
            "",
            f"```\nxlrec-es query --index {names.catalog} ID\n```",
            "",
            f"The guide is {GUIDE}.",
        ]
    )
    return MarkdownPanel("Where can I look closer?", text)
