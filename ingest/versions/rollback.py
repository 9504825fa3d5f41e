"""Go back to the version before, with its encoder.

It plans what is encoded, and has its twin do all else: `xlrec_es.versions.rollback`, which goes
back without an encoder, too.
"""

from __future__ import annotations

from ingest.documents.text_recipe import Recipe
from ingest.encode.options import EncoderOptions
from ingest.versions.recorded_recipe import recorded_builder, recorded_field_map
from ingest.versions.reencoder import Reencoder
from xlrec_es.cluster.retry import Cluster
from xlrec_es.index.live_index import check_fingerprint
from xlrec_es.vectors.encoder import Encoder
from xlrec_es.versions import rollback as rolling_back
from xlrec_es.versions.inventory import Versions
from xlrec_es.versions.reindex import Observe
from xlrec_es.versions.rollback import Rollback


def prepare_rollback(
    cluster: Cluster,
    versions: Versions,
    options: EncoderOptions,
    *,
    encoder: Encoder,
    observe: Observe,
) -> Rollback:
    """Plan to go back to the version before, with its encoder; nothing is changed.

    Args:
        cluster: Where it is.
        versions: What there is.
        options: Of the encoder.
        encoder: What made the vectors of the version before.
        observe: Is told how far it is.

    Raises:
        IndexUnusable: As for `xlrec_es.versions.rollback.plan`.
        FingerprintMismatch: Something else made its vectors.
        ClusterError: The cluster does not answer, or refuses.
    """
    plan = rolling_back.plan(versions)
    previous = plan.previous.described()
    field_map = recorded_field_map(previous.meta, {})
    recipe = Recipe(field_map.texts, options.long_texts)
    check_fingerprint(previous, recipe.fingerprint(encoder, previous.meta.centering))
    packed = cluster.capabilities.packed_vectors
    builder = recorded_builder(previous, field_map, recipe)
    transform = Reencoder(builder, encoder, previous.meta, packs_vectors=packed)
    return Rollback(cluster.client, plan, packed, transform, observe)
