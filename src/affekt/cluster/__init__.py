"""One job on many machines: cut into pieces, each a Parquet file, which are gathered to the table of one machine."""

import re

RAY_ADDRESS = re.compile(r"auto|local|(ray://)?(?!camera:)[\w.-]+:[0-9]+")
"""Of a Ray cluster; in place of one, `ray` stands for that of RAY_ADDRESS or, without it, for this machine's cores."""
