"""Files that would need any amount of memory: refused early, by name, in a process whose memory is measured."""

import subprocess
import sys
import textwrap

import pytest

HEADER = """
import bz2, gzip, io, zipfile
import pyarrow as pa
from pathlib import Path
from winddown.stores.objects import formats
from winddown.stores.objects.formats.problem import Unreadable

class Repeated(io.RawIOBase):
    '''A file of any size that exists nowhere: a beginning, a piece again and again, an end.'''
    def __init__(self, head, piece, size, end=b""):
        self.head, self.piece, self.size, self.end, self.place = head, piece, size, end, 0
        self.whole = len(head) + size + len(end)
        self.taken = 0
    def readable(self): return True
    def seekable(self): return True
    def tell(self): return self.place
    def seek(self, offset, whence=0):
        self.place = offset + (0, self.place, self.whole)[whence]
        return self.place
    def read(self, size=-1):
        size = self.whole - self.place if size < 0 else min(size, self.whole - self.place)
        found = []
        while size > 0:
            if self.place < len(self.head):
                part = self.head[self.place : self.place + size]
            elif self.place < len(self.head) + self.size:
                at = (self.place - len(self.head)) % len(self.piece)
                left = len(self.head) + self.size - self.place
                part = self.piece[at : at + min(size, left)]
            else:
                part = self.end[self.place - len(self.head) - self.size :][:size]
            found.append(part)
            self.place += len(part)
            size -= len(part)
        self.taken += sum(map(len, found))
        return b"".join(found)

def resident():
    return int(Path("/proc/self/status").read_text("ascii").partition("VmHWM:")[2].split()[0]) >> 10
"""
FOOTER = """
list(formats.read("csv", io.BytesIO(b"a,b\\n1,2\\n"))); list(formats.read("jsonl", io.BytesIO(b'{"a": 1}\\n')))
before = resident()
form = None
try:
    form = formats.identify(source, source.whole)
    count = sum(batch.num_rows for batch in formats.read(form, source))
    print(form, "read", count, resident() - before)
except Unreadable as refused:
    print(form, refused.problem, source.taken >> 20, resident() - before)
"""
GIB = 1 << 30


def run(source: str) -> list[str]:
    """Format, outcome, a number (rows, or mebibytes taken from the file), and mebibytes of memory above the start."""
    script = HEADER + textwrap.dedent(source) + FOOTER
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.split()


@pytest.mark.parametrize(
    ("source", "form"),
    [
        (f'source = Repeated(b"id,name\\n1,", b"x" * 65536, 2 * {GIB})', "csv"),
        (f'source = Repeated(b\'id,name\\n1,"\', b"x,\\n" * 20000, 2 * {GIB})', "csv"),
        (f'source = Repeated(b\'{{"a": 1}}\\n{{"a": "\', b"x" * 65536, 2 * {GIB})', "jsonl"),
        (f'source = Repeated(b\'[{{"a": "\', b"x" * 65536, 2 * {GIB})', "json"),
        (f'source = Repeated(b\'{{\\n"a": "\', b"x" * 65536, 2 * {GIB})', "json"),
        (f"source = Repeated(b'{{\"a\": 1}}\\n{{\"a\": ', b'[' * 65536, 2 * {GIB})", "jsonl"),
        (f'source = Repeated(b"id,name\\n" + b"1,a\\n" * 50000, b"\\xff\\xfe," * 9000, 2 * {GIB})', None),
    ],
)
def test_a_line_of_two_gigabytes_is_refused_after_some_megabytes(source: str, form: str | None) -> None:
    found, outcome, taken, memory = run(source)
    assert (found, outcome) == (form or "csv", "encoding" if form is None else "limit")
    assert int(taken) <= 80
    assert int(memory) <= 250


PACKERS = """
line = b"1,aaaaaaaaaaaaaaaaaaaa\\n"
piece = line * ((1 << 20) // len(line))
def zipped():
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.csv", "w") as member:
        for _ in range(100):
            member.write(piece)
    return sink.getvalue()
"""
BOMBS = {
    "csv.gz": "gzip.compress(piece) * 100",
    "csv.bz2": "bz2.compress(piece) * 100",
    "csv.zst": "pa.compress(piece, codec='zstd', asbytes=True) * 100",
    "zip": "zipped()",
}


@pytest.mark.parametrize("form", BOMBS)
def test_a_decompression_bomb_is_refused_within_bounded_memory(form: str) -> None:
    source = f"{PACKERS}\nsource = Repeated({BOMBS[form]}, b'x', 0)\nassert 1000 < source.whole < 4 << 20"
    found, outcome, _, memory = run(source)
    assert (found, outcome) == ("None" if form == "zip" else form, "limit")
    assert int(memory) <= 250


def test_a_long_file_of_good_lines_is_read_in_bounded_memory() -> None:
    line = "b'1234567,\\xe6\\xac\\xa7\\xe9\\x98\\xb3,13800000000\\n' * 1000"
    form, outcome, count, memory = run(f"source = Repeated(b'id,name,mobile\\n', {line}, 27000 * 4000)")
    assert (form, outcome, int(count)) == ("csv", "read", 4_000_000)
    assert int(memory) <= 150
