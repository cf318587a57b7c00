// Shows the sounds of each clip side by side; with the key, under the names of their methods.

const KEY_STORE = `n2s-key/${DATA.page}`;
// code -> method: of the page with names; else once the key is loaded, and forgotten when the tab closes
let names = DATA.names || kept(ofTab, KEY_STORE);

function showCompare() {
  const codes = names ? Object.keys(names) : DATA.codes;
  const chooser = make("input", { type: "file", accept: ".json", onchange: (event) => loadKey(event.target.files[0]) });
  const told = DATA.names
    ? `With the names of all methods. For raters, who must not know them: ${DATA.blind}.`
    : names
    ? "Method names are shown, in this tab only."
    : `Methods are hidden behind codes. Their names are in ${DATA.key}.`;
  main.className = "compare";
  main.replaceChildren(
    make("div", { className: "tools" },
      make("span", { className: "note", id: "keynote", role: "status", textContent: told }),
      DATA.names ? null : names
        ? make("button", { type: "button", textContent: "Hide names", onclick: () => setNames(null) })
        : make("label", { className: "file", textContent: "Load the key" }, chooser),
      make("span", { className: "note" },
        make("kbd", { textContent: "↑" }), " ", make("kbd", { textContent: "↓" }), " clip, ",
        make("kbd", { textContent: "0" }), " stimulus, ", make("kbd", { textContent: "1" }), " to ",
        make("kbd", { textContent: "9" }), " methods, in order"),
    ),
    make("p", { className: "note", textContent: DATA.images }),
    ...DATA.clips.map((clip) => clipSection(clip, codes)),
  );
}

function clipSection(clip, codes) {
  const longest = Math.max(...Object.values(clip.sounds).map((part) => part.s));
  const figures = [STIMULUS, ...codes].map((code) => {
    const part = clip.sounds[code];
    const name = code === STIMULUS ? "stimulus" : names ? names[code] : `method ${code}`;
    const caption = make("figcaption", {}, make("span", { textContent: name }));
    if (!part) return make("figure", {}, caption, make("p", { className: "note", textContent: "no sound" }));
    caption.append(make("span", { className: "note", textContent: `${part.s.toFixed(1)} s` }));
    const image = make("img", { src: part.image, alt: `mel spectrogram of ${name}`, loading: "lazy" });
    const button = playButton(part.sound, `${name}, clip ${clip.clip}`, { content: [image] });
    button.style.setProperty("--share", `${(100 * part.s) / longest}%`);
    return make("figure", { className: code === STIMULUS ? "stimulus" : "" }, caption, button);
  });
  const subject = clip.subject ? make("span", { className: "note", textContent: ` subject ${clip.subject}` }) : null;
  return make("section", { className: "clip", tabIndex: -1 },
    make("h2", { textContent: clip.place || clip.clip, title: clip.clip }), subject,
    make("p", { textContent: clip.text ? `“${clip.text}”` : "" }),
    make("div", { className: "row" }, ...figures));
}

async function loadKey(file) {
  const note = document.getElementById("keynote");
  let key = null;
  try {
    key = JSON.parse(await file.text());
  } catch (error) {
    note.textContent = `${file.name} is not a key: ${error.message}. Choose ${DATA.key}.`;
    return;
  }
  const methods = (key && key.methods) || {};
  if (key.page !== DATA.page || !DATA.codes.every((code) => code in methods)) {
    note.textContent = `${file.name} is not the key of this page. Choose ${DATA.key}.`;
    return;
  }
  setNames(methods);
}

function setNames(methods) {
  names = methods;
  if (ofTab) ofTab.setItem(KEY_STORE, JSON.stringify(methods));
  show("compare");
}

function compareKeys(event) {
  const sections = [...document.querySelectorAll("section.clip")];
  const at = sections.findIndex((section) => section.contains(document.activeElement));
  const step = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
  if (step) {
    const next = sections[at < 0 ? 0 : Math.min(Math.max(at + step, 0), sections.length - 1)];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "nearest" });
    return true;
  }
  if (!/^[0-9]$/.test(event.key) || at < 0) return false;
  const figure = sections[at].querySelectorAll("figure")[Number(event.key)];
  const button = figure && figure.querySelector(".play");
  if (button) button.click();
  return Boolean(button);
}
