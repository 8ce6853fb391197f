"""Text as strangers write it: all scripts, controls, look-alikes, the words of the formats that we read."""

from random import Random
from typing import Final

SCRIPTS: Final = (
    "abcxyz",
    "ABCXYZ",
    "0123456789",
    "-._/:@%+=~",
    "\0\a\b\t\n\r\x1b\x7f",
    "\x80\x85\xa0\xad",
    "äöüßñçøåÆİıſ",
    "абвгдежЯ",
    "αβγδεΩµμ",
    "אבגדه֑",
    "ابتث٠١٢٣",
    "कखगघ०१२",
    "กขค๑๒",
    "ひらカタ漢字한글",
    "\uff10\uff11\uff12\uff41\uff42\uff43\uff0d\uff0e",
    "\u200b\u200c\u200d\u2028\u2029\u202e\ufeff\u0301",
    "\ud800\udfff\ufffd\ufffe\uffff",
    "🛶👩‍🚀🇳🇴\U0010ffff",
    "\"'\\`{}[]()<>|&*!?#,;$^",
)
WORDS: Final = (
    *(
        "",
        " ",
        "-",
        ".",
        "..",
        "/",
        "//",
        "a",
        "A",
        "0",
        "1",
        "a-b",
        "-a",
        "a-",
        "a.b",
        "a..b",
        "a/b",
        "a/b/c",
    ),
    *(
        "null",
        "~",
        "true",
        "yes",
        "on",
        "NaN",
        ".inf",
        "0644",
        "0x1f",
        "1_000",
        "1e3",
        "1e999",
        "12:30",
        "<<",
    ),
    *("100m", "1Gi", "1.5Gi", "-1", "50%", "101%", "1e-30", "9223372036854775807", "9223372036854775808"),
    *(
        "2026-01-31T08:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999999999+23:59",
        "1m30s",
        "-1.5h",
    ),
    *(
        "Always",
        "Never",
        "TCP",
        "RollingUpdate",
        "ClusterIP",
        "None",
        "Exists",
        "In",
        "default",
        "kube-system",
    ),
    *(
        "$patch",
        "replace",
        "delete",
        "merge",
        "$retainKeys",
        "$deleteFromPrimitiveList/args",
        "*",
        "-0",
        "+1",
    ),
    *(
        "$setElementOrder/containers",
        "10.0.0.1",
        "::1",
        "fe80::1%eth0",
        "10.0.0.0/33",
        "a@b.c",
        "%s%n",
        "{}",
        "[]",
    ),
    *("${A}", "$(A)", "../../etc/passwd", "knarr.io/x", "x" * 63, "x" * 64, "x" * 253, "x" * 254, "a" * 5000),
)


def utf8(value: object) -> str:
    """The text of a value without what UTF-8 cannot hold, as a field of a message may have it."""
    return str(value).encode(errors="replace").decode()


def text(rng: Random) -> str:
    """A text out of nothing."""
    if rng.random() < 0.5:
        return rng.choice(WORDS)
    alphabet = rng.choice(SCRIPTS)
    if rng.random() < 0.4:
        alphabet += rng.choice(SCRIPTS)
    return "".join(rng.choices(alphabet, k=rng.choice((1, 1, 2, 3, 5, 8, 63, 64))))


def mutated(old: str, rng: Random) -> str:
    """The text with one thing changed."""
    if not old:
        return text(rng)
    at = rng.randrange(len(old))
    end = min(len(old), at + rng.choice((1, 1, 2, 5, 20)))
    match rng.randrange(9):
        case 0:
            return old[:at] + old[end:]
        case 1:
            return old[:at] + text(rng) + old[at:]
        case 2:
            return old[:at] + text(rng) + old[end:]
        case 3:
            return old[:end] + old[at:end] * rng.choice((1, 2, 50)) + old[end:]
        case 4:
            other = rng.randrange(len(old))
            return old[:at] + old[other : other + end - at] + old[end:]
        case 5:
            return old.swapcase() if rng.random() < 0.5 else old[::-1]
        case 6:
            return old[:at]
        case 7:
            return old[:at] + chr(min(max(0, ord(old[at]) + rng.choice((-1, 1))), 0x10FFFF)) + old[at + 1 :]
    return text(rng)


def mutated_bytes(old: bytes, rng: Random) -> bytes:
    """Bytes with one thing changed; UTF-8 or not."""
    if not old:
        return bytes(rng.choices(range(256), k=rng.randint(1, 8)))
    at = rng.randrange(len(old))
    end = min(len(old), at + rng.choice((1, 1, 2, 4, 16, 64)))
    match rng.randrange(6):
        case 0:
            return old[:at] + old[end:]
        case 1:
            return old[:at] + bytes(rng.choices(range(256), k=rng.choice((1, 2, 4, 9)))) + old[at:]
        case 2:
            return old[:at] + bytes((old[at] ^ (1 << rng.randrange(8)),)) + old[at + 1 :]
        case 3:
            return old[:end] + old[at:end] + old[end:]
        case 4:
            return (
                old[:at] + rng.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff\x0f")) + old[end:]
            )
    return old[:at]
