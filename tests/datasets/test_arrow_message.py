"""The header of a batch tells whether its buffers are compressed."""

import io

import pyarrow as pa
import pytest

from datasets.arrow_message import is_compressed
from datasets.lap_files import read_lap, stamp
from datasets.schema import LAP_SCHEMA
from drivesim.errors import DrivesimError
from tests.datasets.laps import drive, make_info


def stream(compression, steps=200, notes=True):
    """A stream of one batch, as a recorder would have written it, or compressed."""
    columns = drive(steps)
    batch = pa.record_batch(list(columns.values()), schema=LAP_SCHEMA)
    sink = io.BytesIO()
    schema, options = (
        LAP_SCHEMA.with_metadata(make_info().to_metadata()),
        pa.ipc.IpcWriteOptions(compression=compression),
    )
    with pa.ipc.new_stream(sink, schema, options=options) as writer:
        writer.write_batch(batch, stamp(batch, []) if notes else None)
    return sink.getvalue()


def batch_message(data):
    source = pa.BufferReader(data)
    pa.ipc.open_stream(source)
    return pa.ipc.read_message(source)


@pytest.mark.parametrize(("compression", "told"), [(None, False), ("zstd", True), ("lz4", True)])
@pytest.mark.parametrize("notes", [True, False])
def test_a_compressed_batch_is_told_from_a_plain_one(compression, told, notes):
    assert is_compressed(batch_message(stream(compression, notes=notes))) is told


def test_of_a_partial_lap_plain_batches_alone_are_read(tmp_path):
    (tmp_path / "plain.arrows").write_bytes(stream(None))
    assert len(read_lap(tmp_path / "plain.arrows")) == 200
    (tmp_path / "packed.arrows").write_bytes(stream("zstd"))
    with pytest.raises(DrivesimError, match="no lap can be read"):
        read_lap(tmp_path / "packed.arrows")
