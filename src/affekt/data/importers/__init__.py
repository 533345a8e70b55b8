"""One file a data set: what lies on disk becomes manifest rows."""
