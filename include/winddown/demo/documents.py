"""Objects that are one record each: scanned documents, scans tied to nobody, a sales report.

The bytes start and end like a JPEG and are noise between: no detector can read them, which is the point.
"""

import csv
import io
from random import Random

from winddown.demo.bucket import Put, Upload
from winddown.demo.people import Cast
from winddown.demo.rows import draw_products
from winddown.demo.truth import Owner, TruthWriter, digest_of_bytes, owner_of

SCANS_PREFIX = "id-scans"
UNSORTED_PREFIX = "id-scans-unsorted"
REPORTS_PREFIX = "reports"
UNSORTED_SCANS = 5
RESCANNED = 5
JPEG = "image/jpeg"


def put_documents(cast: Cast, truth: TruthWriter, put: Put) -> None:
    """Upload the scans and the report with their truth; one scan in five has an older version, a held one first."""
    firsts = {min(cast.scanned & cast.held), min(cast.scanned - cast.held)}
    for customer_id in sorted(cast.scanned):
        rng = Random(f"{cast.seed}/scan/{customer_id}")
        contents = [_image(rng) for _ in range(2 if customer_id in firsts or customer_id % RESCANNED == 0 else 1)]
        key = f"{SCANS_PREFIX}/{customer_id}.jpg"
        owner = owner_of(cast, customer_id)
        for number, content in enumerate(contents, start=1):
            older = number < len(contents)
            truth.opaque(SCANS_PREFIX, key, before=digest_of_bytes(content), owner=owner, older=older)
        put(Upload(key, tuple(contents), JPEG))
    rng = Random(f"{cast.seed}/unsorted")
    for _ in range(UNSORTED_SCANS):
        key = f"{UNSORTED_PREFIX}/{rng.getrandbits(64):016x}.jpg"
        content = _image(rng)
        truth.opaque(UNSORTED_PREFIX, key, before=digest_of_bytes(content), owner=Owner.NOBODY)
        put(Upload(key, (content,), JPEG))
    report = _sales_report(cast)
    key = f"{REPORTS_PREFIX}/sales-2025.csv"
    truth.opaque(REPORTS_PREFIX, key, before=digest_of_bytes(report), owner=Owner.COMPANY)
    put(Upload(key, (report,), "text/csv"))


def _image(rng: Random) -> bytes:
    return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01" + rng.randbytes(rng.randrange(400, 900)) + b"\xff\xd9"


def _sales_report(cast: Cast) -> bytes:
    rng = Random(f"{cast.seed}/report")
    sink = io.StringIO(newline="")
    writer = csv.writer(sink, lineterminator="\n")
    writer.writerow(("month", "sku", "units", "revenue_cny", "device_serial"))
    for _, product in draw_products(cast).rows:
        for month in range(1, 13):
            units = rng.randrange(1, 400)
            writer.writerow(
                (f"2025-{month:02d}", product[0], units, f"{units * 59}.00", f"1{rng.randrange(10**10):010d}")
            )
    return sink.getvalue().encode()
