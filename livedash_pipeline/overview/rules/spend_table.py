"""The report of spending as rows and columns: the names of its groups, and its CSV.

Add what commands and pages write alike. The figures are made in `overview.steps.spend`.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from io import StringIO
from typing import Any

from livedash_pipeline.base.rules.escaping.spreadsheet import cell
from livedash_pipeline.overview.rules.spend import COLUMNS, Dimension


def group_columns(document: Mapping[str, Any]) -> list[str]:
    """Returns the columns of a report's groups: a kind has a second one, for how it was bought."""
    return [name for each in document["by"] for name in COLUMNS.get(Dimension(each), (each,))]


def csv_text(document: Mapping[str, Any]) -> str:
    """Returns a report's rows as CSV: groups, figures, and the currency of `cost`."""
    written = StringIO(newline="")
    columns = [*group_columns(document), *document["total"]]
    rows = csv.writer(written)
    rows.writerow([*columns, "currency"])
    rows.writerows([*(cell(row[name]) for name in columns), document["currency"]] for row in document["rows"])
    return written.getvalue()
