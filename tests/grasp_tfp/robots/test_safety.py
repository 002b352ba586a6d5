"""What stops an arm, what it says then, and what it never does."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grasp_tfp.errors import RobotError, SafetyStop, UsageError
from grasp_tfp.robots.cell import RosbridgeRobot
from grasp_tfp.robots.judging import Judgement
from grasp_tfp.robots.lease import DRIVEN, YES_MOVE
from grasp_tfp.robots.preflight import preflight

NUDGE = np.array([0.0, 0.02, 0.05, 0.1])
UP = np.array([0.03, 0.03, 0.1, 1.0])

Serve = Callable[..., contextlib.AbstractContextManager[Any]]


def slowly(settings: Any) -> dict[str, Any]:
    """Limits with which a move takes seconds, and a silence of 1 s is noticed."""
    slow = {"speed_scale": 0.05, "max_segment_s": 30.0, "joint_state_timeout_s": 1.0}
    return {"limits": dict(settings["limits"]) | slow}


@contextlib.contextmanager
def trial(arm: Any, /, **settings: Any) -> Iterator[RosbridgeRobot]:
    robot = arm.connect(**settings)
    try:
        yield robot
    finally:
        robot.close()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("freeze", "no joint state for"),
        ("drop", "the connection to rosbridge was lost"),
        ("slow", "had not ended after"),
    ],
)
def test_a_fault_in_a_move_stops_the_arm_and_says_so(fault: str, reason: str, serve: Serve) -> None:
    with serve("ros2", fault=fault) as arm:
        with trial(arm, **(slowly(arm.entry.settings) if fault != "slow" else {})) as robot:
            with pytest.raises(SafetyStop, match=f"kuka-3: .*{reason}.*Look at the arm") as stop:
                robot.move(UP)
            assert ("seen to stand still" in str(stop.value)) == (fault == "slow")
            with pytest.raises(SafetyStop, match="was stopped before"):
                robot.move(NUDGE)


def test_a_stopped_arm_is_released_by_a_person_only(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve("ros2", fault="slow", watchdog=1.0) as arm:
        with trial(arm) as robot, pytest.raises(SafetyStop):
            robot.move(UP)
        time.sleep(2.0)
        monkeypatch.setenv(YES_MOVE, "kuka-3")
        with trial(arm) as robot:
            assert not next(check for check in preflight(robot) if check.name == "watchdog").passed
            with pytest.raises(RobotError, match="was stopped while .* drove it.*Expected somebody at a terminal"):
                robot.move(NUDGE)
        asked = []
        robot = arm.connect()
        robot.arm.lease.operator = lambda name, question: asked.append(question)
        robot.arm.grip(0.08)
        assert "Look at the arm" in asked[0]
        assert robot.arm.watchdog_status()["holder"] == robot.arm.lease.identity
        robot.close()


def test_a_rejected_goal_moves_nothing(serve: Serve) -> None:
    with serve("ros1", fault="rejected-goal") as arm, trial(arm) as robot:
        before = robot.pose
        with pytest.raises(RobotError, match="rejected the goal.*The arm has not moved.*controller is active"):
            robot.move(NUDGE)
        np.testing.assert_array_equal(robot.pose, before)


def test_a_stale_image_ends_the_trial(serve: Serve) -> None:
    with serve("ros2", fault="stale-image", image_age=2.0, speed=50.0) as arm, trial(arm) as robot:
        robot.observe()
        robot.move(NUDGE)
        with pytest.raises(RobotError, match="expected a new camera image.*received one.*Check the camera driver"):
            robot.observe()


def test_a_hold_passes_a_goal_that_blocks_its_connection(serve: Serve) -> None:
    """As rosbridge up to 2.1 does: a cancel on the goal's own connection would wait for the end of the move."""
    with serve("ros2", fault="blocking") as arm, trial(arm, **slowly(arm.entry.settings)) as robot:
        ended: list[BaseException] = []

        def move() -> None:
            try:
                robot.move(UP)
            except SafetyStop as error:
                ended.append(error)

        mover = threading.Thread(target=move)
        mover.start()
        time.sleep(0.8)
        assert robot.arm.hold() == "A hold was sent, and the arm was seen to stand still."
        mover.join(3)
        assert "was told to hold" in str(ended[0])
        time.sleep(0.1)
        here = robot.pose
        time.sleep(0.2)
        np.testing.assert_allclose(robot.pose, here, atol=1e-6)


