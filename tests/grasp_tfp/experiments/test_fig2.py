"""Figure 2 in small."""

import json
from pathlib import Path

from grasp_tfp.experiments import fig2


def test_fig2_in_small(tmp_path: Path) -> None:
    settings = fig2.Settings(dimensions=4, repeats=25, steps=2, timed=2)
    seen: list[int] = []
    done = fig2.reproduce(tmp_path, seed=5, settings=settings, progress=lambda step, total, text: seen.append(step))
    assert seen == sorted(seen) and seen[-1] == 8 * 2
    assert [(row["D"], row["r"]) for row in done.rows] == [(d, str(r)) for r in fig2.RADII for d in range(1, 5)]
    assert len(done.verdicts) == 6
    kept = json.loads((tmp_path / "fig2.json").read_text())
    assert kept["results"]["settings"][0]["cem"]["iterations"] == {"1": 25}
    assert (tmp_path / "fig2.png").stat().st_size < 300_000
    assert fig2.reproduce(tmp_path, seed=5, settings=settings) == done, "timings too: nothing was computed again"
