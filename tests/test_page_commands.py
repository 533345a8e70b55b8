"""The commands of the pages are typed as they stand, on small inputs. What cannot be typed is named with a reason."""

import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from PIL import Image

from affekt.cli.main import main
from affekt.data.manifest import write_manifest
from affekt.labels import LABELS
from affekt.models.card import SHIPPED
from drawn_faces import draw_face, drawn_manifest, prototype_units, random_identity

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
QUICK = {"train": ("--epochs", "1"), "evaluate": ("--resamples", "20", "--mistakes", "0")}
"""What is typed beside the page's words, to be done soon."""

NOT_TYPED = {
    "pip install": "what the tests need is installed",
    "make ": "sets up an environment; the targets are looked up instead",
    ".venv/bin/python benchmarks/": "takes minutes; tests/benchmarks has its parts",
    "export AFFEKT_API_KEY": "a variable of the reader's shell; tests/server/test_tutorial.py sets it",
    "echo $AFFEKT_API_KEY": "the same",
    "python client.py": "typed by tests/server/test_tutorial.py",
    "affekt predict camera:0": "there is no camera; tests/cli/test_predict_camera.py reads one of FFmpeg's",
    "affekt summarize faces.parquet --out study/ --identify": "affekt brings no such network; test_identify.py",
    "affekt push": "asks the Hugging Face Hub; tests/exporting/test_push.py asks one on loopback",
    "affekt predict faces/ --model hf://": "the same",
    "affekt predict corpus/ --ray": "tests/cluster/test_on_ray.py starts such a cluster",
    "srun ": "needs SLURM; its first shard is read with those of Kubernetes and xargs",
    "cd /shared/study": "the same",
    "seq 64 ": "64 processes; the first shard is read",
    "export TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "the same variable is set by tests/training/test_distributed.py",
    "torchrun ": "typed by tests/training/test_distributed.py",
    "affekt train RECIPE": "RECIPE stands for a name",
    "python scripts/search.py": "tests/test_search.py",
    "affekt compare runs/search": "needs the runs of that search; tests/cli/test_train.py compares others",
    "affekt data import affectnet": "nobody may pass AffectNet on; test_affectnet.py makes its layout",
    "affekt data split affectnet.parquet": "the same",
    "affekt train convnext-224": "the same; tests/training/test_run.py trains it on drawn faces",
    "affekt evaluate runs/convnext": "the same",
    "python results/study/repeat.py": "the same; tests/test_study.py runs it on drawn faces",
    "python results/wild/angles.py": "needs data sets that nobody may pass on",
    "bash results/wild/make_matrix.sh": "the same",
    "docker ": "needs Docker; tests/server/test_container.py reads the files",
}


def blocks(page, *kinds):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text().replace("\\\n", " "), flags=re.M | re.S)
    return [text for kind, text in found if kind in kinds]


def lines(page):
    text = "\n".join(blocks(page, "", "bash"))
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def picture(path, person=0, word="happiness", side=160):
    face = draw_face(random_identity(np.random.default_rng(person)), prototype_units(word, 1.0), size=side)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(face).save(path)


def folders(*names):
    """Write folders of two pictures."""
    for name in names:
        for person, stem in enumerate(("anna", "ben")):
            picture(Path(name, f"{stem}.jpg"), person)


def labelled(name):
    """Write a folder for each of three expressions, with the same ten people in each."""
    for word in ("happiness", "sadness", "surprise"):
        for person in range(10):
            picture(Path(name, word, f"person{person}_1.png"), person, word, side=96)


def tars(name):
    """Write a tar of samples for each split."""
    rows = drawn_manifest(identities=9, pictures_per_identity=8, size=48, seed=0)
    Path(name).mkdir()
    for split in ("train", "val"):
        with tarfile.open(Path(name, f"{split}.tar"), "w") as packed:
            for place, (image, word) in enumerate(rows.filter(split=split).select("image", "emotion").iter_rows()):
                for ending, content in (("png", image), ("cls", word.encode())):
                    member = tarfile.TarInfo(f"{place:04}.{ending}")
                    member.size = len(content)
                    packed.addfile(member, io.BytesIO(content))


