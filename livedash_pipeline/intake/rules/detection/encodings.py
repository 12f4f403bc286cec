"""Which characters the bytes of a file are, where nobody says: by marks, as UTF-8, and else by how plausible the text is."""

from __future__ import annotations

import codecs
import unicodedata
from dataclasses import dataclass

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What the package compares where Western European does not fit.
_OTHERS = [
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "koi8_r",
    "cp850",
    "mac_roman",
    "shift_jis",
    "gb18030",
    "big5",
    "euc_kr",
]
_WESTERN_SIGNS = "€£¥§©®°·«»‘’“”–—…•¡¿²³½¼¾×±´¨\u00a0\u00ad™ªº"
_MOST_SHOWN = 200_000
_MOSTLY = 0.95
# Of fewer bytes of lines with other letters no alphabet can be told.
_TELLING = 300
# In French, which has most accents in Western Europe, some 4 of 100 letters have one; a single line may have many.
_MOST_ACCENTS = 0.3


@dataclass(frozen=True, slots=True)
class GuessedEncoding:
    """An encoding, why, and whether that is enough to read a file with it unseen."""

    name: str
    reason: str
    is_sure: bool = True


def guess_encoding(data: bytes) -> GuessedEncoding:
    """The encoding of some bytes, which end with a whole line or with the file."""
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return GuessedEncoding(name, "the file begins with its mark")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return GuessedEncoding("utf-8", "all bytes are UTF-8")
    pairs = _utf_16(data)
    if pairs is not None:
        return GuessedEncoding(pairs, "every second byte is NUL, as in UTF-16")
    telling = b"\n".join(line for line in data.split(b"\n") if not line.isascii())[:_MOST_SHOWN]
    if _is_western(telling):
        return GuessedEncoding("cp1252", "it is no UTF-8, and as Windows Western European all its letters make sense")
    return _most_plausible(telling)


def _utf_16(data: bytes) -> str | None:
    for name, half in (("utf-16-be", data[0::2]), ("utf-16-le", data[1::2])):
        if half.count(0) * 2 > len(half) and half.count(0) * 10 >= data.count(0) * 9:
            return name
    return None


def _is_western(data: bytes) -> bool:
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    signs = [sign for sign in text if not sign.isascii()]
    if sum(map(str.isalpha, signs)) > _MOST_ACCENTS * sum(map(str.isalpha, text)):
        return False
    letters = sum(sign in _WESTERN_SIGNS or _is_latin_word(sign) for sign in signs)
    lower = sum(sign.islower() for sign in signs)
    # Texts of other alphabets come out as capitals with accents, one behind the other.
    return letters >= len(signs) * _MOSTLY and lower * 2 >= sum(sign.isalpha() for sign in signs)


def _is_latin_word(sign: str) -> bool:
    return sign.isalpha() and unicodedata.name(sign, "").startswith("LATIN") and sign not in "ÿþðÐÞ¶"


def _most_plausible(data: bytes) -> GuessedEncoding:
    # It loads tables of all encodings, which one file in a hundred needs.
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_isolation=["cp1252", *_OTHERS], enable_fallback=False).best()
    if best is None:
        return GuessedEncoding("cp1252", "it is no UTF-8, and no encoding makes plausible text of it", is_sure=False)
    reason = f"it is no UTF-8, and {best.encoding} makes the most plausible text of it"
    return GuessedEncoding(codecs.lookup(best.encoding).name, reason, is_sure=len(data) >= _TELLING)
