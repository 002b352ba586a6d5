"""TFRecord files whose records are written in another order than they are made."""

import pathlib
import tempfile

from grasp_datasets.tfrecord import framed

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
        stored = framed(record)
        self._index.append((key, self._stream.tell(), len(stored)))
        self._stream.write(stored)

    def write(self, path: pathlib.Path) -> None:
        """Writes all records in the order of their keys."""
        with open(path, "wb") as target:
            for _, offset, length in sorted(self._index):
                self._stream.seek(offset)
                target.write(self._stream.read(length))
