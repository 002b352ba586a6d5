"""TFRecord files whose records are written in another order than they are made."""

import pathlib
import struct
import tempfile

import google_crc32c

__all__ = ["RecordSpool"]


class RecordSpool:
    """Records on their way to a TFRecord file; they wait on disk, memory holds an index.

    Args:
        folder: Where there is room for the records.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self._stream = tempfile.TemporaryFile(dir=folder)
        self._index: list[tuple[bytes, int, int]] = []

    def __enter__(self) -> "RecordSpool":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __len__(self) -> int:
        return len(self._index)

    def add(self, key: bytes, record: bytes) -> None:
        """Takes one record."""
        length = struct.pack("<Q", len(record))
        framed = b"".join([length, _masked_crc(length), record, _masked_crc(record)])
        self._index.append((key, self._stream.tell(), len(framed)))
        self._stream.write(framed)

    def write(self, path: pathlib.Path) -> None:
        """Writes all records in the order of their keys."""
        with open(path, "wb") as target:
            for _, offset, length in sorted(self._index):
                self._stream.seek(offset)
                target.write(self._stream.read(length))


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)
