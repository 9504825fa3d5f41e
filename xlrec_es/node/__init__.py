"""A local Elasticsearch without Docker, for trying and testing."""

from xlrec_es.node.info import NodeInfo, NodeStatus
from xlrec_es.node.lifecycle import logs, running, start, status, stop

__all__ = ["NodeInfo", "NodeStatus", "logs", "running", "start", "status", "stop"]
