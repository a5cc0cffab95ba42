"""Generated files whose rows are erased, and what is left of the erased rows in their bytes."""

import gzip
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from winddown.stores.objects.formats import parquet_dictionary, parquet_footer

Keys = npt.NDArray[np.int64]
_NOTE = re.compile(rb"note\d{12}")
_CODECS = {0: None, 1: "snappy"}
_BLOCK = 100_000


def write_parquet(path: Path, rows: int, groups: int, *, is_clustered: bool) -> Keys:
    """Write orders of customers, one each; returns the customers' ids."""
    rng = np.random.default_rng(7)
    ids = np.arange(rows, dtype=np.int64)
    if not is_clustered:
        ids = ids * 2_654_435_761 % (1 << 31)
    cities = np.array([f"城市{number}区建国路" for number in range(64)])
    states = np.array(["new", "paid", "sent", "done", "void"])
    count = rows // groups
    writer = None
    for group in range(groups):
        table = pa.table(
            {
                "customer_id": ids[group * count : (group + 1) * count],
                "order_id": rng.integers(0, 1 << 62, count),
                "name": pa.array(np.char.add("客户", rng.integers(0, 10**6, count).astype("U7"))),
                "phone": pa.array(np.char.add("138", rng.integers(10**7, 10**8, count).astype("U8"))),
                "email": pa.array(np.char.add(rng.integers(0, 10**9, count).astype("U9"), "@example.cn")),
                "city": pa.array(cities[rng.integers(0, len(cities), count)]),
                "status": pa.array(states[rng.integers(0, len(states), count)]),
                "amount": rng.random(count) * 1000,
                "created_at": pa.array(rng.integers(16 * 10**14, 17 * 10**14, count), type=pa.timestamp("us")),
                "quantity": rng.integers(1, 50, count).astype(np.int32),
                "score": pa.array(rng.random(count).astype(np.float32), mask=rng.random(count) < 0.1),  # noqa: PLR2004
                "note": pa.array(np.char.add("note", (group * count + np.arange(count) + 10**11).astype("U12"))),
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema, compression="snappy")
        writer.write_table(table, row_group_size=count)
    if writer:
        writer.close()
    return ids[: count * groups]


def write_lines(path: Path, rows: int) -> tuple[Keys, int]:
    """Write gzipped JSON lines of about 355 bytes; returns the ids and the bytes before packing."""
    rng = np.random.default_rng(5)
    raw = 0
    with gzip.open(path, "wb", 6) as file:
        for start in range(0, rows, _BLOCK):
            drawn = rng.integers(0, 10**12, (min(_BLOCK, rows - start), 6)).tolist()
            text = b"".join(orjson.dumps(_document(start + n, numbers)) + b"\n" for n, numbers in enumerate(drawn))
            raw += len(text)
            file.write(text)
    return np.arange(rows, dtype=np.int64), raw


def _document(number: int, drawn: list[int]) -> dict[str, object]:
    order, name, phone, mail, city, note = drawn
    return {
        "id": number,
        "order_id": order,
        "name": f"客户{name % 100_000}",
        "phone": f"138{phone % 10**8:08}",
        "email": f"user{mail % 10**9}@example.cn",
        "address": f"城市{city % 60}区建国路{note % 999}号",
        "amount": order % 10**6 / 100,
        "status": ("new", "paid", "sent", "done")[name % 4],
        "created_at": f"2024-0{phone % 9 + 1}-1{mail % 9}T10:00:00Z",
        "city": f"城市{city % 30}",
        "channel": "app",
        "is_member": bool(mail % 2),
        "note": f"客户来电询问发货时间，已回复，客户满意 {note}",
    }


def chosen(ids: Keys, share: float, *, is_clustered: bool) -> Keys:
    """Draw keys to erase: any, or a run of them from the fifth part of the file."""
    count = max(1, int(len(ids) * share))
    if is_clustered:
        return ids[len(ids) // 5 : len(ids) // 5 + count]
    return np.sort(np.random.default_rng(3).choice(ids, count, replace=False))


def residue(before: Path, after: Path, keys: Keys) -> int:
    """Erased rows' notes that are left in the new file, its unpacked pages included; each row's note is its own.

    Raises SystemExit where the other rows are not all there.
    """
    table = pq.read_table(before, columns=["customer_id", "note"])
    gone = pc.is_in(table["customer_id"], pa.array(keys))
    doomed = {note.encode() for note in table["note"].filter(gone).to_pylist()}
    kept = table["note"].filter(pc.invert(gone))
    if not pq.read_table(after, columns=["note"])["note"].equals(kept):
        raise SystemExit("other rows are gone or changed")
    found = set(_NOTE.findall(after.read_bytes()))
    with after.open("rb") as source:
        footer = parquet_footer.read_footer(source, after.stat().st_size)
        for group in parquet_footer.groups(footer):
            for chunk in parquet_footer.chunks(group):
                codec = _CODECS[parquet_footer.meta(chunk)[parquet_footer.CODEC][1]]
                for page in parquet_dictionary.pages(source, chunk):
                    source.seek(page.place)
                    body = source.read(page.size)
                    if codec:
                        body = pa.decompress(body, page.header[2][1], codec, asbytes=True)
                    found.update(_NOTE.findall(body))
    return len(found & doomed)