def manifest():
    """Write `manifest.parquet`, a manifest with all splits, and return it."""
    rows = drawn_manifest(identities=9, pictures_per_identity=8, size=48, seed=0)
    write_manifest(rows, Path("manifest.parquet"))
    return rows


def models(*names):
    for name in names:
        shutil.copytree(SHIPPED / "affekt-fast", name)


def fer2013():
    """Write the files of FER+ as they are downloaded, with few pictures in them."""
    pixels, votes = ["emotion,pixels,Usage"], ["Usage,Image name," + ",".join([*LABELS, "unknown", "NF"])]
    for number, usage in enumerate(["Training"] * 16 + ["PublicTest"] * 16):
        grey = np.random.default_rng(number).integers(0, 256, 48 * 48)
        pixels.append(f"{number % 7},{' '.join(map(str, grey))},{usage}")
        votes.append(
            f"{usage},fer{number:07}.png," + ",".join("10" if place == number % 8 else "0" for place in range(10))
        )
    Path("fer2013.csv").write_text("\n".join(pixels), encoding="utf-8")
    Path("fer2013new.csv").write_text("\n".join(votes), encoding="utf-8")
    with tarfile.open("fer2013.tar.gz", "w:gz") as packed:
        packed.add("fer2013.csv", "fer2013/fer2013.csv")


def for_readme(request):
    picture(Path("src/affekt/server/page/sample.jpg"))


def for_affekt(request):
    fer2013()
    manifest()
    folders("holiday")


def for_copies(request):
    folders("interviews")


def for_data(request):
    fer2013()
    labelled("photos")
    labelled("faces")
    picture(Path("rated.png"))
    pl.DataFrame({"path": ["rated.png"], "valence": [7], "arousal": [2]}).write_csv("ratings.csv")


def for_evaluation(request):
    models("runs/a", "runs/b")
    test = manifest().filter(split="test")
    answers = test.select("source_id", **{f"p_{name}": pl.lit(1 / 8) for name in LABELS}, valence=0.1, arousal=0.1)
    answers.write_csv("theirs.csv")
    test.select("source_id", age=pl.int_range(pl.len()) % 2, gender=pl.lit("f")).write_csv("people.csv")
    Path("recordings").mkdir()
    for person, name in enumerate(("ada.mp4", "ben.mp4")):
        face = draw_face(random_identity(np.random.default_rng(person)), prototype_units("happiness", 1.0), size=160)
        film = request.getfixturevalue("write_video")([face] * 2, name, times_s=[0.0, 5.0])
        film.rename(Path("recordings", name))
    [ratings] = [text for text in blocks(ROOT / "docs" / "evaluation.md", "text") if text.startswith("path,emotion")]
    Path("ratings.csv").write_text(ratings, encoding="utf-8")


def for_export(request):
    manifest()
    models("runs/mobilenetv2")


def for_other_tools(request):
    answers = manifest().filter(split="test").select("source_id", **{f"p_{name}": pl.lit(1 / 7) for name in LABELS})
    answers.with_columns(p_contempt=0.0).write_parquet("theirs.parquet")


def for_people(request):
    face = draw_face(random_identity(np.random.default_rng(3)), prototype_units("happiness", 1.0), size=160)
    Path("recordings").mkdir()
    for name in ("first.mp4", "second.mp4"):
        film = request.getfixturevalue("write_video")([face] * 48, name, times_s=[2.0 * frame for frame in range(48)])
        film.rename(Path("recordings", name))
    examples = [text for text in blocks(ROOT / "docs" / "people.md", "text") if text.startswith("input,start")]
    for name, markers in zip(("markers.csv", "shared.csv"), examples, strict=True):
        Path(name).write_text(markers, encoding="utf-8")
    tracks = "input,track,person\nfirst.mp4,1,Ada\nsecond.mp4,1,interviewer\n"
    Path("tracks.csv").write_text(tracks, encoding="utf-8")


