"""`check` names all that is wrong, not only the first."""

from __future__ import annotations

from grucast.data.checking import examine
from tests.data.conftest import FIXTURES, options_of


def look(tmp_path, text, **given):
    path = tmp_path / "data.csv"
    path.write_text(text)
    return examine([str(path)], options_of(**given), now=4e9)


def test_a_good_file_is_readable_and_has_a_layout():
    found = examine([str(FIXTURES / "plain.csv")], options_of())
    assert found.readable
    assert found.findings == ()
    assert found.layout is not None
    assert found.layout.columns.target == ("load",)


def test_every_fault_is_found_with_its_line(tmp_path):
    text = ("ds,load,temp\n2024-01-01,1,5\n2024-01-02,x,5\n2024-01-03,3\n2024-01-04,4,y\nsoon,5,5\n2024-01-06,6,5\n"
            "2024-01-06,7,5\n2024-01-07,8,z\n2024-01-08,8,5\n2024-01-09,8,5\n")
    found = look(tmp_path, text)
    errors = [(one.line, one.column) for one in found.findings if one.severity == "error"]
    assert sorted(errors) == [(3, "load"), (4, ""), (5, "temp"), (6, "ds"), (8, ""), (9, "temp")]
    assert not found.readable
    assert found.reading is not None
    assert found.reading.panel.rows == 7


def test_a_fault_that_ends_the_reading_is_a_finding_too():
    found = examine([str(FIXTURES / "truncated.csv.gz")], options_of())
    assert found.reading is None
    assert not found.readable
    assert [one.severity for one in found.findings] == ["error"]
    assert found.findings[0].file.endswith("truncated.csv.gz")


def test_warnings_and_notes_do_not_make_a_file_unreadable():
    found = examine([str(FIXTURES / "sentinel.csv")], options_of())
    assert found.readable
    assert [one.severity for one in found.findings] == ["warning"]


def test_very_many_faults_are_counted_not_listed(tmp_path):
    rows = "".join(f"{at},{at}\n{at},x\n" for at in range(1500))
    found = look(tmp_path, "n,load\n" + rows, target_col=("load",))
    assert len(found.findings) < 1100
    assert any(one.message == "and 500 more like these" for one in found.findings)
