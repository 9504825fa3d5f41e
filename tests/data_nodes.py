"""Data nodes as the doctor meets them, and what it has to find room for."""

from __future__ import annotations

from xlrec_es.doctor.capacity import GIB, DataNode, Need, Watermarks

NODE = DataNode("n1", 1000 * GIB, 900 * GIB, 64 * GIB, 16 * GIB, 40)
LOW = "cluster.routing.allocation.disk.watermark.low"
HIGH = "cluster.routing.allocation.disk.watermark.high"
DEFAULTS = {
    "cluster.routing.allocation.disk.threshold_enabled": "true",
    LOW: "85%",
    f"{LOW}.max_headroom": "200GB",
    HIGH: "90%",
    f"{HIGH}.max_headroom": "150GB",
}
MARKS = Watermarks.from_settings({"defaults": DEFAULTS})
NEED = Need(1_000_000, 384)
