"""Foxglove's messages in our logs, held against the schemas that Foxglove publishes."""

import importlib
import json
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from grasp_pipelines.log_schema import SCHEMAS

OURS = {"yaw"}
"""Fields that Foxglove's messages do not have; it shows them in its raw panel."""

TIMES = {"time": "google.protobuf.Timestamp", "duration": "google.protobuf.Duration"}
KINDS = {"number": FieldDescriptor.TYPE_DOUBLE, "boolean": FieldDescriptor.TYPE_BOOL}


@pytest.mark.parametrize(
    ("topic", "name"),
    [
        ("/scene", "SceneUpdate"),
        ("/gripper_pose", "PoseInFrame"),
        ("/camera/image", "CompressedImage"),
        ("/camera/initial_image", "CompressedImage"),
    ],
)
def test_the_schema_is_the_public_one(topic: str, name: str) -> None:
    title, schema = SCHEMAS[topic]
    assert title == f"foxglove.{name}"
    public = importlib.import_module(f"foxglove_schemas_protobuf.{name}_pb2")
    compare(json.loads(schema), getattr(public, name).DESCRIPTOR)


def compare(schema: dict[str, Any], message: Descriptor) -> None:
    """Every field of the public message is in the schema, under the same name and with the same type."""
    assert schema["title"] == message.full_name
    assert set(schema["properties"]) - OURS == set(message.fields_by_name)
    assert schema["required"] == list(schema["properties"])
    for name, field in message.fields_by_name.items():
        ours = schema["properties"][name]
        assert (ours["type"] == "array") == field.is_repeated
        ours = ours.get("items", ours)
        if ours["type"] != "object":
            text = FieldDescriptor.TYPE_BYTES if "contentEncoding" in ours else FieldDescriptor.TYPE_STRING
            assert KINDS.get(ours["type"], text) == field.type
        elif ours.get("title") in TIMES:
            assert TIMES[ours["title"]] == field.message_type.full_name
        elif "title" in ours:
            compare(ours, field.message_type)
        else:
            assert field.type == FieldDescriptor.TYPE_MESSAGE
