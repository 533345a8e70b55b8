"""Where the face detector's file comes from: the package, the home, the network, or a folder that somebody brings."""

import contextlib
import hashlib
import http.client
import http.server
import io
import shlex
import ssl
import threading
import time
import urllib.error
import weakref

import pytest

from affekt.cli.main import main
from affekt.errors import ModelError
from affekt.faces import detector_file
from affekt.faces.detector_file import YUNET_FILE, yunet_path

CONTENT = b"a detector"


@pytest.fixture(autouse=True)
def not_packaged(monkeypatch, tmp_path):
    """Work as a package that was built without the file."""
    monkeypatch.setattr(detector_file, "PACKAGED", tmp_path / "package" / YUNET_FILE)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path))
    monkeypatch.setattr(detector_file, "YUNET_SHA256", hashlib.sha256(CONTENT).hexdigest())
    return tmp_path


def answering(monkeypatch, answer):
    asked = []

    def urlopen(url, timeout, context):
        asked.append(url)
        if isinstance(answer, Exception):
            raise answer
        sent = io.BytesIO(answer)
        sent.length = 0
        return sent

    monkeypatch.setattr(detector_file.urllib.request, "urlopen", urlopen)
    return asked


def test_it_is_fetched_once(home, monkeypatch):
    asked = answering(monkeypatch, CONTENT)
    assert yunet_path().read_bytes() == CONTENT
    assert yunet_path() == home / "detectors" / YUNET_FILE
    assert len(asked) == 1


def test_another_file_is_refused_and_not_kept(home, monkeypatch):
    answering(monkeypatch, b"a web page")
    with pytest.raises(ModelError, match="expected the face detector with sha256"):
        yunet_path()
    assert not list(home.rglob("*.onnx"))


def test_a_damaged_file_is_named(home):
    place = home / "detectors" / YUNET_FILE
    place.parent.mkdir()
    place.write_bytes(CONTENT[:4])
    with pytest.raises(ModelError, match=r"delete .*/detectors/.* and type: affekt setup") as caught:
        yunet_path()
    assert str(place) in str(caught.value)


def test_without_a_network_the_advice_of_the_error_works(home, monkeypatch, capsys):
    """One machine fetches and prepares a folder, the other takes it."""
    answering(monkeypatch, urllib.error.URLError("no route"))
    with pytest.raises(ModelError, match="no route; type: affekt setup --from DIR") as caught:
        yunet_path()
    assert "affekt setup --to DIR" in str(caught.value)
    answering(monkeypatch, CONTENT)
    monkeypatch.setenv("AFFEKT_HOME", str(home / "other machine"))
    main(["setup", "--to", str(home / "my stick")])
    typed = shlex.split(capsys.readouterr().out.rpartition("type: affekt ")[2])
    answering(monkeypatch, urllib.error.URLError("no route"))
    monkeypatch.setenv("AFFEKT_HOME", str(home / "this machine"))
    main(typed)
    assert yunet_path() == home / "this machine" / "detectors" / YUNET_FILE
    assert yunet_path().read_bytes() == CONTENT


def test_a_file_where_the_folder_is_to_be_names_the_option_that_was_typed(home, capsys):
    (home / "taken").touch()
    with pytest.raises(SystemExit):
        main(["setup", "--to", str(home / "taken")])
    told = capsys.readouterr().err
    assert "expected a folder as to" in told
    assert f"type: --to {home / 'taken'}-folder" in told


def test_what_is_not_the_file_is_not_taken(home, capsys):
    for content in (None, b"a web page"):
        if content is not None:
            (home / YUNET_FILE).write_bytes(content)
        with pytest.raises(SystemExit):
            main(["setup", "--from", str(home)])
        assert "affekt: expected the face detector" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["setup", "--from", str(home / "nowhere")])
    assert (
        "nowhere, got no such folder; on a machine with a network, type: affekt setup --to DIR"
        in capsys.readouterr().err
    )
    assert not (home / "detectors").exists()


def test_a_package_that_has_it_needs_neither_home_nor_network(monkeypatch, home):
    answering(monkeypatch, urllib.error.URLError("no route"))
    monkeypatch.setenv("AFFEKT_HOME", "~nobody-has-this-name/affekt")
    detector_file.PACKAGED.parent.mkdir()
    detector_file.PACKAGED.write_bytes(CONTENT)
    assert yunet_path() == detector_file.PACKAGED


def test_an_answer_that_breaks_off_is_one_sentence(home, monkeypatch):
    answering(monkeypatch, http.client.IncompleteRead(CONTENT[:4], 6))
    with pytest.raises(ModelError, match=r"got IncompleteRead\(4 bytes read, 6 more expected\); type: affekt setup"):
        yunet_path()


def test_a_file_that_cannot_be_read_is_one_sentence(home):
    (home / "detectors" / YUNET_FILE).mkdir(parents=True)
    with pytest.raises(
        ModelError, match=r"expected to read the face detector at .*, got Is a directory; let this user"
    ):
        yunet_path()


