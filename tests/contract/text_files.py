"""Files of rows as text in one folder, wherever it lies, and what tells their records."""

import gzip
from dataclasses import dataclass, field
from typing import ClassVar

FOLDER = "客户/订单 2024"


@dataclass(frozen=True, slots=True)
class File:
    """A text file: what stands before the records, and each record's bytes by its name."""

    head: bytes = field(repr=False)
    records: dict[str, bytes] = field(repr=False)


class TextRecords:
    """Records are told by their bytes, so that a survivor that was written anew is not taken for one that was kept."""

    files: ClassVar[dict[str, File]]
    suffix: str
    is_packed = False

    def keys(self) -> list[str]:
        return [f"{FOLDER}/{name}{self.suffix}" for name in self.files]

    def _file(self, key: str) -> File:
        return self.files[key.removeprefix(f"{FOLDER}/").removesuffix(self.suffix)]

    def key_of(self, name: str) -> str:
        return next(key for key in self.keys() if name in self._file(key).records)

    def original(self, key: str, *, without: str = "") -> bytes:
        file = self._file(key)
        body = file.head + b"".join(raw for name, raw in file.records.items() if name != without)
        return gzip.compress(body) if self.is_packed else body

    def rows(self, key: str, body: bytes) -> dict[str, object]:
        body, file = gzip.decompress(body) if self.is_packed else body, self._file(key)
        assert body.startswith(file.head)
        position, found = len(file.head), {}
        for name, raw in file.records.items():
            if body.startswith(raw, position):
                found[name], position = raw, position + len(raw)
        assert position == len(body), "the rest is none of the file's records"
        return dict(found)


CSV = {
    "a": File(
        b'\xef\xbb\xbf"id","\xe5\xa7\x93\xe5\x90\x8d",note\r\n',
        {
            "0": '0,欧阳娜娜,"两\r\n行, 和 ""引号"""\r\n'.encode(),
            "1": b"1,,\r\n\r\n",
            "2": b'2,"a\n\nb",\r\n',
            "3": b'3,"",x\r\n',
            "4": b"4,last,no line end",
        },
    ),
    "a.csv-2": File("id;姓名;note\n".encode("gb18030"), {
        "10": "10;𠮷野;丂乗|俓\n".encode("gb18030"),
        "11": "11;欧;娜\n".encode("gb18030"),
        "12": '12;"x;y";z\n'.encode("gb18030"),
    }),
    "b": File(b"id\tname\n", {str(n): f"{n}\t{'n' * n}\n".encode() for n in range(5, 10)}),
}  # fmt: skip
JSON_LINES = {
    "a": File(b"\n \n", {
        "0": '{"id": 0, "name": "欧阳\\n娜娜", "tags": [1, {"k": null}]}\n'.encode(),
        "1": b'{"id": 1}\n\n\n',
        "2": b'{"id": 2,\r "name": ""}\r\n',
        "3": b'{"id": 3, "name": null}\n',
        "4": b'{"id": 4}',
    }),
    "a.csv-2": File(b"", {str(n): f'{{"id": {n}}}\n'.encode() for n in (10, 11, 12)}),
    "b": File(b"", {str(n): f'{{"other": "\u2028", "id": "{n}"}}\n'.encode() for n in range(5, 10)}),
}  # fmt: skip
