r"""Whole numbers in groups of seven bits, low ones first, as Avro, protocol buffers (ORC) and Thrift (Parquet) do it.

>>> written(300), read(bytes([172, 2, 7]), 0)
(b'\xac\x02', (300, 2))
>>> [signed(unsigned(number)) for number in (0, -1, 64)]
[0, -1, 64]
"""

_MORE = 128


def read(data: bytes, place: int) -> tuple[int, int]:
    """The number that begins at a place, and the place after it; raises IndexError where the data ends before it."""
    value = shift = 0
    while True:
        byte = data[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < _MORE:
            return value, place
        shift += 7


def written(value: int) -> bytes:
    """The bytes of a number that is not negative."""
    found = bytearray()
    while value >= _MORE:
        found.append(value & 127 | _MORE)
        value >>= 7
    found.append(value)
    return bytes(found)


def signed(value: int) -> int:
    """The number that stands in zigzag as this one."""
    return (value >> 1) ^ -(value & 1)


def unsigned(value: int) -> int:
    """The number that stands for this one in zigzag, by which small negative numbers stay short."""
    return value << 1 if value >= 0 else (-value << 1) - 1
