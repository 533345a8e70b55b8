"""What the service holds is bounded and given back, and what it did is counted."""

from contextlib import suppress

import pytest
from starlette.exceptions import HTTPException

from affekt.server.load import Load


def test_places_and_room_are_given_back_whatever_happens():
    load = Load(max_requests=1, max_bytes=10)
    with suppress(ZeroDivisionError), load.room_for_body() as take, load.place_in_queue():
        take(10)
        with pytest.raises(HTTPException, match="full queue") as full:
            load.refuse_if_full()
        with pytest.raises(HTTPException, match="expected room for 1 bytes more"):
            take(1)
        assert (load.requests, load.bytes) == (1, 10)
        raise ZeroDivisionError
    assert (full.value.status_code, full.value.headers) == (503, {"Retry-After": "1"})
    assert (load.requests, load.bytes) == (0, 0)


def test_metrics_count_requests_pictures_and_faces_by_route(client, picture):
    client.post("/v1/analyze", files=[("pictures", ("a.png", picture())), ("pictures", ("b.png", b"garbage"))])
    client.post("/v1/analyze", content=b"garbage")
    client.get("/no/such/path")
    client.get("/no/such/other")
    lines = client.get("/metrics").text.splitlines()
    for line in (
        'affekt_requests_total{path="/v1/analyze",status="200"} 1.0',
        'affekt_requests_total{path="/v1/analyze",status="422"} 1.0',
        'affekt_requests_total{path="other",status="404"} 2.0',
        'affekt_pictures_total{status="ok"} 1.0',
        'affekt_pictures_total{status="unreadable"} 2.0',
        "affekt_faces_total 1.0",
        "affekt_batch_faces_sum 1.0",
        "affekt_requests_in_hand 0.0",
        "affekt_bytes_in_hand 0.0",
    ):
        assert line in lines
    assert any(line.startswith("process_resident_memory_bytes") for line in lines)
    assert not any("such" in line for line in lines)
