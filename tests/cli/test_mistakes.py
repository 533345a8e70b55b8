"""Wrong command lines: one sentence each, in the project's words, with what to type next."""

import re
import shlex
from pathlib import Path

import pytest

from affekt.cli.main import main


def said(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    text = capsys.readouterr().err
    assert text.count("\n") == 1
    assert not re.search("[╭│─]|Traceback", text)
    return text


@pytest.fixture(autouse=True)
def own_mirror(monkeypatch):
    monkeypatch.setenv("AFFEKT_MIRROR", "")  # for --mirror sets it, to be undone


SENTENCES = {
    "serve --port abc": "a whole number for --port, got 'abc'; for instance --port 8000, or type: affekt serve --help",
    "serve --port=abc": "a whole number for --port, got 'abc'; for instance --port 8000, or type: affekt serve --help",
    "serve extra": "nothing but options after affekt serve, got extra; type: affekt serve --help",
    "serve --port": "a value after --port, got none; for instance --port 8000, or type: affekt serve --help",
    "predict a.jpg -o x.csv": "an option of affekt predict, got -o; did you mean --out? type: affekt predict --help",
    "predict": "pictures, got no name of any; name a picture, a folder of pictures or a pattern such as 'faces/*.jpg'",
    "predict a.jpg -z": "an option of affekt predict, got -z; type: affekt predict --help",
    "predict a.jpg --every_s x": "a number for --every-s, got 'x'; for instance --every-s 0.0, or type: affekt predict",
    "predict a.jpg --faces yun": "auto, yunet, cascade or whole for --faces, got 'yun'; type: --faces yunet",
    "train affekt --out o": "--data PATH, got none; type: affekt train affekt --data manifest.parquet --out o; the",
    "train affekt": "--data PATH and --out PATH, got neither; type: affekt train affekt --data manifest.parquet --out",
    "train affekt --data=my.parquet": "--out PATH, got none; type: affekt train affekt --data my.parquet --out runs/af",
    "evaluate affekt": "--data PATH, got none; type: affekt evaluate affekt --data manifest.parquet",
    "evaluate --out o a --data d --names a": "pairs, each a name and another, after --names, got a; type: affekt eval",
    "summarize a.csv": "--out PATH, got none; type: affekt summarize a.csv --out study",
    "push": "RUN and USER/NAME, got neither; type: affekt push runs/NAME user/name",
    "push runs/mine": "USER/NAME, got none; type: affekt push runs/mine user/name",
    "gather": "DIR and --out PATH, got neither; type: affekt gather parts --out faces.parquet",
    "predict nofolder/": "a picture or a folder at nofolder/, got nothing there; check its name with: ls",
    "predict nofolder --out faces.csv": "a picture or a folder at nofolder, got nothing there; check its name with: ls",
    "export": "PATH and --out PATH, got neither; type: affekt export runs/NAME --out models/NAME",
    "version --x": "nothing after version, got --x; type: affekt version",
    "-V predict": "nothing after -V, got predict; type: affekt -V",
    "help nothing": "a command among predict, summarize, serve, data, train, evaluate, compare, export, push, models",
    "summarize a.csv --out v.csv": "a folder as out, got v.csv, named like a file; type: --out v",
    "predict a.jpg --out .": "a table, got a folder called .; name a file, such as faces.csv",
    "predit a.jpg": "a command, got 'predit'; type: affekt predict",
    "train affekt-haed --data x --out y": "a recipe, got 'affekt-haed'; type: affekt train affekt-head",
    "predict a.jpg --fps": "--fps above 0 frames per second, got none; type: --fps 5",
    "predict a.jpg --stream foo": "stream as ws://HOST:PORT or lsl, got foo; type: --stream ws://127.0.0.1:8765, or",
    "data import folder . --out x.csv": "a manifest ending in .parquet as out, got x.csv; type: --out x.parquet",
    "data split f.parquet --out d/x.csv": "a manifest ending in .parquet as out, got d/x.csv; type: --out d/x.parquet",
    "data check f.parquet --drop-leaks x.csv": "a manifest ending in .parquet as drop_leaks, got x.csv; type:",
    "models --nonsense": "an option of affekt models, got --nonsense; type: affekt models --help",
    "predict a.mp4 --identify f.onnx": "an option of affekt predict, got --identify, an option of affekt summarize",
    "predict a.mp4 --bin-s=5": "an option of affekt predict, got --bin-s, an option of affekt summarize",
    "summarize a.csv --min_face 40": "an option of affekt summarize, got --min-face, an option of affekt predict",
    "predict a.jpg --output x": "an option of affekt predict, got --output; did you mean --out? type: affekt predict",
    "demo --out x.html": "a folder as out, got x.html, named like a file; type: --out x",
    "data check": "PATH, got none; type: affekt data check --help",
    "data split f.parquet --out o --shares 0.9 0.2": "3 values, with spaces between, after --shares, got 0.9 0.2; for "
    "instance --shares 0.7 0.15 0.15, or type: affekt data split --help",
    "data split f.parquet --out o --shares 0.7,0.3": "3 values, with spaces between, after --shares, got 0.7,0.3; for",
    "predict -dash.jpg": "an option of affekt predict, got -dash.jpg; if it is a file, type: ./-dash.jpg",
    "predict a.jpg --out -x.csv": "an option of affekt predict, got -x.csv; if it is a file, type: ./-x.csv",
    "predict a.jpg --debug": "an option of affekt predict, got --debug, which comes before the command; type: affekt -",
    "predict a.jpg --confidence 1": "an option of affekt predict, got --confidence; did you mean --min-confidence? typ",
    "predict a.jpg --video": "an option of affekt predict, got --video; type: affekt predict --help",
    "predict camera:": "a camera's number or name, got none behind camera:; type: camera:0",
    "predict a.jpg --hide-how blur": "the folder hide_faces with hide_how, got blur alone; type: --hide-faces hidden,",
    "predict a.jpg --prior happy": "a prior of neutral, happiness, sadness, surprise, fear, disgust, anger, contempt, "
    "got 'happy' in 'happy'; did you mean happiness? type for example happiness=0.3,neutral=0.3, of which",
    "predict a.jpg --out photos/x.jpg": "a table ending in .csv, .parquet, .jsonl, got photos/x.jpg; call it photos/x.",
    "train affekt --lr 1": "an option of affekt train affekt, got --lr; did you mean --learning-rate? type: affekt tra",
    "train affekt --flip": "an option of affekt train affekt, got --flip; did you mean --augmentation.flip? type: affe",
    "models nope": "a folder of models, got nope, and nothing is there; type: affekt models",
    "--debug": "a command at the end, got none behind --debug; type: affekt --help",
    "--mirror": "a command at the end, got none behind --mirror; type: affekt --help",
    "--mirror nowhere models": "a mirror as https://... or a folder, got 'nowhere'; check it, or unset AFF",
}


@pytest.mark.parametrize(("words", "sentence"), SENTENCES.items(), ids=SENTENCES)
def test_a_mistake_is_one_sentence(capsys, words, sentence):
    assert said(capsys, words.split()).startswith(f"affekt: expected {sentence}")


def test_an_empty_name_is_a_mistake(capsys):
    assert said(capsys, ["predict", ""]).startswith("affekt: expected a picture or a folder, got an empty name; name")


@pytest.mark.parametrize("name", ["-a.jpg", "-folder", "--out"])
def test_a_file_whose_name_begins_with_a_dash_is_read_as_the_advice_says(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    advice = f"affekt predict ./{name}" if name == "--out" else said(capsys, ["predict", name]).rpartition("type: ")[2]
    with pytest.raises(SystemExit) as stop:
        main(["predict", *shlex.split(advice)[-1:], "--faces", "whole"])
    assert stop.value.code == 1
    assert f"{name},,," in capsys.readouterr().out


@pytest.mark.parametrize("order", [1, -1])
def test_a_time_is_given_once_in_whichever_words_and_order(capsys, order):
    options = [["--every", "0.2s"], ["--every-s", "3"]][::order]
    text = said(capsys, ["predict", "a.jpg", *options[0], *options[1]])
    first, second = (option for option, _ in options)
    assert text == f"affekt: expected {first} or {second}, got both; leave out {second}\n"
