"""Pictures in later runs, other versions of the index, and where something was asked wrongly."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import pytest
from click.testing import CliRunner
from PIL.Image import Image

from fakes import HashEncoder
from image_models import as_bytes, picture
from ingest.encode.options import EncoderOptions
from ingest.images.encoder import load_image_encoder
from ingest.images.options import ImageOptions
from ingest.versions.reindex import Wanted, prepare
from ingest.write.modes import VERSION
from pictured_shop import Shop
from xlrec_es.cli.main import main as xlrec_es_main
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.retry import Cluster, Patience
from xlrec_es.errors import ConfigError, EncoderError, IndexUnusable
from xlrec_es.index.live_index import find_live
from xlrec_es.vectors.vector import Vector
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions


def test_a_picture_alone_outlives_another_encoder_and_runs_without_pictures(shop: Shop) -> None:
    content = base64.b64encode(as_bytes(picture(2, 900))).decode()
    records = [
        *shop.records[:30],
        {"id": "900", "language": "de", "icon": f"data:image/png;base64,{content}"},
        {"id": "901", "language": "de", "title": "Schach", "icon": content},
    ]
    exact = {"quantization": "none"}
    assert shop.run(records, model="clip", vectors=exact)["indexed"] == 32
    before = shop.documents()
    # The content is not stored by a run that asks for no pictures either.
    assert shop.run(records, model=None)["unchanged"] == 31
    assert "icon" not in shop.es.get(index=shop.index, id="901")["_source"]

    other = HashEncoder(revision="2")
    wanted = Wanted({}, EncoderOptions(), {}, Limits(recall=0, overlap=0))
    prepared = prepare(
        Cluster(shop.es, probe(shop.es)),
        read_versions(shop.es, shop.index),
        wanted,
        encoder=other,
        observe=lambda *_: None,
    )
    prepared.run()
    after = shop.documents()
    assert find_live(shop.es, shop.index).meta.fingerprint.revision == "2"
    assert {id_: own["image_vector"] for id_, own in after.items()} == {
        id_: own["image_vector"] for id_, own in before.items()
    }
    done = shop.run(records, model="clip", encoder=other)
    assert (done["pictures"], done["rejected"]) == (0, 0)


def test_a_picture_alone_is_copied_where_texts_stay(shop: Shop) -> None:
    silent = {"id": "900", "language": "de", "icon": "900.png"}
    (shop.pictures / "900.png").write_bytes(as_bytes(picture(2, 900)))
    shop.run([*shop.records, silent])
    before = shop.documents()
    prepared = prepare(
        Cluster(shop.es, probe(shop.es)),
        read_versions(shop.es, shop.index),
        Wanted({}, EncoderOptions(), {"settings": {"index.refresh_interval": "5s"}}, Limits()),
        encoder=shop.encoder,
        observe=lambda *_: None,
    )
    prepared.run()
    assert find_live(shop.es, shop.index).name.endswith("-v2")
    assert shop.documents() == before


def test_a_picture_that_changes_while_it_is_read_is_read_again(shop: Shop) -> None:
    shop.run(shop.records[:30], model="clip")
    loaded = load_image_encoder(ImageOptions("icon", str(shop.models["clip"]), device="cpu"))
    encode = loaded.encode

    def while_it_changes(pictures: Sequence[Image]) -> Vector:
        (shop.pictures / "3.png").write_bytes(as_bytes(picture(5, 8)))
        return encode(pictures)

    (shop.pictures / "3.png").write_bytes(as_bytes(picture(4, 3)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loaded, "encode", while_it_changes)
        assert shop.run(shop.records[:30], model="clip", image_encoder=loaded)["pictures"] == 1
    assert shop.run(shop.records[:30], model="clip")["pictures"] == 1
    assert shop.run(shop.records[:30], model="clip")["unchanged"] == 30


def test_a_wrong_field_or_folder_is_told(shop: Shop) -> None:
    for record in shop.records:
        record["icon"] = f"elsewhere/{record['icon']}"
    reason = "of 120 that were tried; of the first: there is no file elsewhere/.* below"
    with pytest.raises(EncoderError, match=reason):
        shop.run()
    elsewhere = [{**r, "cover": r["icon"]} for r in shop.records[:30]]
    for record in elsewhere:
        del record["icon"]
    done = shop.run(elsewhere, model="clip")
    assert [w for w in done["warnings"] if "no document has a picture in the field icon" in w]
    cover = ImageOptions("cover", str(shop.models["clip"]), shop.pictures, device="cpu")
    with pytest.raises(ConfigError, match="has the pictures of the field icon, not of cover"):
        shop.run(elsewhere, images=cover)


def test_two_runs_that_begin_with_pictures_do_not_mix_them(shop: Shop) -> None:
    shop.run(model=None)
    cluster = Cluster(shop.es, probe(shop.es))
    target = VERSION.target(
        shop.es, find_live(shop.es, shop.index), cluster.capabilities, Patience()
    )
    shop.run()
    theirs = find_live(shop.es, shop.index).meta.images
    other = {**theirs, "fingerprint": {**theirs["fingerprint"], "alignment": "0" * 16}}
    with pytest.raises(IndexUnusable, match="another run has meanwhile begun"):
        target.add_images(other)
    assert find_live(shop.es, shop.index).meta.images == theirs


def test_a_version_without_pictures_is_gone_back_to(shop: Shop) -> None:
    shop.run(shop.records[:30], model=None)
    for command in ("reindex", "rollback"):
        done = CliRunner().invoke(xlrec_es_main, ["index", command, shop.index, "--url", shop.url])
        assert done.exit_code == 0, done.output
        if command == "reindex":
            titled = [{**shop.records[0], "title": "Chess anew"}, *shop.records[1:30]]
            assert shop.run(titled, model="clip")["pictures"] == 30
    assert find_live(shop.es, shop.index).name.endswith("-v1")
    documents = shop.documents()
    assert documents["0"]["text"] == {"en": "Chess anew"}
    assert all("image_hash" not in own for own in documents.values())
    assert shop.run(titled, model="clip")["pictures"] == 30


def test_a_bad_picture_leaves_the_one_before_in_its_place(shop: Shop) -> None:
    """As where a folder is not mounted; and the good one that follows takes its place."""
    silent = {"id": "900", "language": "de", "icon": "6.png"}
    records = [*shop.records[:30], silent]
    shop.run(records, model="clip")
    before = shop.documents()
    content = (shop.pictures / "6.png").read_bytes()
    (shop.pictures / "6.png").unlink()
    done = shop.run(records, model="clip")
    assert (done["pictures"], done["rejected"], done["unchanged"]) == (0, 2, 29)
    assert {entry["document"] for entry in shop.rejects()} == {"6", "900"}
    for id_, own in shop.documents().items():
        for name in ("image_vector", "image_hash"):
            assert own[name] == before[id_][name]
    (shop.pictures / "6.png").write_bytes(content)
    assert shop.run(records, model="clip")["pictures"] == 2
