"""Tells the encoding of a text file, and turns its bytes into UTF-8, piece by piece.

UTF-8 and UTF-16 prove themselves: other bytes do not decode. GB18030 (with GBK and GB2312 in it) and Big5 share most of
their byte pairs, so a text that decodes as both is judged by its characters: both standards set the common characters
apart from the rare ones (level 1 and level 2), and wrongly decoded text falls into the rare ones. Where neither is
clearly better nothing is guessed. After the choice every byte must decode; a file that mixes encodings is refused.
"""

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from winddown.stores.objects.formats import limits
from winddown.stores.objects.formats.problem import Problem, Unreadable

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SAMPLE = 65_536
_CONTROLS = frozenset(range(32)) - {9, 10, 12, 13}
_NUL_SHARE = 0.1
_LEAST_FAMILIAR = 0.3  # chance gives .15 to .2, names and addresses .5
_MARGIN = 2
_COUNTABLE = 30
_LEAST_UTF_16 = 16  # bytes without a mark
_SYMBOLS = 0xA1  # three rows of symbols begin both standards
_LEVEL_ONE = {"gb18030": (0xB0, 0xD7), "big5hkscs": (0xA4, 0xC6)}  # first bytes of the common characters
# Han characters in UTF-8; two of them are valid pairs of GB18030 and Big5 too, but rare characters there.
_UTF_8_WORD = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){2,}(?![\x80-\xff])")
_HAN, _HANS = 0xE4, 6  # the first of their first bytes, and how many there are
_NEVER = -(1 << 30)
_ASCII = 0x80
_STEP = 1 << 16  # bytes that are decoded at once, so that they stay in the processor's cache in both forms
_NOT_ASCII = re.compile(rb"[\x80-\xff]")

# The most frequent characters of running text, forms and names. Text in the right encoding is full of them.
_FREQUENT = (
    "的一是不了人我在有他这中大来上个国到说们为子和你地出道也时年得就那要下以生会自着去之过家学对可她里后小么心多天而能好都然没"
    "日于起还发成事只作当想看文无开手十用主行方又如前所本见经头面公同三已老从动两长知民样现分将外但身些与高意进把法此实回二理美点"
    "月明其种声全工己话儿者向情部正名定女问力机给等几很业最间新什打便位因重被走电四第门相次东政海口使教西再平真听世气信北少关并内"
    "加化由却代军产入先山五太水万市眼体别处总才场师书比住员九笑性通目华报立马命张活难神数件安表原车白应路期叫死常提感金何更反合放"
    "做系计或司利受光王果亲界及今京务制解各任至清物台象记边共风战干接它许八特觉望直服毛林题建南度统色字请交爱让认算论百吃义科怎元"
    "社术结六功指思非流每青管夫连远资队跟带花快条院变联权往展该领传近留红治决周保达办运武半候七必城父强步完革深区即求品士转量空甚"
    "众技轻程告江语英基派满式李息写呢识极令黄德收脸钱党倒未持取设始版双历越史商千片容研像找友孩站广改议形委早房音火际则首单据导影"
    "失拿网香似斯专石若兵弟谁校读志飞观争究包组造落视济喜离虽坏兴客户编号姓址证份订购备注额销售部址邮箱联系话省县街镇村栋室楼码"
    "付款货票税账银卡款型态状类别陈刘杨赵吴徐孙胡朱郭罗郑梁谢宋唐韩曹邓萧冯程蔡彭潘袁董余苏叶吕魏蒋田杜丁沈姜范伟芳娜秀敏静丽磊军"
    "洋勇艳杰娟涛超兰霞刚桂的這來個國說們為時過學對可裡後麼還發當無開經頭動兩長樣現將與進實種聲話兒問機給幾業間電門東關並內卻軍產"
    "萬體處總場師書員報馬張難數車應親務記邊風戰幹許覺題統請愛讓認論義術結資隊帶條變聯權領傳紅決達辦運區轉眾輕語滿寫識極臉錢黨歷"
    "雙設單據導網專誰讀飛觀爭視濟雖壞興戶編號證訂購備註額銷郵箱系縣鎮棟樓碼貨稅賬銀類陳劉楊趙吳孫羅鄭謝韓鄧蕭馮蘇葉呂蔣偉麗"
    "，。、；：？！（）《》“”"
)
_COMMON = frozenset(_FREQUENT)


