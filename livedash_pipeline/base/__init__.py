"""What every room uses: companies, the database, ids, times, texts and states."""
