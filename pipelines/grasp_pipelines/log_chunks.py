"""What an MCAP log holds, chunk by chunk, and what of it is damaged.

Reading never allocates more than the file is long, whatever its bytes claim. After damage it goes on with the
next chunk whose lengths agree with each other and whose checksum holds, so a flipped bit costs one chunk.
"""

import pathlib
import re
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

from mcap.opcode import Opcode
from mcap.writer import MCAP0_MAGIC

from grasp_pipelines.log_schema import PROFILE, SCHEMAS

__all__ = ["CUT_OFF", "EMPTY", "Damage", "Report", "read_chunks"]

CUT_OFF = "it is cut off"
"""The reason for a log that ends before its writer completed it."""

EMPTY = "it is empty"

FRAME = struct.Struct("<BQ")
"""Opcode and length before each record."""

CHUNK = struct.Struct("<QQQII")
"""First and last time, uncompressed size, checksum, and length of the compression's name."""

SIZE = struct.Struct("<Q")
MESSAGE = struct.Struct("<HIQQ")
"""Channel, number, and two times before the bytes of a message."""

CHANNEL = struct.Struct("<HHI")
"""Channel, schema, and length of the topic's name."""

SKIPPED = {Opcode.SCHEMA, Opcode.CHANNEL, Opcode.MESSAGE, Opcode.MESSAGE_INDEX, Opcode.ATTACHMENT, Opcode.METADATA}
"""Records beside chunks that nothing is read from."""

PRIVATE = 0x80
"""Opcodes from here on are other programs' own."""

CANDIDATE = re.compile(rb"\x06.{4}\0{4}.{16}.{4}\0{4}.{4}\0{4}.{4}\0{4}", re.DOTALL)
"""How an uncompressed chunk of less than 4 GB begins."""

BLOCKS = range(1 << 12, 1 << 20)
"""Sizes of the pieces that are searched: the next chunk is likely near [bytes]."""

OVERLAP = 64
"""More than the beginning of a chunk takes [bytes]."""


class Damage(NamedTuple):
    """Something in a log that cannot be used."""

    offset: int
    """Where it begins in the file [bytes]."""

    reason: str
    trial: str | None = None
    """The one trial that is lost, where the file itself is sound."""


Report = Callable[[Damage], None]
"""Told of damage, after which reading goes on."""


def read_chunks(path: pathlib.Path, report: Report) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
    """Yields the position of each sound chunk [bytes] and its messages as (topic, data).

    Args:
        path: The log.
        report: Told of each damage between the chunks.

    Raises:
        FileNotFoundError: There is no such file.
    """
    try:
        with open(path, "rb") as stream:
            yield from _Walk(stream, report).chunks()
    except FileNotFoundError:
        raise
    except OSError as error:
        report(Damage(0, f"it cannot be read: {error.strerror or error}"))


