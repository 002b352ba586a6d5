"""What follows `--` is Beam's; what Beam does not know is one clear line."""

from pathlib import Path

import pytest

from grasp_pipelines.beam_options import beam_options, chooses_runner
from grasp_pipelines.convert import convert
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.errors import UsageError


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--runner=FnApiRunner", "--direct_num_workers", "2"],
        ["--runner=FlinkRunner", "--flink_master=host:8081", "--environment_type=EXTERNAL", "--parallelism=4"],
        ["--runner=SparkRunner", "--spark_master_url=spark://host:7077"],
        ["--runner=DataflowRunner", "--project=p", "--region=europe-west1", "--temp_location=gs://b/tmp"],
        ["--runner=apache_beam.runners.dask.dask_runner.DaskRunner", "--dask_npartitions=4"],
        ["--hdfs_host=name", "--hdfs_port=9870", "--hdfs_user=me"],
        ["--s3_endpoint_url=http://localhost:1", "--s3_region_name=eu"],
    ],
)
def test_what_beam_knows_is_passed_on(words: list[str]) -> None:
    given = beam_options(words).get_all_options(drop_default=True)
    assert set(given) >= {word.removeprefix("--").split("=")[0] for word in words if "=" in word} - {"dask_npartitions"}


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["--direct_num_worker=2"], "Unknown Beam option '--direct_num_worker'. Did you mean '--direct_num_workers'?"),
        (["--runner=FnApiRunner", "--flink-master", "x"], "'--flink-master'. Did you mean '--flink_master'?"),
        (["--wholly=other"], "Unknown Beam option '--wholly'. Options after -- are Beam's"),
        (["--dask_npartition=4"], "Unknown Beam option '--dask_npartition'"),
        (["stray"], "Unknown Beam option 'stray'"),
        (["--direct_num_workers=many"], "invalid int value: 'many'"),
        (["--runner=no.such.Runner"], "No module named 'no'"),
        (["--runner=apache_beam.NoRunner"], "NoRunner"),
        (["--job_endpoint=localhost:9", "--wholly=other"], "No Beam job server answers at 'localhost:9'"),
    ],
)
def test_what_beam_does_not_know_is_one_line(words: list[str], phrase: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError) as error:
        beam_options(words)
    assert phrase in str(error.value) and "\n" not in str(error.value)
    assert "usage:" not in "".join(capfd.readouterr())


def test_a_conversion_with_an_unknown_option_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    TrialWriter(tmp_path / "logs" / "a.mcap").close()
    with pytest.raises(UsageError, match="--wholly"):
        convert(tmp_path / "logs", tmp_path / "out", beam_args=["--wholly=other"])
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


@pytest.mark.parametrize(
    ("words", "chosen"), [(["--runner=X"], True), (["--runner", "X"], True), (["--runner_x=1"], False), ([], False)]
)
def test_whether_a_runner_is_chosen(words: list[str], chosen: bool) -> None:
    assert chooses_runner(words) is chosen


def test_the_lines_of_the_docs_hold_options_that_beam_knows() -> None:
    text = (Path(__file__).parents[2] / "docs" / "distributed.md").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("graspctl convert ")]
    assert len(lines) >= 8
    for line in lines:
        words = [word for word in line.split(" -- ")[1].split() if not word.startswith("--job_endpoint")]
        assert chooses_runner(beam_options(words) and words)