def test_ctrl_c_holds_the_arm(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    with serve("ros2") as arm, trial(arm, **slowly(arm.entry.settings)) as robot:
        robot.arm.grip(0.08)
        main = threading.get_ident()
        threading.Timer(0.8, lambda: _interrupt(main)).start()
        with pytest.raises(KeyboardInterrupt):
            robot.move(UP)
        assert "interrupted. A hold was sent, and the arm was seen to stand still." in capsys.readouterr().err
        time.sleep(0.1)
        here = robot.pose
        time.sleep(0.2)
        np.testing.assert_allclose(robot.pose, here, atol=1e-6)
        assert (robot.arm.watchdog_status() or {})["state"] in DRIVEN, "an orderly end is no protective stop"


def _interrupt(thread: int) -> None:
    import signal

    signal.pthread_kill(thread, signal.SIGINT)


def test_a_dry_run_sends_nothing_that_moves(healthy: Any, heard: list[str]) -> None:
    robot = healthy.connect(dry_run=True)
    robot.observe()
    assert robot.feasible(np.tile(NUDGE, (64, 1))).all()
    for act in (lambda: robot.move(NUDGE), robot.grasp, lambda: robot.begin(0)):
        with pytest.raises(RobotError, match="a dry run moves nothing"):
            act()
    robot.close()
    assert {operation.split()[0] for operation in heard} <= {"call_service"}
    assert not any("joint_trajectory" in operation or "heartbeat" in operation for operation in heard)


def test_two_operators_are_kept_apart(healthy: Any) -> None:
    first, second = healthy.connect(), healthy.connect()
    first.begin(0)
    before = first.pose
    with pytest.raises(RobotError, match=r"is being driven by \S+@.*Nothing was sent"):
        second.move(NUDGE)
    np.testing.assert_array_equal(first.pose, before)
    first.close()
    deadline = time.monotonic() + 2
    while second.arm.watchdog_status()["state"] != "idle" and time.monotonic() < deadline:
        time.sleep(0.02)
    second.begin(0)
    second.close()


def test_the_first_motion_asks_for_the_name(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    robot = healthy.connect(twin=False)
    with pytest.raises(RobotError, match="about to move, at 50% of its joint speeds.*Expected somebody at a terminal"):
        robot.move(NUDGE)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda _: "kuka-2")
    with pytest.raises(RobotError, match="Nothing has moved: expected 'kuka-3', received 'kuka-2'"):
        robot.move(NUDGE)
    monkeypatch.setattr("builtins.input", lambda _: "kuka-3")
    robot.arm.grip(0.08)
    robot.close()


def test_a_real_trial_is_judged_by_two_pictures(healthy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(YES_MOVE, "kuka-3")
    seen: list[Any] = []
    robot = healthy.connect(twin=False)

    def judge(post_grasp: Any, post_drop: Any) -> Judgement:
        seen.append(post_grasp)
        return Judgement(True, "a test")

    robot._judge = judge
    robot.begin(0)
    result = robot.grasp()
    assert result.success and result.label_source == "a test"
    assert seen[0].shape == (64, 64, 3)
    robot.close()


@pytest.mark.parametrize("kind", ["parallel_gripper_command", "trajectory", "service"])
def test_grippers(kind: str, healthy: Any) -> None:
    gripper = dict(healthy.entry.settings["gripper"]) | {"kind": kind}
    with trial(healthy, gripper=gripper) as robot:
        robot.begin(1)
        assert robot.grasp().final_pose[2] == pytest.approx(0.006)


def test_without_an_action_the_topic_moves_and_images_come_as_cbor(healthy: Any) -> None:
    arm, camera = dict(healthy.entry.settings["arm"]) | {"action": ""}, dict(healthy.entry.settings["camera"])
    with trial(healthy, arm=arm, camera=camera | {"cbor": True}) as robot:
        before = robot.pose
        robot.move(NUDGE * [1, 1, 0, 1])
        np.testing.assert_allclose(robot.pose - before, NUDGE * [1, 1, 0, 1], atol=1e-6)
        assert robot.observe().image.shape == (64, 64, 3)
        robot.move(-NUDGE * [1, 1, 0, 1])


def test_other_joint_names_are_found_out(healthy: Any) -> None:
    arm = dict(healthy.entry.settings["arm"]) | {"joints": [f"A{number}" for number in range(1, 8)]}
    with pytest.raises(RobotError, match=r"expected joint states of A1, .*received one of lbr_A7"):
        healthy.connect(arm=arm)


def test_a_wrong_home_is_found_out_before_connecting(healthy: Any) -> None:
    arm = dict(healthy.entry.settings["arm"]) | {"home_deg": [0.0, 20.0, 0.0, -91.3, 0.0, 49.5, 0.0]}
    with pytest.raises(UsageError, match="home_deg leads to .*expected a jaw pointing down"):
        healthy.connect(arm=arm)


def test_nobody_there(healthy: Any) -> None:
    with pytest.raises(RobotError, match="Cannot reach rosbridge at ws://127.0.0.1:9.*Nothing was sent"):
        healthy.connect(url="ws://127.0.0.1:9")


def test_plain_connections_stay_on_this_machine(healthy: Any) -> None:
    with pytest.raises(UsageError, match="Refused to connect to ws://kuka-3.lab:9090: expected wss://"):
        healthy.connect(url="ws://kuka-3.lab:9090")


def test_a_token_that_is_not_there(healthy: Any) -> None:
    with pytest.raises(UsageError, match="token in the environment variable GRASPCTL_NO_TOKEN"):
        healthy.connect(security={"token_env": "GRASPCTL_NO_TOKEN"})


def test_refusals_name_the_limit(healthy: Any) -> None:
    limits = dict(healthy.entry.settings["limits"]) | {"max_step_m": 0.03, "max_step_deg": 20.0}
    with trial(healthy, limits=limits) as robot:
        moves = np.array([[0.3, 0, 0, 0], [0.05, 0, 0, 0], [0, 0, 0, 0.5], [0.01, 0, 0, 0]])
        told = robot.refusals(moves)
        assert told[0] == "outside the workspace"
        assert told[1] == "0.050 m in one move, the limit is 0.03 m"
        assert told[2] == "29° in one move, the limit is 20°"
        assert told[3] == ""
        before = robot.pose
        with pytest.raises(RobotError, match="refused to move by .*: outside the workspace. Nothing has moved"):
            robot.move(moves[0])
        np.testing.assert_array_equal(robot.pose, before)
