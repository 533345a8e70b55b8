"""The reference of the site: every public name is in it, with its parameters, its fields and its example."""

import dataclasses
import inspect

import reference

import affekt
from affekt.cli.data import IMPORTERS
from affekt.cli.main import COMMANDS, help_text


def test_every_public_name_has_its_signature_and_example():
    page = reference.python_page()
    for name in affekt.__all__:
        if name == "__version__":
            continue
        _, _, rest = page.partition(f"## affekt.{name}\n")
        assert rest, name
        entry, _, _ = rest.partition("\n## ")
        assert "```pycon\n>>> " in entry, name
        thing = getattr(affekt, name)
        if inspect.isfunction(thing):
            for each in inspect.signature(thing).parameters:
                assert any(shown in entry for shown in (f"    {each}", f"{each}: ", f"**{each}")), each


def test_the_fields_of_a_dataclass_are_listed_with_what_they_mean():
    texts = dict(reference.field_texts(affekt.Recipe))
    assert set(texts) == {field.name for field in dataclasses.fields(affekt.Recipe)}
    assert all(texts.values())


def test_a_long_signature_has_a_line_per_parameter_and_no_modules():
    shown = reference.signature("evaluate", affekt.evaluate)
    assert shown.startswith("evaluate(\n    models: str | Path")
    assert "\n    *,\n" in shown
    assert "pathlib" not in shown
    shown = reference.signature("summarize", affekt.summarize)
    assert "options: SummaryOptions = SummaryOptions(),\n    **changes,\n" in shown
    assert "= ('csv', 'page'),\n" in reference.signature("SummaryOptions", affekt.SummaryOptions)


def test_every_command_is_listed(monkeypatch):
    monkeypatch.setattr(reference, "said", lambda *words: f"said to affekt {' '.join(words)}")
    page = reference.commands_page()
    for command in COMMANDS:
        assert f"## affekt {command}\n\n```text\nsaid to affekt {command} --help\n" in page
    for way in ("check", "split"):
        assert f"### affekt data {way}\n\n```text\nsaid to affekt data {way} --help\n" in page
    assert page.index("## affekt predict") < page.index("## affekt summarize") < page.index("## affekt data")
    importers = reference.importers_page()
    for name in IMPORTERS:
        assert f"## {name}\n\n```text\nsaid to affekt data import {name} --help\n" in importers


def test_help_is_shown_as_it_is_printed():
    assert reference.said("--version") == affekt.__version__
    lines = reference.said("--help").splitlines()
    assert max(map(len, lines)) <= reference.WIDTH
    assert "".join(lines).replace(" ", "") == "".join(help_text().split())
