"""Where a certificate stands in the ledger, as a text of five lines that a QR code carries.

    winddown-position/v1
    case demo-1
    index 57
    leaf 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03
    origin winddown/demo-1

``index`` is the number of the ``certificate_issued`` entry, from 0; ``leaf`` its RFC 6962 leaf hash, SHA-256 of a zero
byte and the entry; ``origin`` the first line of the ledger's checkpoints. Whoever has the bundle finds that entry as
line ``index + 1`` of ``ledger.jsonl``; ``verify.py`` prints both of every certificate. Each line ends in a newline.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass

import segno

from winddown.domain.errors import Refused
from winddown.evidence.keyring import origin_of
from winddown.evidence.merkle import leaf_hash

_FIRST_LINE = "winddown-position/v1"


@dataclass(frozen=True, slots=True)
class LedgerPosition:
    """The entry that issued a certificate; ``digest`` is the SHA-256 of the certificate document in it."""

    case: str
    index: int
    leaf: str
    digest: str

    @property
    def origin(self) -> str:
        """The checkpoint's origin."""
        return origin_of(self.case)

    @property
    def text(self) -> str:
        """What the QR code carries."""
        return f"{_FIRST_LINE}\ncase {self.case}\nindex {self.index}\nleaf {self.leaf}\norigin {self.origin}\n"


def find_position(case_id: str, entries: Sequence[bytes], certificate_id: str) -> LedgerPosition:
    """Find the entry that issued a certificate; raises Refused when there is none."""
    for index, raw in enumerate(entries):
        if b'"type":"certificate_issued"' not in raw:
            continue
        body = json.loads(raw)["body"]
        if body.get("certificate_id") == certificate_id:
            return LedgerPosition(case_id, index, leaf_hash(raw).hex(), body["digest"])
    raise Refused(f"certificate {certificate_id} was never issued", rule="a paper names its ledger entry")


def draw(position: LedgerPosition) -> str:
    """The QR code as SVG: black on nothing, four modules of quiet zone, without namespace; the same each time."""
    sink = io.BytesIO()
    code = segno.make_qr(position.text, error="m", encoding="utf-8")
    code.save(sink, kind="svg", xmldecl=False, svgns=False, svgclass=None, lineclass=None, nl=False, omitsize=True)
    return sink.getvalue().decode()
