// Shows one pair at a time for rating, without the method's name or picture.

const LEVELS = [1, 2, 3, 4, 5, 6, 7];
const COLUMNS = ["page", "rater", "clip", "method", "rating", "time", "order"];
const SESSION_STORE = `n2s-ratings/${DATA.page}/`;
const RATER_STORE = `n2s-rater/${DATA.page}`;
let session = null; // {rater, order: [[clip, code]], ratings: {"clip\0code": [rating, time]}, at}

/** Random numbers (mulberry32) seeded with a 32-bit hash of a text (FNV-1a): the same in every browser. */
function numbersOf(text) {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, random) {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

/** The trials of a rater: clips in random order; the methods of a clip follow each other, also in random order. */
function orderOf(rater) {
  const random = numbersOf(`${DATA.page}/${rater}`);
  return shuffled(DATA.clips, random).flatMap((clip) => {
    const codes = Object.keys(clip.sounds).filter((code) => code !== STIMULUS);
    return shuffled(codes.sort(), random).map((code) => [clip, code]);
  });
}

const trialName = ([clip, code]) => `${clip.clip}\0${code}`;
const rated = () => session.order.filter((trial) => trialName(trial) in session.ratings).length;

function begin(rater) {
  const order = orderOf(rater);
  const ratings = kept(lasting, SESSION_STORE + rater) || {};
  const open = order.findIndex((trial) => !(trialName(trial) in ratings));
  session = { rater, order, ratings, at: open < 0 ? order.length : open };
  setRater(rater);
}

/** Remember whose session continues when the page is loaded again. */
function setRater(rater) {
  if (ofTab) ofTab.setItem(RATER_STORE, JSON.stringify(rater));
}

function record(trial, level) {
  // another tab may have stored ratings meanwhile
  session.ratings = { ...session.ratings, ...kept(lasting, SESSION_STORE + session.rater) };
  session.ratings[trialName(trial)] = [level, new Date().toISOString()];
  try {
    lasting.setItem(SESSION_STORE + session.rater, JSON.stringify(session.ratings));
    lost = false;
  } catch (error) {
    lost = true; // storage is full or absent: the page warns
  }
}

function showRate() {
  main.className = "rate";
  if (session === null) showStart();
  else if (session.at >= session.order.length) showEnd();
  else showTrial();
}

function showStart() {
  const field = make("input", { id: "rater", autocomplete: "off", maxLength: 60, required: true, placeholder: "your name or number" });
  const form = make("form", { className: "name" }, field, make("button", { className: "main", textContent: "Begin" }));
  form.onsubmit = (event) => {
    event.preventDefault();
    const rater = field.value.trim().replace(/\s+/g, " ");
    if (!rater) return;
    begin(rater);
    showRate();
  };
  const trials = orderOf("").length;
  const sessions = Object.keys(lasting || {}).filter((name) => name.startsWith(SESSION_STORE)).sort();
  main.replaceChildren(
    make("h2", { textContent: "How similar do they sound?" }),
    make("p", { textContent: `You hear ${trials} pairs of sounds: a sound that a person listened to, and a sound made from that person's brain response. Rate how similar the second is to the first, from 1 (not similar at all) to 7 (identical). Use headphones, and use the whole scale.` }),
    make("p", { textContent: "Enter your own name or number, the same each time: it decides the order. This browser keeps the ratings; you can close the page and continue later. At the end, export them and send the file." }),
    make("label", { htmlFor: "rater", textContent: "Rater" }),
    form,
    sessions.length ? make("h3", { textContent: "Sessions in this browser" }) : "",
    make("ul", { className: "sessions" }, ...sessions.map((name) => {
      const rater = name.slice(SESSION_STORE.length);
      const done = Object.keys(kept(lasting, name)).length;
      return make("li", {},
        make("button", { type: "button", textContent: rater, onclick: () => { begin(rater); showRate(); } }),
        make("span", { className: "note", textContent: `${done} of ${trials} rated` }));
    })),
    make("p", { className: "note" }, "Keys: ", make("kbd", { textContent: "S" }), " stimulus, ", make("kbd", { textContent: "R" }),
      " reconstruction, ", make("kbd", { textContent: "1" }), " to ", make("kbd", { textContent: "7" }), " rating, ",
      make("kbd", { textContent: "Enter" }), " or ", make("kbd", { textContent: "→" }), " next, ", make("kbd", { textContent: "←" }), " back"),
  );
  field.focus();
}

function progress() {
  const n = session.order.length;
  return [
    make("div", { className: "tools note" },
      make("span", { textContent: `Rater ${session.rater}` }),
      make("span", { textContent: `${rated()} of ${n} rated` })),
    make("progress", { max: n, value: rated(), "aria-label": "trials rated" }),
    lost ? make("p", { className: "warning", role: "alert", textContent: "This browser does not keep ratings: export them before you close or reload the page." }) : "",
  ];
}

function showTrial() {
  const trial = session.order[session.at];
  const [clip, code] = trial;
  const given = session.ratings[trialName(trial)];
  const heard = { [STIMULUS]: Boolean(given), [code]: Boolean(given) };
  const status = make("p", { className: "note", role: "status" });
  const scale = make("fieldset", {}, make("legend", { textContent: "How similar is the reconstruction to the stimulus?" }),
    make("div", { className: "scale" }, ...LEVELS.map((level) => make("label", {},
      make("input", { type: "radio", name: "rating", value: level, checked: Boolean(given) && given[0] === level, onchange: () => rate(level) }),
      String(level)))),
    make("div", { className: "ends note" }, make("span", { textContent: "1 not similar at all" }), make("span", { textContent: "7 identical" })));
  const next = make("button", { type: "button", id: "next", className: "main", textContent: "Next", onclick: () => move(1) });
  const back = make("button", { type: "button", id: "back", textContent: "Back", disabled: session.at === 0, onclick: () => move(-1) });

  const button = (which, label, key) => {
    const state = make("span", { className: "state note" });
    const made = playButton(clip.sounds[which].sound, label, {
      content: ["", `${label} `, make("kbd", { textContent: key }), state],
      heard: () => { heard[which] = true; refresh(); },
    });
    made.id = which === STIMULUS ? "stimulus" : "reconstruction";
    made.state = state;
    made.which = which;
    return made;
  };
  const buttons = [button(STIMULUS, "Stimulus", "S"), button(code, "Reconstruction", "R")];

  function refresh() {
    for (const one of buttons) one.state.textContent = heard[one.which] ? "heard" : "not heard yet";
    const all = buttons.every((one) => heard[one.which]);
    const done = trialName(trial) in session.ratings;
    scale.disabled = !all;
    next.disabled = !done;
    status.textContent = all ? (done ? "Rated. You can change the rating, or continue." : "Give a rating.") : "Listen to both sounds, to the end.";
  }
  function rate(level) {
    record(trial, level);
    main.querySelector("#progress").replaceChildren(...progress());
    refresh();
  }
  main.replaceChildren(
    make("div", { id: "progress" }, ...progress()),
    make("h2", { tabIndex: -1, textContent: `Pair ${session.at + 1} of ${session.order.length}` }),
    make("div", { className: "pair" }, ...buttons),
    scale, status,
    make("div", { className: "steps" }, back, next, make("button", { type: "button", textContent: "Export CSV", onclick: exportCsv })),
  );
  refresh();
  main.querySelector("h2").focus({ preventScroll: true });
}

function showEnd() {
  const n = session.order.length;
  const open = session.order.findIndex((trial) => !(trialName(trial) in session.ratings));
  main.replaceChildren(
    ...progress(),
    make("h2", { tabIndex: -1, textContent: open < 0 ? "All pairs are rated. Thank you!" : `${n - rated()} pairs are not rated yet.` }),
    make("p", { textContent: "Export the ratings and send the file to whoever asked you." }),
    make("div", { className: "steps" },
      make("button", { type: "button", id: "back", textContent: "Back", onclick: () => move(-1) }),
      make("button", { type: "button", className: "main", id: "export", textContent: "Export CSV", onclick: exportCsv }),
      make("button", { type: "button", textContent: "Another rater", onclick: () => { session = null; setRater(null); showRate(); } })),
  );
  main.querySelector("h2").focus({ preventScroll: true });
}

function move(step) {
  stop();
  session.at = Math.min(Math.max(session.at + step, 0), session.order.length);
  showRate();
}

/** All trials in the order of presentation; a trial that is not rated has an empty rating and time. */
function csv() {
  const quoted = (value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value);
  const rows = session.order.map((trial, i) => {
    const [rating, time] = session.ratings[trialName(trial)] || ["", ""];
    return [DATA.page, session.rater, trial[0].clip, trial[1], rating, time, i + 1];
  });
  return [COLUMNS, ...rows].map((row) => row.map((value) => quoted(String(value))).join(",") + "\r\n").join("");
}

function exportCsv() {
  const address = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  const plain = session.rater.replace(/[^\p{L}\p{N}]+/gu, "_");
  make("a", { href: address, download: `ratings_${plain}_${DATA.page}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

function rateKeys(event) {
  if (session === null) return false;
  const button = (id) => main.querySelector(id);
  const level = LEVELS.includes(Number(event.key)) && main.querySelector(`input[value="${event.key}"]`);
  const pressed = level || {
    s: button("#stimulus"), r: button("#reconstruction"), ArrowLeft: button("#back"), ArrowRight: button("#next"), Enter: button("#next"),
  }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!pressed) return false;
  if (event.key === "Enter" && document.activeElement.matches("button")) return false; // Enter presses that button
  pressed.click();
  return true;
}
