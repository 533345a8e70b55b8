"""One file per data set: what lies on disk becomes manifest rows."""
