# SPDX-License-Identifier: Apache-2.0
"""lior image: pictures near black holes."""

import struct
import zlib

import pytest


def pixels_of(path):
    """(width, height, rows of bytes) of an 8-bit RGB PNG."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    assert (depth, colour) == (8, 2)
    packed, at = b"", 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            packed += data[at + 8 : at + 8 + length]
        at += length + 12
    raw, rows, before = zlib.decompress(packed), [], bytes(3 * width)
    for y in range(height):
        kind, line = (
            raw[y * (3 * width + 1)],
            bytearray(raw[y * (3 * width + 1) + 1 :][: 3 * width]),
        )
        for i in range(3 * width):
            left = line[i - 3] if i >= 3 else 0
            corner = before[i - 3] if i >= 3 else 0
            up = before[i]
            guess = left + up - corner
            paeth = min((left, up, corner), key=lambda v: abs(guess - v))
            line[i] = (line[i] + (0, left, up, (left + up) // 2, paeth)[kind]) % 256
        rows.append(bytes(line))
        before = line
    return width, height, rows


def test_draws_a_hole_with_a_disk(lior, tmp_path):
    out = tmp_path / "hole.png"
    result = lior(
        "image", "--metric", "kerr:spin=.99", "--camera", "r=30,theta=80deg", "--size", "64x36",
        "--disk", "6:20", "--out", out,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "% sky" in result.stderr and "% disk" in result.stderr and "% horizon" in result.stderr
    width, height, rows = pixels_of(out)
    assert (width, height) == (64, 36)
    middle = rows[15][3 * 32 : 3 * 33]
    assert middle == b"\0\0\0"
    assert max(rows[24]) > 100


def test_sky_is_a_picture_of_the_users(lior, tmp_path):
    sky, out = tmp_path / "sky.png", tmp_path / "seen.png"

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    # 16-bit grey, as a telescope's: read as 8-bit RGB.
    rows = b"".join(b"\0" + b"\x80\0" * 4 for _ in range(2))
    sky.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 4, 2, 16, 0, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    result = lior(
        "image", "--metric", "minkowski", "--camera", "r=9,theta=1", "--size", "4x3", "--sky", sky,
        "--out", out, "--progress", "none",
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    seen = set(b"".join(pixels_of(out)[2]))
    assert len(seen) == 1 and 100 < seen.pop() < 220


@pytest.mark.parametrize(
    "change, words",
    [
        ({"--camera": "theta=1"}, "has no radius"),
        ({"--camera": "r=30,psi=1"}, "'psi=1' is none of"),
        ({"--camera": "r=1.2"}, "horizon"),
        ({"--size": "12"}, "--size '12': expected two numbers"),
        ({"--size": "1e9x1e9"}, "at most"),
        ({"--disk": "20:6"}, "smaller one first"),
        ({"--disk": "6"}, "--disk '6'"),
        ({"--view": "200deg"}, "between 0 and 180deg"),
        ({"--metric": "sphere:n=4"}, "one minus sign"),
        ({"--metric": "flrw"}, "changes with its time t"),
        ({"--observer": "me"}, "static, zamo"),
        ({"--out": "picture.jpg"}, "ends in .png"),
        ({"--sky": __file__}, "no whole PNG file"),
        ({"--samples": 99}, "expected 1 to 16"),
    ],
)
def test_bad_input_is_one_line(refused, tmp_path, change, words):
    flags = {
        "--metric": "kerr", "--camera": "r=30", "--out": tmp_path / "x.png", "--size": "4x4", **change
    }  # fmt: skip
    assert words in refused("image", *[part for pair in flags.items() for part in pair])
    assert not (tmp_path / "x.png").exists()
