"""What is written: tables, JSON and the report, with their warnings, whole or not at all."""

import json
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import polars as pl
import pytest

from affekt.errors import ConfigError, DataError, MissingExtra
from affekt.evaluation.charts import draw_chart, read_log, training_charts
from affekt.evaluation.evaluate import evaluate_tables
from affekt.evaluation.figures import Figure
from affekt.evaluation.predictions import match
from affekt.evaluation.report import TEMPLATES, report_html, worst_mistakes, write_report
from affekt.evaluation.score import Resampling
from affekt.evaluation.tables import Table, interval, main_tables, number, summary, to_markdown, to_plain, typeset


def evaluated(manifest, tables, **options):
    return evaluate_tables(tables, manifest, "test", Resampling(40), **options)


def table_html(table):
    return TEMPLATES.get_template("pieces.html.jinja").module.table(table)


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log.jsonl"
    epochs = [
        {"epoch": epoch, "train_loss": 2 / epoch, "val_accuracy": 0.1 * epoch, "seconds": 3} for epoch in (1, 2, 2)
    ]
    path.write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs) + '{"epoch": 3, "train')
    return path


class Wellformed(HTMLParser):
    VOID = frozenset({"meta", "img", "br", "path", "use", "rect", "image", "circle", "line", "link"})

    def __init__(self):
        super().__init__()
        self.open, self.sources = [], []

    def handle_starttag(self, tag, attrs):
        self.sources += [value for key, value in attrs if key in ("src", "href", "xlink:href", "srcset")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.sources += [value for key, value in attrs if key in ("src", "href", "xlink:href", "srcset")]

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_everything_is_written_for_two_models(tmp_path, manifest, predictions, predictions_of, log):
    tables = {"one": predictions, "two <b>": predictions_of(manifest, skill=1.0, seed=7).drop("valence", "arousal")}
    evaluation = replace(evaluated(manifest, tables), command="affekt evaluate one two")
    out = tmp_path / "deep" / "report"
    write_report(evaluation, out, logs={"one": log}, pictures=5)
    assert sorted(path.name for path in out.iterdir()) == [".affekt-made", "metrics.json", "report.html", "table.md"]

    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["models"]) == {"one", "two <b>"}
    assert metrics["floor"]["figures"]["valence_corr"]["value"] is None
    assert metrics["differences"][0]["figures"].keys() == metrics["models"]["two <b>"]["figures"].keys()

    markdown = (out / "table.md").read_text()
    assert "| model | Accuracy | F1 (macro) | AUC | Kappa | PR-AUC |" in markdown
    assert markdown.count("| floor |") == 4

    page = (out / "report.html").read_text()
    parser = Wellformed()
    parser.feed(page)
    assert parser.open == []
    assert all(source.startswith(("#", "data:image/")) for source in parser.sources)
    assert not re.search(r"url\((?!#)|@import|<script", page)
    assert "two &lt;b&gt;" in page
    assert "<b>two" not in page
    assert page.count("data:image/jpeg") == 10
    assert "Confusion matrix" in page
    assert "Loss" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_report_is_the_same_again(manifest, predictions):
    points = predictions.select("source_id", "valence", "arousal")
    pages = [report_html(evaluated(manifest, {"one": points})) for _ in range(2)]
    assert pages[0] == pages[1]


@pytest.mark.parametrize(("origin", "tag"), [("projected", "projected, not rated"), ("synthetic", "synthetic")])
def test_the_origin_stands_in_every_title(manifest_of, predictions_of, origin, tag):
    manifest = manifest_of(origin=origin)
    evaluation = evaluated(manifest, {"one": predictions_of(manifest)})
    titles = [table.title for table in main_tables(evaluation)]
    assert all(tag in title for title in titles if title.startswith("Valence") or origin == "synthetic")
    assert tag in summary(evaluation)
    page = report_html(evaluation, pictures=0)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", page)
    dimensional = [text for text in captions if re.match("Truth|Predicted|Mean of|Residuals", text)]
    assert len(dimensional) == 5
    assert all(tag.capitalize() in text for text in (captions if origin == "synthetic" else dimensional))


def test_rated_values_carry_no_warning(manifest, predictions):
    evaluation = evaluated(manifest, {"one": predictions})
    assert evaluation.dimension_tag == ""
    assert "(" not in main_tables(evaluation)[0].title


def test_dimensions_alone_make_a_report(manifest, predictions):
    evaluation = evaluated(manifest, {"regressor": predictions.select("source_id", "valence", "arousal")})
    page = report_html(evaluation, pictures=3)
    assert "Confusion matrix" not in page
    assert "Points farthest from the truth" in page
    assert "Expressions" not in summary(evaluation)


@pytest.mark.parametrize("absent", [["emotion"], ["valence", "arousal"]])
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_floor_stands_under_models_whose_train_and_test_split_know_different_things(
    manifest, predictions, predictions_of, absent, split
):
    known = pl.col("split") != split
    partly = manifest.with_columns(pl.when(known).then(pl.col(name)).alias(name) for name in absent)
    evaluation = evaluated(partly, {"one": predictions, "two": predictions_of(manifest, seed=3)})
    assert evaluation.floor.figures.keys() == evaluation.scores[0].figures.keys()


