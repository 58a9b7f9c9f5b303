"""Results as one page of HTML that needs nothing else: plots inline, a style sheet for paper, no
script. Measures nothing."""

from . import html_plots, html_tables
from .plot import escape
from .styles import SHEET

BUSY = 0.25  # of the cores, before the run: other work that counts


def write_html(results, reached, file):
    file.write_text(page(results, reached))


def page(results, reached):
    everything = results.all
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>coax: the comparison</title><style>{SHEET}</style></head><body>",
        head(everything), *notices(everything), contents(everything),
        '<h2 id="targets">Targets</h2>', html_tables.targets(reached),
        '<h2 id="reading">How to read this</h2>', reading(everything),
    ]
    for scenario in everything["scenarios"]:
        parts += section(results, scenario)
    for part in everything["programs"]:
        failed = f'<p class="notice">{escape(part["failed"])}</p>' if "failed" in part else ""
        parts.append(f'<h2 id="{escape(part["name"])}">{escape(part["title"])}</h2>'
                     f'<p>{escape(part["says"])}</p>{failed}<p class="quiet"><code>'
                     f'{escape(part["command"])}</code></p><pre>{escape(part["output"])}</pre>')
    parts += ['<h2 id="subjects">Subjects</h2>', html_tables.subjects(everything),
              '<h2 id="machine">Machine and versions</h2>', html_tables.machine(everything),
              '<h2 id="figures">All figures</h2>', legend_of_figures(),
              *html_tables.figures(everything), "</body></html>\n"]
    return "\n".join(p for p in parts if p)


def head(everything):
    m, s = everything["machine"], everything["settings"]
    return (f"<h1>coax: the comparison</h1><p class=\"quiet\">{escape(everything['started'])} to "
            f"{escape(everything['finished'])}; {escape(everything['versions']['coax'])}, "
            f"revision {escape(everything['versions']['revision'])}; {escape(m['processor'])}, "
            f"{escape(m['cores'])} cores, {escape(m['kernel'])}. "
            f"{s['rounds']} round{'s' if s['rounds'] != 1 else ''} of {s['seconds']:g} s at each "
            f"point. <code>{escape(everything['command'])}</code></p>")


def notices(everything):
    s, m = everything["settings"], everything["machine"]
    found = []
    if everything["interrupted"]:
        found.append("This run was interrupted: what is here is what there was until then.")
    if s["quick"]:
        found.append("This was the short form: it shows that everything works. Its figures mean "
                     "nothing.")
    before = float(m["load before"].split()[0])
    if before > BUSY * m["cores"]:
        found.append(f"The machine was busy with other work when the run began (load {before:g} on "
                     f"{m['cores']} cores). Ratios of the same round still say something; figures "
                     "by themselves, and anything beyond the median of latency, do not.")
    if everything["left_out"]:
        found.append("Left out: " + "; ".join(everything["left_out"]) + ".")
    return [f'<p class="notice">{escape(text)}</p>' for text in found]


def contents(everything):
    links = [("targets", "Targets"), ("reading", "How to read this")]
    links += [(s["name"], s["title"]) for s in everything["scenarios"]]
    links += [(p["name"], p["title"]) for p in everything["programs"]]
    links += [("subjects", "Subjects"), ("machine", "Machine"), ("figures", "All figures")]
    return "<nav>" + " ".join(f'<a href="#{escape(name)}">{escape(text)}</a>'
                              for name, text in links) + "</nav>"


def reading(everything):
    s = everything["settings"]
    return (
        "<p>Server and client are two programs in two network namespaces, joined by a veth pair. "
        f"The server has core {s['server core']}, the client core {s['client core']}; each program "
        "has one thread. Every server is measured by the same client (coax load on kernel sockets) "
        "unless it is one of a pair. At each point the subjects take turns, A B C A B C; a figure "
        "is the median of the rounds, with the least and the greatest beside it. A ratio is the "
        "median of the ratios of the same round.</p>"
        "<p>In a closed loop each connection has one message under way, so that a slow client "
        "hides a fast server: † stands where the client’s core was its limit. There the rate is "
        "the client’s, and the server’s cost per message is what tells servers apart.</p>"
        "<p>veth has no hardware. What one side sends is received, up to the socket or the ring of "
        "the other, by an interrupt on the sender’s core: each side pays for the other’s "
        "receiving, whoever is measured. So the cost is told twice: processor time of the server’s "
        "process, and the time in which its whole core was busy, other work on that core "
        "included. Neither veth nor these AF_XDP sockets compute checksums of the kernel’s "
        "packets; coax’s stack is told so by the packets. A spinning server’s core is always "
        "busy, so that its cost says nothing but its rate.</p>")


def section(results, scenario):
    parts = [f'<h2 id="{escape(scenario["name"])}">{escape(scenario["title"])}</h2>',
             f"<p>{escape(scenario['says'])}</p>"]
    rates = results.all.get("open_loop") or {}
    if scenario["name"] == "open-loop" and rates:
        told = "; ".join(f"{r['share']:.0%}: {r['rate']:,.0f} a second (slowest: {r['of']}, "
                         f"{r['capacity']:,.0f})" for r in rates.values())
        parts.append(f'<p class="quiet">{escape(told)}</p>')
    parts += html_plots.plots(scenario, spinning_of(results.all))
    parts.append(html_tables.matrix(scenario))
    return parts


def spinning_of(everything):
    return {name for name, about in everything["subjects"].items() if about["spins"]}


def legend_of_figures():
    return ("<p>server: microseconds of the server’s process for each unit (MiB for bulk); core: "
            "microseconds in which its core was busy, interrupts and other work in it; client: "
            "share of its core; other: cores’ worth of work, on both cores, that neither server "
            "nor client nor their interrupts explain; stolen: what the machine’s owner took. "
            "Latency in microseconds.</p>")
