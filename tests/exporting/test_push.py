"""The hub: a model goes to a small server that speaks its protocol and comes back; wrong turns are one sentence."""

import base64
import hashlib
import json
import re
import shlex
import shutil
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import polars as pl
import pytest

import affekt
from affekt.cli.main import main
from affekt.data.manifest import encode_png
from affekt.errors import ConfigError, ModelError
from affekt.exporting.push import page, push
from affekt.files import MIRROR
from affekt.models.card import ONNX_FILE, read_card
from affekt.models.hub import hub_folder, hub_name, revision_of


class Hub(BaseHTTPRequestHandler):
    """So much of the hub as one model needs: repositories made, files committed, listed and sent."""

    def log_message(self, *_):
        pass

    def answer(self, found, status=200, **headers):
        body = found if isinstance(found, bytes) else json.dumps(found).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        commits, path = self.server.commits, self.path.partition("?")[0]
        if path == "/api/repos/create":
            name = json.loads(text)
            repository = f"{name.get('organization') or 'someone'}/{name['name']}"
            commits.setdefault(repository, [])
            self.answer({"url": f"http://{self.headers['Host']}/{repository}"})
        elif path == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            files = [each["path"] for each in json.loads(text)["files"]]
            self.answer({"files": [{"path": each, "uploadMode": "regular", "shouldIgnore": False} for each in files]})
        elif found := re.fullmatch("/api/models/(.+)/commit/main", path):
            lines = [json.loads(line) for line in text.splitlines()]
            files = {each["value"]["path"]: base64.b64decode(each["value"]["content"]) for each in lines[1:]}
            sha = hashlib.sha1(text).hexdigest()
            commits[found[1]].append((sha, files))
            self.answer(
                {
                    "commitUrl": f"http://{self.headers['Host']}/{found[1]}/commit/{sha}",
                    "commitOid": sha,
                    "hookOutput": "",
                }
            )
        else:
            self.answer({"error": path}, 404)

    def do_GET(self):
        commits, path = self.server.commits, self.path.partition("?")[0]
        if path == "/api/models":
            return self.answer([{"id": name} for name in commits])
        wanted = re.fullmatch(
            r"/(?:api/models/([^/]+/[^/]+)(?:/revision/(.+))?|([^/]+/[^/]+)/resolve/([^/]+)/(.+))", path
        )
        repository, revision = wanted[1] or wanted[3], wanted[2] or wanted[4]
        if repository not in commits:
            return self.answer({"error": "Repository not found"}, 401, X_Error_Code="RepoNotFound")
        by_sha = dict(commits[repository])
        sha = commits[repository][-1][0] if revision in (None, "main") else revision
        if sha not in by_sha:
            return self.answer({"error": "Invalid rev"}, 404, X_Error_Code="RevisionNotFound")
        if wanted[5] is None:
            return self.answer(
                {"id": repository, "sha": sha, "siblings": [{"rfilename": name} for name in by_sha[sha]]}
            )
        content = by_sha[sha][wanted[5]]
        return self.answer(content, X_Repo_Commit=sha, ETag=f'"{hashlib.sha1(content).hexdigest()}"')

    do_HEAD = do_GET


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Serve an empty hub, and let affekt know it as its mirror; what is fetched lies in the test's own folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.commits = {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_none")
    monkeypatch.setenv("AFFEKT_HOME", str(tmp_path / "home"))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def faces(tmp_path):
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encode_png(np.full((32, 32), 60 * number + 30, np.uint8)))
    return sorted(tmp_path.glob("*.png"))


