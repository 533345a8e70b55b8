"""The shape of the source, so that a stranger can read it: sizes, signatures, imports, and the page that shows it."""

import re

import pytest
from house import (
    HERE,
    LAYERS,
    LONGEST_FILE,
    LONGEST_FUNCTION,
    PAGE,
    House,
    evaluation_stops,
    loaded_by_predict,
    plan,
    planned_page,
)

HOUSE = House(HERE / "src" / "affekt")


def test_no_file_and_no_function_is_too_long():
    assert not {name: lines for name, lines in HOUSE.lines.items() if lines > LONGEST_FILE}
    assert not [function for function in HOUSE.functions if function.lines > LONGEST_FUNCTION]


def test_at_most_five_functions_have_more_than_six_parameters():
    assert len(HOUSE.long_signatures) <= 5, HOUSE.long_signatures


def test_at_most_five_small_modules_have_a_single_importer():
    assert len(HOUSE.small_modules) <= 5, HOUSE.small_modules


def test_no_modules_import_one_another_not_even_for_type_checking():
    assert not HOUSE.cycles


def test_no_command_is_longer_than_what_a_command_does():
    assert not {name: lines for name, lines in HOUSE.lines.items() if name.startswith("affekt.cli.") and lines > 120}


def test_the_architecture_page_has_the_plan_of_today():
    _, found, _ = planned_page()
    assert found == plan(HOUSE), "type: python scripts/house.py --plan"


def test_the_architecture_page_names_every_package_and_only_files_that_exist():
    before, _, after = planned_page()
    named = set(re.findall(r"`([\w/-]+\.(?:py|js|sh|jinja|html|css))`", before + after))
    assert len(named) > 40
    places = (HERE / "src" / "affekt", HERE / "src", HERE)
    assert not [name for name in named if not any((place / name).exists() for place in places)]
    assert all(re.search(rf"\b{room}\b", before) for room in (*LAYERS, "drawn_faces"))


def test_the_architecture_page_says_how_far_the_figures_are_that_are_not_kept():
    rows = re.findall(r"^\| (.*?) \| ([\d,]+) \| ([\d,]+) \|$", PAGE.read_text(), flags=re.M)
    said = {what: [int(number.replace(",", "")) for number in numbers] for what, *numbers in rows}
    script = (HERE / "scripts" / "house.py").read_text()
    today = (
        sum(HOUSE.lines.values()),
        len(HOUSE.lines),
        sum(HOUSE.lines[name] for name in loaded_by_predict(HERE)),
        evaluation_stops(HERE)[0],
    )
    assert len(said) == len(today)
    for found, (what, (wished, shown)) in zip(today, said.items(), strict=True):
        assert f'"at most {wished:,}"' in script, what
        assert shown == pytest.approx(found, rel=0.05), f"{what}; type: python scripts/house.py"
        assert found > wished, f"{what} is kept: say so"
