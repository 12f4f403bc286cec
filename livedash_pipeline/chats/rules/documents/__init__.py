"""How batches of the old system, as `mongoexport` writes them, become ours: `read.read_documents` is the way in."""
