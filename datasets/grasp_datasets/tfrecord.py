"""TFRecord files without TensorFlow: each record is its length, its bytes, and a checksum of each."""

import pathlib
import struct
from collections.abc import Callable, Iterator

import google_crc32c

from grasp_tfp.errors import GraspError

__all__ = ["DamagedRecords", "framed", "read_record", "read_records"]

HEADER = 12
"""Length and its checksum, before each record [bytes]."""

FOOTER = 4
"""Checksum of the record, after it [bytes]."""


class DamagedRecords(GraspError):
    """A file of records is cut off or altered."""

    def __init__(self, path: pathlib.Path, offset: int, reason: str) -> None:
        self.offset = offset
        self.reason = reason
        super().__init__(f"Damaged record file {str(path)!r}: {reason} at byte {offset}. Copy or download it again.")


def framed(record: bytes) -> bytes:
    """A record as it stands in a file."""
    length = struct.pack("<Q", len(record))
    return b"".join([length, _masked_crc(length), record, _masked_crc(record)])


def read_records(
    path: pathlib.Path, report: Callable[[DamagedRecords], None] | None = None
) -> Iterator[tuple[int, bytes]]:
    """Yields the offset [bytes] and content of each record.

    Args:
        path: The file.
        report: Told of damage instead of raising it; reading goes on behind a record whose length is sound.

    Raises:
        DamagedRecords: The file is cut off, or a checksum does not match, and there is no `report`.
    """
    size = path.stat().st_size
    offset = 0
    with open(path, "rb") as stream:
        while offset < size:
            stream.seek(offset)
            end = size
            try:
                end = offset + HEADER + _length(path, offset, stream.read(HEADER), size) + FOOTER
                content = _content(path, offset, stream.read(end - offset - HEADER))
            except DamagedRecords as damage:
                if report is None:
                    raise
                report(damage)
            else:
                yield offset, content
            offset = end


def read_record(path: pathlib.Path, offset: int, length: int) -> bytes:
    """The record of `length` bytes at `offset`, as an index of the file gives them.

    Raises:
        DamagedRecords: The file is cut off, or the checksum does not match.
    """
    with open(path, "rb", buffering=0) as stream:
        stream.seek(offset + HEADER)
        stored = stream.read(length + FOOTER)
    if len(stored) < length + FOOTER:
        raise DamagedRecords(path, offset, "it ends inside a record")
    return _content(path, offset, stored)


def _length(path: pathlib.Path, offset: int, header: bytes, size: int) -> int:
    if len(header) < HEADER:
        raise DamagedRecords(path, offset, "it ends inside a record")
    length, checksum = struct.unpack("<Q4s", header)
    if _masked_crc(header[:8]) != checksum:
        raise DamagedRecords(path, offset, "the checksum of a length does not match")
    if length > size - offset - HEADER - FOOTER:
        raise DamagedRecords(path, offset, "it ends inside a record")
    return int(length)


def _content(path: pathlib.Path, offset: int, stored: bytes) -> bytes:
    content = stored[:-FOOTER]
    if _masked_crc(content) != stored[-FOOTER:]:
        raise DamagedRecords(path, offset, "the checksum of a record does not match")
    return content


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
