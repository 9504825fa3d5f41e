"""Pictures from a run to recommendations, on a real node."""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from fakes import HashEncoder
from image_models import TOPICS, as_bytes, picture
from ingest.encode.options import EncoderOptions
from ingest.images.alignment_store import store_index
from ingest.images.decoding import decode
from ingest.images.encoder import load_image_encoder
from ingest.images.options import ImageOptions
from ingest.on_ray.engine import check
from ingest.run.job import RunJob
from ingest.sources.rejects import SCHEME
from ingest.versions.reindex import Wanted, prepare
from ingest.write.modes import IN_PLACE
from pictured_shop import Shop
from xlrec_es.cli.main import main as xlrec_es_main
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import (
    ConfigError,
    EncoderError,
    FingerprintMismatch,
    IndexUnusable,
    UsageError,
)
from xlrec_es.index.live_index import find_live
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.status import measure

BY_PICTURE = Options(weights={"image": 1.0})


def topic_of(id_: str) -> int:
    return int(id_) % len(TOPICS)


def test_pictures_alone_are_brought_into_the_space_of_texts(shop: Shop) -> None:
    done = shop.run()
    assert (done["indexed"], done["pictures"], done["rejected"]) == (120, 120, 0)
    meta = find_live(shop.es, shop.index).meta
    assert meta.images["field"] == "icon"
    assert meta.images["fingerprint"]["dims"] == meta.fingerprint.dims == 16
    note = meta.images["alignment"]
    assert note["index"] == store_index(shop.index)
    assert (note["pairs"], note["held_out"]) == (120, 24)
    assert note["interval"][0] > note["chance"] == round(10 / 120, 4)
    for own in shop.documents().values():
        assert np.linalg.norm(own["image_vector"]) == pytest.approx(1, abs=1e-4)
        assert len(own["image_vector"]) == 16
    [status] = measure(shop.es, read_versions(shop.es, shop.index))
    assert sum(coverage.images or 0 for coverage in status.languages.values()) == 120

    found = Recommender(shop.es, shop.index, options=BY_PICTURE).recommend(
        History.of(["0", "12"]), languages=["de"], size=5
    )
    assert [topic_of(item.id) for item in found.items] == [0] * 5
    assert all(item.retrievers.keys() == {"image"} for item in found.items)
    assert {reason.item for item in found.items for reason in item.reasons} == {"0", "12"}


def test_a_model_of_both_has_a_space_of_its_own(shop: Shop) -> None:
    # Vectors of random weights lie closer together than eight bits can tell.
    done = shop.run(model="clip", vectors={"quantization": "none"})
    assert done["pictures"] == 120
    meta = find_live(shop.es, shop.index).meta
    assert meta.images["fingerprint"]["space"] == "own"
    assert not shop.es.indices.exists(index=store_index(shop.index))
    encoder = load_image_encoder(ImageOptions("icon", str(shop.models["clip"]), device="cpu"))
    stored = shop.documents()
    for id_ in ("0", "7", "119"):
        one = decode((shop.pictures / f"{id_}.png").read_bytes())
        expected = encoder.encode([one])[0]
        assert np.allclose(stored[id_]["image_vector"], expected, atol=1e-6)
    found = Recommender(shop.es, shop.index, options=BY_PICTURE).recommend(
        History.of(["0"]), languages=["de"], size=3
    )
    nearest = sorted(
        (id_ for id_ in stored if stored[id_]["language"] == "de"),
        key=lambda id_: -np.dot(stored[id_]["image_vector"], stored["0"]["image_vector"]),
    )
    assert [item.id for item in found.items] == nearest[:3]


def test_a_picture_stands_for_a_text_that_is_missing(shop: Shop) -> None:
    shop.run()
    silent = {"id": "900", "language": "de", "icon": "900.png"}
    (shop.pictures / "900.png").write_bytes(as_bytes(picture(2, 900)))
    done = shop.run([*shop.records, silent])
    assert (done["indexed"], done["unchanged"], done["rejected"]) == (1, 120, 0)
    own = shop.documents()["900"]
    assert own["text"] == {}
    assert own["embedding"] == own["image_vector"]
    # Any retriever of vectors finds it, as that of texts does here.
    found = Recommender(shop.es, shop.index, options=Options(weights={"dense": 1.0})).recommend(
        History.of(["2"]), languages=["de"], size=11
    )
    assert "900" in [item.id for item in found.items]


