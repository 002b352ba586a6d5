"""What the fleet file says of a real arm; where safety depends on a value, there is no default for it."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from grasp_tfp.errors import UsageError, unknown_name

__all__ = [
    "ArmSettings",
    "CameraSettings",
    "CellSettings",
    "GripperSettings",
    "LimitSettings",
    "SecuritySettings",
    "parse",
]

Section = TypeVar("Section")
Numbers = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class ArmSettings:
    """Where the arm listens, and its kinematics."""

    joints: tuple[str, ...]
    """Names in `joint_states`, in the order from base to tip; they may differ from the URDF's."""

    joint_states: str
    """Topic of `sensor_msgs/JointState`."""

    trajectory: str
    """Topic of `trajectory_msgs/JointTrajectory`; takes the holds, and the moves where `action` is empty."""

    urdf: str
    """A file, or `iiwa` for the KUKA LBR iiwa 7 that PyBullet ships."""

    base: str
    """Link whose frame is the base frame: z up, metres."""

    tip: str
    """Link that carries the jaw; its z points along the fingers."""

    tcp_offset_m: tuple[float, float, float]
    """From the tip link to the point between the fingertips, in the tip link's frame."""

    flange_yaw_deg: float
    """Direction of the tip link's x axis in the base frame when the jaw opens along the base's x axis."""

    home_deg: Numbers
    """Joint angles above the tray, the jaw pointing down: where a trial begins, and the search of the kinematics."""

    clear_view_deg: Numbers
    """Joint angles at which the camera sees the tray without the arm."""

    action: str = ""
    """Name of the `control_msgs/FollowJointTrajectory` action; empty to move by the topic."""


@dataclasses.dataclass(frozen=True)
class GripperSettings:
    """The parallel jaw, which counts as an endpoint of its own."""

    kind: str
    """`gripper_command`, `parallel_gripper_command`, `trajectory` or `service`."""

    endpoint: str
    """Name of the action or of the service."""

    open: float
    """Position that opens it, in the gripper's own unit."""

    closed: float
    """Position that closes it."""

    effort: float
    """Largest effort, or the speed of a `service` gripper."""

    joint: str = ""
    """Name of its joint, for `trajectory` and `parallel_gripper_command`."""


@dataclasses.dataclass(frozen=True)
class CameraSettings:
    """The camera over the robot's shoulder."""

    topic: str
    """Of `sensor_msgs/CompressedImage`."""

    max_image_age_s: float
    """An older image is none."""

    crop: tuple[int, ...] = ()
    """Columns and rows `x0, y0, x1, y1` that are kept, a square; everything if empty."""

    cbor: bool = False
    """Whether images come as binary frames."""


@dataclasses.dataclass(frozen=True)
class LimitSettings:
    """What the arm must never leave; none of these has a default."""

    workspace_min_m: tuple[float, float, float]
    workspace_max_m: tuple[float, float, float]
    """The free space of the fingertips, in the base frame; nothing that stands in the cell reaches into it."""

    grasp_height_m: float
    """Height of the fingertips where they close; the descent there from the free space is vertical."""

    lift_m: float
    """Height of the fingertips after the grasp."""

    max_step_m: float
    max_step_deg: float
    """Longest relative move; longer samples are refused."""

    max_joint_speed_deg_s: Numbers
    """Of each joint, as its manufacturer gives it."""

    speed_scale: float
    """Share of it that is used; 0.1 for the first time."""

    max_tcp_speed_m_s: float
    max_segment_s: float
    """Longest single command: how far the arm goes on if everything else fails."""

    joint_margin_deg: float
    """Distance kept to every joint limit."""

    link_radius_m: float
    """Of the thickest link: the lines between joints keep as far from the table, and twice as far from each other."""

    joint_state_timeout_s: float
    """An older joint state stops the arm."""

    watchdog_timeout_s: float
    """Longest silence that the dead man's switch on the robot may allow."""


@dataclasses.dataclass(frozen=True)
class SecuritySettings:
    """How the connection is protected; rosbridge itself protects nothing."""

    ca_file: str = ""
    """Certificates of the lab's authority; the system's if empty."""

    token_env: str = ""
    """Environment variable whose value is sent as `Authorization: Bearer …`."""

    allow_plaintext: bool = False
    """Whether `ws://` may leave this machine."""


@dataclasses.dataclass(frozen=True)
class CellSettings:
    """A robot behind rosbridge, its gripper, its camera and their limits."""

    url: str
    dialect: str
    """`ros1` or `ros2`."""

    arm: ArmSettings
    gripper: GripperSettings
    camera: CameraSettings
    limits: LimitSettings
    security: SecuritySettings = SecuritySettings()
    cell: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Camera, jaw, tray and workspace as the data of its policies describe them; a twin tells its own."""

    labels: str = ""
    """File of `graspctl robots labels`, beside the fleet file; without it the operator labels each trial."""

    twin: bool = False
    """Whether a simulated arm of `graspctl robots simulate` answers: it lays out scenes and knows what it holds."""


def parse(kind: type[Section], table: Mapping[str, Any], where: str) -> Section:
    """A settings dataclass from a table of the fleet file.

    Args:
        kind: The dataclass.
        table: As TOML gave it.
        where: What messages call the table, such as `kuka-3.limits`.

    Raises:
        UsageError: A key is unknown or missing, or a value is of another type.
    """
    types_of = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for name in table:
        if name not in fields:
            raise unknown_name(f"key of {where}", name, fields)
    missing = [
        name
        for name, field in fields.items()
        if name not in table and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise UsageError(
            f"Missing in {where}: {', '.join(missing)}. There is no safe default; see docs/robots.md for each."
        )
    return kind(**{name: _value(types_of[name], value, f"{where}.{name}") for name, value in table.items()})


def _value(kind: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(kind) and isinstance(kind, type) and isinstance(value, Mapping):
        return parse(kind, value, where)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list):
        if Ellipsis not in inner and len(value) != len(inner):
            raise UsageError(f"Wrong value of {where}: expected {len(inner)} numbers, received {value}.")
        return tuple(_value(inner[0], item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    wanted = Mapping if origin is not None and origin is not tuple else kind
    if isinstance(wanted, types.GenericAlias) or not isinstance(value, wanted) or (kind is int and value is True):
        raise UsageError(f"Wrong value of {where}: expected {getattr(kind, '__name__', kind)}, received {value!r}.")
    return value
