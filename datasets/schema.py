"""The lap: its columns, their units, what is known about it, and the checks on everything that enters.

A recording is a lap, not a film: the track, the poses and the actions. Frames are rendered again when they are needed.
A file holds one lap: the columns of `LAP_SCHEMA`, and `LapInfo` in the metadata of the Arrow schema.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from drivesim.errors import DrivesimError
from drivesim.geometry import Floats
from drivesim.track import MAX_SPACING, Track
from drivesim.traffic import Traffic

# Version 2 added the policy's own actions and `MARK_POLICY`, version 3 the weather and more to a look, version 4
# traffic. Laps of earlier versions are read, without any of it, and look as they ever did.
FORMAT_VERSION = 4

MARK_BAD = 1  # a bit of `mark`: not to be learned from, as it was rewound or came before a crash
MARK_CORRECTION = 2  # a bit of `mark`: a person took over from a policy
MARK_POLICY = 4  # a bit of `mark`: a policy drove, which is no demonstration, and no fault either

MAX_STEPS = 10_000_000  # six days at 20 Hz; a file that declares more is broken, and would ask for gigabytes
MAX_TRACK_SAMPLES = 10_000_000  # a race track of 25 km has 50,000
Columns = dict[str, NDArray[Any]]
_F64, _F32 = pa.float64(), pa.float32()

# One row a control step. World: x east, y north, heading counter-clockwise from +x. Ego: x forward, y left.
LAP_SCHEMA = pa.schema(
    pa.field(name, dtype, False, {"unit": unit, "about": about})
    for name, dtype, unit, about in (
        ("time", _F64, "s", "since the start of the lap; increases at every step"),
        ("x", _F64, "m", "world"),
        ("y", _F64, "m", "world"),
        ("heading", _F64, "rad", "world"),
        ("speed", _F64, "m/s", "ego, forward"),
        ("lateral_velocity", _F64, "m/s", "ego, positive left"),
        ("yaw_rate", _F64, "rad/s", "positive left"),
        ("steering_angle", _F64, "rad", "of the road wheel, positive left"),
        ("s", _F64, "m", "position along the centreline"),
        ("lateral_error", _F64, "m", "left of the centreline"),
        ("steering", _F32, "-1..1", "action applied in the step that starts here: -1 full left, +1 full right"),
        ("pedal", _F32, "-1..1", "action applied in the step that starts here: -1 full brake, +1 full throttle"),
        ("steering_label", _F32, "-1..1", "what the driver wanted, clean of injected noise; NaN where unknown"),
        ("pedal_label", _F32, "-1..1", "what the driver wanted, clean of injected noise; NaN where unknown"),
        ("policy_steering", _F32, "-1..1", "what the policy at the wheel asked for; NaN where there was none"),
        ("policy_pedal", _F32, "-1..1", "what the policy at the wheel asked for; NaN where there was none"),
        ("mark", pa.uint8(), "bits", "MARK_BAD, MARK_CORRECTION, MARK_POLICY"),
    )
)
DTYPES: dict[str, np.dtype] = {each.name: np.dtype(each.type.to_pandas_dtype()) for each in LAP_SCHEMA}
ACTIONS = ("steering", "pedal")
LABELS = ("steering_label", "pedal_label")
POLICY_ACTIONS = ("policy_steering", "policy_pedal")  # may be left out: most laps have none

# Where the traffic of a lap was when each step began: arc lengths, metres, in the order of the things in its `LapInfo`.
# Laps without traffic have no such column.
OTHERS = "others"
OTHERS_ABOUT = {"unit": "m", "about": "position of each obstacle and other car along the centreline"}

_VERSION_KEY, _INFO_KEY, _POINTS_KEY, _COMPLETE_KEY = (
    f"drivesim.{key}".encode() for key in ("format_version", "lap", "track_points", "complete")
)


@dataclass(frozen=True, eq=False)
class LapInfo:
    """What is known about a lap besides its steps. Names no host, no user and no path.

    Attributes:
        track_name: What to call the track in tables.
        track_points: (P, 4) float64, `x y width_left width_right`, metres, world: what `Track.from_points` takes.
        vehicle: Parameters of the vehicle, plain JSON numbers.
        control_hz: Steps a second.
        driver: Who drove: `human`, `expert`, or the name of a policy.
        seed: Of the episode; None where there was none.
        appearance: How the world looked, plain JSON.
        environment: Id of the environment.
        drivesim_version, commit: Of the program that recorded; empty where unknown.
        notes: Anything else, plain JSON.
        weather: Over the world, plain JSON; empty for clear.
        traffic: Obstacles and other cars, plain JSON; empty for none.
    """

    track_name: str
    track_points: Floats
    vehicle: dict[str, Any]
    control_hz: float
    driver: str
    seed: int | None
    appearance: dict[str, Any]
    environment: str
    drivesim_version: str
    commit: str
    notes: dict[str, Any]
    weather: dict[str, Any] = field(default_factory=dict)
    traffic: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every field and own it: read-only points, plain JSON."""
        faults = []
        for each in fields(self):
            value = getattr(self, each.name)
            try:
                value = _check_points(value) if each.type is Floats else _check_plain(value, each.type)
                object.__setattr__(self, each.name, value)
            except (TypeError, ValueError, RecursionError) as error:
                faults.append(f"{each.name}: {error}")
        if faults:
            raise DrivesimError("LapInfo: " + "; ".join(faults))

    def __eq__(self, other: object) -> bool:
        """Equal when every field is, the track's points byte for byte."""
        return isinstance(other, LapInfo) and self.to_metadata() == other.to_metadata()

    __hash__ = None  # type: ignore[assignment]

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return the metadata of an Arrow schema: the format's version, JSON, and the points as base64 of float64."""
        plain = {name: value for name, value in vars(self).items() if name != "track_points"}
        return {
            _VERSION_KEY: str(FORMAT_VERSION).encode(),
            _INFO_KEY: json.dumps(plain, allow_nan=False).encode(),
            _POINTS_KEY: base64.b64encode(self.track_points.astype("<f8").tobytes()),
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> "LapInfo":
        """Read what `to_metadata` wrote.

        Raises:
            DrivesimError: Naming every fault: no lap, a newer format, missing or wrong fields.
        """
        if not metadata or _VERSION_KEY not in metadata:
            raise DrivesimError("it holds no lap: its metadata name no drivesim format version")
        faults = []
        version = metadata[_VERSION_KEY].decode(errors="replace")
        if version not in map(str, range(1, FORMAT_VERSION + 1)):
            faults.append(f"format version {version[:20]}, and this drivesim reads up to {FORMAT_VERSION}: update it")
        try:
            plain = dict(json.loads(metadata.get(_INFO_KEY, b"{}")))
            points = base64.b64decode(metadata.get(_POINTS_KEY, b""), validate=True)
            plain["track_points"] = np.frombuffer(points, "<f8").reshape(-1, 4)
            for name in ("weather", "traffic"):
                plain.setdefault(name, {})
            names = [each.name for each in fields(cls)]
            if not set(names) <= set(plain):
                raise DrivesimError(f"its metadata lack {', '.join(name for name in names if name not in plain)}")
            info = cls(**{name: plain[name] for name in names})
        except (TypeError, ValueError, RecursionError) as error:
            faults.append(str(error))
        if faults:
            raise DrivesimError("; ".join(faults))
        return info


@dataclass(frozen=True, eq=False)
class Lap:
    """One drive, step by step.

    Attributes:
        info: Track, vehicle, driver and how it was recorded.
        columns: Every column of `LAP_SCHEMA`, each (T,), T >= 1, dtype, unit and frame as there; read-only.
        complete: False where the recorder died or the file is cut off: there were more steps than these.
        name: Of its file, without the suffix.
        others: (T, M) float32, where its traffic was: see `OTHERS`; read-only.
    """

    info: LapInfo
    columns: Columns
    complete: bool
    name: str
    others: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def __post_init__(self) -> None:
        """Check the columns, cast them to the schema's types and own them."""
        columns, faults = check_columns(self.columns)
        if not faults and not len(columns["time"]):
            faults = ["expected at least one step, came none"]
        if not faults:
            others, faults = check_others(self.others, len(columns["time"]), places_of(self.info))
            others.flags.writeable = False
            object.__setattr__(self, "others", others)
        if faults:
            raise DrivesimError(f"{self.name}: " + "; ".join(faults))
        for values in columns.values():
            values.flags.writeable = False
        object.__setattr__(self, "columns", columns)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.columns["time"])

    @cached_property
    def poses(self) -> Floats:
        """(T, 3) float64, `x y heading`, metres and radians, world: where each step starts."""
        return np.stack([self.columns[name] for name in ("x", "y", "heading")], axis=1)

    @property
    def duration(self) -> float:
        """Seconds from the start of the first step to the end of the last."""
        return float(self.columns["time"][-1] - self.columns["time"][0]) + 1.0 / self.info.control_hz

    @property
    def track(self) -> Track:
        """The track; laps on one track share the object."""
        return _track(self.info.track_points.tobytes(), self.info.track_name)

    @cached_property
    def traffic(self) -> Traffic:
        """What else was on the road; `others` tells where.

        Raises:
            DrivesimError: If it is none that this drivesim knows.
        """
        return Traffic.from_dict(self.info.traffic)

    @property
    def good(self) -> NDArray[np.bool_]:
        """(T,) bool: steps to learn from, which a person or the expert drove well."""
        return (self.columns["mark"] & (MARK_BAD | MARK_POLICY)) == 0

    def wanted(self, action: str) -> NDArray[np.float64]:
        """Return what the driver wanted of `steering` or `pedal`, (T,); where that is unknown, what was applied."""
        label = self.columns[f"{action}_label"].astype(np.float64)
        return np.where(np.isnan(label), self.columns[action], label)

    def to_table(self) -> pa.Table:
        """Return the columns as an Arrow table whose metadata hold all the rest but the name."""
        metadata = self.info.to_metadata() | {_COMPLETE_KEY: b"true" if self.complete else b"false"}
        return pa.Table.from_batches([batch_of(self.columns, self.others, lap_schema(self.info, metadata))])

    @classmethod
    def from_table(cls, table: pa.Table, name: str, complete: bool | None = None) -> "Lap":
        """Read what `to_table` made; columns that the schema does not know are left out.

        Args:
            table: Of a file.
            name: Of the lap.
            complete: Whether the file is whole; None takes the metadata's word for it.

        Raises:
            DrivesimError: Naming every fault of the metadata and the columns.
        """
        metadata, faults = table.schema.metadata or {}, []
        try:
            info = LapInfo.from_metadata(metadata)
        except DrivesimError as error:
            faults.append(str(error))
        known = [column for column in DTYPES if table.column_names.count(column) == 1]
        columns, more = check_columns({column: table.column(column).to_numpy() for column in known})  # empty is NaN
        if faults + more:
            raise DrivesimError("; ".join(faults + more))
        is_whole = metadata.get(_COMPLETE_KEY) == b"true" if complete is None else complete
        return cls(info, columns, is_whole, name, _others_in(table, places_of(info)))


