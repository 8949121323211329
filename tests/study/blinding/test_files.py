"""Files of cases: one length, whatever is in them, and any gzip reads them."""

import gzip
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalsuite.errors import EvalsuiteError
from evalsuite.study.blinding.files import (
    SHORTEST,
    case_file,
    lengthened,
    make_equally_long,
    packed,
    unpacked,
)


@given(st.binary(max_size=300), st.integers(SHORTEST, 4 * SHORTEST))
def test_any_length_can_be_reached_and_any_gzip_reads_it(content, more):
    stream = packed(content)
    longer = lengthened(stream, len(stream) + more)
    assert len(longer) == len(stream) + more
    assert gzip.decompress(longer) == unpacked(longer) == unpacked(stream) == content
    # As browsers read: a piece at a time, up to the end of the stream and not beyond.
    reader = zlib.decompressobj(31)
    pieces = [reader.decompress(longer[i : i + 7]) for i in range(0, len(longer), 7)]
    assert (b"".join(pieces), reader.eof, reader.unused_data) == (content, True, b"")


def test_a_stream_is_not_lengthened_by_less_than_it_can_be():
    with pytest.raises(ValueError, match="too few"):
        lengthened(packed(b"case"), len(packed(b"case")) + SHORTEST - 1)


def test_noise_and_emptiness_get_files_of_one_length(tmp_path):
    contents = [bytes(60_000), np.random.default_rng(0).bytes(60_000), b"a" * 60_000]
    files = [tmp_path / str(i) for i in range(3)]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(packed(content))
    make_equally_long(files)
    assert len({file.stat().st_size for file in files}) == 1
    assert [unpacked(file.read_bytes()) for file in files] == contents


def test_nothing_but_the_content_is_in_the_stream():
    assert packed(b"case")[:10] == bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])


def test_the_beginning_is_unpacked_alone():
    content = bytes(range(256)) * 100
    assert unpacked(packed(content), 352) == unpacked(content, 352) == content[:352]


@pytest.mark.parametrize(
    "damage", [lambda s: s[:-1], lambda s: s[:20], lambda s: s[:-5] + b"12345"]
)
def test_a_damaged_stream_is_told(damage):
    with pytest.raises(EvalsuiteError, match="its gzip stream is damaged"):
        unpacked(damage(packed(bytes(1000))))


def test_files_of_older_studies_are_found(tmp_path):
    assert case_file(tmp_path, "a") == tmp_path / "a.nii.gz"
    (tmp_path / "a.nii").write_bytes(b"")
    assert case_file(tmp_path, "a") == tmp_path / "a.nii"
