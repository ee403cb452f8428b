"""What the documentation shows is what happens: its examples run, its options, links and names exist."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from grucast.cli.commands import MODULES, build
from grucast.core import config, results, series
from grucast.preprocessing.frequency import default_horizon
from grucast.workflows.learning import model_file

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOP = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = sorted([*(ROOT / one for one in TOP), *DOCS.rglob("*.md")])
GENERATED = DOCS / "reference" / "cli.md"
TINY = "epochs = 1\nhidden = 4\ncontext_length = 48\ntrain_rows = 1500\nmax_seconds = 0.2\nthreads = 1\n"  # of train
OTHERS = {"--args", "--upgrade", "--system", "--home-dir", "--now", "--rm", "--network", "--read-only", "--tmpfs",
          "--user", "--require-hashes", "--no-deps", "--cells"}  # options of other programs, and of benchmarks


def _load_runner() -> Any:
    spec = importlib.util.spec_from_file_location("run_blocks", DOCS / "run_blocks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


runner = _load_runner()


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


EXAMPLES = [page for page in PAGES if list(runner.blocks(text(page)))]


@pytest.mark.parametrize("page", EXAMPLES, ids=name)
def test_the_examples_run_and_print_what_the_page_shows(page, tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    environ = runner.clean_environment() | {"GRUCAST_CONFIG": str(tmp_path / "tiny.toml")}
    folder = runner.page_folder(tmp_path / "page")
    for block in runner.blocks(text(page)):
        steps = runner.run(block, folder, environ)
        for step in steps:
            code = block.code if step is steps[-1] else 0
            assert step.code == code, f"{step.command}\n" + "\n".join(step.printed)
            lacking = runner.missing(step, exact=block.exact)
            assert not lacking, f"{step.command}\ndoes not print {lacking}, but\n" + "\n".join(step.printed)


def test_the_readme_and_the_tutorial_have_examples():
    assert {ROOT / "README.md", DOCS / "tutorials" / "first-forecast.md"} <= set(EXAMPLES)


@pytest.mark.parametrize(
    ("shown", "exact", "lacks"),
    [
        (("rows  12", "", "skill 0.1: better"), False, []),  # figures and verdicts are those of the run
        (("rows  12",), True, ["rows  12"]),
        (("columns  7",), False, ["columns #"]),
        (("load  ?", "rows  ?"), False, ["rows #"]),  # the order counts
        (("…", "load  3.5"), True, []),
    ],
)
def test_a_line_that_is_not_printed_is_noticed(shown, exact, lacks):
    step = runner.Step("grucast", shown, ("rows  19,663", "", "load  3.5"), 0)
    assert runner.missing(step, exact=exact) == lacks


def test_the_figures_of_a_page_are_written_anew(tmp_path):
    page = "Before.\n\n<!-- run -->\n```console\n$ echo b 3; echo a 4 kW\n…\na ? kW\n```\nAfter ?.\n"
    assert runner.refreshed(page, tmp_path) == page.replace("a ?", "a 4")


@functools.cache
def options() -> dict[str, set[str]]:
    """The options of each command, those of the commands under it included."""
    commands = typer.main.get_command(build()).commands  # type: ignore[attr-defined]
    known = {}
    for one in MODULES:
        inner = commands[one], *getattr(commands[one], "commands", {}).values()
        params = [parameter for command in inner for parameter in command.params]
        known[one] = {word for parameter in params for word in (*parameter.opts, *parameter.secondary_opts)}
    return known


def spoken(page: Path) -> str:
    """A page without its prose: what stands in code."""
    return "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text(page), re.DOTALL))


@pytest.mark.parametrize("page", [page for page in PAGES if page != GENERATED], ids=name)
def test_every_option_named_exists(page):
    known = set().union(*options().values()) | {"--help", "--version"} | OTHERS
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]\b", spoken(page)))
    assert named <= known


@pytest.mark.parametrize("page", [page for page in PAGES if page != GENERATED], ids=name)
def test_every_command_line_shown_has_only_options_of_its_command(page):
    for command, rest in re.findall(r"\bgrucast ([a-z][a-z-]+)((?:\\\n|[^\n`|>&])*)", spoken(page)):
        if command in MODULES:
            shown = set(re.findall(r"(?<!\S)--[a-z][a-z-]*[a-z]\b", rest))
            assert shown <= options()[command] | {"--help"}, f"grucast {command}{rest}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_inside_leads_somewhere(page):
    for link in re.findall(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)", text(page)):
        assert (page.parent / link).exists(), link


def test_every_page_is_linked_from_the_index():
    index = text(DOCS / "index.md")
    for page in DOCS.rglob("*.md"):
        assert page.name == "index.md" or f"({page.relative_to(DOCS).as_posix()})" in index, name(page)


def test_the_readme_sets_up_with_one_line_and_tests_with_another():
    block = ("```sh\npython3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/grucast train "
             "sample_data/energy.csv\n.venv/bin/pytest\n```")  # fmt: skip
    assert block in text(ROOT / "README.md")


def test_the_horizons_on_the_page_are_those_of_the_code():
    rows = re.findall(r"^\| .* \| `([\w-]+)` \| (\d+) \|$", text(DOCS / "explanation" / "accuracy.md"), re.MULTILINE)
    assert len(rows) >= 8
    for freq, horizon in rows:
        assert default_horizon(freq, (), 10**6) == int(horizon), freq


def test_the_page_on_the_model_file_names_every_key_of_the_manifest():
    kinds = (results.Manifest, results.DataFacts, series.Layout, series.FileFormat, series.Columns, series.Clock,
             config.WindowSpec, config.ModelConfig, config.TrainingConfig, config.ValueOptions)  # fmt: skip
    page = text(DOCS / "explanation" / "model-file.md")
    lacking = [f"{kind.__name__}.{field.name}" for kind in kinds for field in dataclasses.fields(kind)
               if f"`{field.name}`" not in page]  # fmt: skip
    assert not lacking


def test_the_page_on_the_model_file_names_every_array():
    page = text(DOCS / "explanation" / "model-file.md")
    table = re.findall(r"^    ([a-z]+\.[a-z|]+) ", model_file.__doc__ or "", re.MULTILINE)
    assert len(table) >= 7
    for entry in table:
        group, _, names = entry.partition(".")
        for one in names.split("|"):
            assert f"`{group}.{one}`" in page, entry