def test_dimensions_known_for_different_rows_make_charts_of_what_there_is(manifest, predictions):
    even = pl.int_range(pl.len()) % 4 < 2
    apart = manifest.with_columns(valence=pl.when(even).then("valence"), arousal=pl.when(~even).then("arousal"))
    points = predictions.select("source_id", "valence", "arousal")
    page = report_html(evaluated(apart, {"one": points}), pictures=0)
    assert "Residuals of valence" in page
    assert "Residuals of arousal" in page
    assert "Mean of each expression" not in page
    one = manifest.with_columns(arousal=pl.lit(None, pl.Float32))
    page = report_html(evaluated(one, {"one": points}), pictures=0)
    assert "Residuals of valence" in page
    assert "Residuals of arousal" not in page


@pytest.mark.parametrize(("low", "high", "clear"), [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.2, False)])
def test_a_difference_is_clear_on_either_side_of_zero(low, high, clear):
    assert Figure(0, low, high).is_clear is clear
    bold = "**+0.000" in to_markdown(Table("t", ("a", "b"), (("x - y", Figure(0, low, high)),), signed=True))
    assert bold is clear


def test_nothing_is_left_where_writing_fails(tmp_path, manifest, predictions):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(DataError, match="expected to write"):
        write_report(evaluated(manifest, {"one": predictions}), blocked / "report")
    assert blocked.read_text() == "not a folder"


def test_the_floors_name_and_no_model_are_refused(manifest, predictions):
    with pytest.raises(ConfigError, match="none named 'floor'"):
        evaluated(manifest, {"floor": predictions})
    with pytest.raises(ConfigError, match="one or more models"):
        evaluated(manifest, {})


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"\[evaluate\]"):
        draw_chart(lambda axes: None, "empty", (1, 1))


def test_the_worst_mistakes_come_first_and_a_lost_picture_says_why(manifest, predictions):
    lost = manifest.with_columns(image=None, path=pl.lit("gone.png")).cast({"image": pl.Binary})
    mistakes = worst_mistakes(match(predictions, lost, "test"), 100)
    confidences = [int(mistake.detail.rstrip("%")) for mistake in mistakes]
    assert confidences == sorted(confidences, reverse=True)
    assert all(mistake.truth != mistake.predicted for mistake in mistakes)
    assert "gone.png: no such file" in mistakes[0].problem
    assert len(worst_mistakes(match(predictions, manifest, "test"), 2)) == 2


def test_a_log_keeps_the_last_of_each_epoch_and_forgives_a_torn_end(log):
    epochs = read_log(log)
    assert [epoch["epoch"] for epoch in epochs] == [1, 2]
    assert read_log(log.parent) == epochs
    assert [chart.title for chart in training_charts(log, "m")] == ["Loss", "Validation figures"]


def test_a_log_that_is_none_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_log(tmp_path)
    (tmp_path / "log.jsonl").write_text('nonsense\n{"epoch": 1}\n')
    with pytest.raises(DataError, match="line 1 of"):
        read_log(tmp_path)


def test_numbers_are_written_alike_everywhere():
    assert number(-0.0001) == "0.000"
    assert number(float("nan")) == "-"
    assert number(0.25, signed=True) == "+0.250"
    assert interval(Figure(1, float("nan"), float("nan"))) == ""
    assert typeset("[-0.100, 0.200]") == "[\N{MINUS SIGN}0.100, 0.200]"
    assert typeset("-") == "\N{EN DASH}"


def test_a_table_is_written_three_ways():
    rows = (("a|b", Figure(0.5, 0.25, 10.75)), ("floor", None))
    table = Table("Title", ("model", "Accuracy"), rows)
    assert to_markdown(table).splitlines()[2:] == [
        "| model | Accuracy |",
        "| --- | ---: |",
        "| a\\|b | 0.500 [0.250, 10.750] |",
        "| floor |  |",
    ]
    assert to_plain(table) == ("Title\n\nmodel        Accuracy\na|b             0.500\n      [0.250, 10.750]\nfloor\n")
    assert '<tr class="floor">' in table_html(table)


def test_what_a_stranger_wrote_into_a_manifest_is_text_in_the_tables(manifest, predictions, tmp_path):
    foul = "<img src=x onerror=alert(1)>[a](http://b)\n# c"
    evaluation = evaluated(manifest.with_columns(source=pl.lit(foul)), {foul: predictions})
    write_report(evaluation, tmp_path, pictures=0)
    written = (tmp_path / "table.md").read_text()
    assert written.count(r"&lt;img src=x onerror=alert(1)>[a\](http://b)\n# c") > 4
    assert not re.search(r"<img|\](?=\()(?<!\\\])|^# ", written, re.M)
    assert "<img" not in (tmp_path / "report.html").read_text()


def test_a_clear_difference_is_bold():
    table = Table(
        "D", ("pair", "Accuracy"), (("a - b", Figure(0.5, 0.25, 0.75)), ("a - c", Figure(0, -1, 1))), signed=True
    )
    assert "**+0.500 [+0.250, +0.750]**" in to_markdown(table)
    assert "| +0.000 [-1.000, +1.000] |" in to_markdown(table)
    assert table_html(table).count('class="clear"') == 1
