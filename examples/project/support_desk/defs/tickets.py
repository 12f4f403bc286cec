"""An asset of the project's own: it has the name of one of ours, and reads what the pipeline has made."""

import dagster as dg


@dg.asset(deps=[dg.AssetKey(["livedash", "sessions"])])
def sessions() -> None:
    """Sessions as the support desk counts them."""
