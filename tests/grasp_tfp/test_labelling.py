"""Labels from image differences, on cameras that are noisy, drift and move."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from grasp_tfp.errors import UsageError
from grasp_tfp.labelling import ImageDifference, Label, difference, polygon_mask
from grasp_tfp.sim.camera_faults import CameraFaults
from grasp_tfp.sim.dropping import tray_corners
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import find_task
from grasp_tfp.trial import Scene

Image = NDArray[np.uint8]
SIZE = 128
CAMERA = CameraFaults(noise=5.0, drift=0.15, shift=1.25)
MASK = polygon_mask(tray_corners(SIZE).tolist(), (SIZE, SIZE))


@pytest.fixture(scope="module")
def draw() -> Callable[[Scene], Image]:
    return Renderer(SIZE).initial_image


@pytest.fixture(scope="module")
def labeller(draw: Callable[[Scene], Image]) -> ImageDifference:
    """Has seen 20 scenes in which nothing moved."""
    rng = np.random.default_rng(0)
    scenes = [find_task("bottles-5").scene(np.random.default_rng([1, index])) for index in range(20)]
    return ImageDifference.fit([(CAMERA.spoil(draw(s), rng), CAMERA.spoil(draw(s), rng)) for s in scenes], MASK)


def without_one(scene: Scene) -> Scene:
    return Scene(scene.objects[1:], scene.poses[1:])


@pytest.mark.parametrize("task", ["blocks", "bottles-heldout", "bottles-5"])
def test_an_object_that_comes_back_is_a_success_and_an_unchanged_tray_a_failure(
    task: str, labeller: ImageDifference, draw: Callable[[Scene], Image]
) -> None:
    rng = np.random.default_rng(5)
    for index in range(25):
        scene = find_task(task).scene(np.random.default_rng([2, index]))
        before, after = draw(without_one(scene)), draw(scene)
        held, _ = labeller.label(CAMERA.spoil(before, rng), CAMERA.spoil(after, rng))
        missed, _ = labeller.label(CAMERA.spoil(after, rng), CAMERA.spoil(after, rng))
        assert (held, missed) == (Label.SUCCESS, Label.FAILURE)


@pytest.mark.parametrize("shift", [(0, 0), (5, 0), (-5, 3), (2.5, -4.25)])
def test_a_shift_is_found_and_made_good(shift: tuple[float, float], draw: Callable[[Scene], Image]) -> None:
    image = draw(find_task("bottles-5").scene(np.random.default_rng(3)))
    moved = ndimage.shift(image.astype(float), (*shift, 0), order=1, mode="nearest")
    found = difference(image, moved, MASK)
    assert found.shift == pytest.approx((-shift[0], -shift[1]), abs=0.35) and found.aligned
    unaligned = np.abs(ndimage.uniform_filter(moved - image, (5, 5, 0))[MASK]).max()
    assert found.score < 12 and (shift == (0, 0) or found.score < 0.4 * unaligned)


def test_the_light_alone_changes_nothing(draw: Callable[[Scene], Image]) -> None:
    image = draw(find_task("blocks").scene(np.random.default_rng(3))).astype(float)
    slope = 1 + 0.2 * (np.indices((SIZE, SIZE))[1] / SIZE - 0.5)[..., None]
    assert difference(image, image * [0.8, 0.9, 0.85] * slope + 7, MASK).score < 1


def test_what_changes_outside_the_tray_does_not_count(draw: Callable[[Scene], Image]) -> None:
    image = draw(find_task("blocks").scene(np.random.default_rng(3)))
    other = image.copy()
    other[:12, :12] = (255, 0, 0)
    assert difference(image, other, MASK).score < 1
    assert not MASK[:12, :12].any() and MASK[SIZE // 2, SIZE // 2]


def test_between_the_thresholds_and_after_a_large_shift_a_human_is_asked(draw: Callable[[Scene], Image]) -> None:
    image = draw(find_task("blocks").scene(np.random.default_rng(3)))
    changed = image.astype(float)
    changed[60:68, 60:68] += 60
    score = difference(image, changed, MASK).score
    for below, above, expected in (
        (score - 1, score + 1, Label.ASK),
        (score + 1, score + 2, Label.FAILURE),
        (score - 2, score - 1, Label.SUCCESS),
    ):
        assert ImageDifference(MASK, below, above).label(image, changed)[0] is expected
    label, found = ImageDifference(MASK, 5.0, 9.0).label(image, np.roll(image, 20, axis=1))
    assert label is Label.ASK and not found.aligned


def test_too_few_pairs_or_a_loose_camera_are_refused(draw: Callable[[Scene], Image]) -> None:
    image = draw(find_task("blocks").scene(np.random.default_rng(3)))
    with pytest.raises(UsageError, match="at least 20 pairs .* received 19"):
        ImageDifference.fit([(image, image)] * 19, MASK)
    with pytest.raises(UsageError, match="camera moved too far"):
        ImageDifference.fit([(image, np.roll(image, 20, axis=1))] * 20, MASK)
    clean = ImageDifference.fit([(image, image)] * 20, MASK)
    assert clean.label(image, image)[0] is Label.FAILURE and clean.failure_below >= 1
    with pytest.raises(UsageError, match="of the mask's size"):
        clean.label(image, image[:64])


def test_a_polygon_is_the_same_in_either_turning() -> None:
    square = [(1.0, 1.0), (4.0, 1.0), (4.0, 3.0), (1.0, 3.0)]
    mask = polygon_mask(square, (5, 6))
    np.testing.assert_array_equal(mask, polygon_mask(square[::-1], (5, 6)))
    assert mask.sum() == 6 and mask[1:3, 1:4].all()
