"""What pictures say of persons is found, and nothing that they hold makes reading them fail or go on for ever."""

import io
import struct
import time
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from winddown.stores.objects.contents.exif import read_exif
from winddown.stores.objects.contents.pictures import BROKEN, OTHER, Picture, read_picture

from .documents import ASCII, LONG, RATIONAL, UNDEFINED, WHERE, chunk, jpeg, png, position, segment, text, tiff

HERE = ("gps", "31.230400,121.473700")


def read(content: bytes) -> Picture:
    return read_picture(io.BytesIO(content), len(content))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("wrap", [jpeg, png, lambda block: png(block, behind=True, picture=300_000)])
def test_where_who_and_with_what_camera(wrap: object, order: str) -> None:
    block = tiff(
        [text(0x013B, "王小明"), text(0x010E, "身份证正面")],
        exif=[text(0xA430, "Wang Xiaoming"), text(0xA431, "4093857"), (0x9286, UNDEFINED, 12, b"ASCII\0\0\0home")],
        gps=position(order=order),
        order=order,
    )
    found = read(wrap(block))  # type: ignore[operator]
    assert set(found.values) == {
        HERE,
        ("artist_name", "王小明"),
        ("description", "身份证正面"),
        ("owner_name", "Wang Xiaoming"),
        ("device_id", "4093857"),
        ("comment", "home"),
    }
    assert not found.unread


def test_south_and_west_are_negative() -> None:
    found = read(jpeg(tiff(gps=position([((33, 1), (51, 1), (0, 1)), ((70, 1), (30, 1), (0, 1))], "SW"))))
    assert found.values == (("gps", "-33.850000,-70.500000"),)


def test_a_picture_without_exif_says_nothing_and_is_whole() -> None:
    assert read(jpeg()) == read(png()) == Picture((), frozenset())


def test_what_a_camera_writes_when_it_does_not_know_is_no_position() -> None:
    for axes in ([((0, 0),) * 3, ((0, 0),) * 3], [WHERE[0], ((121, 0), (28, 1), (0, 1))], [((91, 1),), ((0, 1),)]):
        assert read(jpeg(tiff(gps=position(axes)))) == Picture((), frozenset({BROKEN}))
    half = position()[:2]
    assert read(jpeg(tiff(gps=half))) == Picture((), frozenset({BROKEN}))


@pytest.mark.parametrize(
    "block",
    [
        b"II*\0" + struct.pack("<I", 0xFFFFFFF0),  # the directory lies outside
        b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 65_535),  # more entries than there are
        tiff([(0x013B, ASCII, 1 << 31, b"")]),  # a text of 2 GiB
        tiff([(0x013B, 99, 4, b"abcd")]),  # of no known type
        tiff([(0x8825, LONG, 1, struct.pack("<I", 1 << 31))]),  # the position lies outside
        tiff(gps=[(1, ASCII, 2, b"N\0"), (2, RATIONAL, 1 << 29, b"")]),
        b"not a block at all",
        b"",
    ],
)
def test_offsets_that_lead_out_of_the_block_are_told(block: bytes) -> None:
    assert read(jpeg(block)) == Picture((), frozenset({BROKEN}))


def test_a_circle_of_directories_ends() -> None:
    itself = struct.pack("<I", 8)
    found = read(jpeg(tiff([(0x8769, LONG, 1, itself), (0x8825, LONG, 1, itself), text(0x013B, "王小明")])))
    assert found.values == (("artist_name", "王小明"),)


def test_a_torn_picture_and_one_of_endless_segments_are_told() -> None:
    block = tiff(gps=position())
    assert read(jpeg(block)[:100]).unread == {BROKEN}
    assert read(jpeg(block, before=segment(0xE2, b"x") * 100)).unread == {BROKEN}
    assert read(png(block)[:60]).unread == {BROKEN}
    assert read(b"\xff\xd8" + b"\xff" * 100_000).unread == {BROKEN}


def test_metadata_of_other_kinds_is_said_to_be_unread() -> None:
    xmp = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    found = read(jpeg(tiff(gps=position()), before=xmp))
    assert (found.values, found.unread) == ((HERE,), {OTHER})
    image = png()
    assert read(image[:33] + chunk(b"tEXt", b"Author\0x") + image[33:]).unread == {OTHER}


def test_a_name_inside_the_picture_is_no_chunk() -> None:
    content = png(picture=500)
    place = content.index(b"\x5a" * 100)
    fake = (4).to_bytes(4, "big") + b"eXIfdata" + bytes(4)
    body = content[place : place + 500]
    inside = body[:200] + fake + body[200 + len(fake) :]
    check = zlib.crc32(b"IDAT" + inside).to_bytes(4, "big")
    content = content[:place] + inside + check + content[place + 504 :]
    assert read(content) == Picture((), frozenset())


@given(st.binary(max_size=300), st.sampled_from(["<", ">"]))
def test_any_bytes_are_read_without_failing(noise: bytes, order: str) -> None:
    read_exif(noise)
    read_exif((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + noise)
    read(b"\xff\xd8\xff" + noise)
    read(b"\x89PNG\r\n\x1a\n" + noise)


@given(st.data())
def test_any_damage_of_a_block_is_survived(data: st.DataObject) -> None:
    block = bytearray(tiff([text(0x013B, "王小明")], exif=[text(0xA431, "4093857")], gps=position()))
    for _ in range(data.draw(st.integers(1, 8))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    read_exif(bytes(block))


def test_the_greatest_block_costs_little() -> None:
    entry = struct.pack("<HHII", 0x013B, ASCII, 60_000, 8)
    block = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 5_400) + entry * 5_400
    before = time.process_time()
    assert read_exif(block).whole is False
    assert time.process_time() - before < 1
