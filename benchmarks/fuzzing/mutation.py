"""Mutation: files, JSON and lines changed at random, as they are by accident and by malice."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

# What parsers trip over: ends of ranges, other types, other encodings, ways out of a folder.
NUMBERS: tuple[Any, ...] = (
    0, -0.0, 1, -1, 2, 3, 7, 0.5, 1e-300, 1e300, 1e999, -1e999, float("nan"), 255, 256, 4096, 65_536, 10**6, 2**31,
    2**32, -(2**63), 2**64, 10**12, 10**30,
)  # fmt: skip
TEXTS = (
    "", " ", "0", "-1", "nan", "inf", "1e999", "1,5", "é", "中文", "\ud800", "\x00", "../../../etc/passwd", "/dev/zero",
    "C:\\IMG\\a.jpg", "a" * 5000, "%s%n", "null", "<script>", "__class__", "camera", "pilotnet", "resnet18",
)  # fmt: skip
VALUES: tuple[Any, ...] = (*NUMBERS, *TEXTS, None, True, False, [], {}, [[]], [0, 0], {"": None}, [1e999] * 3)
BYTES = (
    b"", b"\x00", b"\xff", b"\x00" * 30, b"\xff" * 8, b"\n" * 5, b'"', b"'", b"{", b"[" * 3000, b",", b";", b"NaN",
    b"1e999", b"-1", b"\xff\xd8", b"\xef\xbb\xbf", b"\xff\xfe", b"\xe9", b"9" * 5000, b"\\ud800", b"null",
    b"../../../etc/passwd", b"\r", b"#",
)  # fmt: skip


def pick(rng: np.random.Generator, choices: Sequence[Any]) -> Any:
    """Return one of several things, whatever they are."""
    return choices[int(rng.integers(len(choices)))]


def mutated_bytes(data: bytes, rng: np.random.Generator, others: Sequence[bytes] = ()) -> bytes:
    """Return bytes with one to three changes: bits flipped, bytes set, cut, inserted, moved or doubled.

    Args:
        data: Of a file.
        rng: Draws the changes.
        others: What may stand in its place, or a part of it.
    """
    for _ in range(int(rng.integers(1, 4))):
        data = _mutated_once(data, rng, others)
    return data


def _mutated_once(data: bytes, rng: np.random.Generator, others: Sequence[bytes]) -> bytes:
    size = len(data)
    at = int(rng.integers(size + 1))
    # Headers and footers are short, and say most.
    if rng.random() < 0.4:
        at = min(size, int(rng.integers(200))) if rng.random() < 0.5 else max(0, size - int(rng.integers(200)))
    kind = int(rng.integers(9))
    if kind == 0 and at < size:
        return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + pick(rng, BYTES) + data[at:]
    if kind == 3:
        new = pick(rng, BYTES)
        return data[:at] + new + data[at + len(new) :]
    if kind == 4:
        return data[:at] + data[at + int(rng.integers(1, 64)) :]
    if kind == 5:
        width = int(pick(rng, (1, 2, 4, 8)))
        value = pick(rng, (0, 1, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1))
        new = (value % 256**width).to_bytes(width, "little" if rng.random() < 0.5 else "big")
        return data[:at] + new + data[at + width :]
    if kind == 6:
        start = int(rng.integers(size + 1))
        return data[:at] + data[start : start + int(rng.integers(1, 200))] + data[at:]
    if kind == 7 and others:
        other = pick(rng, others)
        start = int(rng.integers(len(other) + 1))
        return data[:at] + other[start : start + int(rng.integers(1, 200))] + data[at:]
    if kind == 8 and others and rng.random() < 0.3:
        return pick(rng, others)
    return data[:at] + bytes(rng.integers(0, 256, int(rng.integers(1, 9)), np.uint8)) + data[at:]


def mutated_json(value: Any, rng: np.random.Generator) -> Any:
    """Return plain JSON with one value of it changed, left out, added or wrapped, wherever it stands."""
    if isinstance(value, dict) and value and rng.random() < 0.85:
        changed, name = dict(value), pick(rng, list(value))
        act = rng.random()
        if act < 0.7:
            changed[name] = mutated_json(value[name], rng)
        elif act < 0.85:
            del changed[name]
        else:
            changed[str(pick(rng, TEXTS))] = pick(rng, VALUES)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.85:
        items, at = list(value), int(rng.integers(len(value)))
        act = rng.random()
        if act < 0.7:
            items[at] = mutated_json(value[at], rng)
        elif act < 0.85:
            del items[at]
        else:
            items.insert(at, pick(rng, [*VALUES, value[at]]))
        return items
    return [value] if rng.random() < 0.05 else pick(rng, VALUES)


def mutated_text(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a text with one of its lines changed as JSON, or as fields; doubled, moved or left out."""
    lines = data.split(b"\n")
    at = int(rng.integers(len(lines)))
    act = rng.random()
    if act < 0.1:
        del lines[at]
    elif act < 0.2:
        lines.insert(int(rng.integers(len(lines) + 1)), lines[at])
    elif act < 0.3:
        other = int(rng.integers(len(lines)))
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = _mutated_line(lines[at], rng)
    return b"\n".join(lines)


def _mutated_line(line: bytes, rng: np.random.Generator) -> bytes:
    try:
        text = line.decode()
        return json.dumps(mutated_json(json.loads(text), rng)).encode()
    except (ValueError, RecursionError):
        separator = b";" if b";" in line else b","
        fields = line.split(separator)
        at = int(rng.integers(len(fields)))
        act = rng.random()
        if act < 0.15:
            del fields[at]
        elif act < 0.3:
            fields.insert(at, fields[at])
        elif act < 0.65:
            fields[at] = str(pick(rng, NUMBERS)).encode()
        else:
            fields[at] = pick(rng, TEXTS).encode(errors="surrogatepass")
        return separator.join(fields)
