"""`__all__` of every module is what the module really offers."""

import ast
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
ROOTS = {"grasp_tfp": ".", "grasp_datasets": "datasets", "grasp_pipelines": "pipelines", "graspctl": "cli"}
FILES = {
    ".".join(part for part in path.relative_to(PROJECT / root).with_suffix("").parts if part != "__init__"): path
    for package, root in ROOTS.items()
    for path in sorted((PROJECT / root / package).rglob("*.py"))
}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def exported(tree: ast.Module) -> list[str] | None:
    """The value of `__all__`, None without one."""
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return list(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    return None


def bound(tree: ast.Module) -> tuple[set[str], set[str]]:
    """Names of the module's own functions and classes, and of everything bound at its top level."""
    callables: set[str] = set()
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            callables.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.update(leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name))
    return callables, callables | names


def problems(source: str) -> list[str]:
    """What is wrong with the exports of a module."""
    tree = ast.parse(source)
    declared = exported(tree)
    callables, names = bound(tree)
    if declared is None:
        only_docstring = all(isinstance(node, ast.Expr) for node in tree.body)
        return [] if only_docstring else ["no __all__"]
    public = {name for name in callables if not name.startswith("_")}
    return [
        *(f"{name} is exported but not defined" for name in sorted(set(declared) - names)),
        *(f"{name} is defined but not exported" for name in sorted(public - set(declared))),
        *(f"{name} is exported twice" for name in sorted(set(declared)) if declared.count(name) > 1),
    ]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('__all__ = ["f"]\ndef f(): ...', []),
        ('"""Only a docstring."""', []),
        ("def f(): ...", ["no __all__"]),
        ('__all__ = ["f", "g"]\ndef f(): ...', ["g is exported but not defined"]),
        ('__all__ = ["X"]\nX: int = 1\nclass C: ...\nclass _D: ...', ["C is defined but not exported"]),
        ('__all__ = ["f", "f"]\ndef f(): ...', ["f is exported twice"]),
    ],
)
def test_the_rule_itself(source: str, expected: list[str]) -> None:
    assert problems(source) == expected


def test_exports_are_true_and_complete() -> None:
    found = [f"{name}: {problem}" for name, path in FILES.items() for problem in problems(path.read_text("utf-8"))]
    assert found == []


def test_modules_import_only_what_others_export() -> None:
    private = [
        f"{name} imports {alias.name} of {node.module}"
        for name, path in FILES.items()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.module in FILES
        for alias in node.names
        if f"{node.module}.{alias.name}" not in FILES and alias.name not in (exported(parse(FILES[node.module])) or [])
    ]
    assert private == []
