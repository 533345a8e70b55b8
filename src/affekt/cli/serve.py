"""`affekt serve`: the HTTP service and the live page."""

import os
from dataclasses import replace
from functools import partial

from affekt.cli.arguments import parsed
from affekt.errors import needs_extra
from affekt.server.settings import Settings

KEY_VARIABLE = "AFFEKT_API_KEY"


def main(arguments: list[str]) -> None:
    """Run the command until it is stopped."""
    settings = parsed(Settings, arguments, "affekt serve")
    if settings.api_key is None and KEY_VARIABLE in os.environ:
        settings = replace(settings, api_key=os.environ[KEY_VARIABLE])
    # Read when numpy is first imported. Requests share the cores among themselves; a product of small matrices that
    # shares them too costs a face's crop six times the work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with needs_extra("serve"):
        from affekt.server.run import serve
    serve(settings, report=partial(print, flush=True))
