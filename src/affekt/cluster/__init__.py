"""One job on many machines: cut into pieces, each a Parquet file, which are gathered to the table of one machine."""
