"""Generates knarr/proto/ from protos/; with --check says whether the committed code is what would be made.

Run by `make protos`. The generated code is committed, so that an installation needs no compiler.
"""

import filecmp
import shutil
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "protos"
TARGET = ROOT / "knarr" / "proto"


def generate(out: Path) -> None:
    """Write the package tree knarr/proto under `out`; raises SystemExit when protoc refuses a source."""
    virtual = "knarr/proto"
    names = sorted(str(path.relative_to(SOURCES)) for path in SOURCES.rglob("*.proto"))
    services = [name for name in names if "\nservice " in (SOURCES / name).read_text()]
    include = [f"-I{virtual}={SOURCES}", f"-I{files('grpc_tools') / '_proto'}"]
    jobs = (
        (names, [f"--python_out={out}", f"--mypy_out=quiet:{out}"]),
        (services, [f"--grpc_python_out={out}", f"--mypy_grpc_out=quiet:{out}"]),
    )
    for sources, outputs in jobs:
        arguments = ["protoc", *include, *outputs, *(f"{virtual}/{name}" for name in sources)]
        if protoc.main(arguments) != 0:
            raise SystemExit("protoc failed")
    package = out / virtual
    docstring = '"""Generated from protos/ by `make protos`; do not edit."""\n'
    for folder in (package, *(path for path in package.iterdir() if path.is_dir())):
        (folder / "__init__.py").write_text(docstring)


def differences(made: Path, committed: Path) -> list[str]:
    """Paths, relative to the tree, that differ between the two trees or stand in one only."""
    names = {
        path.relative_to(tree)
        for tree in (made, committed)
        for path in tree.rglob("*.py*")
        if "__pycache__" not in path.parts
    }
    return sorted(
        str(name)
        for name in names
        if not (made / name).exists()
        or not (committed / name).exists()
        or not filecmp.cmp(made / name, committed / name, shallow=False)
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = Path(folder) / "knarr" / "proto"
        if "--check" in sys.argv[1:]:
            stale = differences(made, TARGET)
            if stale:
                raise SystemExit("generated code is stale, run `make protos`: " + ", ".join(stale))
            return
        shutil.rmtree(TARGET, ignore_errors=True)
        shutil.copytree(made, TARGET)


if __name__ == "__main__":
    main()
