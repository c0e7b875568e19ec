"""Quality tables: what the ablation found, as Markdown, and the curve of driving against seconds driven."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.quality_cells import AMOUNTS
from drivesim.whole_file import whole_file

# Of each amount, seconds of driving.
SECONDS = {amount: laps * seconds for amount, (laps, seconds) in AMOUNTS.items()}


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of a figure over seeds, and half of its 95% interval by Student's t; NaN of a single seed."""
    from scipy.stats import t

    numbers = np.array(values, float)
    if len(numbers) < 2:
        return float(numbers.mean()), float("nan")
    half = t.ppf(0.975, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return float(numbers.mean()), float(half)


def figures(results: Sequence[dict[str, Any]], metric: str = "autonomy") -> dict[tuple[str, ...], list[float]]:
    """Return a metric's value of each seed, by group, row, amount and condition."""
    found: dict[tuple[str, ...], list[float]] = {}
    for result in results:
        cell = result["cell"]
        for condition, values in result["results"].items():
            found.setdefault((cell["group"], cell["row"], cell["amount"], condition), []).append(values[metric])
    return found


def in_words(values: Sequence[float]) -> str:
    """Return mean and interval for a table."""
    mean, half = interval(values)
    return f"{mean:.3f}" if np.isnan(half) else f"{mean:.3f} ± {half:.3f}"


def markdown(results: Sequence[dict[str, Any]], group: str) -> str:
    """Return a group's table: rows by what is compared, columns by amount and condition; autonomy."""
    found = {key[1:]: values for key, values in figures(results).items() if key[0] == group}
    rows = list(dict.fromkeys(row for row, _, _ in found))
    columns = list(dict.fromkeys((amount, condition) for _, amount, condition in found))
    lines = [
        "| | " + " | ".join(f"{amount}, {condition}" for amount, condition in columns) + " |",
        "|---|" + "--:|" * len(columns),
    ]
    for row in rows:
        cells = [in_words(found[row, *column]) if (row, *column) in found else "" for column in columns]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw_curve(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw autonomy, and the share of roads without a departure, against the seconds that were driven (PNG)."""
    figure = Figure(figsize=(7.5, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    names = {"autonomy": ("autonomy", "-"), "tracks_without_departure": ("roads without a wheel off the road", "--")}
    rows = dict.fromkeys(result["cell"]["row"] for result in results)
    for number, row in enumerate(rows):
        for metric, (label, style) in names.items():
            by_amount = {key[2]: values for key, values in figures(results, metric).items() if key[1] == row}
            amounts = [amount for amount in AMOUNTS if amount in by_amount]
            seconds = np.array([SECONDS[amount] for amount in amounts])
            means, halves = np.array([interval(by_amount[amount]) for amount in amounts]).T
            low, high = (np.clip(means + sign * np.nan_to_num(halves), 0, 1) for sign in (-1, 1))
            color = f"C{number}"
            axis.plot(seconds, means, f"o{style}", color=color, label=f"{row}: {label}")
            axis.fill_between(seconds, low, high, color=color, alpha=0.12, lw=0)
            for at, amount in zip(seconds, amounts, strict=True):
                axis.plot([at] * len(by_amount[amount]), by_amount[amount], ".", color=color, alpha=0.5)
    axis.set_xscale("log")
    axis.set_xticks([*SECONDS.values()], [*SECONDS])
    axis.minorticks_off()
    # From the tenth below the worst on.
    bottom = max(np.floor(10 * axis.dataLim.y0 - 0.2) / 10, 0.0)
    axis.set_ylim(bottom, 1.0 + 0.02 * (1.0 - bottom))
    axis.set_xlabel("driven by the human-like driver, on roads of their own")
    axis.set_ylabel(f"on {results[0]['size']['tracks']} unseen roads")
    axis.grid(alpha=0.3)
    axis.legend(loc="best", fontsize="small")
    with whole_file(path) as part:
        figure.savefig(part, dpi=130, format="png")
