"""Every way to decide decides; what is timed differently computes the same."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from grasp_tfp.experiments import latency
from grasp_tfp.experiments.latency_cases import DECISIONS, RUNTIMES, TRUNKS, Case, prepare


def decided(case: Case) -> NDArray[np.float64]:
    """The action for random images, with the same samples for every case."""
    rng = np.random.default_rng(0)
    image, initial_image = rng.integers(0, 256, (2, 1, 32, 32, 3), dtype=np.uint8)
    return prepare(case, 1)(image, initial_image, np.random.default_rng(1))


def test_the_ways_of_a_late_merge_find_the_same_action() -> None:
    cached, again, replicated = (
        decided(Case("tiny", f"CEM, {how}"))
        for how in ("cached late merge", "trunk per iteration", "replicated images")
    )
    np.testing.assert_allclose(again, cached, atol=1e-4)
    np.testing.assert_allclose(replicated, cached, atol=1e-4)


def test_all_runtimes_find_the_same_action() -> None:
    expected, *others, int8 = (decided(Case("tiny", "actor", runtime)) for runtime in RUNTIMES)
    for other in others:
        np.testing.assert_allclose(other, expected, atol=1e-4)
    assert int8.shape == (4,) and np.isfinite(int8).all()


@pytest.mark.parametrize("decision", ["actor + critic", "CEM, replicated maps"])
def test_the_other_ways_find_an_action(decision: str) -> None:
    assert np.isfinite(decided(Case("tiny", decision))).all()


def test_trunks_have_the_papers_resolution_and_shape() -> None:
    for name in ("paper", "strided"):
        trunk = TRUNKS[name]
        assert (trunk.image_size, len(trunk.kernels), trunk.feature_points, len(trunk.dense)) == (472, 7, 128, 2)


def test_verdicts_follow_the_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cost = dict(zip(DECISIONS, (4.0, 5.0, 4.4, 12.0, 60.0, 200.0), strict=True))

    def timed(cases: list[Case], cores: int, rounds: int, seed: int) -> list[dict[str, Any]]:
        return [{"wall": [cost[case.decision]] * rounds, "cpu": [cost[case.decision]] * rounds} for case in cases]

    monkeypatch.setattr(latency, "timed_rounds", timed)
    monkeypatch.setattr(
        latency, "peak_memory", lambda case, seed: {"imported": 1.0, "built": 2.0, "peak": 2.0 + cost[case.decision]}
    )
    seen: list[tuple[int, int]] = []
    done = latency.reproduce(
        tmp_path, settings=latency.QUICK, progress=lambda made, total, name: seen.append((made, total))
    )
    assert [verdict.status for verdict in done.verdicts] == ["partly reproduced", "reproduced", "reproduced"]
    assert "trunk per iteration 3.00" in done.verdicts[0].evidence
    ratios = {row["decision"]: row["x actor (CPU), 1 core"] for row in done.rows}
    assert ratios["CEM, cached late merge"] == "1.10 (1.10)" and ratios["CEM, replicated images"] == "50.00 (50.00)"
    assert {row["paper"] for row in done.rows if row["decision"].startswith("CEM")} == {"3 x"}
    assert seen[-1][0] == seen[-1][1] and (tmp_path / "latency.png").stat().st_size > 10_000
