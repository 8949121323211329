"""Files of prepared cases: compressed once, as they are sent, and all of a study of one length.

A noisier case compresses less, and a browser shows how many bytes came. So the streams of a study
are made equally long by empty blocks, of which a decoder makes nothing (RFC 1951, section 3.2.4).
"""

import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from evalsuite.errors import EvalsuiteError

MAGIC = b"\x1f\x8b"
START = MAGIC + b"\x08\0\0\0\0\0\0\xff"  # gzip without name, date or system (RFC 1952)
END = b"\x03\0"  # a last block, empty
TRAILER = 8  # bytes after it: checksum and length
EMPTY = (b"\0\0\0\xff\xff", b"\2\0\0\0\xff\xff")  # 5 and 6 bytes, from byte to byte
SHORTEST = 24  # bytes from which on every length is a sum of fives and sixes with four sixes
LEVEL = 1  # more gains nothing on noise, but takes ten times as long


def packed(content: bytes) -> bytes:
    """Return the content as a gzip stream that `lengthened` can make longer."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    blocks = packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH)
    trailer = struct.pack("<2I", zlib.crc32(content), len(content) % 2**32)
    return START + blocks + END + trailer


def lengthened(stream: bytes, size: int) -> bytes:
    """Return a stream of `packed` in so many bytes, at least `SHORTEST` more than it has."""
    more = size - len(stream)
    if more < SHORTEST:
        msg = f"{size} bytes are too few for a stream of {len(stream)}"
        raise ValueError(msg)
    sixes = more % 5
    fives = (more - 6 * sixes) // 5
    end = len(stream) - len(END) - TRAILER
    return stream[:end] + EMPTY[0] * fives + EMPTY[1] * sixes + stream[end:]


def make_equally_long(files: Sequence[Path]) -> None:
    """Rewrite files of `packed` streams so that their sizes are the same."""
    size = max(file.stat().st_size for file in files) + SHORTEST
    for file in files:
        file.write_bytes(lengthened(file.read_bytes(), size))


def unpacked(stream: bytes, first: int = 0) -> bytes:
    """Return what a file of a case holds, or the first bytes of it; older files are not packed.

    Raises:
        EvalsuiteError: if the stream is damaged.
    """
    if not stream.startswith(MAGIC):
        return stream[: first or None]
    unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = unpacker.decompress(stream, first)
    except zlib.error as error:
        raise EvalsuiteError("its gzip stream is damaged. Prepare the study anew.") from error
    if not first and not unpacker.eof:
        raise EvalsuiteError("its gzip stream is damaged. Prepare the study anew.")
    return content


def case_file(folder: Path, case: str) -> Path:
    """Return the file of a case; older studies hold them uncompressed."""
    packed_file = folder / f"{case}.nii.gz"
    old = folder / f"{case}.nii"
    return old if old.exists() and not packed_file.exists() else packed_file
