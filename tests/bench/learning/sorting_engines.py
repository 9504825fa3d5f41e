"""DuckDB and Polars at what interactions beyond memory need: rows sorted by user, out of core.

    python tests/bench/learning/sorting_engines.py {duckdb,polars} [--rows 20000000]
        [--folder FOLDER] [--memory-mb 1024]

The rows are a Parquet file of 2 million users: user, place, item, weight, time and market. They are
sorted by the first place of the user, then by place, and written. Polars is no dependency: install
it beside. Prints seconds, and the peak of the memory of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

USERS, ITEMS, PART = 2_000_000, 200_000, 1_000_000


def write(path: Path, rows: int) -> None:
    draw = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, PART):
        users = draw.integers(0, USERS, PART).astype(np.uint64)
        table = pa.table(
            {
                "hash": users * np.uint64(0x9E3779B97F4A7C15),
                "place": np.arange(start, start + PART),
                "work": draw.integers(0, ITEMS, PART, np.int32),
                "weight": draw.random(PART, np.float32),
                "time": draw.integers(0, 10**8, PART, np.int32),
                "market": draw.integers(0, 9, PART, np.int16),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer
    writer.close()


def by_duckdb(path: Path, output: Path, memory_mb: int) -> None:
    connection = duckdb.connect(str(output.with_suffix(".duckdb")))
    connection.execute(f"set memory_limit = '{memory_mb}MB'")
    connection.execute(f"set temp_directory = '{output.with_suffix('.spilled')}'")
    connection.execute("set preserve_insertion_order = false")
    connection.execute(
        f"copy (select l.* from '{path}' l join (select hash, min(place) as first from '{path}' "
        f"group by hash) using (hash) order by first, place) to '{output}' (format parquet)"
    )


def by_polars(path: Path, output: Path) -> None:
    import polars  # type: ignore[import-not-found] # no dependency

    rows = polars.scan_parquet(path)
    first = rows.group_by("hash").agg(polars.col("place").min().alias("first"))
    rows.join(first, on="hash").sort("first", "place").sink_parquet(output, engine="streaming")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=("duckdb", "polars"))
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--folder", default=tempfile.gettempdir())
    parser.add_argument("--memory-mb", type=int, default=1024)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path, output = Path(folder, "rows.parquet"), Path(folder, "sorted.parquet")
        write(path, args.rows)
        before, busy, start = peak_gb(), time.process_time(), time.perf_counter()
        if args.engine == "duckdb":
            by_duckdb(path, output, args.memory_mb)
        else:
            by_polars(path, output)
        measured = {
            "engine": args.engine,
            "rows": args.rows,
            "seconds": round(time.perf_counter() - start, 1),
            "cpu_seconds": round(time.process_time() - busy, 1),
            "before_gb": round(before, 2),
            "peak_gb": round(peak_gb(), 2),
        }
        assert pq.ParquetFile(output).metadata.num_rows == args.rows
        print(json.dumps(measured))


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2


if __name__ == "__main__":
    main()
