"""Which plots a scenario has. Reads results; the drawing is plot.py's."""

from . import summary
from .plot import Axis, Series, bars, escape, lines
from .report_text import main_figure, number
from .styles import style_of

NINES = ((0, "0"), (50, "50"), (90, "90"), (99, "99"), (99.9, "99.9"), (99.99, "99.99"),
         (99.999, "99.999"))
TITLES = {"rate": "{unit}s per second", "megabits": "Mbit/s",
          "server_us": "server, microseconds per {unit}", "p50": "microseconds, p50"}


def figure(caption, drawing):
    if not drawing:
        return ""
    return f"<figure><figcaption>{escape(caption)}</figcaption>{drawing}</figure>"


def plots(scenario, spinning):
    """Figures as HTML; spinning: names of those whose cost says nothing."""
    points = scenario["points"]
    if any(p["x"] is not None for p in points):
        return sweep(scenario, spinning)
    found = []
    for point in points:
        where = f" ({point['key']})" if len(points) > 1 else ""
        if scenario["figure"] == "latency":
            found.append(figure(f"Latency by percentile{where}", latency(point)))
            found.append(cost(scenario, point, where, spinning))
        elif scenario["name"] != "bulk" or "-1-" in point["key"]:
            found.append(rate(scenario, point, where))
            if scenario["name"] != "bulk":
                found.append(cost(scenario, point, where, spinning))
    return [f for f in found if f]


def sweep(scenario, spinning):
    x = Axis("connections" if scenario["name"] == "connections" else "bytes of a message",
             ticks=tuple((p["x"], f"{p['x']:,}") for p in scenario["points"]))
    found = [figure(f"Throughput by {x.title}", over(scenario, "rate", x, ()))]
    found.append(figure(f"Server CPU per {scenario['unit']} by {x.title} (who spins is left out)",
                        over(scenario, "server_us", x, spinning)))
    if any(p["key"] == "64" for p in scenario["points"]) and scenario["name"] == "connections":
        point = next(p for p in scenario["points"] if p["key"] == "64")
        found.append(cost(scenario, point, " (64 connections)", spinning))
    return [f for f in found if f]


def over(scenario, name, x, left_out):
    series = []
    for subject in subjects_of(scenario):
        if subject in left_out:
            continue
        points = []
        for point in scenario["points"]:
            runs = point["subjects"].get(subject, [])
            spread = summary.summarize(runs).get(name)
            if spread:
                points.append((point["x"], spread["median"], spread["min"], spread["max"]))
        series.append(Series(subject, style_of(subject), tuple(points)))
    y = Axis(TITLES[name].format(unit=scenario["unit"]))
    return lines(series, x, y, f"{y.title} over {x.title}, a line for each server")


def latency(point):
    series = []
    for subject, runs in point["subjects"].items():
        curve = summary.percentile_curve(runs)
        series.append(Series(subject, style_of(subject),
                             tuple((p, us, None, None) for p, us in curve if us > 0)))
    return lines(series, Axis("percentile", "percentile", NINES), Axis("microseconds"),
                 "latency over percentiles, a line for each server")


def bar_rows(point, name, left_out=()):
    found = []
    for subject, runs in point["subjects"].items():
        spread = summary.summarize(runs).get(name)
        if spread is None or subject in left_out:
            continue
        mark = " †" if name == "rate" and summary.client_bound(runs) else ""
        found.append((subject + mark, style_of(subject), spread["median"], spread["min"],
                      spread["max"]))
    return found


def rate(scenario, point, where):
    name = main_figure(scenario)
    title = TITLES[name].format(unit=scenario["unit"])
    return figure(title[0].upper() + title[1:] + where,
                  bars(bar_rows(point, name), title, title, number))


def cost(scenario, point, where, spinning):
    title = TITLES["server_us"].format(unit=scenario["unit"])
    return figure(f"CPU per {scenario['unit']}{where}: the server’s process (who spins is left "
                  "out)",
                  bars(bar_rows(point, "server_us", spinning), title, title, number))


def subjects_of(scenario):
    """Names in the order in which they first appear."""
    found = {}
    for point in scenario["points"]:
        found.update(dict.fromkeys(point["subjects"]))
    return list(found)