def test_in_a_space_of_its_own_a_picture_is_found_by_pictures_alone(shop: Shop) -> None:
    silent = {"id": "900", "language": "de", "icon": "900.png"}
    (shop.pictures / "900.png").write_bytes(as_bytes(picture(2, 900)))
    exact = {"quantization": "none"}
    done = shop.run([*shop.records, silent], model="siglip", vectors=exact)
    assert (done["indexed"], done["rejected"]) == (121, 0)
    assert "embedding" not in shop.documents()["900"]
    recommender = Recommender(shop.es, shop.index, options=BY_PICTURE)
    found = recommender.recommend(History.of(["2"]), languages=["de"], size=12)
    assert "900" in [item.id for item in found.items]
    found = recommender.recommend(History.of(["900"]), languages=["en"], size=5)
    assert {topic_of(item.id) for item in found.items} == {2}


def test_a_bad_picture_is_set_aside_and_its_document_is_not(shop: Shop) -> None:
    records = [
        *shop.records,
        {"id": "bad", "language": "en", "title": "Chess of another kind", "icon": "../x.png"},
        {"id": "none", "language": "en", "title": "Chess without a picture"},
        {"id": "number", "language": "en", "title": "Chess of a number", "icon": 7},
        {"id": "silent", "language": "en", "icon": "missing.png"},
        {"id": "empty", "language": "en", "icon": ""},
    ]
    done = shop.run(records)
    assert (done["indexed"], done["pictures"], done["rejected"]) == (123, 120, 4)
    set_aside = {entry["document"] or entry["record"]["id"]: entry for entry in shop.rejects()}
    assert {id_: entry["stage"] for id_, entry in set_aside.items()} == {
        "bad": "image",
        "number": "image",
        "silent": "image",
        "empty": "document",
    }
    assert set_aside["bad"]["reason"] == "icon: the path ../x.png leads out of --image-root"
    assert set_aside["number"]["reason"] == "icon: the picture is a number, not text"
    assert "no picture in icon" in set_aside["empty"]["reason"]
    assert set_aside["bad"]["record"] == records[120]  # whole, to be replayed
    documents = shop.documents()
    assert {"bad", "none", "number"} <= documents.keys()
    assert not {"silent", "empty"} & documents.keys()
    assert all("image_vector" not in documents[id_] for id_ in ("bad", "none", "number"))

    # What was set aside is read again once it is mended.
    (shop.pictures / "missing.png").write_bytes(as_bytes(picture(0)))
    [rejects] = shop.folder.glob("*.rejects.jsonl")
    mended = rejects.read_text().replace("../x.png", "missing.png")
    (again := shop.folder / "again").write_text(mended)
    done = shop.run(source=f"{SCHEME}{again}", rejects=shop.folder / "still")
    assert (done["indexed"], done["pictures"], done["rejected"]) == (3, 2, 2)
    documents = shop.documents()
    assert documents["bad"]["image_vector"] == documents["silent"]["image_vector"]


def test_only_pictures_that_changed_are_encoded_again(shop: Shop) -> None:
    shop.run()
    before = shop.documents()
    (shop.pictures / "3.png").write_bytes(as_bytes(picture(4, 3)))
    shop.encoder.encoded.clear()
    done = shop.run()
    assert (done["unchanged"], done["indexed"], done["pictures"], done["encoded"]) == (119, 1, 1, 0)
    after = shop.documents()
    assert [id_ for id_ in after if after[id_]["image_vector"] != before[id_]["image_vector"]] == [
        "3"
    ]
    assert after["3"]["embedding"] == before["3"]["embedding"]

    # A text that changes keeps the picture, and so does a run that asks for none.
    retitled = [{**r, "title": "Chess Schach new"} if r["id"] == "0" else r for r in shop.records]
    for model in ("vit", None):
        done = shop.run(retitled, model=model)
        assert done.get("pictures", 0) == 0
        assert shop.documents()["0"]["image_vector"] == before["0"]["image_vector"]
    # A picture that is gone from the record is gone from the index.
    plain = [{k: v for k, v in r.items() if (r["id"], k) != ("5", "icon")} for r in retitled]
    shop.run(plain)
    assert "image_vector" not in shop.documents()["5"]


