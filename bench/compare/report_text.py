"""Results as tables for a terminal. Measures nothing."""

from . import summary

NAMES = {"rate": "{unit}s/s", "megabits": "Mbit/s"}


def number(value):
    """Three digits or so, however large."""
    if value is None:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def span(spread):
    return f"[{number(spread['min'])} .. {number(spread['max'])}]" if spread else ""


def middle(figures, name):
    return number(figures[name]["median"]) if name in figures else "-"


def marks(runs, figures):
    """What a reader must know of a figure before believing it."""
    found = []
    if summary.client_bound(runs):
        found.append("client at its limit")
    failed = [run["failed"] for run in runs if "failed" in run]
    if failed:
        found.append(f"{len(failed)} of {len(runs)} failed: {failed[0]}")
    if "errors" in figures and figures["errors"]["max"] > 0:
        found.append(f"{number(figures['errors']['max'])} errors")
    return "; ".join(found)


def main_figure(scenario):
    return "megabits" if scenario["figure"] == "megabits" else "rate"


def point_title(point):
    text = f"{point['connections']} connection{'s' if point['connections'] > 1 else ''}, "
    text += f"{point['size']} bytes, {point['link']}"
    return text + (f", at {point['share']:.0%} of the slowest's capacity" if point["share"] else "")


def print_point(results, scenario, point, to):
    main = main_figure(scenario)
    unit = NAMES[main].format(unit=scenario["unit"])
    print(f"\n  {point['key']}: {point_title(point)}", file=to)
    print(f"  {'':18} {unit:>14} {'[min .. max]':>24} {'p50 us':>9} {'p99 us':>9} {'p99.9':>9} "
          f"{'server us':>10} {'core us':>9}", file=to)
    for name, runs in point["subjects"].items():
        figures = summary.summarize(runs)
        note = marks(runs, figures)
        print(f"  {name:18} {middle(figures, main):>14} {span(figures.get(main)):>24} "
              f"{middle(figures, 'p50'):>9} {middle(figures, 'p99'):>9} "
              f"{middle(figures, 'p99_9'):>9} {middle(figures, 'server_us'):>10} "
              f"{middle(figures, 'core_us'):>9}{'  ' + note if note else ''}", file=to)


def print_report(results, reached, to):
    everything = results.all
    print("\n".join(f"{name:16} {value}" for name, value in
                    [*everything["machine"].items(), *everything["versions"].items()]), file=to)
    for scenario in everything["scenarios"]:
        print(f"\n{scenario['title']}\n  {scenario['says']}", file=to)
        for point in scenario["points"]:
            print_point(results, scenario, point, to)
    if everything["scenarios"]:
        print("\n  server us: processor time of the server's process for each unit (MiB for bulk); "
              "core us: time in which its core was busy, interrupts in it", file=to)
    for part in everything["programs"]:
        print(f"\n{part['title']}\n{part['output']}", file=to)
        if "failed" in part:
            print(f"FAILED: {part['failed']}", file=to)
    print("\nTargets", file=to)
    for each in reached:
        print(f"  {each.verdict():13} {each.what}\n{'':16}{each.target}: {each.measured}", file=to)
    for line in everything["left_out"]:
        print(f"left out: {line}", file=to)
    if everything["interrupted"]:
        print("interrupted: what is above is what there was", file=to)