class _Walk:
    """One pass over a log.

    Args:
        stream: The file.
        report: Told of each damage.
    """

    def __init__(self, stream: IO[bytes], report: Report) -> None:
        self._stream = stream
        self._report = report
        self._size = stream.seek(0, 2)
        self._complete = self._size > len(MCAP0_MAGIC) and self._read(self._size - 8, 8) == MCAP0_MAGIC
        self._topics: dict[int, str] = {}
        self._floor = 0  # no chunk is looked for before this
        self._effort = 4 * self._size  # bytes of candidates that may be looked at in all

    def chunks(self) -> Iterator[tuple[int, list[tuple[str, bytes]]]]:
        """Yields position and messages of each sound chunk."""
        position = self._begin()
        while position is not None:
            position, found = self._next(position)
            if found is not None:
                yield self._floor, found
                self._floor = position or self._size

    def _begin(self) -> int | None:
        """Checks the file's first bytes; returns where to go on."""
        if not self._size:
            return self._lost(0, EMPTY)
        if self._size < len(MCAP0_MAGIC) and MCAP0_MAGIC.startswith(self._read(0, 8)):
            return self._lost(0, CUT_OFF)
        if self._read(0, 8) != MCAP0_MAGIC:
            return self._lost(0, "not a valid MCAP file: no magic at its beginning")
        head = self._read(8, FRAME.size)
        opcode, length = FRAME.unpack(head) if len(head) == FRAME.size else (0, self._size)
        if len(head) < FRAME.size or (opcode == Opcode.HEADER and 17 + length > self._size):
            return self._lost(8, "its header is damaged" if self._complete else CUT_OFF)
        content = self._read(17, length) if opcode == Opcode.HEADER else b""
        size = int.from_bytes(content[:4], "little")
        if len(content) < 4 + size:
            return self._lost(8, "its header is damaged")
        if (profile := content[4 : 4 + size]) != PROFILE.encode():
            self._report(Damage(8, f"its profile is {profile.decode(errors='replace')!r:.60}, not {PROFILE!r}"))
            return None
        self._topics = dict(enumerate(SCHEMAS, start=1))  # as our writer numbers them
        return 17 + int(length)

    def _next(self, position: int) -> tuple[int | None, list[tuple[str, bytes]] | None]:
        """Reads one record; returns where to go on, and the messages if it was a sound chunk."""
        head = self._read(position, FRAME.size)
        opcode, length = FRAME.unpack(head) if len(head) == FRAME.size else (0, self._size)
        end = position + FRAME.size + length
        if opcode == Opcode.DATA_END and length == 4:
            if not self._complete:
                self._report(Damage(self._size, CUT_OFF))
            return None, None
        if end > self._size:
            whole = self._complete and position < self._size
            return self._lost(position, "a record claims to be longer than the file" if whole else CUT_OFF), None
        if opcode == Opcode.CHUNK:
            try:
                found = self._messages(self._read(position + FRAME.size, length))
            except (ValueError, struct.error) as error:
                self._floor = max(self._floor, position + 1)
                reason = "a chunk's text is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
                return self._lost(position, reason), None
            self._floor = position
            return end, found
        if opcode in SKIPPED or opcode >= PRIVATE:
            return end, None
        return self._lost(position, f"an unknown record ({opcode:#04x})"), None

    def _lost(self, position: int, reason: str) -> int | None:
        """Reports damage; returns where the next sound chunk begins."""
        found = self._search()
        self._report(Damage(position, reason if found is None or reason != CUT_OFF else "a record's length is damaged"))
        return found

    def _search(self) -> int | None:
        """The first sound chunk after what has been read."""
        size = BLOCKS.start
        while self._floor < self._size and self._effort > 0:
            for match in CANDIDATE.finditer(self._read(self._floor, size + OVERLAP)):
                position = self._floor + match.start()
                if self._sound(position):
                    self._floor = position
                    return position
            self._floor += size
            size = min(2 * size, BLOCKS.stop)
        return None

    def _sound(self, position: int) -> bool:
        _, length = FRAME.unpack(self._read(position, FRAME.size))
        head = self._read(position + FRAME.size, CHUNK.size + SIZE.size)
        if position + FRAME.size + length > self._size or length != len(head) + SIZE.unpack(head[-SIZE.size :])[0]:
            return False
        self._effort -= length
        if self._effort < 0:
            return False
        try:
            _records(self._read(position + FRAME.size, length))
        except (ValueError, struct.error):
            return False
        return True

    def _messages(self, content: bytes) -> list[tuple[str, bytes]]:
        """The messages of a chunk.

        Raises:
            ValueError: The chunk is damaged.
            struct.error: A record in it is cut off.
        """
        messages: list[tuple[str, bytes]] = []
        for opcode, record in _records(content):
            if opcode == Opcode.CHANNEL:
                channel, _, size = CHANNEL.unpack_from(record)
                self._topics[channel] = str(record[CHANNEL.size : CHANNEL.size + size], "utf-8")
            elif opcode == Opcode.MESSAGE:
                channel, *_ = MESSAGE.unpack_from(record)
                if channel in self._topics:
                    messages.append((self._topics[channel], bytes(record[MESSAGE.size :])))
        return messages

    def _read(self, position: int, length: int) -> bytes:
        self._stream.seek(position)
        return self._stream.read(length)


def _records(content: bytes) -> list[tuple[int, memoryview]]:
    """The records of a chunk, once its checksum holds.

    Raises:
        ValueError: It does not, or a record is longer than the chunk.
        struct.error: The chunk ends within a record's head.
    """
    _, _, size, checksum, name = CHUNK.unpack_from(content)
    if name:
        kind = content[CHUNK.size : CHUNK.size + min(name, 16)].decode(errors="replace")
        raise ValueError(f"its chunks are compressed with {kind!r}, expected uncompressed ones")
    data = memoryview(content)[CHUNK.size + SIZE.size :]
    if len(data) != size or SIZE.unpack_from(content, CHUNK.size)[0] != size:
        raise ValueError("a chunk's lengths disagree")
    if checksum and zlib.crc32(data) != checksum:
        raise ValueError("a chunk fails its checksum (crc)")
    records = []
    at = 0
    while at < size:
        opcode, length = FRAME.unpack_from(data, at)
        at += FRAME.size
        if length > size - at:
            raise ValueError("a record is longer than its chunk")
        records.append((opcode, data[at : at + length]))
        at += length
    return records