def for_predict(request):
    folders("holiday", "downloads")
    for name in ("portrait.jpg", "src/affekt/server/page/sample.jpg"):
        picture(Path(name))


def for_scale(request):
    folders("corpus")
    with tarfile.open("two.tar", "w") as packed:
        packed.add("corpus")
    tars("labelled")
    files = request.getfixturevalue("s3")
    files.put("two.tar", "bucket/tars/two.tar")
    files.put("labelled", "bucket/labelled", recursive=True)


def for_training(request):
    labelled("faces")
    folders("holiday")
    tars("tars")


SET_UPS = {
    "README.md": for_readme,
    "docs/affekt.md": for_affekt,
    "docs/copies.md": for_copies,
    "docs/data.md": for_data,
    "docs/evaluation.md": for_evaluation,
    "docs/export.md": for_export,
    "docs/other-tools.md": for_other_tools,
    "docs/people.md": for_people,
    "docs/predict.md": for_predict,
    "docs/scale.md": for_scale,
    "docs/training.md": for_training,
}
"""What each page's reader has."""
TUTORIALS = {"docs/tutorials/interviews.md", "docs/tutorials/own-classes.md"}
"""What tests/test_tutorials.py types; a page may have the same line again."""


def name_of(page):
    return page.relative_to(ROOT).as_posix()


def typed_here(name):
    of_tutorials = {line for tutorial in TUTORIALS for line in lines(ROOT / tutorial)}
    given = [line for line in lines(ROOT / name) if line.startswith("affekt ")]
    return [line for line in given if line not in of_tutorials and not line.startswith(tuple(NOT_TYPED))]


