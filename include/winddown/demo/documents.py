"""Objects that are one record each: photos of identity cards, signed agreements, a sales report."""

import csv
import io
from random import Random

from winddown.demo.bucket import Put, Upload
from winddown.demo.papers import agreement, photo
from winddown.demo.people import Cast
from winddown.demo.rows import draw_products
from winddown.demo.truth import Owner, TruthWriter, digest_of_bytes, owner_of

SCANS_PREFIX = "id-scans"
UNSORTED_PREFIX = "id-scans-unsorted"
REPORTS_PREFIX = "reports"
UNSORTED_SCANS = 5
RESCANNED = 5
JPEG, PDF = "image/jpeg", "application/pdf"


def put_documents(cast: Cast, truth: TruthWriter, put: Put) -> None:
    """Upload the scans and the report with their truth; one scan in five has an older version, a held one first."""
    firsts = {min(cast.scanned & cast.held), min(cast.scanned - cast.held)}
    for customer_id in sorted(cast.scanned):
        rng = Random(f"{cast.seed}/scan/{customer_id}")
        count = 2 if customer_id in firsts or customer_id % RESCANNED == 0 else 1
        contents = [
            agreement(rng) if is_agreement(customer_id) else photo(rng, is_placed=customer_id % 2 == 0)
            for _ in range(count)
        ]
        key = scan_key(customer_id)
        owner = owner_of(cast, customer_id)
        for number, content in enumerate(contents, start=1):
            older = number < len(contents)
            truth.opaque(SCANS_PREFIX, key, before=digest_of_bytes(content), owner=owner, older=older)
        put(Upload(key, tuple(contents), PDF if is_agreement(customer_id) else JPEG))
    rng = Random(f"{cast.seed}/unsorted")
    for _ in range(UNSORTED_SCANS):
        key = f"{UNSORTED_PREFIX}/{rng.getrandbits(64):016x}.jpg"
        content = photo(rng, is_placed=False)
        truth.opaque(UNSORTED_PREFIX, key, before=digest_of_bytes(content), owner=Owner.NOBODY)
        put(Upload(key, (content,), JPEG))
    report = _sales_report(cast)
    key = f"{REPORTS_PREFIX}/sales-2025.csv"
    truth.opaque(REPORTS_PREFIX, key, before=digest_of_bytes(report), owner=Owner.COMPANY)
    put(Upload(key, (report,), "text/csv"))


def is_agreement(customer_id: int) -> bool:
    """Whether a customer handed in a signed agreement instead of a photo."""
    return customer_id % 3 == 0


def scan_key(customer_id: int) -> str:
    """The key of what a customer handed in."""
    return f"{SCANS_PREFIX}/{customer_id}.{'pdf' if is_agreement(customer_id) else 'jpg'}"


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
