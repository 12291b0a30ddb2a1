"""The PDF writer: its files are read again here, strictly, and by other programs where there are any."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from carrot_fixtures.pdf import MOST_CHARACTERS, MOST_LINES, pdf

if TYPE_CHECKING:
    from pathlib import Path

TITLE = "Manifesto (MTR) \\ nº 1"
LINES = ["Resíduos: ação, maçã, à mão, Brás", "", "(parentheses) and a back\\slash", "€ 12"]


def objects_of(file: bytes) -> dict[int, bytes]:
    """The objects by number, found through the cross-reference table as a reader finds them."""
    start = re.search(rb"\nstartxref\n(\d+)\n%%EOF\n\Z", file)
    assert start is not None
    table = file[int(start[1]) :]
    head = re.match(rb"xref\n0 (\d+)\n", table)
    assert head is not None
    size = int(head[1])
    entries = [table[head.end() + 20 * index :][:20] for index in range(size)]
    assert entries[0] == b"0000000000 65535 f \n"
    assert table[head.end() + 20 * size :].startswith(b"trailer\n<< /Size %d /Root 1 0 R " % size)
    found = {}
    for number, entry in enumerate(entries[1:], 1):
        assert re.fullmatch(rb"\d{10} 00000 n \n", entry)
        body = file[int(entry[:10]) :]
        assert body.startswith(b"%d 0 obj\n" % number)
        found[number] = body[body.index(b"\n") + 1 : body.index(b"\nendobj\n")]
    return found


def text_of(file: bytes) -> list[str]:
    """The title and the lines that the page shows."""
    (page,) = [body for body in objects_of(file).values() if b"/Type /Page " in body]
    contents = re.search(rb"/Contents (\d+) 0 R", page)
    assert contents is not None
    stream = re.fullmatch(
        rb"<< /Length (\d+) >>\nstream\n(.*)\nendstream", objects_of(file)[int(contents[1])], re.DOTALL
    )
    assert stream is not None
    assert len(stream[2]) == int(stream[1])
    strings = re.findall(rb"\(((?:[^()\\]|\\.)*)\) Tj", stream[2])
    return [re.sub(rb"\\(.)", rb"\1", each).decode("cp1252") for each in strings]


def test_the_page_shows_the_title_and_every_line() -> None:
    assert text_of(pdf(TITLE, LINES)) == [TITLE, *LINES]


def test_every_reference_names_an_object() -> None:
    file = pdf(TITLE, LINES)
    named = {int(number) for number in re.findall(rb"(\d+) 0 R", file)}
    assert named <= set(objects_of(file))


def test_the_same_lines_give_the_same_bytes() -> None:
    assert pdf(TITLE, LINES) == pdf(TITLE, LINES)


@pytest.mark.parametrize(
    "lines",
    [["x"] * (MOST_LINES + 1), ["x" * (MOST_CHARACTERS + 1)], ["日本"], ["two\nlines"], ["\0"]],
    ids=["too many lines", "a line too long", "not in Windows-1252", "a line break", "a control character"],
)
def test_what_a_page_cannot_show_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError, match=r"a (page|line) (takes|has)|codec can't encode"):
        pdf(TITLE, lines)


def test_a_full_page_stays_within_the_paper() -> None:
    file = pdf(TITLE, ["x" * MOST_CHARACTERS] * MOST_LINES)
    leading = re.search(rb"(\d+) TL", file)
    first = re.search(rb"50 (\d+) Td", file)
    assert leading is not None
    assert first is not None
    assert int(first[1]) - 24 - int(leading[1]) * (MOST_LINES - 1) > 20


@pytest.mark.parametrize("command", [["qpdf", "--check"], ["pdfinfo"]], ids=lambda command: command[0])
def test_other_programs_find_no_fault(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(pdf(TITLE, LINES))
    if shutil.which(command[0]) is None:
        # Without the program the strict reading above has to do.
        assert text_of(path.read_bytes()) == [TITLE, *LINES]
        return
    done = subprocess.run([*command, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
