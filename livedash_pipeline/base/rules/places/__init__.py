"""Rules of places: hosts, stores, the names of files in them, and the headers that a source may ask for."""