@pytest.mark.parametrize("name", SET_UPS)
def test_the_commands_of_a_page_run(name, request, detector, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    SET_UPS[name](request)
    assert typed_here(name)
    for line in typed_here(name):
        words = shlex.split(line, comments=True)[1:]
        # One command of sixteen is in the page; the fifteen others are typed on other machines.
        shards = [f"{shard}/16" for shard in range(1, 17)] if "3/16" in words else [""]
        for shard in shards:
            main([*(shard if word == "3/16" else word for word in words), *QUICK.get(words[0], ())])
        if "--out" in words and "s3:" not in line:
            assert Path(words[words.index("--out") + 1]).exists(), line
    if name == "docs/scale.md":
        questions_are_answered(ROOT / name)
        shards_of_one_core_are_read(ROOT / name)


def questions_are_answered(page):
    """Ask DuckDB what the page asks of the tables that its commands wrote."""
    duckdb = pytest.importorskip("duckdb")
    [statements], [program] = blocks(page, "sql"), blocks(page, "python")
    _, counted = (duckdb.sql(statement).fetchall() for statement in statements.strip().strip(";").split(";"))
    assert sum(count for _, count in counted) == pl.read_parquet("parts/*.parquet").height
    known = {}
    exec(compile(program, page.name, "exec"), known)
    of_bucket = re.search(r'duckdb.sql\("(.*)"\)', program)[1]
    assert sum(count for _, count in known["duckdb"].sql(of_bucket).fetchall()) == 2


def shards_of_one_core_are_read(page):
    """Type what SLURM, Kubernetes and xargs do for the first of their shards."""
    commands = re.findall(r"affekt predict [^|'\n]*--threads 1 [^|'\n]*", page.read_text())
    assert len(commands) == 3
    for number, command in enumerate(commands):
        command = re.sub(r"\$SLURM_ARRAY_TASK_ID|\$\(\(JOB_COMPLETION_INDEX \+ 1\)\)|\{\}", "1", command)
        main(shlex.split(re.sub("--out .*parts", f"--out first-{number}", command))[1:])
        assert pl.read_parquet(f"first-{number}/*.parquet")["status"].to_list() == ["ok"] * 2


def test_the_python_of_data_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fer2013()
    [program] = blocks(ROOT / "docs" / "data.md", "python")
    known = {}
    exec(compile(program, "data.md", "exec"), known)
    assert known["clean"].height == len(pl.read_parquet("ferplus.parquet")) > 0
    assert "No leak found" in capsys.readouterr().out


REQUESTS = ("curl ", "printf ")
"""What begins the lines with which the pages ask the service."""


def served():
    """Return each way in which the pages start the service."""
    return sorted({line for page in PAGES for line in lines(page) if line.startswith("affekt serve")})


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("line", served())
def test_the_service_starts_as_the_pages_say_and_answers_their_requests(line, detector, tmp_path):
    for name in ("portrait.jpg", "one.jpg", "two.png"):
        picture(tmp_path / name)
    command = [sys.executable, "-m", "affekt", *shlex.split(line)[1:], "--port", "0"]
    environment = os.environ | {"no_proxy": "*"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as service:
        try:
            # "affekt serves ADDRESS", and behind it, where npm has not brought the live page, what to type for it.
            port = service.stdout.readline().split()[2].rstrip("/").rpartition(":")[2]
            for request in (each for each in lines(ROOT / "docs" / "serve.md") if each.startswith(REQUESTS)):
                here = ["bash", "-c", request.replace(":8000", f":{port}")]
                done = subprocess.run(here, cwd=tmp_path, env=environment, capture_output=True, text=True)
                assert done.returncode == 0, done.stderr
                assert ('"emotion":"happiness"' in done.stdout) == request.startswith("curl "), done.stdout
        finally:
            service.terminate()


def test_every_line_is_typed_or_has_a_reason_why_not():
    typed = {line for name in TUTORIALS for line in lines(ROOT / name)} | set(served())
    used = set()
    for page in PAGES:
        here = typed_here(name_of(page)) if name_of(page) in SET_UPS else []
        for line in lines(page):
            reasons = {start for start in NOT_TYPED if line.startswith(start)}
            used |= reasons
            assert reasons or line in typed or line in here or line.startswith(REQUESTS), f"{name_of(page)}: {line}"
    assert used == set(NOT_TYPED), "take out of NOT_TYPED what no page has"


def test_files_for_other_programs_can_be_parsed():
    for page in PAGES:
        for text in blocks(page, "yaml"):
            assert isinstance(yaml.safe_load(text), dict), page


def test_targets_and_scripts_that_are_not_typed_exist():
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md"]:
        for line in lines(page):
            words = line.split()
            assert words[0] != "make" or words[1] in targets, line
            for word in words:
                script = re.fullmatch(r"(?:benchmarks|results|scripts)/\S+\.(?:py|sh)", word)
                assert not script or (ROOT / word).is_file(), line


RUN_BY = {
    "README.md": "test_tutorials.py",
    "docs/data.md": "test_page_commands.py",
    "docs/evaluation.md": "test_tutorials.py",
    "docs/export.md": "test_tutorials.py",
    "docs/other-tools.md": "test_tutorials.py",
    "docs/people.md": "test_tutorials.py",
    "docs/predict.md": "test_tutorials.py",
    "docs/scale.md": "test_page_commands.py",
    "docs/training.md": "test_tutorials.py",
    "docs/tutorials/interviews.md": "test_tutorials.py",
    "docs/tutorials/service.md": "server/test_tutorial.py",
}


def test_every_program_is_run():
    pages = {name_of(page) for page in PAGES if blocks(page, "python", "javascript", "sql")}
    assert pages == RUN_BY.keys()
    for name, test in RUN_BY.items():
        assert Path(name).name in (ROOT / "tests" / test).read_text(), name
