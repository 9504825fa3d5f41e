from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from xlrec_es.errors import ConfigError
from xlrec_es.node import configuration
from xlrec_es.node.folder import NodeFolder

# What a server's own file looks like; 8.19 writes into its home where 9.5 does not.
JAVA_OPTIONS = """\
## a comment
-XX:+UseG1GC
-Djava.io.tmpdir=${ES_TMPDIR}
-XX:+HeapDumpOnOutOfMemoryError
-XX:HeapDumpPath=data
-XX:ErrorFile=logs/hs_err_pid%p.log
-Xlog:gc*,gc+age=trace,safepoint:file=logs/gc.log:utctime,level,pid,tags:filecount=32,filesize=64m
"""


@pytest.fixture
def node(tmp_path: Path) -> NodeFolder:
    node = NodeFolder.at(tmp_path / "a b")
    (node.path / "config").mkdir(parents=True)
    (node.path / "config" / "jvm.options").write_text(JAVA_OPTIONS)
    return node


def settings_of(node: NodeFolder) -> dict[str, str]:
    written: dict[str, str] = yaml.safe_load((node.path / "config/elasticsearch.yml").read_text())
    return written


def test_settings_of_the_callers_go_before_the_defaults(node: NodeFolder) -> None:
    mine = {"cluster.name": 'quo"te: ünï', "xpack.security.enabled": "true"}
    configuration.write(node, port=None, settings=mine, java_options=())
    written = settings_of(node)
    assert written | mine == written
    assert written["discovery.type"] == "single-node"
    assert written["network.host"] == "127.0.0.1"
    assert written["http.port"] == "9200-9299"


def test_a_port_asked_for_is_the_only_one(node: NodeFolder) -> None:
    configuration.write(node, port=9345, settings={}, java_options=())
    assert settings_of(node)["http.port"] == "9345"


def test_java_writes_nothing_into_the_shared_home(node: NodeFolder) -> None:
    heap = configuration.heap_options("512m")
    configuration.write(node, port=None, settings={}, java_options=[*heap, "-Dmy=own"])
    options = (node.path / "config" / "jvm.options").read_text().splitlines()
    assert [line for line in options if "=logs/" in line or "=data" in line] == []
    assert {"-XX:+UseG1GC", "-Xms512m", "-Xmx512m", "-Dmy=own", node.server_mark} <= set(options)


@pytest.mark.parametrize("heap", ["", "1", "0g", "-1g", "1.5g", "lots", "1g -Dx=y", "512m\n"])
def test_what_is_no_heap_size_is_refused(heap: str) -> None:
    with pytest.raises(ConfigError, match="512m or 2g"):
        configuration.check(heap, {})


@pytest.mark.parametrize("name", ["network.host", "http.port", "path.data"])
def test_the_node_cannot_be_moved_by_a_setting(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        configuration.check("1g", {name: "0.0.0.0", "thread_pool.write.queue_size": "1"})
