"""How the pages are written: short sentences, numbers as people write them, and a short README."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MOST_WORDS = 35
NAVIGATION = sorted(set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text())))
PAGES = [ROOT / name for name in NAVIGATION if not name.startswith("docs/reference/")]  # written from docstrings


def names(page):
    return str(page.relative_to(ROOT))


def prose(page):
    """Return a page without its code, comments and addresses."""
    text = re.sub(r"^```.*?^```$|<!--.*?-->|`[^`\n]*`", "\n\n`code`\n\n", page.read_text(), flags=re.M | re.S)
    return re.sub(r"\]\([^)]*\)", "]", text.replace("\n\n`code`\n\n", "`code`"))


def sentences(text):
    """Yield the sentences of a page; a heading, an item of a list and a cell of a table end one."""
    text = re.sub(r"^\s*(#+|[*-]|\d+\.|>) ", "\n\n", text, flags=re.M)
    text = re.sub(r"^\|.*$", lambda row: "\n\n".join(row[0].split("|")), text, flags=re.M)
    for block in re.split(r"\n\s*\n", text):
        yield from re.split(r"(?<=[.!?])[)\"*]*\s+", " ".join(block.split()))


def test_sentences_are_told_apart():
    page = "# Head\n\nOne. Two `a.b` goes\non! (Three)\n\n* four\n| five | six. Seven |\n"
    found = [sentence for sentence in sentences(page) if sentence]
    assert found == ["Head", "One.", "Two `a.b` goes on!", "(Three)", "four", "five", "six.", "Seven"]


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_sentence_is_longer_than_a_breath(page):
    assert not [each for each in sentences(prose(page)) if len(each.split()) > MOST_WORDS]


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_numbers_have_a_digit_before_the_point(page):
    assert not re.findall(r"(?<![\w.])\.\d+", prose(page))


def test_the_readme_is_short_and_installs_early():
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    assert lines.index("pip install .") < 25
