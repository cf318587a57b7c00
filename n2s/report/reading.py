"""Texts to read along with their sound: words below each other in lines of time, and a mark that moves with the sound."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from html import escape

from n2s.metrics.result import ReadAlong, TimedWord
from n2s.report.listen import player

LINE_S, CELL_S = 10.0, 2.0  # five words or so fit in a cell
#: Colours that differ for colour-blind readers (Okabe & Ito 2008), and in print by their lines.
READING_STYLE = """
table.n2s-read { border-collapse: collapse; width: 100%; table-layout: fixed; margin-bottom: 0.6rem; }
table.n2s-read td { border-left: 1px solid var(--line); padding: 0.1rem 0.3rem; vertical-align: top; font-size: 0.9rem; overflow-wrap: anywhere; }
table.n2s-read td.n2s-time { width: 6.5rem; border-left: none; color: var(--faint); font-size: 0.8rem; }
table.n2s-read tr.n2s-said td { font-weight: 600; }
table.n2s-read tr.n2s-last td { padding-bottom: 0.9rem; }
div.n2s-read span.good { color: var(--link); font-weight: 600; border-bottom: 2px solid #0072B2; }
div.n2s-read span.fair { color: var(--good); border-bottom: 2px dashed #007A5A; }
div.n2s-read span.weak { color: var(--open); border-bottom: 2px dotted #A04800; }
div.n2s-read span.none { color: var(--faint); }
div.n2s-read table span.now { background: var(--mark); outline: 2px solid var(--mark); }
div.n2s-read.on table span[data-t] { cursor: pointer; }
"""
_SCRIPT = """<script>
for (const part of document.querySelectorAll("div.n2s-read:not(.on)")) {
  const sound = part.querySelector("audio");
  if (!sound) continue;
  part.classList.add("on");
  const start = Number(part.dataset.start);
  const texts = new Map();
  for (const word of part.querySelectorAll("table span[data-t]")) {
    const text = word.closest("tr").dataset.text;
    if (!texts.has(text)) texts.set(text, []);
    texts.get(text).push(word);
    word.addEventListener("click", () => { sound.currentTime = Number(word.dataset.t) - start; sound.play(); });
  }
  const move = () => {
    const now = sound.currentTime + start;
    for (const words of texts.values()) {
      let low = 0, high = words.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (Number(words[middle].dataset.t) <= now) low = middle + 1; else high = middle;
      }
      if (words.marked === low - 1) continue;
      words[words.marked]?.classList.remove("now");
      words[low - 1]?.classList.add("now");
      words.marked = low - 1;
    }
    if (!sound.paused) requestAnimationFrame(move);
  };
  sound.addEventListener("play", move);
  sound.addEventListener("timeupdate", move);
}
</script>"""


def reading_html(reading: ReadAlong) -> str:
    """The note, the colours, the player, and the texts; a click on a word plays from there."""
    legend = " ".join(f'<span class="{escape(kind)}">{escape(text)}</span>' for kind, text in reading.kinds.items())
    sound = player(reading.samples, reading.rate) if reading.samples is not None and len(reading.samples) else ""
    parts = [
        f'<div class="n2s-read" data-start="{reading.start_s:.3f}"><p class="note">{escape(reading.note)}</p>',
        f"<p>{legend}</p>" if legend else "",
        f"<p>{sound}</p>" if sound else '<p class="note">No sound was found beside this text.</p>',
        '<table class="n2s-read">',
    ]
    n_lines = max(1, math.ceil((reading.stop_s - reading.start_s) / LINE_S - 1e-9))
    labels = list(reading.texts)
    for line in range(n_lines):
        at = reading.start_s + line * LINE_S
        for place, label in enumerate(labels):
            kind = "n2s-said" if place == 0 else "n2s-last" if place == len(labels) - 1 else ""
            head = f"{escape(label)}<br>{_clock(at)}" if place == 0 else escape(label)
            cells = "".join(
                f"<td>{_words(reading.texts[label], at + cell * CELL_S, CELL_S)}</td>"
                for cell in range(int(LINE_S / CELL_S))
            )
            parts.append(f'<tr class="{kind}" data-text="{place}"><td class="n2s-time">{head}</td>{cells}</tr>')
    return "".join(parts) + f"</table></div>{_SCRIPT}"


def _words(text: Sequence[TimedWord], start_s: float, length_s: float) -> str:
    first, last = (bisect_left(text, at, key=lambda one: one.time_s) for at in (start_s, start_s + length_s))
    parts = []
    for one in text[first:last]:
        kind = f' class="{escape(one.kind)}"' if one.kind else ""
        parts.append(f'<span data-t="{one.time_s:.2f}"{kind}>{escape(one.word)}</span>')
    return " ".join(parts)


def _clock(time_s: float) -> str:
    minutes, seconds = divmod(round(time_s), 60)
    return f"{minutes}:{seconds:02d}"
