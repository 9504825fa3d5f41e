"""A local Elasticsearch without Docker, for trying and testing.

Needs the extra `node`, and Java 17 or newer.
"""

from xlrec_es.node.info import NodeInfo, NodeStatus
from xlrec_es.node.lifecycle import logs, running, start, status, stop

__all__ = ["NodeInfo", "NodeStatus", "logs", "running", "start", "status", "stop"]