def decoded_head(head: bytes) -> str | None:
    """The beginning of a file as text; None when it is no text. Raises Unreadable when its encoding cannot be told."""
    encoding, mark = _marked(head)
    if encoding is None:
        if any(control in head for control in _CONTROLS):
            return None
        encoding = encoding_of(head)
    text = _decoded(head[mark:], encoding)
    return None if text is None or any(chr(control) in text for control in _CONTROLS) else text


def utf8_pieces(source: BinaryIO) -> Iterator[bytes]:
    """Yield the whole file as UTF-8, in pieces of some mebibytes, without a byte-order mark.

    A piece may end inside a character. The encoding is told by the first piece that is not plain ASCII. UTF-8 is passed
    on as it is: who cuts it between characters calls ``require_utf8``.

    Raises:
        Unreadable: the encoding cannot be told, or bytes do not decode in it.
    """
    return Text(source).pieces()


class Text:
    """A text file as UTF-8, and the way back.

    Args:
        exact: refuse bytes that would be others after the way there and back.

    Attributes:
        mark: the byte-order mark, known with the first piece.
    """

    def __init__(self, source: BinaryIO, *, exact: bool = False) -> None:
        self._source, self._exact = source, exact
        self._encoding = "utf-8"
        self.mark = b""

    def pieces(self) -> Iterator[bytes]:
        """See ``utf8_pieces``."""
        source = self._source
        piece = source.read(limits.PIECE)
        encoding, mark = _marked(piece)
        self.mark, piece = piece[:mark], piece[mark:]
        while piece and encoding is None:
            if not piece.isascii():
                piece += source.read(_SAMPLE)  # the first such byte may be the last one of the piece
                encoding = encoding_of(piece)
                break
            yield piece
            piece = source.read(limits.PIECE)
        if encoding is None:
            return
        self._encoding = encoding
        if encoding != "utf-8":
            yield from _translated(piece, source, encoding, exact=self._exact)
            return
        while piece:
            yield piece
            piece = source.read(limits.PIECE)

    def back(self, text: bytes) -> bytes:
        """Whole characters of UTF-8 in the file's own encoding."""
        return text if self._encoding == "utf-8" else text.decode().encode(self._encoding)


def encoding_of(sample: bytes) -> str:
    """Tell the encoding of bytes without a mark, which may end inside a character; raises Unreadable when unsure."""
    if _decoded(sample, "utf-8") is not None:
        return "utf-8"
    found = _NOT_ASCII.search(sample)
    # Back to the beginning of a line, so that no pair is cut in two.
    part = sample[sample.rfind(b"\n", 0, found.start() if found else 0) + 1 :][:_SAMPLE]
    scores = {name: _score(_decoded(part, name), name) for name in ("gb18030", "big5hkscs")}
    best, other = sorted(scores, key=lambda name: -scores[name])
    # What decodes in one way only needs no points, but must not look wrong.
    enough = 0 if scores[other] == _NEVER else max(1, scores[other] + _MARGIN)
    if scores[best] < enough:
        raise Unreadable(Problem.ENCODING, "the encoding of a text file cannot be told with certainty")
    return best


