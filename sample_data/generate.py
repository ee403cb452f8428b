"""Write the sample files: `python sample_data/generate.py` gives the committed ones again, byte for byte.

For studies import the functions: `energy(seed, fault_sizes=(6.0,))` plants every fault six deviations large,
`fault_sizes=()` none; the equations stand in their docstrings.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
if not __package__:  # run as a script: the folder of the package is not on the path then
    sys.path.insert(0, str(HERE.parent))

from sample_data.ecg import ecg  # noqa: E402 (after the path)
from sample_data.energy import energy  # noqa: E402
from sample_data.meters import meters  # noqa: E402
from sample_data.stock import stock  # noqa: E402
from sample_data.table import SEED, Fault, Sample, to_csv  # noqa: E402

__all__ = ["SAMPLES", "Fault", "Sample", "ecg", "energy", "main", "meters", "stock", "to_csv", "write_samples"]

SAMPLES: Mapping[str, Callable[[int], Sample]] = {
    "energy.csv": energy,
    "stock.csv": stock,
    "ecg.csv": ecg,
    "meters.csv": meters,
}


def write_samples(folder: Path, seed: int = SEED) -> list[Path]:
    """Write every sample into `folder` and give the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in SAMPLES]
    for path in paths:
        path.write_bytes(to_csv(SAMPLES[path.name](seed)))
    return paths


def main(argv: Sequence[str] | None = None) -> None:
    """Read the two options and write the files."""
    parser = argparse.ArgumentParser(description="Write the four sample files of grucast.")
    parser.add_argument("--seed", type=int, default=SEED, help="another seed gives other files (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=HERE, help="the folder to write to (default: beside this script)")
    arguments = parser.parse_args(argv)
    for path in write_samples(arguments.out, arguments.seed):
        print(f"{path} {path.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
