"""The tables of the page. Reads results; measures nothing."""

from . import summary
from .html_plots import subjects_of
from .plot import escape
from .report_text import main_figure, marks, middle, number, point_title, span

SIGNS = {"reached": ("reached", "✓"), "not reached": ("missed", "✗"), "not measured": ("none", "–")}


def row(cells, tag="td", attributes=""):
    """Cells that begin with a digit's marker, ('n', text), stand at the right."""
    parts = []
    for cell in cells:
        kind, text = cell if isinstance(cell, tuple) else ("", escape(cell))
        parts.append(f'<{tag}{" class=" + chr(34) + kind + chr(34) if kind else ""}>{text}</{tag}>')
    return f"<tr{attributes}>{''.join(parts)}</tr>"


def table(header, rows):
    return (f'<div class="wide"><table><thead>{row(header, "th")}</thead><tbody>'
            f"{''.join(rows)}</tbody></table></div>")


def n(text):
    return ("n", escape(text))


def targets(reached):
    rows = []
    for each in reached:
        kind, sign = SIGNS[each.verdict()]
        rows.append(row([each.what, each.target, each.measured,
                         ("verdict", f"{sign} {each.verdict()}")], attributes=f' class="{kind}"'))
    return table(["what", "target", "measured", ""], rows)


def with_span(spread, sign=""):
    if spread is None:
        return ("n", "–")
    around = f"<small>{escape(span(spread)[1:-1])}</small>" if spread["count"] > 1 else ""
    return ("n", f"{escape(number(spread['median']))}{sign}{around}")


def matrix(scenario):
    """Subjects down, points across; the main figure, and beneath it the server's cost."""
    points = scenario["points"]
    main = main_figure(scenario)
    names = {"rate": f"{scenario['unit']}s per second", "megabits": "Mbit/s"}
    columns = [main, "server_us"] if len(points) > 1 else [main, "p50", "p99", "server_us"]
    if scenario["figure"] == "latency":
        columns = [main, "p50", "p99", "p99_9", "server_us"]
    titles = {**names, "server_us": f"server, us per {scenario['unit']}", "p50": "p50, us",
              "p99": "p99, us", "p99_9": "p99.9, us"}
    header = ["", *[("n", f"{escape(p['key'])}<br>" * (len(points) > 1) + escape(titles[c]))
                    for c in columns for p in points]]
    if scenario["figure"] == "latency":  # a table for each point
        across = [n(titles[c]) for c in columns]
        return "".join(table([p["key"] if len(points) > 1 else "", *across],
                             matrix_rows({"points": [p]}, columns)) for p in points)
    if len(points) * len(columns) <= 5:
        return table(header, matrix_rows(scenario, columns))
    # Many points: a table for each figure; if they are too many for the width of paper, down.
    if len(points) > MOST_ACROSS:
        return "".join(table([titles[c], *map(n, subjects_of(scenario))],
                             matrix_columns(scenario, c)) for c in columns)
    return "".join(table([titles[c], *[n(p["key"]) for p in points]], matrix_rows(scenario, [c]))
                   for c in columns)


MOST_ACROSS = 8


def cell(point, subject, column):
    runs = point["subjects"].get(subject, [])
    bound = column in ("rate", "megabits") and summary.client_bound(runs)
    spread = summary.summarize(runs).get(column)
    if spread is None and any("failed" in r for r in runs):
        return ("n", "failed")
    return with_span(spread, " †" if bound else "")


def matrix_columns(scenario, column):
    names = subjects_of(scenario)
    return [row([point["key"], *[cell(point, subject, column) for subject in names]])
            for point in scenario["points"]]


def matrix_rows(scenario, columns):
    return [row([subject, *[cell(point, subject, column) for column in columns
                            for point in scenario["points"]]])
            for subject in subjects_of(scenario)]


def subjects(everything):
    """What they are, and how they were started and announced themselves the first time."""
    rows = []
    for name, about in everything["subjects"].items():
        run = first_run(everything, name)
        if run is None:
            continue
        rows.append(row([name, ("", f"{escape(about['title'])}: {escape(about['says'])}"),
                         ("", f"<code>{escape(run.get('server_command', ''))}</code><br>"
                              f"<code>{escape(run.get('load_command', ''))}</code><br>"
                              f"{escape(run.get('ready', ''))}")]))
    return table(["name", "what", "server, client (first run), and what the server said"], rows)


def first_run(everything, name):
    for scenario in everything["scenarios"]:
        for point in scenario["points"]:
            for run in point["subjects"].get(name, []):
                return run
    return None


def machine(everything):
    pair = everything.get("lab") or {}
    rows = [row([name, str(value)]) for name, value in
            [*everything["machine"].items(), *everything["versions"].items(),
             *everything["settings"].items()]]
    if pair:
        rows += [row(["link", pair["link"]]), row(["its features at the start", pair["features"]]),
                 row(["settings in the namespaces",
                      ", ".join(f"{k}={v}" for k, v in pair["sysctls"].items())])]
    return table(["", ""], rows)


COLUMNS = ("p50", "p90", "p99", "p99_9", "max", "server_us", "core_us", "client_busy", "other_work",
           "steal")


def figures(everything):
    """A table for each point."""
    found = []
    for scenario in everything["scenarios"]:
        main = main_figure(scenario)
        for point in scenario["points"]:
            unit = "Mbit/s" if main == "megabits" else f"{scenario['unit']}s/s"
            header = ["", n(unit), *map(n, ("p50", "p90", "p99", "p99.9", "max", "server us",
                                            "core us", "client", "other", "stolen")), "remarks"]
            rows = []
            for name, runs in point["subjects"].items():
                all_of_it = summary.summarize(runs)
                rows.append(row([name, with_span(all_of_it.get(main)),
                                 *[n(middle(all_of_it, c)) for c in COLUMNS],
                                 marks(runs, all_of_it)]))
            found.append(f"<h3>{escape(scenario['title'])}: {escape(point['key'])}</h3>"
                         f'<p class="quiet">{escape(point_title(point))}</p>' + table(header, rows))
    return found
