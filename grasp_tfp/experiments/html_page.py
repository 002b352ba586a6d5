"""A page of HTML that is whole in itself: it opens offline, asks nothing of any server, and fits a phone."""

import base64
import html
import string
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["bars", "details", "facts", "page", "paragraph", "picture", "section", "table"]

PAGE = string.Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
:root { --ink: #1b1f24; --quiet: #59636e; --paper: #fff; --line: #d1d9e0; --held: #1a9641; --span: #a6d9b4 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --quiet: #9aa5b1; --paper: #12161b; --line: #343b43; --held: #4cc26f; --span: #245c36 }
}
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 68rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; line-height: 1.25 }
h1, h3, p, figcaption { overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin-top: 2.5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line) }
p, figcaption { max-width: 45rem }
figure { margin: 1rem 0 }
figcaption, th { color: var(--quiet); font-size: .9rem }
.wide { overflow-x: auto }
img { display: block; width: 100%; max-width: var(--most); height: auto; background: #fff; border-radius: 4px }
.wide img { min-width: var(--least) }
.wide th, .wide td { white-space: nowrap }
.wide table { margin-bottom: 1rem }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.2rem .3rem 0; border-bottom: 1px solid var(--line) }
.facts td { overflow-wrap: anywhere }
.facts th { white-space: nowrap; font-weight: normal }
summary { cursor: pointer; padding: .3rem 0 }
.bar { position: relative; height: 1rem; margin: .1rem 0 .8rem; border: 1px solid var(--line); border-radius: 3px }
.bar span { position: absolute; top: 0; bottom: 0; background: var(--span) }
.bar b { position: absolute; top: 0; bottom: 0; width: 3px; margin-left: -1.5px; background: var(--held) }
</style>
</head>
<body>
<h1>$title</h1>
$body
</body>
</html>
""")


def page(title: str, sections: Iterable[str]) -> str:
    """The page, as a whole file."""
    return PAGE.substitute(title=html.escape(title), body="\n".join(sections))


def section(title: str, parts: Iterable[str]) -> str:
    """A headline, and what stands below it."""
    return f"<h2>{html.escape(title)}</h2>\n" + "\n".join(parts)


def paragraph(text: str) -> str:
    """A few sentences."""
    return f"<p>{html.escape(text)}</p>"


def facts(values: Mapping[str, Any]) -> str:
    """Names and values, a row each."""
    rows = (f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(value))}</td></tr>"
            for name, value in values.items())  # fmt: skip
    return f'<table class="facts">{"".join(rows)}</table>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, which scrolls sideways where it is wider than the screen."""
    lines = [_row("th", head), *(_row("td", row) for row in rows)]
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def bars(rates: Mapping[str, tuple[float, tuple[float, float], str]]) -> str:
    """Rates on a scale from 0 to 1: each with its interval as a band, and in words."""
    return "".join(
        f'<div>{html.escape(f"{name}: {text}")}</div><div class="bar">'
        f'<span style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></span>'
        f'<b style="left:{100 * rate:.2f}%"></b></div>'
        for name, (rate, (low, high), text) in rates.items()
    )


def details(title: str, content: str) -> str:
    """What most readers skip: folded until its title is touched."""
    return f"<details><summary>{html.escape(title)}</summary>{content}</details>"


def picture(path: Path, caption: str, *, least: int = 0, most: int = 1400) -> str:
    """A PNG, inside the page.

    Args:
        path: The file.
        caption: What it shows.
        least: Width below which it scrolls sideways instead of becoming smaller [pixels].
        most: Width above which it does not grow [pixels].
    """
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    image = f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{data}">'
    return (
        f'<figure><div class="wide" style="--least:{least}px;--most:{most}px">{image}</div>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _row(cell: str, values: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{cell}>{html.escape(value)}</{cell}>" for value in values) + "</tr>"