@pytest.fixture
def unwritable(home, monkeypatch):
    """A home that is a file, and so can hold none."""
    (home / "file").write_text("")
    monkeypatch.setenv("AFFEKT_HOME", str(home / "file"))
    detector_file._kept_for_now.cache_clear()
    yield
    detector_file._kept_for_now.cache_clear()


def test_without_a_place_to_keep_it_it_lasts_as_long_as_the_process(unwritable, monkeypatch):
    asked, ends = answering(monkeypatch, CONTENT), []
    # Whoever is the first to use weakref.finalize registers the end of all its objects; that shall not be called here.
    weakref.finalize(yunet_path, int)
    monkeypatch.setattr(detector_file.atexit, "register", ends.append)
    path = yunet_path()
    assert path.read_bytes() == CONTENT
    assert yunet_path() == path
    assert len(asked) == 2
    ends[0]()
    assert not path.exists()


def test_without_any_place_to_write_it_is_one_sentence(unwritable, monkeypatch):
    def nowhere(prefix):
        raise FileNotFoundError(2, "No usable temporary directory found")

    answering(monkeypatch, CONTENT)
    monkeypatch.setattr(detector_file.tempfile, "TemporaryDirectory", nowhere)
    with pytest.raises(ModelError, match=r"No usable temporary directory found; set AFFEKT_HOME"):
        yunet_path()


def test_without_a_home_it_says_how_to_choose_one(monkeypatch):
    monkeypatch.setenv("AFFEKT_HOME", "~nobody-has-this-name/affekt")
    with pytest.raises(ModelError, match="set AFFEKT_HOME to a folder"):
        yunet_path()


@pytest.fixture
def host(monkeypatch):
    """Return a function that answers the download with a status and parts, each after a wait."""
    servers = []

    def answers(status, *parts, wait_s=0.0, length=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.send_header("Content-Length", str(length or sum(map(len, parts))))
                self.end_headers()
                with contextlib.suppress(OSError):
                    for part in parts:
                        self.wfile.write(part)
                        time.sleep(wait_s)

            def log_message(self, *arguments):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        monkeypatch.setattr(detector_file, "YUNET_URL", f"http://127.0.0.1:{servers[-1].server_address[1]}/file")

    yield answers
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_login_page_is_not_taken_for_a_damaged_file(home, host):
    host(200, b"<html>Please log in to the network</html>")
    with pytest.raises(
        ModelError, match="got a web page, perhaps this network's login; log in with a browser, or type:"
    ):
        yunet_path()


def test_an_answer_that_trickles_ends_after_a_total_time(home, host, monkeypatch):
    monkeypatch.setattr(detector_file, "TOTAL_S", 0.2)
    host(200, *[b"x"] * 30, wait_s=0.1, length=99)
    # Fewer than ten of the thirty bytes: the number tells that it ended early, however busy the machine is.
    with pytest.raises(ModelError, match=r"got only \d bytes in 0 s; type:"):
        yunet_path()


def test_an_answer_without_an_end_fills_no_memory(home, host, monkeypatch):
    monkeypatch.setattr(detector_file, "MOST_BYTES", 1000)
    host(200, *[bytes(500)] * 20)
    with pytest.raises(ModelError, match="expected the face detector with sha256"):
        yunet_path()


def test_an_answer_shorter_than_it_says_is_one_sentence(home, host):
    host(200, CONTENT[:4], length=len(CONTENT))
    with pytest.raises(ModelError, match=r"got IncompleteRead\(4 bytes read, 6 more expected\); type:"):
        yunet_path()


@pytest.mark.parametrize(("status", "told"), [(403, "got 403 Forbidden; type:"), (407, "a proxy that wants a name")])
def test_refusals_say_who_refuses(home, host, status, told):
    host(status)
    with pytest.raises(ModelError, match=told):
        yunet_path()


def test_a_certificate_nobody_knows_names_the_variable_that_mends_it(home, monkeypatch):
    unknown = ssl.SSLCertVerificationError(1, "certificate verify failed")
    unknown.verify_message = "self-signed certificate"
    answering(monkeypatch, urllib.error.URLError(unknown))
    with pytest.raises(
        ModelError, match=r"does not trust \(self-signed certificate\).*; set SSL_CERT_FILE to the file"
    ):
        yunet_path()


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_bundle_that_other_programs_read_is_read_too(home, monkeypatch, tmp_path, name):
    (tmp_path / "bundle.pem").write_text("no certificate", encoding="utf-8")
    monkeypatch.setenv(name, str(tmp_path / "bundle.pem"))
    answering(monkeypatch, CONTENT)
    with pytest.raises(ModelError, match=r"expected the face detector.s file from github.com, got"):
        yunet_path()


def test_a_proxy_that_is_not_there_is_named_by_its_variable(home, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://ada:secret@127.0.0.1:9")
    answering(monkeypatch, urllib.error.URLError("refused"))
    with pytest.raises(ModelError, match="got refused from the proxy that HTTPS_PROXY names") as caught:
        yunet_path()
    assert "secret" not in str(caught.value)