def places_of(info: LapInfo) -> int:
    """Return how many things are on a lap's road."""
    things = info.traffic.get("things", [])
    return len(things) if isinstance(things, list) else 0


def lap_schema(info: LapInfo, metadata: Mapping[bytes, bytes]) -> pa.Schema:
    """Return the schema of a lap's table: `LAP_SCHEMA`, and a column of lists where there is traffic."""
    schema, places = LAP_SCHEMA, places_of(info)
    if places:
        schema = schema.append(pa.field(OTHERS, pa.list_(_F32, places), False, OTHERS_ABOUT))
    return schema.with_metadata(dict(metadata))


def batch_of(columns: Columns, others: NDArray[np.float32], schema: pa.Schema) -> pa.RecordBatch:
    """Return steps as a batch of a lap's schema: columns (T,), and where its traffic was (T, M)."""
    arrays = [pa.array(columns[name]) for name in DTYPES]
    if OTHERS in schema.names:
        flat = pa.array(np.ascontiguousarray(others, np.float32).ravel())
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, others.shape[1]))
    return pa.record_batch(arrays, schema=schema)


def check_others(others: ArrayLike, steps: int, places: int) -> tuple[NDArray[np.float32], list[str]]:
    """Copy where a lap's traffic was to float32 (T, M), and say what is wrong with it; none is the same as (T, 0)."""
    with np.errstate(over="ignore"):  # becomes inf, which is reported
        found = np.array(others, np.float32)
    if not found.size and not places:
        return np.zeros((steps, 0), np.float32), []
    if found.shape != (steps, places):
        return found, [f"{OTHERS}: expected {places} places at each of {steps} steps, came {found.shape}"]
    return found, [] if np.isfinite(found).all() else [f"{OTHERS}: not finite"]


