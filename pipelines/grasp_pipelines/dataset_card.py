"""The card of a dataset: a README.md that says what is in it, from what, and how to read it."""

from typing import Any

from grasp_tfp.success import SuccessRate

__all__ = ["CARD", "dataset_card"]

CARD = "README.md"

SPLIT_RULES = {
    "trial": "A hash of the trial's id decides; all steps of a trial are in one split. Consecutive trials of a log can "
    "be in different ones although they may share a bin.",
    "session": "Whole sessions are in one split; a session is one log, which one process wrote in one go at one cell.",
}


def dataset_card(metadata: dict[str, Any]) -> str:
    """The card as Markdown.

    Args:
        metadata: The content of the dataset's `graspctl.json`.
    """
    held = SuccessRate(metadata["successes"], metadata["trials"])
    sections = [
        f"# {metadata['dataset']} {metadata['version']}",
        f"Steps of {metadata['trials']} grasp trials: what the camera saw, where the gripper was, and the relative "
        f"move to the pose at which it closed. {held} of the trials succeeded (95 % interval).",
        "## Examples",
        *_examples(metadata),
        "## Fields",
        "`image`, `initial_image`: JPEG, now and before the arm came in. `gripper_pose`: x, y, z [m] and yaw [rad] of "
        "the fingertips in the base frame, z up. `action`: final pose minus this pose, dx, dy, dz [m], sine and cosine "
        "of dyaw. `success`: whether an object was held. `trial_id`, `step`, `num_steps`, `task`.",
        *_statistics(metadata["action"]),
        "## Trials",
        _table(["task", "trials"], metadata["tasks"].items()),
        _table(["policy", "trials"], metadata["policies"].items()),
        "## Left out",
        *_left_out(metadata),
        "## Made from",
        _source(metadata["source"]),
        f"{len(metadata['logs'])} logs, {sum(log['bytes'] for log in metadata['logs'])} bytes; `graspctl.json` names "
        f"each with its SHA-256, and each record file with its counts. Images of trials without any were rendered at "
        f"{metadata['image_size']} pixels. Versions: "
        f"{', '.join(f'{name} {version}' for name, version in metadata['versions'].items())}. The same logs and "
        "options give the same bytes.",
        "## Read it",
        '```python\nimport tensorflow_datasets as tfds\n\nbuilder = tfds.builder_from_directory("…")  # this folder\n'
        'examples = builder.as_dataset(split="train")\n```',
    ]
    return "\n\n".join(sections) + "\n"


def _source(source: dict[str, str]) -> str:
    """What there is to know of the source of the trials."""
    notes = "; ".join(f"{name}: {note}" for name, note in source.items() if name != "name")
    return f"Source `{source['name']}`. {notes}."


def _examples(metadata: dict[str, Any]) -> list[str]:
    rows = [
        (split, label, *_class(metadata, split, successful))
        for split in metadata["examples"]
        for successful, label in ((True, "success"), (False, "failure"))
    ]
    files = {
        split: sum(f"-{split}." in shard["name"] for shard in metadata["shards"]) for split in metadata["examples"]
    }
    kept = metadata["failures_kept"]
    return [
        _table(["split", "class", "examples", "bytes"], rows),
        f"Record files: {', '.join(f'{count} {split}' for split, count in files.items())}. "
        f"{SPLIT_RULES[metadata['split']['by']]}",
        "All failed trials are in."
        if kept == 1
        else f"{100 * kept:g} % of the failed trials are in, chosen by a hash of their id"
        + (f"; give each a weight of {metadata['failure_weight']:g} to undo that." if kept else "."),
        *_looks(metadata),
    ]


def _looks(metadata: dict[str, Any]) -> list[str]:
    """Where the examples are seen from."""
    views = sum(metadata["views"]["examples"].values())
    if not views:
        return ["All examples are recorded steps."]
    return [
        f"{views} examples are views, drawn from simulated scenes: objects and grasp mirrored, turned and shifted "
        "together, the gripper anywhere in the free space; their `step` is `num_steps` or more. They follow each "
        f"training trial ({metadata['views']['per_trial']}), and stand for the later looks of a policy, which would "
        "give its grasp away, as it looks again from where it went."
    ]


def _class(metadata: dict[str, Any], split: str, successful: bool) -> tuple[int, int]:
    """Examples and bytes of the successes or failures of a split."""
    held = metadata["successful_examples"].get(split, 0), metadata["successful_bytes"].get(split, 0)
    if successful:
        return held
    return metadata["examples"][split] - held[0], metadata["bytes"][split] - held[1]


def _statistics(action: dict[str, Any]) -> list[str]:
    if not action["count"]:
        return ["There is no successful training example."]
    names = ("dx [m]", "dy [m]", "dz [m]", "dyaw [rad]")
    rows = [
        (name, f"{mean:.6g}", f"{std:.6g}")
        for name, mean, std in zip(names, action["mean"], action["std"], strict=True)
    ]
    return [
        f"Actions of the {action['count']} successful training examples, the numbers to whiten them with:",
        _table(["action", "mean", "standard deviation"], rows),
    ]


def _left_out(metadata: dict[str, Any]) -> list[str]:
    if not metadata["problems"]:
        return ["Nothing: every trial of every log was read."]
    rows = [(p["log"], p["where"], p["reason"], p["times"], f"{p['saved']} trials") for p in metadata["problems"]]
    return [_table(["log", "first at", "reason", "times", "saved from the log"], rows)]


def _table(heads: list[str], rows: Any) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell).replace('|', '/') for cell in row)} |" for row in lines)
