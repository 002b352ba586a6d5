"""What makes training never converge is said before it begins."""

from typing import Any

import numpy as np
import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.training.data_check import check_examples


def examples() -> tuple[dict[str, Any], Any]:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (64, 8, 8, 3), dtype=np.uint8)
    return {"image": image, "initial_image": image}, rng.normal(0, 0.1, (64, 4))


def test_good_examples_pass_for_actor_and_critic() -> None:
    inputs, action = examples()
    check_examples(inputs, action)
    check_examples(inputs | {"action": action}, np.arange(64) % 10 == 0)


@pytest.mark.parametrize("name", ["image", "initial_image"])
def test_images_have_to_show_something(name: str) -> None:
    inputs, action = examples()
    with pytest.raises(UsageError, match=f"Every {name} is blank"):
        check_examples(inputs | {name: np.full_like(inputs[name], 90)}, action)
    with pytest.raises(UsageError, match=f"Wrong {name}: expected RGB from 0 to 255"):
        check_examples(inputs | {name: inputs[name] / 255}, action)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ((slice(None), 3, 0.0), "Number 3 of every action is the same"),
        ((0, 0, np.nan), "not finite"),
        ((0, 1, 150.0), "too large: expected at most 2.0 m"),
        ((0, 3, 90.0), "found 0.+ and 90"),
    ],
)
def test_actions_have_to_vary_in_metres_and_radians(change: tuple[Any, Any, float], message: str) -> None:
    inputs, action = examples()
    action[change[0], change[1]] = change[2]
    with pytest.raises(UsageError, match=message):
        check_examples(inputs, action)


@pytest.mark.parametrize("success", [0.0, 1.0])
def test_a_critic_needs_both_labels(success: float) -> None:
    inputs, action = examples()
    with pytest.raises(UsageError, match="Nearly all training examples have one label"):
        check_examples(inputs | {"action": action}, np.full(64, success))
