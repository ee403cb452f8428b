"""Write a software bill of materials of a Python environment, CycloneDX 1.5: `python deploy/sbom.py > sbom.json`.

It reads the metadata of what is installed beside the Python that runs it, and asks nobody: no network, no package but
Python's own. The same environment gives the same bytes; there is no time and no host in it.
"""

from __future__ import annotations

import json
import re
import sys
import uuid
from collections.abc import Iterable
from importlib.metadata import Distribution, distributions
from typing import Any

ROOT = "grucast"
_EXPRESSION = re.compile(r"[\w.+()-]+( (AND|OR|WITH) [\w.+()-]+)*")


def bill(installed: Iterable[Distribution], root: str = ROOT) -> dict[str, Any]:
    """The bill of the environment; `root` is what it is about. LookupError where that is not installed."""
    found = {bare_name(one.metadata["Name"]): one for one in installed}
    if root not in found:
        raise LookupError(f"{root} is not installed beside {sys.executable}")
    parts = {name: component(name, found[name]) for name in sorted(found)}
    needs = [{"ref": parts[name]["bom-ref"], "dependsOn": [parts[one]["bom-ref"] for one in needed(found[name])
                                                           if one in parts]} for name in parts]
    subject = {**parts.pop(root), "type": "application"}
    body = {"metadata": {"component": subject}, "components": list(parts.values()), "dependencies": needs}
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(body, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": serial.urn, "version": 1, **body}


def component(name: str, one: Distribution) -> dict[str, Any]:
    """A package: its name, version, package URL and, where it states one, its licence."""
    purl = f"pkg:pypi/{name}@{one.version}".replace("+", "%2B")
    made = {"type": "library", "bom-ref": purl, "name": name, "version": one.version, "purl": purl}
    said = licence(one)
    return {**made, "licenses": [said]} if said else made


def licence(one: Distribution) -> dict[str, Any]:
    """The licence: an SPDX expression where the package gives one, else the name in its classifiers; {} for none."""
    expression = one.metadata.get("License-Expression")
    if expression and _EXPRESSION.fullmatch(expression):
        return {"expression": expression}
    classifiers = one.metadata.get_all("Classifier") or []
    named = [word.rsplit(" :: ", 1)[1] for word in classifiers if word.startswith("License :: ")]
    text = named[0] if named else (one.metadata.get("License") or "").strip()
    return {"license": {"name": text}} if text and "\n" not in text else {}


def needed(one: Distribution) -> list[str]:
    """The names it requires, without those of extras; of another platform's too, so the caller keeps what is there."""
    return sorted({bare_name(line) for line in one.requires or [] if "extra ==" not in line})


def bare_name(requirement: str) -> str:
    """`Scikit_Learn>=1.5` is `scikit-learn`."""
    found = re.match(r"[\w.-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


if __name__ == "__main__":
    print(json.dumps(bill(distributions()), indent=1))
