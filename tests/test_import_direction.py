"""Imports run one way: between the packages and between the folders of grasp_tfp; the commands import late."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SOURCES = {"grasp_tfp": ".", "grasp_datasets": "datasets", "grasp_pipelines": "pipelines", "graspctl": "cli"}
PACKAGES = list(SOURCES)
"""Each may import itself and what stands before it."""

LAYERS = {"": 0, "sim": 1, "models": 1, "policies": 2, "robots": 2, "training": 3, "experiments": 4}
"""Folders of grasp_tfp; the files directly in it are the NumPy layer."""

STRANGERS = {("sim", "models"), ("models", "sim")}
NUMERIC = {"numpy", "scipy"}
HEAVY = {
    "apache_beam", "av", "foxglove", "jax", "keras", "matplotlib", "mcap", "mlflow", "numba", "numpy", "pyarrow",
    "pybullet", "rerun", "scipy", "simplejpeg", "tensorflow", "tensorflow_datasets", "tensorflow_probability",
    "tf_keras", "wandb",
}  # fmt: skip


def modules() -> Iterator[tuple[str, Path]]:
    """Every source module's dotted name and file."""
    for package, root in SOURCES.items():
        for path in sorted((PROJECT / root / package).rglob("*.py")):
            parts = path.relative_to(PROJECT / root).with_suffix("").parts
            yield ".".join(part for part in parts if part != "__init__"), path


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of all that is imported; a relative import shows as a leading dot."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            yield from (f"{base}.{alias.name}" for alias in node.names)


def at_import_time(tree: ast.Module) -> ast.Module:
    """The module without the bodies of its functions."""

    class Strip(ast.NodeTransformer):
        def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.Pass:
            return ast.Pass()

    stripped: ast.Module = Strip().visit(tree)
    return stripped


def named(tree: ast.AST) -> Iterator[str]:
    """Our modules that are named in strings, as importing by name takes them."""
    known = {module for module, _ in modules() if "." in module}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = node.value.split(":")[0].split(".")
            if known & {".".join(parts[:length]) for length in range(2, len(parts) + 1)}:
                yield node.value


def folder(module: str) -> str:
    """`sim` for grasp_tfp.sim.physics, nothing for grasp_tfp.actions."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else ""


def may_import(module: str, target: str) -> bool:
    """Whether the module may import the dotted name."""
    package, other = module.split(".")[0], target.split(".")[0]
    if target.startswith("."):
        return False
    if other in PACKAGES and other != package:
        return PACKAGES.index(other) < PACKAGES.index(package)
    if package != "grasp_tfp":
        return True
    here, there = folder(module), folder(target)
    if other == "grasp_tfp":
        if module == "grasp_tfp":  # the package's front door opens on what is behind it, once it is called
            return True
        return LAYERS[there] <= LAYERS[here] and (here, there) not in STRANGERS
    return here != "" or other in NUMERIC or other in sys.stdlib_module_names


@pytest.mark.parametrize(
    ("module", "target", "allowed"),
    [
        ("graspctl.collect", "grasp_pipelines.collect.collect", True),
        ("grasp_pipelines.collect", "graspctl.console.Progress", False),
        ("grasp_datasets.schema", "grasp_pipelines.trial_log", False),
        ("grasp_tfp.training.off_policy", "grasp_datasets.readers", False),
        ("grasp_tfp.training.off_policy", "grasp_tfp.models.actor.Actor", True),
        ("grasp_tfp.models.actor", "grasp_tfp.training.off_policy", False),
        ("grasp_tfp.models.actor", "grasp_tfp.sim.tasks", False),
        ("grasp_tfp.sim.tasks", "grasp_tfp.models.actor", False),
        ("grasp_tfp.sim.tasks", "pybullet", True),
        ("grasp_tfp.actions", "numpy.typing.NDArray", True),
        ("grasp_tfp.actions", "tensorflow", False),
        ("grasp_tfp.actions", "grasp_tfp.sim.tasks", False),
        ("grasp_tfp.actions", ".trial.Trial", False),
    ],
)
def test_the_rule_itself(module: str, target: str, allowed: bool) -> None:
    assert may_import(module, target) is allowed


def test_every_import_runs_the_right_way() -> None:
    wrong = [
        f"{path.relative_to(PROJECT)} imports {target}"
        for module, path in modules()
        for target in imports(ast.parse(path.read_text(encoding="utf-8")))
        if not may_import(module, target)
    ]
    assert wrong == []


def test_no_import_upwards_hides_in_a_string() -> None:
    """An upper package offers itself to a lower one by an entry point in setup.py, never by being named there."""
    hidden = [
        f"{path.relative_to(PROJECT)} names {target}"
        for module, path in modules()
        for target in named(ast.parse(path.read_text(encoding="utf-8")))
        if not may_import(module, target)
    ]
    assert hidden == []
    assert list(named(ast.parse("load('grasp_pipelines.convert:convert', 'graspctl.json')"))) == [
        "grasp_pipelines.convert:convert"
    ]


def test_every_folder_of_the_method_has_a_layer() -> None:
    folders = {path.parent.name for path in (PROJECT / "grasp_tfp").glob("*/*.py")}
    assert folders <= set(LAYERS)


def test_heavy_imports_wait_inside_the_commands() -> None:
    heavy = [
        f"{path.relative_to(PROJECT)} imports {target} when it is itself imported"
        for module, path in modules()
        if module.split(".")[0] == "graspctl"
        for target in imports(at_import_time(ast.parse(path.read_text(encoding="utf-8"))))
        if target.split(".")[0] in HEAVY | {"grasp_pipelines", "grasp_datasets"}
    ]
    assert heavy == []


def test_the_package_itself_imports_its_folders_late() -> None:
    tree = ast.parse((PROJECT / "grasp_tfp" / "__init__.py").read_text(encoding="utf-8"))
    assert [target for target in imports(at_import_time(tree)) if target.startswith("grasp_tfp")] == []


def test_source_roots_are_no_packages() -> None:
    """`import datasets` must go on meaning Hugging Face's package, which TFDS itself imports."""
    assert [name for name in ("cli", "pipelines", "datasets") if (PROJECT / name / "__init__.py").exists()] == []
