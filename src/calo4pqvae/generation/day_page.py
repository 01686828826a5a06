"""A first day as one HTML page without network: steps, figure 2 of the paper, refusals."""

from html import escape

import numpy as np
from jaxtyping import Float

from calo4pqvae.generation.first_day import FirstDay

__all__ = ["html_page"]

_BINS = 30
_WIDTH, _HEIGHT, _FOOT = 640, 240, 46
"""Size of the figure, of which the last lines hold the axis [px]."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2530; --paper: #fff; --line: #d4dae1;
  --soft: #566270; --a: #b3400b; --b: #1f5fa8; --bad: #a11212; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaef; --paper: #14191f;
  --line: #36404b; --soft: #a3afbc; --a: #ff9d5c; --b: #7db7ff; --bad: #ff8f8f; } }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .7rem .4rem 0;
  border-bottom: 1px solid var(--line); }
td:last-child, th:last-child { text-align: right; padding-right: 0; }
td:first-child { white-space: nowrap; font-weight: 600; }
.bad { color: var(--bad); } .soft { color: var(--soft); }
svg { width: 100%; min-width: 26rem; height: auto; }
svg text { fill: var(--soft); font-size: 13px; }
svg polyline { fill: none; stroke-width: 2; } svg line { stroke: var(--line); }
@media (max-width: 30rem) { body { font-size: 14px; } }
.annealed { stroke: var(--a); } .classical { stroke: var(--b); stroke-dasharray: 5 3; }
svg text.annealed { fill: var(--a); stroke: none; } svg text.classical { fill: var(--b);
  stroke: none; }
"""


def html_page(day: FirstDay, title: str) -> str:
    """Write a day as HTML.

    Arguments:
        day: what happened.
        title: heading of the page.
    """
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{_text(text)}</td><td>{used:.3g}</td></tr>\n"
        for name, text, used in day.rows
    )
    refused = "".join(f'<li class="bad">{_text(text)}</li>\n' for text in day.refused)
    figure = "" if day.energies is None else _figure(*day.energies)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>{_STYLE}</style></head><body><main>
<h1>{escape(title)}</h1>
<div class="wide"><table>
<thead><tr><th>Step</th><th>Result</th><th>Annealer [s]</th></tr></thead>
<tbody>
{rows}</tbody></table></div>
{figure}<h2>Refused</h2>
{f"<ul>{refused}</ul>" if refused else "<p>Nothing.</p>"}
</main></body></html>
"""


def _text(text: str) -> str:
    """Write a result as HTML, with the sign of an error as it is printed."""
    return escape(text).replace(" +- ", " ± ")


def _figure(
    annealed: Float[np.ndarray, " states"], classical: Float[np.ndarray, " states"]
) -> str:
    """Draw the energies of both as histograms."""
    both = np.concatenate([annealed, classical])
    edges = np.linspace(both.min(), max(both.max(), both.min() + 1e-9), _BINS + 1)
    counts = [np.histogram(part, edges)[0] for part in (annealed, classical)]
    top, floor = max(int(c.max()) for c in counts), _HEIGHT - _FOOT
    across = (edges - edges[0]) / (edges[-1] - edges[0]) * (_WIDTH - 20) + 10

    def steps(count: np.ndarray, name: str) -> str:
        height = floor - count / max(top, 1) * (floor - 30)
        x, y = across.repeat(2), np.concatenate([[floor], height.repeat(2), [floor]])
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        return f'<polyline class="{name}" points="{points}"/>'

    ticks = "".join(
        f'<text x="{across[k]:.1f}" y="{floor + 18}" text-anchor="{anchor}">'
        f"{edges[k]:.3g}</text>"
        for k, anchor in ((0, "start"), (_BINS // 2, "middle"), (_BINS, "end"))
    )
    return f"""<h2>Energies of the prior</h2>
<div class="wide"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"
 aria-label="Histogram of prior energies, annealed and classical">
<line x1="10" x2="{_WIDTH - 10}" y1="{floor}" y2="{floor}"/>
{steps(counts[1], "classical")}{steps(counts[0], "annealed")}
{ticks}<text x="{_WIDTH / 2}" y="{_HEIGHT - 6}" text-anchor="middle">energy, eq. (2)</text>
<text class="annealed" x="10" y="16">annealed, {len(annealed)} states</text>
<text class="classical" x="190" y="16">classical, at the same incident energies</text>
</svg></div>
"""