def _others_in(table: pa.Table, places: int) -> NDArray[np.float32]:
    """Where the traffic was, as a table says: (T, M); what is not there is (0, 0)."""
    if not places or table.column_names.count(OTHERS) != 1:
        return np.zeros((0, 0), np.float32)
    column = table.column(OTHERS).combine_chunks()
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)) or kind.value_type != _F32:
        raise DrivesimError(f"{OTHERS}: expected lists of float32, came {kind}")
    values = column.flatten().to_numpy(zero_copy_only=False)
    lengths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
    if column.null_count or lengths.tolist() != [places] or len(values) != places * len(column):
        raise DrivesimError(f"{OTHERS}: expected lists of {places}, one for each thing on the road")
    return values.reshape(-1, places)


def check_columns(columns: Mapping[str, ArrayLike], after: float = -np.inf) -> tuple[Columns, list[str]]:
    """Copy and cast steps to the schema's types, and gather everything that is wrong with them.

    Args:
        columns: Name -> (T,), units as in `LAP_SCHEMA`; of `POLICY_ACTIONS` those that are left out become NaN.
        after: Seconds; the first time must be later.

    Returns:
        The columns in the schema's order, each (T,), and one phrase a fault.
    """
    unknown = np.full(np.size(next(iter(columns.values()), ())), np.nan)
    columns = {**dict.fromkeys(POLICY_ACTIONS, unknown), **columns}
    faults = [f"unknown column {name!r}, known: {', '.join(DTYPES)}" for name in columns if name not in DTYPES]
    faults += [f"column {name!r} is missing" for name in DTYPES if name not in columns]
    cast: Columns = {}
    for name in [name for name in DTYPES if name in columns]:
        try:
            cast[name] = _cast(np.asarray(columns[name]), DTYPES[name])
        except (TypeError, ValueError) as error:
            faults.append(f"{name}: {error}")
    lengths = {name: len(values) for name, values in cast.items()}
    if len(set(lengths.values())) > 1:
        faults.append(f"columns of one length expected, came {lengths}")
    for name, values in cast.items():
        checks = [(~np.isfinite(values), "not finite")]
        if name in LABELS + POLICY_ACTIONS:
            checks = [(np.isinf(values) | (np.abs(values) > 1), "neither in -1..1 nor NaN")]
        elif name in ACTIONS:
            checks = [(~(np.abs(values) <= 1), "not in -1..1")]
        elif name == "time":
            checks.append((values <= np.append(after, values)[:-1], "not later than the step before"))
        for bad, what in [check for check in checks if check[0].any()]:
            at = int(bad.argmax())
            faults.append(f"{name}: {bad.sum()} of {len(bad)} are {what}, the first at step {at} ({values[at]})")
    return cast, faults


