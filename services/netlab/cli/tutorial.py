"""`isthmus net demo`: the tutorial of docs/networking.md at work, on this machine and its stack."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.markdown import Markdown

from core.errors import suggestion
from core.settings import Settings
from netlab.errors import NeedsRoot, NoStack, UnknownDemo
from netlab.model.observation import MODES
from netlab.observe.docker_engine import Engine
from netlab.tutorial.here import ROOT, Here, check_images, look_around, without_stack
from netlab.tutorial.page import ANY, Demo, Difference, compare, parse_page, with_outputs
from netlab.tutorial.run import Watcher, run_demo

PAGES = {"en": ROOT / "docs/networking.md", "zh": ROOT / "docs/networking.zh.md"}


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Every demo that the running mode allows.")
@click.option("--on", "mode", type=click.Choice((ANY, *MODES)), help="The demos of one mode.")
@click.option("--check", "action", flag_value="check", help="Compare with the page instead of showing.")
@click.option("--write", "action", flag_value="write", help="Put what was seen on the pages (scripts/lesson does).")
@click.option("--language", type=click.Choice(tuple(PAGES)), default="en", help="Language of the explanations.")
@click.option("--project", help="The Compose project, when several run.")
@click.pass_obj
def demo(  # noqa: PLR0913  (click gives each option as an argument)
    settings: Settings,
    names: tuple[str, ...],
    *,
    everything: bool,
    mode: str | None,
    action: str | None,
    language: str,
    project: str | None,
) -> None:
    """Run the demos of docs/networking.md on this machine, or list them.

    A demo runs commands like those you would type, on the stack or on containers of its own, and removes what it made.
    Commands that need root are left out, and named, when sudo would ask for a password.

    \b
    Examples:
      isthmus net demo                        the list
      isthmus net demo veth                   one, as a terminal session
      isthmus net demo veth --language zh     explained in Chinese
      isthmus net demo --all --check          does this machine do what the page says?
    """
    demos = parse_page(PAGES[language].read_text(encoding="utf-8"))
    if not (names or everything or mode):
        click.echo("\n".join(list_lines(demos)))
        return
    check_images(Engine())
    meant = wanted(demos, names, mode)
    stackless = bool(names or mode) and all(one.mode == ANY for one in meant)
    here = without_stack(settings, project) if stackless else look_around(settings, project)
    chosen = runnable(meant, here, whole=bool(names or mode))
    if action is None:
        for one in chosen:
            show(one, here)
    elif not perform(chosen, here, write=action == "write"):
        raise click.exceptions.Exit(1)


def list_lines(demos: Sequence[Demo]) -> list[str]:
    """One line a demo."""
    width = max(len(one.name) for one in demos)
    lines = [f"  {one.name:<{width}}  {one.mode:<10} {one.title}" for one in demos]
    return [f"  {'NAME':<{width}}  {'MODE':<10} ", *lines, "isthmus net demo NAME runs one; any: in every mode"]


def wanted(demos: Sequence[Demo], names: Sequence[str], mode: str | None) -> list[Demo]:
    """The demos of these names, else those of the mode, else all. Raises: UnknownDemo"""
    known = {one.name: one for one in demos}
    for name in names:
        if name not in known:
            hint = suggestion(name, known) or "isthmus net demo lists them"
            raise UnknownDemo(f"the lesson has no demo {name}", hint=hint)
    if names:
        return [known[name] for name in names]
    return [one for one in demos if mode in (None, one.mode)]


def runnable(meant: Sequence[Demo], here: Here, *, whole: bool) -> list[Demo]:
    """Those that the running mode allows. Raises: NoStack when `whole` and one is not"""
    for one in meant:
        if whole and not here.can_run(one.mode):
            running = f"the stack runs in mode {here.mode}" if here.mode else "no stack runs"
            raise NoStack(f"{one.name} needs mode {one.mode}, and {running}", hint=f"./scripts/up {one.mode}")
    return [one for one in meant if here.can_run(one.mode)]


def show(one: Demo, here: Here) -> None:
    """A demo as a terminal session: explanations, commands, what they print."""
    click.secho(f"\n{one.title}", bold=True)
    watcher = Watcher(
        said=explain,
        begun=lambda text: click.secho("$ " + text.replace("\n", "\n> "), fg="green"),
        printed=lambda text: click.echo(text, nl=False),
        left_out=lambda text: click.echo(f"$ {text}\n(needs root: run this one yourself)"),
    )
    run_demo(one, here.words, watcher)


def explain(text: str) -> None:
    """Words of the page: laid out for a terminal, as they are in a pipe."""
    if sys.stdout.isatty():
        Console().print("", Markdown(text), "")
    else:
        click.echo(f"\n{text}\n")


def perform(chosen: Sequence[Demo], here: Here, *, write: bool) -> bool:
    """Runs demos and compares each with its page; with `write` one that differs is put there. Returns whether all are
    as the pages say now. A demo whose outputs only vary as they do in every run is left as it is.
    """
    well = True
    for one in chosen:
        left_out: list[str] = []
        click.echo(f"{one.name} ... ", nl=False)
        seen = run_demo(one, here.words, Watcher(left_out=left_out.append))
        differences = compare(seen)
        if differences and write:
            write_pages(one, [output for _, output in seen])
        click.echo(verdict(differences, write=write))
        click.echo("".join(difference_text(difference) for difference in differences), nl=False)
        click.echo("".join(f"  needs root, not run: {text}\n" for text in left_out), nl=False)
        well = well and (write or not differences)
    return well


def verdict(differences: Sequence[Difference], *, write: bool) -> str:
    """One demo in a few words."""
    if not differences:
        return "as the page says"
    return "differed from the page, which is written anew" if write else "differs from the page"


def difference_text(difference: Difference) -> str:
    """Both outputs, one above the other, in the form in which they were compared."""
    page = "".join(f"    page  {line}\n" for line in difference.page_shape.splitlines())
    seen = "".join(f"    here  {line}\n" for line in difference.seen_shape.splitlines())
    return f"  $ {difference.command}\n{page}{seen}"


def write_pages(one: Demo, outputs: Sequence[str]) -> None:
    """The outputs of a demo on every page that exists. Raises: NeedsRoot when commands were left out"""
    for path in filter(Path.exists, PAGES.values()):
        text = path.read_text(encoding="utf-8")
        commands = next(other.commands for other in parse_page(text) if other.name == one.name)
        if len(commands) != len(outputs):
            raise NeedsRoot(
                f"{one.name} could not be run whole on this machine, so {path.name} is left as it is",
                hint="run it as root",
            )
        path.write_text(with_outputs(text, list(zip(commands, outputs, strict=True))), encoding="utf-8")
