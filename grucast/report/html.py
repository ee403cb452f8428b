"""One self-contained page around a picture: nothing is fetched, nothing runs, one input gives the same bytes."""

from __future__ import annotations

from html import escape

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
body {{ margin: 0; background: #f4f5f7; color: #1f2937; font: 16px/1.5 system-ui, sans-serif; }}
main {{ max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }}
figure {{ margin: 0; padding: 1rem; background: #fff; border-radius: 8px; box-shadow: 0 1px 3px #0002; }}
svg {{ display: block; width: 100%; height: auto; }}
figcaption {{ margin-top: .75rem; color: #4b5563; font-size: .875rem; }}
</style>
</head>
<body>
<main>
<figure role="img" aria-label="{title}">
{svg}
{caption}</figure>
</main>
</body>
</html>
"""


def page(title: str, svg: str, *, caption: str = "") -> str:
    """A page that shows `svg`, a whole SVG document, under `title`; `caption` is plain text below it."""
    start = svg.index("<svg")  # the XML declaration and the DOCTYPE belong to a file, not into a page
    words = f"<figcaption>{escape(caption)}</figcaption>\n" if caption else ""
    return _PAGE.format(title=escape(title), svg=svg[start:].strip(), caption=words)
