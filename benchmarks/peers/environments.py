"""An environment of its own for each peer and for grucast: made once, kept, and asked for its versions and size.

Each is a virtual environment below `--envs`, so that no library meets another's requirements. grucast is installed from
this clone. torch is held to the range that grucast takes, so that all of them compute with the same one.

    python benchmarks/peers/environments.py [--envs DIR] [--only darts,grucast] [--limit 600]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVS = Path.home() / ".cache" / "grucast-peers"
TORCH = "torch>=2.6,<2.14"
WHAT: Mapping[str, tuple[str, ...]] = {  # what pip is asked for, by the name of the environment
    "grucast": (str(ROOT), TORCH),
    "neuralforecast": ("neuralforecast", TORCH),
    "darts": ("darts[torch]", TORCH),
    "statsforecast": ("statsforecast",),
}
TOOLS = ("pip", "setuptools", "_distutils_hack", "pkg_resources")  # of the environment, not of the library
TORCH_FOLDERS = ("torch", "torchgen", "functorch")
ASK = ("import json, sys; from importlib.metadata import version, PackageNotFoundError\n"
       "found = {}\n"
       "for name in sys.argv[1:]:\n"
       "    try: found[name] = version(name)\n"
       "    except PackageNotFoundError: pass\n"
       "print(json.dumps(found))")


def python_of(envs: Path, name: str) -> Path:
    """The interpreter of an environment, whether it is there or not."""
    return envs / name / "bin" / "python"


def make(envs: Path, name: str, limit: float) -> str:
    """What went wrong in making one environment, in a line; empty where it is there."""
    folder, began = envs / name, time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    command = [python_of(envs, name), "-m", "pip", "install", "--quiet", *WHAT[name]]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
    except subprocess.TimeoutExpired:
        return f"not installed within {limit:.0f} s"
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line] or done.stderr.splitlines()[-1:]
        return said[0] if said else f"pip ended with {done.returncode}"
    (folder / "made.json").write_text(json.dumps({"seconds": round(time.perf_counter() - began, 1)}), encoding="utf-8")
    return ""


def made(envs: Path, name: str) -> bool:
    """Whether an environment was made to its end."""
    return (envs / name / "made.json").exists()


def versions(envs: Path, name: str) -> dict[str, str]:
    """The versions that lie in an environment, of the library itself and of what its speed hangs on."""
    ask = (name, "torch", "numpy", "pandas", "pytorch-lightning", "lightning")
    done = subprocess.run([python_of(envs, name), "-c", ASK, *ask], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def installed(packages: Path) -> tuple[int, int]:
    """Bytes of a folder of packages without the tools that install: all of them, and those that are not torch."""
    sizes = {entry.name: _bytes(entry) for entry in packages.iterdir() if not _tool(entry.name)}
    return sum(sizes.values()), sum(size for name, size in sizes.items() if name not in TORCH_FOLDERS)


def packages_of(envs: Path, name: str) -> Path:
    """Where an environment keeps its packages."""
    return next((envs / name / "lib").glob("python3*/site-packages"))


def _tool(entry: str) -> bool:
    return entry.split("-")[0] in TOOLS


def _bytes(entry: Path) -> int:
    if entry.is_dir():
        return sum(one.stat().st_size for one in entry.rglob("*") if one.is_file() and not one.is_symlink())
    return entry.stat().st_size


def main() -> None:
    """Make what is asked for and is not there yet; exit with 1 where one did not come about."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", type=Path, default=ENVS, metavar="DIR", help="where environments are kept")
    parser.add_argument("--only", default=",".join(WHAT), metavar="NAMES", help="some of them, with commas")
    parser.add_argument("--limit", type=float, default=600.0, metavar="S", help="longest time for one")
    options = parser.parse_args()
    failed = False
    for name in options.only.split(","):
        wrong = "" if made(options.envs, name) else make(options.envs, name, options.limit)
        failed |= bool(wrong)
        print(f"{name}: {wrong or versions(options.envs, name)}", flush=True)
    raise SystemExit(int(failed))


if __name__ == "__main__":
    main()
