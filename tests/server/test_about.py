import json

from affekt import __version__


def test_health_names_the_model_and_the_version(client):
    assert client.get("/v1/health").json() == {"status": "ok", "model": "by-light", "version": __version__}


def test_the_model_is_its_card(client, small_model):
    assert client.get("/v1/model").json() == json.loads((small_model / "card.json").read_text())


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
