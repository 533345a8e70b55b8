"""The ledger: whole after each record, continued after a kill at any byte, one writer at a time."""

import multiprocessing

import pytest

from affekt.errors import DataError
from affekt.ledger import Ledger

HEADER = {"model": "by-light"}
RECORDS = [(["a", 1.5], True), (["v", 1], False), (["v", None], False), ([], True), ({"b": "c\nd, \udce9"}, True)]
"""Records, each with whether its unit ends with it: three units."""
STARTS = (0, 1, 4)
"""Where in RECORDS each unit begins."""


@pytest.fixture
def out(tmp_path):
    return tmp_path / "deep" / "faces.csv"


def write(ledger, records=RECORDS):
    with ledger.writing():
        for record, ends_unit in records:
            ledger.add(record, ends_unit=ends_unit)


def test_records_come_back_as_they_were_added(out):
    ledger = Ledger(out, HEADER)
    write(ledger)
    assert list(ledger.records()) == RECORDS
    again = Ledger(out, HEADER)
    assert again.units == ledger.units == 3
    assert list(again.records()) == RECORDS
    assert again.path == out.parent / ".faces.csv.ledger"
    again.remove()
    assert Ledger(out, HEADER).units == 0
    assert not list(out.parent.iterdir())


def test_a_ledger_cut_at_any_byte_goes_on_to_the_same_ledger(out):
    whole = Ledger(out, HEADER)
    write(whole)
    content = whole.path.read_bytes()
    found = set()
    for length in range(len(content) + 1):
        whole.path.write_bytes(content[:length])
        cut = Ledger(out, HEADER)
        assert not cut.is_of_another_job
        assert len(list(cut.records())) == (*STARTS, len(RECORDS))[cut.units]
        found.add(cut.units)
        write(cut, RECORDS[(*STARTS, len(RECORDS))[cut.units] :])
        assert whole.path.read_bytes() == content
        assert list(cut.records()) == RECORDS
    assert found == {0, 1, 2, 3}


def test_what_a_failing_disk_left_behind_is_cut_off(out):
    ledger = Ledger(out, HEADER)
    write(ledger, RECORDS[:1])
    with ledger.path.open("ab") as file:
        file.write(bytes(100) + b'\n.["b", 1]\n')
    assert list(Ledger(out, HEADER).records()) == RECORDS[:1]


def test_a_unit_is_only_read_when_it_is_whole(out):
    ledger = Ledger(out, HEADER)
    with ledger.writing():
        for record, ends_unit in RECORDS[:3]:
            ledger.add(record, ends_unit=ends_unit)
        assert list(ledger.records()) == RECORDS[:1]
        ledger.add(*RECORDS[3][:1])
        assert list(ledger.records()) == RECORDS[:4]


def test_two_runs_at_once_cannot_spoil_each_others_records(out):
    first = Ledger(out, HEADER)
    with first.writing():
        first.add("one")
        for header in (HEADER, {"model": "another"}):
            with (
                pytest.raises(DataError, match=r"expected to be the only run that writes .*faces.csv, got another"),
                Ledger(out, header).writing(),
            ):
                raise AssertionError
        first.add("two")
    assert [record for record, _ in Ledger(out, HEADER).records()] == ["one", "two"]


def lock_and_die(out):
    with Ledger(out, HEADER).writing() as ledger:
        ledger.add("left behind")
        multiprocessing.current_process().kill()


def test_the_lock_goes_with_its_process(out):
    process = multiprocessing.get_context("spawn").Process(target=lock_and_die, args=(out,))
    process.start()
    process.join()
    ledger = Ledger(out, HEADER)
    write(ledger, RECORDS[:1])
    assert [record for record, _ in ledger.records()] == ["left behind", RECORDS[0][0]]


@pytest.mark.parametrize("first", [b'{"model": "by-light"}\n', b'{"ledger": 1, "model": "another"}\n', b"\0\0\n"])
def test_the_ledger_of_another_job_is_overwritten(out, first):
    write(Ledger(out, HEADER))
    path = Ledger(out, HEADER).path
    path.write_bytes(first + b"".join(path.read_bytes().splitlines(keepends=True)[1:]))
    fresh = Ledger(out, HEADER)
    assert fresh.is_of_another_job
    assert list(fresh.records()) == []
    write(fresh, RECORDS[4:])
    assert list(fresh.records()) == RECORDS[4:]
    assert not Ledger(out, HEADER).is_of_another_job


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(DataError, match=r"expected to write .*/file/faces.csv, got (Not a directory|File exists)"),
        Ledger(tmp_path / "file" / "faces.csv", HEADER).writing(),
    ):
        pass
