"""The demonstration's S3 service as a process of its own: moto's server, made quick enough for listings.

To mark the latest versions of a listing, moto marks copies of all objects of the bucket, contents included. Here the
copies come without contents, which a listing does not show.
"""

import io

from moto.s3.models import FakeKey
from moto.server import main


def _without_content(found: FakeKey, _memo: object) -> FakeKey:
    twin = object.__new__(FakeKey)
    twin.__dict__.update(found.__dict__, _value_buffer=io.BytesIO(), multipart=None, disposed=True)
    return twin


if __name__ == "__main__":
    FakeKey.__deepcopy__ = _without_content
    main()