def refused(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main([*map(str, words)])
    assert stop.value.code == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_a_model_comes_back_with_equal_answers_and_tables_say_its_revision(hub, small_model, faces, capsys, tmp_path):
    main(["push", str(small_model), "someone/by-light"])
    advised = re.search(
        r"next: affekt --mirror \S+ (predict FACES --model (hf://someone/by-light@([0-9a-f]{40})) .*)",
        capsys.readouterr().out,
    )
    expected = affekt.load(small_model).analyze(faces, faces="whole")
    assert affekt.load(advised[2]).analyze(faces, faces="whole").equals(expected)
    assert affekt.load("hf://someone/by-light").analyze(faces, faces="whole").equals(expected)
    out = tmp_path / "faces.parquet"
    main(["predict", *map(str, faces), "--model", advised[2], "--faces", "whole", "--out", str(out)])
    assert f"someone/by-light@{advised[3][:12]}" in json.dumps(pl.read_parquet_metadata(out))
    assert revision_of(hub_folder(advised[2])) == f"someone/by-light@{advised[3][:12]}"


def test_the_page_and_the_card_say_what_there_is(hub, small_model):
    push(small_model, "someone/by-light", licence="CC-BY-NC-4.0")
    ((_, files),) = hub.commits["someone/by-light"]
    assert set(files) == {"README.md", "card.json", ONNX_FILE}
    page = files["README.md"].decode()
    for said in (
        "license: cc-by-nc-4.0",
        "library_name: affekt",
        "must not infer emotions at work",
        "--model hf://someone/by-light",
    ):
        assert said in page
    sent = json.loads(files["card.json"])
    pinned = sent["export"]["sha256"]
    assert sent["licence"] == "CC-BY-NC-4.0"
    assert pinned == {ONNX_FILE: hashlib.sha256(files[ONNX_FILE]).hexdigest()}


def test_a_licence_that_nobody_gave_is_not_made_up(small_model):
    text = page(read_card(small_model), "someone/faces")
    assert "license" not in text.split("---\n", 2)[1]
    assert "Licence of the weights: not said. " in text


def test_what_a_manifest_called_its_source_is_text_on_the_page(small_model):
    card = read_card(small_model)
    foul = replace(card, training={"sources": ["<script>alert(1)</script>", "[a](http://b)"]}, limits=("*none*\n# c",))
    _, _, body = page(foul, "someone/faces").split("---\n", 2)
    assert r"* data: &lt;script>alert(1)&lt;/script>, [a\](http://b), 0 rows" in body
    assert r"* \*none\*\n# c" in body
    assert "<script" not in body


def test_a_file_that_was_changed_is_not_used(hub, small_model):
    push(small_model, "someone/by-light")
    [(_, files)] = hub.commits["someone/by-light"]
    hub.commits["someone/by-light"] = [("0" * 40, files | {ONNX_FILE: files[ONNX_FILE] + b" "})]
    with pytest.raises(ModelError, match=r"with the SHA-256 .* of its card, got another file; do not use it"):
        hub_folder("hf://someone/by-light")


def test_without_a_network_what_was_fetched_is_taken(hub, small_model, monkeypatch):
    pushed = push(small_model, "someone/by-light")
    first = hub_folder("hf://someone/by-light")
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:9")
    assert hub_folder(pushed.address) == first
    assert hub_folder("hf://someone/by-light") == first
    with pytest.raises(ModelError, match="got no network; connect, or name another origin"):
        hub_folder("hf://someone/other")


def test_a_name_mistyped_a_revision_and_a_repository_of_something_else(hub, small_model, capsys):
    push(small_model, "someone/by-light")
    said = refused(capsys, "predict", "none.png", "--model", "hf://someone/by-lihgt")
    assert "did you mean hf://someone/by-light?" in said
    said = refused(capsys, "predict", "none.png", "--model", "hf://someone/by-light@" + "a" * 40)
    assert "leave it out for the newest: hf://someone/by-light" in said
    hub.commits["someone/words"] = [("b" * 40, {"pytorch_model.bin": b""})]
    said = refused(capsys, "predict", "none.png", "--model", "hf://someone/words")
    assert "got a repository without card.json and model.onnx" in said


def test_a_folder_can_be_the_mirror(small_model, tmp_path, monkeypatch, faces, capsys):
    monkeypatch.setenv(MIRROR, "")
    mirror = tmp_path / "models"
    shutil.copytree(small_model, mirror / "someone" / "by-light")
    words = ["predict", *faces, "--model", "hf://someone/by-light", "--faces", "whole", "--out", tmp_path / "faces.csv"]
    main(["--mirror", *map(str, [mirror, *words])])
    assert len(pl.read_csv(tmp_path / "faces.csv")) == 3
    said = refused(capsys, "--mirror", mirror, "predict", "none.png", "--model", "hf://someone/dark")
    assert "expected someone/dark in the mirror" in said
    assert "got someone/by-light" in said
    assert push(small_model, "another/by-light").address == "hf://another/by-light"
    assert read_card(mirror / "another" / "by-light").export["sha256"]


def test_what_comes_after_a_push_to_a_mirror_asks_the_mirror(small_model, tmp_path, monkeypatch, faces, capsys):
    monkeypatch.setenv(MIRROR, "")
    mirror = tmp_path / "own models"
    mirror.mkdir()
    main(["--mirror", str(mirror), "push", str(small_model), "someone/by-light"])
    said = capsys.readouterr().out
    assert f"next: affekt --mirror '{mirror}' predict FACES --model hf://someone/by-light --out faces.csv" in said
    monkeypatch.setenv(MIRROR, "")
    monkeypatch.chdir(tmp_path)
    advised = shlex.split(said.partition("next: affekt ")[2].replace("FACES", shlex.quote(str(faces[0]))))
    main([*advised, "--faces", "whole"])
    assert len(pl.read_csv("faces.csv")) == 1


def test_a_push_without_a_network_is_told_how_to_push_to_a_folder(small_model, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(MIRROR, "http://127.0.0.1:9")
    said = refused(capsys, "push", small_model, "someone/by-light")
    assert said.endswith("or name another origin, or a folder with models, as in: affekt --mirror /models push ...")
    said = refused(capsys, "predict", "none.png", "--model", "hf://someone/by-light")
    assert said.endswith("a folder with the model, as in: affekt --mirror /models predict ...")


def test_a_name_without_a_user_is_answered_with_what_to_type(small_model, tmp_path, monkeypatch):
    monkeypatch.setenv("AFFEKT_MIRROR", str(tmp_path))
    with pytest.raises(ConfigError, match="expected user/name to push to, got 'mine'") as caught:
        push(small_model, "mine")
    typed = shlex.split(str(caught.value).rpartition("affekt push ")[2])
    assert typed == [str(small_model), "someone/mine"]
    assert push(*typed).address == "hf://someone/mine"


@pytest.mark.parametrize("name", ["hf://by-light", "hf://a/b/c", "hf://../x", "hf://a/b@"])
def test_a_name_of_another_form_is_refused(name):
    with pytest.raises(ConfigError, match="expected hf://user/name or hf://user/name@revision"):
        hub_name(name)
