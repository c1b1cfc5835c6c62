"""Reads the Parquet files of an evaluation by pyarrow and compares them with the CSV beside them: check_parquet.py FOLDER."""

import csv
import sys
from pathlib import Path

import pyarrow.parquet as pq

for path in sorted(Path(sys.argv[1]).glob("*.parquet")):
    table = pq.read_table(path)
    with open(path.with_suffix(".csv"), newline="") as file:
        head, *rows = csv.reader(file)
    assert table.column_names == head, path
    assert table.num_rows == len(rows), path
    for name, column in zip(head, zip(*rows)):
        for found, cell in zip(table[name].to_pylist(), column):
            assert (found is None and cell == "") or found == (cell if isinstance(found, str) else float(cell)), (path, name, found, cell)
    print(path.name, table.num_rows, "rows", table.schema.field(head[-1]).type, {k.decode() for k in table.schema.metadata or {}})
