"""Monitor report: what a monitor knows, as a table and as Prometheus' text."""

from typing import Any

from rich.table import Table

_PREFIX = "drivesim"


def report_table(name: str, report: dict[str, Any]) -> Table:
    """Return a report of `agents.monitor.Monitor.report` as a table."""
    table = Table(title=f"{name} after {report['seconds']:.0f} s", caption="\n".join(report["alarms"].values()) or None)
    for column in ("value", "now", "usual", "PSI", "alarm above"):
        table.add_column(column, justify="left" if column == "value" else "right")
    timing = report["inference_ms"]
    for quantile, value in timing.items():
        table.add_row(f"inference, {quantile} (ms)", f"{value:.2f}", "", "", f"{report['period_ms']:.0f} is the period")
    table.add_row("missed deadlines", f"{report['missed_deadlines']:,} of {report['steps']:,}")
    table.add_section()
    far = report["distance"]
    raised = report["alarms"]
    table.add_row(
        "distance from usual frames", f"{far['now']:.2f}", "", "", f"{far['limit']:.2f}", style=_style("frames", raised)
    )
    for what, drift in report["drift"].items():
        table.add_row(
            what,
            f"{drift['mean']:+.3f}",
            f"{drift['usual_mean']:+.3f}",
            "" if drift["psi"] is None else f"{drift['psi']:.2f}",
            f"{drift['limit']:.2f}",
            style=_style(what, raised),
        )
    return table


def report_prometheus(name: str, report: dict[str, Any]) -> str:
    """Return a report in Prometheus' text format, for a scrape or node_exporter's textfile collector."""
    policy = name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    lines: list[str] = []

    def add(metric: str, kind: str, explanation: str, values: list[tuple[str, float, str]]) -> None:
        lines.extend([f"# HELP {_PREFIX}_{metric} {explanation}", f"# TYPE {_PREFIX}_{metric} {kind}"])
        for labels, value, suffix in values:
            every = f'policy="{policy}"' + (f",{labels}" if labels else "")
            lines.append(f"{_PREFIX}_{metric}{suffix}{{{every}}} {value:.9g}")

    shares = {"p50": "0.5", "p95": "0.95", "p99": "0.99"}
    quantiles = [(f'quantile="{shares[q]}"', ms / 1000, "") for q, ms in report["inference_ms"].items()]
    totals = [("", report["inference_seconds"], "_sum"), ("", report["steps"], "_count")]
    add("inference_seconds", "summary", "Time to compute an action.", quantiles + totals)
    add("control_period_seconds", "gauge", "Time there is to compute one.", [("", report["period_ms"] / 1000, "")])
    missed = [("", report["missed_deadlines"], "")]
    add("missed_deadlines_total", "counter", "Actions that took longer than the control period.", missed)
    far = report["distance"]
    add("frame_distance", "gauge", "Mahalanobis distance of the last frame from usual frames.", [("", far["now"], "")])
    add("frame_distance_limit", "gauge", "What one usual frame in a thousand exceeds.", [("", far["limit"], "")])
    drifts = report["drift"]
    add("mean", "gauge", "Mean over the window.", [(f'value="{n}"', d["mean"], "") for n, d in drifts.items()])
    indices = [(f'value="{n}"', d["psi"], "") for n, d in drifts.items() if d["psi"] is not None]
    add("psi", "gauge", "Population stability index of the window.", indices)
    limits = [(f'value="{n}"', d["limit"], "") for n, d in drifts.items()]
    add("psi_limit", "gauge", "Index above which a value has drifted.", limits)
    raised = [(f'kind="{kind}"', float(kind in report["alarms"]), "") for kind in ("frames", *drifts)]
    add("alarm", "gauge", "1 while the alarm is raised.", raised)
    return "\n".join(lines) + "\n"


def _style(kind: str, alarms: dict[str, str]) -> str:
    return "bold red" if kind in alarms else ""
