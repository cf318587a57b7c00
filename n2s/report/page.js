"use strict";
(() => {
  const root = document.documentElement;
  const stored = { get: () => { try { return localStorage.getItem("n2s-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("n2s-theme", value); } catch { /* a browser that keeps nothing: the switch still works */ } } };
  const dark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const theme = document.getElementById("theme");
  const label = () => { theme.textContent = dark() ? "light" : "dark"; theme.setAttribute("aria-label", `Show the page ${theme.textContent}`); };
  if (stored.get() === "dark" || stored.get() === "light") root.dataset.theme = stored.get();
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = dark() ? "light" : "dark"; stored.set(root.dataset.theme); label(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", label);
  label();

  const toc = document.querySelector("nav.toc details");
  if (matchMedia("(max-width: 900px)").matches) toc.open = false;

  const save = (blob, name) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const named = (element, end) => {
    const heading = element.closest("section")?.querySelector("h2")?.textContent ?? "n2s";
    const above = element.previousElementSibling?.tagName === "H4" ? ` ${element.previousElementSibling.textContent}` : "";
    return `${heading}${above}`.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_").replace(/^_+|_+$/g, "").slice(0, 80) + end;
  };
  const button = (text, title, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.title = title;
    made.addEventListener("click", act);
    return made;
  };
  const tools = (before, ...buttons) => {
    const row = document.createElement("div");
    row.className = "tools";
    row.append(...buttons);
    before.before(row);
  };
  const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const cells = (table) => {
    const rows = [...table.rows].map((row) => [...row.cells].map((cell) => {
      const interval = cell.querySelector("small");
      const ends = interval?.textContent.match(/^(\S+) to (\S+)$/);
      const text = cell.textContent.trim();
      return ends ? [text.slice(0, text.length - interval.textContent.length), ends[1], ends[2]] : [text];
    }));
    const wide = rows.reduce((found, row) => { row.forEach((cell, i) => { found[i] = Math.max(found[i] ?? 1, cell.length); }); return found; }, []);
    return rows.map((row, at) => row.flatMap((cell, i) => (wide[i] === 1 ? cell : at === 0 && table.rows[0].querySelector("th")
      ? [cell[0], `${cell[0]} low`, `${cell[0]} high`] : [...cell, "", ""].slice(0, 3))));
  };
  for (const table of document.querySelectorAll("table.n2s:not(.listen)")) {
    const whole = table.dataset.csv;
    const csv = () => (whole ?? cells(table).map((row) => row.map(quoted).join(",")).join("\n") + "\n");
    const place = table.closest("div.wide") ?? table, name = named(place, ".csv");
    tools(place, button("CSV", whole ? "All digits, of each person, too, as a CSV file" : "This table as a CSV file",
      () => save(new Blob(["\ufeff", csv()], { type: "text/csv" }), name)));
  }
  for (const packed of document.querySelectorAll("script.svg")) {
    const figure = packed.closest("figure");
    tools(figure.querySelector("img"), button("SVG", "This figure as an SVG file", async () => {
      const bytes = Uint8Array.from(atob(packed.textContent), (one) => one.charCodeAt(0));
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
      save(new Blob([await new Response(stream).blob()], { type: "image/svg+xml" }), named(figure, ".svg"));
    }));
  }

  const glossary = JSON.parse(document.getElementById("terms").textContent);
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.hidden = true;
  document.body.append(tip);
  const show = (term) => {
    tip.textContent = term.dataset.tip;
    tip.hidden = false;
    const box = term.getBoundingClientRect(), own = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(box.left, innerWidth - own.width - 8))}px`;
    tip.style.top = `${box.bottom + own.height + 12 < innerHeight ? box.bottom + 6 : Math.max(4, box.top - own.height - 6)}px`;
  };
  const hide = () => { tip.hidden = true; };
  const patterns = glossary.map(([pattern, sentence]) => [new RegExp(`(?<![\\p{L}\\p{N}])(?:${pattern})(?![\\p{L}\\p{N}])`, "iu"), sentence]);
  for (const section of document.querySelectorAll("main section:not(.plain)")) {
    for (const [pattern, sentence] of patterns) {
      const walk = document.createTreeWalker(section, NodeFilter.SHOW_TEXT, { acceptNode: (node) =>
        (node.parentElement.closest("script,style,pre,code,a,button,summary,svg,h2,.term,.n2s-read,td.note,td.window") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT) });
      let node, found = null;
      while (!found && (node = walk.nextNode())) found = pattern.exec(node.data);
      if (!found) continue;
      const rest = node.splitText(found.index);
      rest.splitText(found[0].length);
      const term = document.createElement("abbr");
      term.className = "term";
      term.tabIndex = 0;
      term.dataset.tip = sentence;
      term.setAttribute("aria-describedby", "tip");
      rest.replaceWith(term);
      term.textContent = found[0];
      for (const event of ["mouseenter", "focus", "click"]) term.addEventListener(event, () => show(term));
      for (const event of ["mouseleave", "blur"]) term.addEventListener(event, hide);
    }
  }
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, { passive: true });

  const links = new Map([...document.querySelectorAll("nav.toc a")].map((link) => [link.hash.slice(1), link]));
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.classList.remove("here");
      links.get(entry.target.id)?.classList.add("here");
    }
  }, { rootMargin: "-10% 0px -80% 0px" });
  for (const section of document.querySelectorAll("main section")) seen.observe(section);
})();
