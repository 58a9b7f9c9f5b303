"""How each subject looks in plots, and the page's style sheet. A family has a colour; what is tuned
or spins has dashes and hollow markers."""

from .plot import Style

DASH = "5 3"
STYLES = {
    "xdp": Style("#0b5cad"),
    "xdp-spin": Style("#0b5cad", "circle", DASH),
    "xdp-xdp": Style("#0b5cad"),
    "xdp-xdp-spin": Style("#0b5cad", "circle", DASH),
    "skb": Style("#159a9c", "square"),
    "skb-spin": Style("#159a9c", "square", DASH),
    "kernel": Style("#7a3fa0", "diamond"),
    "asio-epoll": Style("#d1490b", "triangle"),
    "asio-epoll-tuned": Style("#d1490b", "triangle", DASH),
    "asio-uring": Style("#a87c00", "diamond"),
    "asio-uring-tuned": Style("#a87c00", "diamond", DASH),
    "epoll": Style("#4a4a4a", "square"),
    "epoll-tuned": Style("#4a4a4a", "square", DASH),
    "epoll-spin": Style("#4a4a4a", "circle", "2 2"),
    "epoll-epoll": Style("#4a4a4a", "square"),
    "nginx": Style("#2d7d32", "triangle"),
    "nginx-tuned": Style("#2d7d32", "triangle", DASH),
    "reflection": Style("#999999", "diamond", "1 2"),
}


def style_of(name):
    return STYLES.get(name, Style("#000000"))


SHEET = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 15px/1.45 "DejaVu Sans", Verdana, system-ui, sans-serif; color: #1a1a1a;
  background: #fff; max-width: 64rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .3rem; padding-top: .6rem; border-top: 2px solid #1a1a1a; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .35rem 0 .7rem; max-width: 50rem; }
.quiet { color: #555; font-size: .87rem; }
.notice { border-left: 4px solid #d1490b; background: #fdf3ee; padding: .5rem .8rem;
  margin: .7rem 0; }
nav { font-size: .87rem; margin: .8rem 0 0; }
nav a { margin-right: .9rem; white-space: nowrap; }
a { color: #0b5cad; }
figure { margin: .8rem 0 1.1rem; max-width: 48rem; }
figcaption { font-weight: 600; font-size: .9rem; margin-bottom: .25rem; }
svg { width: 100%; height: auto; display: block; font: 11px "DejaVu Sans", Verdana, sans-serif; }
svg .grid { stroke: #dcdcdc; stroke-width: 1; }
svg .tick, svg .value { fill: #444; } svg .axis { fill: #1a1a1a; } svg .name { fill: #1a1a1a; }
table { border-collapse: collapse; font-size: .82rem; margin: .5rem 0 1rem; width: 100%; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid #ddd;
  vertical-align: top; }
thead th { border-bottom: 1.5px solid #1a1a1a; font-weight: 600; vertical-align: bottom; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td small { display: block; color: #666; font-size: .85em; }
tr.reached td:last-child { color: #1b6b25; font-weight: 600; }
tr.missed td:last-child { color: #b3260a; font-weight: 600; }
tr.none td { color: #666; }
.verdict { white-space: nowrap; }
code, pre { font: .78rem/1.4 "DejaVu Sans Mono", ui-monospace, monospace; }
code { overflow-wrap: anywhere; }
pre { background: #f6f6f6; padding: .6rem .8rem; overflow-x: auto; white-space: pre; }
.wide { overflow-x: auto; }
@page { size: A4; margin: 14mm 13mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; }
  nav { display: none; }
  h2, h3, h2 + p, h3 + p, h2 + p + p.quiet { break-after: avoid; }
  figure, tr, .notice { break-inside: avoid; }
  table { font-size: 7.6pt; } thead { display: table-header-group; }
  th, td { padding: .12rem .3rem; }
  pre { font-size: 6.6pt; white-space: pre-wrap; background: none; border: 1px solid #ccc; }
  a { color: inherit; text-decoration: none; }
  .wide { overflow: visible; }
}
"""