def _cast(values: NDArray[Any], dtype: np.dtype) -> NDArray[Any]:
    if values.ndim != 1 or values.dtype.kind not in "fiub":
        raise TypeError(f"expected numbers (T,), came {values.dtype} {values.shape}")
    if dtype.kind == "u" and not np.all((values >= 0) & (values <= 255) & (values % 1 == 0)):
        raise ValueError("expected whole numbers 0..255")
    with np.errstate(over="ignore"):  # becomes inf, which is reported
        return np.array(values, dtype)


def _check_points(value: ArrayLike) -> Floats:
    points = np.array(value, np.float64)
    if points.ndim != 2 or points.shape[1] != 4 or len(points) < 4 or not (np.abs(points) < 1e9).all():
        raise ValueError(f"expected metres (P, 4), P >= 4, finite, came {points.shape}")
    step = np.hypot(*(np.roll(points, -1, axis=0) - points)[:, :2].T)
    narrowest = (points[:, 2] + points[:, 3]).min()
    if not step.min() > 0 or not narrowest > 0:
        raise ValueError("expected points that differ from their neighbours, and a road wider than 0 m")
    if not step.sum() / min(MAX_SPACING, narrowest / 8) < MAX_TRACK_SAMPLES:
        raise ValueError(f"a road of {step.sum():.3g} m that is {narrowest:.3g} m wide is too much to hold")
    points.flags.writeable = False
    return points


def _check_plain(value: Any, kind: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    if not isinstance(value, _PLAIN[kind]) or isinstance(value, bool):
        raise TypeError(f"expected {kind}, came {value!r}")
    if kind is float and not 0 < value <= 10_000:
        raise ValueError(f"expected more than 0 and at most 10,000, came {value}")
    return json.loads(json.dumps(value, allow_nan=False))


_PLAIN: dict[Any, Any] = {str: str, float: (int, float), int | None: (int, type(None)), dict[str, Any]: dict}


@lru_cache(maxsize=64)
def _track(points: bytes, name: str) -> Track:
    return Track.from_points(np.frombuffer(points, np.float64).reshape(-1, 4), name)
