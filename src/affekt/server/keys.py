"""The API key, where the service wants one."""

import hashlib
import hmac
from http import HTTPStatus

from fastapi import Depends, Request
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPBearer

from affekt.server.problems import Problem

SCHEME = "bearer "
DECLARED = HTTPBearer(scheme_name="key", description="The key of who runs this service.", auto_error=False)
"""Refuses nothing: it makes OpenAPI tell of the key, so that generated clients can send it."""


class Key:
    """What clients must know; without one everybody is welcome."""

    def __init__(self, key: str | None) -> None:
        """Keep the key's hash."""
        self._digest = None if key is None else _digest(key)

    @property
    def dependencies(self) -> list[Dependency]:
        """What guards a route: nothing where there is no key."""
        return [] if self._digest is None else [Depends(DECLARED), Depends(self.check)]

    async def check(self, request: Request) -> None:
        """Let a request pass that brings `Authorization: Bearer KEY`.

        Raises:
            Problem: 401, before anything of the body is read.
        """
        if self._digest is None:
            return
        given = request.headers.get("authorization", "")
        key = given[len(SCHEME) :].strip() if given.lower().startswith(SCHEME) else ""
        # Hashes of one length, compared in constant time: how long it takes tells nothing of the key.
        if not hmac.compare_digest(_digest(key), self._digest):
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                f"expected the header Authorization: Bearer KEY, got {'another key' if key else 'none'}; ask who runs "
                "this service for the key",
                headers={"WWW-Authenticate": "Bearer"},
            )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