def _marked(head: bytes) -> tuple[str | None, int]:
    """The encoding that a byte-order mark or the places of zero bytes prove, and the mark's length."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    part = head[: _SAMPLE & ~1]
    low, high = part[1::2].count(0), part[0::2].count(0)
    for encoding, inside, outside in (("utf-16-le", low, high), ("utf-16-be", high, low)):
        is_pattern = len(part) >= _LEAST_UTF_16 and inside > _NUL_SHARE * len(part) / 2 and not outside
        if is_pattern and _decoded(part, encoding) is not None:
            return encoding, 0
    return None, 0


def _decoded(sample: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return None


def _score(text: str | None, encoding: str) -> int:
    """Points of a decoding: 2 a frequent character, 1 a common one, -2 a rare one."""
    if text is None:
        return _NEVER
    rare = common = frequent = 0
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    characters, counts = np.unique(codes[codes >= _ASCII], return_counts=True)
    for found, times in zip(map(chr, characters.tolist()), counts.tolist(), strict=True):
        if found in _COMMON:
            frequent += times
            continue
        raw = found.encode(encoding, "replace")
        if len(raw) == 2:  # noqa: PLR2004 - a pair; longer ones prove themselves
            first, last = _LEVEL_ONE[encoding]
            is_common = _SYMBOLS <= raw[0] <= last and (raw[0] >= first or raw[0] < _SYMBOLS + 3)
            is_common &= encoding != "gb18030" or raw[1] >= _SYMBOLS
            common, rare = common + times * is_common, rare + times * (not is_common)
    # Other East Asian encodings decode as common characters too, but hardly ever as frequent ones.
    total = rare + common + frequent
    if total >= _COUNTABLE and frequent < _LEAST_FAMILIAR * total:
        return -1
    return 2 * frequent + common - 2 * rare


def require_utf8(text: bytes) -> None:
    """Raise Unreadable for bytes that are no UTF-8. Arrow checks many times faster than decoding does."""
    size = np.array([0, len(text)], dtype=np.int64)
    whole = pa.Array.from_buffers(pa.large_string(), 1, [None, pa.py_buffer(size), pa.py_buffer(text)])
    try:
        whole.validate(full=True)
    except pa.ArrowException:
        raise _mixed() from None


def _translated(piece: bytes, source: BinaryIO, encoding: str, *, exact: bool = False) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while piece:
            # Half a pair of UTF-16 surrogates decodes by itself and is no character.
            parts = (piece[start : start + _STEP] for start in range(0, len(piece), _STEP))
            yield b"".join([_decoded_part(decoder, part, encoding if exact else "").encode() for part in parts])
            if _holds_utf8(piece):
                raise _mixed()
            piece = source.read(limits.PIECE)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError:
        raise _mixed() from None


def _decoded_part(decoder: codecs.IncrementalDecoder, part: bytes, encoding: str) -> str:
    """Decode a part; with an encoding, make sure that it leads back to the same bytes."""
    before = decoder.getstate()[0] if encoding else b""
    text = decoder.decode(part)
    if encoding:
        taken = before + part
        if text.encode(encoding) != taken[: len(taken) - len(decoder.getstate()[0])]:
            raise Unreadable(Problem.ENCODING, "a text file has characters that would be written in other bytes")
    return text


def _holds_utf8(piece: bytes) -> bool:
    """Whether a word between ASCII bytes is UTF-8 of common characters, as chance would hardly make one."""
    for place in _utf8_places(piece):
        found = _UTF_8_WORD.match(piece, place)
        if found:
            pairs = found[0].decode().encode("gb18030", "replace")
            if len(pairs) * 3 == len(found[0]) * 2 and all(0xB0 <= first <= 0xD7 for first in pairs[::2]):  # noqa: PLR2004
                return True
    return False


def _utf8_places(piece: bytes) -> Iterator[int]:
    """Where behind ASCII, or at the beginning, there are bytes of two Han characters in UTF-8."""
    whole = np.frombuffer(piece, dtype=np.uint8)
    for start in range(0, len(whole), _STEP):
        part = whole[start : start + _STEP + 5]
        firsts = part - np.uint8(_HAN) < _HANS
        places = np.flatnonzero(firsts[:-5] & firsts[3:-2])
        for further in (1, 2, 4, 5):
            places = places[part[places + further] & 0xC0 == _ASCII]
        places += start
        yield from places[(places == 0) | (whole[places - 1] < _ASCII)].tolist()


def _mixed() -> Unreadable:
    return Unreadable(Problem.ENCODING, "a text file has bytes that are none of its encoding")