def test_an_index_without_pictures_gets_them_later(shop: Shop) -> None:
    shop.run(model=None)
    mapping = shop.es.indices.get_mapping(index=shop.index)
    assert "image" not in json.dumps(mapping.body)
    with pytest.raises(UsageError, match="no vectors of pictures for the retriever image"):
        Recommender(shop.es, shop.index, options=BY_PICTURE).recommend(History.of(["0"]))
    shop.encoder.encoded.clear()
    done = shop.run()
    assert (done["indexed"], done["pictures"], done["encoded"]) == (120, 120, 0)
    assert all("image_vector" in own for own in shop.documents().values())


def test_vectors_of_two_models_are_not_mixed(shop: Shop) -> None:
    shop.run(model="clip")
    with pytest.raises(FingerprintMismatch, match="model is 'siglip' here and 'clip' there"):
        shop.run(model="siglip")
    with pytest.raises(FingerprintMismatch, match="model is 'vit' here and 'clip' there"):
        shop.run(model="vit")


def test_an_alignment_that_is_gone_is_not_made_anew(shop: Shop) -> None:
    shop.run()
    shop.es.indices.delete(index=store_index(shop.index))
    with pytest.raises(IndexUnusable, match=r"is not in .* any more"):
        shop.run()


def test_pictures_of_other_items_are_refused(shop: Shop) -> None:
    """The gate: no index is made of pictures that say nothing of the texts."""
    names = [record["icon"] for record in shop.records]
    np.random.default_rng(0).shuffle(names)
    records = [{**r, "icon": name} for r, name in zip(shop.records, names, strict=True)]
    with pytest.raises(EncoderError, match=r"recall@10 of 24 held-out items is 0\.\d+ \[.*chance"):
        shop.run(records)
    assert not shop.es.indices.exists(index=shop.index)


def test_pictures_come_along_in_a_reindex_and_not_in_a_reencoding(shop: Shop) -> None:
    shop.run()
    before = shop.documents()
    command = ["index", "reindex", shop.index, "--url", shop.url]
    done = CliRunner().invoke(xlrec_es_main, command)
    assert done.exit_code == 0, done.output
    live = find_live(shop.es, shop.index)
    assert live.name.endswith("-v2")
    assert live.meta.images["alignment"]["pairs"] == 120
    assert shop.documents() == before
    assert shop.run()["unchanged"] == 120

    versions = read_versions(shop.es, shop.index)
    wanted = Wanted({}, EncoderOptions(), {}, Limits())
    cluster = Cluster(shop.es, probe(shop.es))
    other = HashEncoder(revision="2")
    with pytest.raises(IndexUnusable, match="are aligned with the vectors of its texts"):
        prepare(cluster, versions, wanted, encoder=other, observe=lambda *_: None)


def test_documents_are_completed_in_place_with_their_pictures(shop: Shop) -> None:
    operations = [
        line
        for record in shop.records
        for line in ({"index": {"_index": shop.index, "_id": record["id"]}}, record)
    ]
    shop.es.bulk(operations=operations, refresh=True)
    in_place = {"source": f"index:{shop.index}", "mode": IN_PLACE}
    done = shop.run(**in_place)
    assert (done["indexed"], done["pictures"], done["rejected"]) == (120, 120, 0)
    assert all("image_vector" in own for own in shop.documents().values())
    assert shop.run(**in_place)["unchanged"] == 120
    shop.es.update(index=shop.index, id="7", doc={"icon": ""}, refresh=True)
    shop.run(**in_place)
    own = shop.documents()
    assert {"image_vector", "image_hash"}.isdisjoint(own["7"])
    assert "embedding" in own["7"]
    assert "image_vector" in own["8"]


def test_several_workers_read_no_pictures(shop: Shop) -> None:
    images = ImageOptions("icon", str(shop.models["vit"]))
    with pytest.raises(ConfigError, match="--image is not for --engine ray"):
        check(RunJob("items.jsonl", shop.index, images=images))


def test_an_input_that_is_read_once_needs_a_model_of_both(shop: Shop) -> None:
    path = shop.folder / "items.jsonl"
    path.write_text("\n".join(map(json.dumps, shop.records)))
    for model, refused in (("vit", True), ("clip", False)):
        pipe = shop.folder / f"{model}.pipe"
        os.mkfifo(pipe)
        writing = threading.Thread(target=_into, args=(pipe, path.read_bytes()))
        writing.start()
        if refused:
            with pytest.raises(ConfigError, match="can be read but once"):
                shop.run(model=model, source=str(pipe))
        else:
            assert shop.run(model=model, source=str(pipe))["pictures"] == 120
        writing.join()


def _into(pipe: Path, content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        pipe.write_bytes(content)
