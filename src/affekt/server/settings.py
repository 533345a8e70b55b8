"""What `affekt serve` can be told: where it listens, what it predicts with, and how much it takes on."""

import re
from dataclasses import dataclass, fields
from pathlib import Path

from affekt.analysis.options import AnalyzerOptions, RuntimeChoice
from affekt.errors import ConfigError

SHORTEST_KEY = 16
"""Characters of the shortest API key that is taken."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Serve a model over HTTP, and the live page that runs it in the browser.

    What is beyond a limit is refused with its status and one sentence; beyond the queue that is a 503 with Retry-After.
    No picture is stored or logged, and no address that a client names is fetched. A request may ask for another
    `min_confidence`, `min_face` and `min_face_score` than these.
    """

    host: str = "127.0.0.1"
    """Address to listen on: 127.0.0.1 is reached from this machine only, 0.0.0.0 from everywhere."""
    allow_host: tuple[str, ...] = ()
    """Names under which clients may ask for this service, besides localhost and what `host` says: those of a proxy, for
    instance; `*` allows all. Numeric addresses are always allowed."""
    allow_origin: tuple[str, ...] = ()
    """Sites whose pages may ask for this service from a browser (CORS), such as https://example.org; `*` allows all."""
    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    model: Path = Path("affekt")
    """A model that comes with affekt, a model folder or a run, or hf://user/name of the hub."""
    api_key: str | None = None
    """Key that clients must send as `Authorization: Bearer KEY`; better set as AFFEKT_API_KEY, which no process list
    shows."""
    longest_side: int = 640
    """Larger pictures are shrunk to this many pixels for the search; raise it for small faces."""
    min_confidence: float = 0.0
    """Leave `emotion` empty where the best expression is less probable; the probabilities stay."""
    min_face: float = 0.0
    """Leave out faces whose box has fewer pixels on its longer side."""
    min_face_score: float = 0.0
    """Leave out faces of which the detector is less sure, 0-1."""
    prior: str | None = None
    """How often you expect each expression among your pictures: `uniform`, or shares as in
    happiness=0.3,neutral=0.3; the others share the rest. Without it, the prior of the model's card."""
    threads: int = 0
    """Pictures that are worked on at once; 0 takes the cores that this process may use."""
    runtime: RuntimeChoice = "auto"
    """What executes the model; auto takes the fastest that is installed, measured once for each model."""
    body_mb: float = 20.0
    """Largest request, in millions of bytes."""
    megapixels: float = 25.0
    """Largest picture, in millions of pixels."""
    pictures: int = 32
    """Most pictures per request."""
    faces: int = 50
    """Most faces per picture; of more, the surest are analyzed, and a note says so."""
    queue: int = 128
    """Most requests that wait or are worked on at once."""
    waiting_mb: float = 256.0
    """Most bytes of all requests in memory at once, in millions."""
    connections: int = 1000
    """Most connections that are open at once."""
    upload_s: float = 30.0
    """Longest time a request may take to arrive."""
    answer_s: float = 30.0
    """Longest time from a request's arrival to its answer."""
    decode_s: float = 3.0
    """Most of the processor's time that the pictures of one request may take to be decoded, all together."""
    access_log: bool = False
    """Log one line per request: address, path and status."""

    def __post_init__(self) -> None:
        """Refuse limits that nothing can pass, and keys that can be guessed."""
        self.analyzer_options()
        if not 0 <= self.port <= 65_535:
            raise ConfigError(f"expected a port from 0 to 65535, got {self.port}; type: --port 8000")
        for name in ("pictures", "faces", "queue", "connections"):
            if getattr(self, name) < 1:
                raise ConfigError(f"expected --{name} of at least 1, got {getattr(self, name)}; leave it out if unsure")
        for name in ("body_mb", "megapixels", "waiting_mb", "upload_s", "answer_s", "decode_s"):
            if not 0 < getattr(self, name) < float("inf"):
                option = name.replace("_", "-")
                raise ConfigError(f"expected --{option} above 0, got {getattr(self, name)}; leave it out if unsure")
        for origin in self.allow_origin:
            if origin != "*" and not re.fullmatch(r"https?://[^/\s*]+", origin):
                raise ConfigError(
                    f"expected --allow-origin with scheme and host alone, got {origin}; type: --allow-origin "
                    "https://example.org"
                )
        for host in self.allow_host:
            if host != "*" and re.search(r"[/:\s*]", host):
                raise ConfigError(
                    f"expected --allow-host as a name alone, got {host}; type: --allow-host faces.example.org"
                )
        key = self.api_key
        if key is not None and (len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key):
            raise ConfigError(
                f"expected an API key of at least {SHORTEST_KEY} ASCII characters without spaces, got "
                f"{len(key)} characters; make one with: openssl rand -hex 24"
            )

    def analyzer_options(self) -> AnalyzerOptions:
        """Return the options of the analyzer that are of this name here; raises ConfigError for those out of range."""
        shared = {each.name for each in fields(AnalyzerOptions)} & {each.name for each in fields(self)}
        return AnalyzerOptions(**{name: getattr(self, name) for name in shared})
