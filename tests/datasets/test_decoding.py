"""A network learns from the images that a camera takes, not from what a decoder makes of them."""

import numpy as np
import pytest
import simplejpeg
import tensorflow as tf

from grasp_datasets.decoding import decoder
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import find_task, random_pose


@pytest.mark.parametrize("crop", [None, 48])
def test_decoded_images_are_as_bright_as_the_camera_s(crop: int | None) -> None:
    rng, renderer, errors = np.random.default_rng(0), Renderer(64), []
    decode = decoder(crop, crop)
    for _ in range(20):
        image = renderer.image(find_task("bottles").scene(rng), random_pose(rng))
        jpeg = simplejpeg.encode_jpeg(image, 95, colorsubsampling="444")
        example = {"action": tf.constant([0.0, 0, 0, 0, 1]), "image": jpeg, "initial_image": jpeg}
        start = 0 if crop is None else (64 - crop) // 2
        window = image[start : 64 - start, start : 64 - start].astype(float)
        errors.append(np.mean(decode(example, tf.constant([0.5, 0.5]))["image"].numpy() - window))
    assert abs(np.mean(errors)) < 0.1
