"""The results as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence

from bench.peers.rounds import Measured
from bench.peers.servers import Contender

OURS = "Isthmus"
GOAL = 5.0
"""How many times our CPU the best peer in Python is to take, on every row."""


def best_python(measured: Measured, servers: Sequence[Contender]) -> float | None:
    """How many times our CPU the best peer in Python took; None when none could."""
    python = [server.name for server in servers if server.python and server.name in measured.cells]
    if OURS not in measured.cells or not python:
        return None
    return min(measured.cells[name].cpu_s for name in python) / measured.cells[OURS].cpu_s


def render(results: Sequence[Measured], servers: Sequence[Contender], absent: dict[str, str]) -> str:
    """Markdown: CPU of each server, then time, then what is to be known about the rows."""
    versions = "; ".join(f"{server.name}: {server.version}" for server in servers)
    parts = [f"Servers: {versions}."]
    parts += [f"NOT COMPARED: {name}: {reason}" for name, reason in absent.items()]
    parts += ["", "CPU in ms (server and database), medians:", "", *table(results, servers, "cpu_s")]
    parts += ["", "Time in ms, medians:", "", *table(results, servers, "took_s"), ""]
    for measured in results:
        parts += [f"- {measured.row.name}: {measured.row.what}"] if measured.row.what else []
        parts += [f"- {measured.row.name}: {name} left out: {why}" for name, why in measured.without.items()]
        told = ", ".join(f"{name} {note}" for name, note in measured.notes.items())
        parts += [f"- {measured.row.name}: {told}"] if told else []
    return "\n".join(parts)


def table(results: Sequence[Measured], servers: Sequence[Contender], what: str) -> list[str]:
    """Lines of a Markdown table of one number of each cell, with the ratio to the best peer in Python for CPU."""
    names = [server.name for server in servers]
    lines = [line(["", *names]), line(["---", *["--:"] * len(names)])]
    lines += [line([measured.row.name, *(number(measured, name, what) for name in names)]) for measured in results]
    if what != "cpu_s":
        return lines
    ratios = ["best Python peer ÷ Isthmus", "--:"]
    ratios += [ratio_text(best_python(measured, servers)) for measured in results]
    return [f"{text} {ratio} |" for text, ratio in zip(lines, ratios, strict=True)]


def number(measured: Measured, name: str, what: str) -> str:
    """A cell in milliseconds; a dash where there is none."""
    cell = measured.cells.get(name)
    return f"{getattr(cell, what) * 1e3:,.2f}" if cell else "–"


def line(cells: Sequence[str]) -> str:
    """A line of the table."""
    return "| " + " | ".join(cells) + " |"


def ratio_text(ratio: float | None) -> str:
    """A ratio, with a mark where the goal is missed."""
    if ratio is None:
        return "–"
    return f"{ratio:.1f}" + ("" if ratio >= GOAL else " (below the goal)")


def as_json(results: Sequence[Measured], servers: Sequence[Contender], absent: dict[str, str]) -> dict[str, object]:
    """The same for programs: seconds."""
    return {
        "servers": {server.name: server.version for server in servers},
        "not_compared": absent,
        "rows": [
            {
                "name": measured.row.name,
                "rounds": len(measured.row.rounds),
                "cpu_s": {name: cell.cpu_s for name, cell in measured.cells.items()},
                "took_s": {name: cell.took_s for name, cell in measured.cells.items()},
                "size_bytes": {name: cell.size_bytes for name, cell in measured.cells.items()},
                "without": measured.without,
                "notes": measured.notes,
                "best_python_ratio": best_python(measured, servers),
            }
            for measured in results
        ],
    }
