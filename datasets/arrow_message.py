"""Arrow message: what the header of a record batch declares, read before its buffers are.

Compressed buffers declare their length themselves, so that a file of some kilobytes can ask for gigabytes. Nothing here
writes such. pyarrow does not tell; the header is a FlatBuffer, of which two tables are looked into.
"""

import struct

import pyarrow as pa

# Fields of the tables `Message` and `RecordBatch`, by their place in Arrow's format/Message.fbs.
_HEADER, _COMPRESSION = 2, 3


def is_compressed(message: pa.Message) -> bool:
    """Say whether the buffers of a record batch's message are compressed.

    Raises:
        ValueError: If its header makes no sense.
    """
    data = message.metadata.to_pybytes()
    try:
        (root,) = struct.unpack_from("<I", data)
        header = _field(data, root, _HEADER)
        if header is None:
            raise ValueError("a batch has no header")
        (batch,) = struct.unpack_from("<I", data, header)
        return _field(data, header + batch, _COMPRESSION) is not None
    except struct.error as error:
        raise ValueError("a batch's header is cut off") from error


def _field(data: bytes, table: int, number: int) -> int | None:
    """Return where a field of a table lies; None where it is left out."""
    (back,) = struct.unpack_from("<i", data, table)
    fields = table - back
    (size,) = struct.unpack_from("<H", data, fields)
    at = 4 + 2 * number
    (offset,) = struct.unpack_from("<H", data, fields + at) if at < size else (0,)
    return table + offset if offset else None
