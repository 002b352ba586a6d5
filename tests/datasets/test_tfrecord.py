"""Files of records: TensorFlow reads what we frame, we read what it writes, and damage is named."""

from pathlib import Path

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from grasp_datasets.tfrecord import DamagedRecords, framed, read_record, read_records

RECORDS = [b"first", b"", b"the third record" * 100]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        for record in RECORDS:
            writer.write(record)
    return tmp_path / "records"


def test_the_format_is_that_of_tensorflow(path: Path) -> None:
    assert path.read_bytes() == b"".join(map(framed, RECORDS))
    found = list(read_records(path))
    assert [record for _, record in found] == RECORDS
    assert [read_record(path, offset, len(record)) for offset, record in found] == RECORDS


@pytest.mark.parametrize(
    ("keep", "records", "offset", "reason"),
    [
        (5, 0, 0, "it ends inside a record"),
        (20, 0, 0, "it ends inside a record"),
        (21 + 16 + 8, 2, 37, "it ends inside a record"),
        (-1, 2, 37, "it ends inside a record"),
    ],
)
def test_a_file_that_was_cut_off_is_read_up_to_there(
    path: Path, keep: int, records: int, offset: int, reason: str
) -> None:
    path.write_bytes(path.read_bytes()[:keep])
    reader = read_records(path)
    assert [next(reader)[1] for _ in range(records)] == RECORDS[:records]
    with pytest.raises(DamagedRecords, match=f"{reason} at byte {offset}\\. Copy or download it again\\.") as error:
        next(reader)
    assert error.value.offset == offset
    with pytest.raises(DamagedRecords, match=reason):
        read_record(path, offset, len(RECORDS[records]))


@given(position=st.integers(0, len(b"".join(map(framed, RECORDS))) - 1), bit=st.integers(0, 7))
def test_every_flipped_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, position: int, bit: int) -> None:
    data = bytearray(b"".join(map(framed, RECORDS)))
    data[position] ^= 1 << bit
    path = tmp_path_factory.getbasetemp() / "flipped"
    path.write_bytes(data)
    with pytest.raises(DamagedRecords, match="the checksum of a"):
        list(read_records(path))
