// Code that both modes share. It comes first in the page's script; listening_compare.js and listening_rate.js follow.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent);
const STIMULUS = "stimulus";
const main = document.querySelector("main");

/** Make an element with properties, attributes (names with a dash, and role) and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

// ---------------------------------------------------------------- sound: one at a time

const audio = new Audio();
let playing = null; // the button of the sound that plays

/** Make a button that plays a sound; `heard` is called when the sound has played to its end. */
function playButton(sound, label, { content = [], heard = () => {} } = {}) {
  const sign = make("span", { className: "sign", textContent: "▶", "aria-hidden": "true" });
  const button = make(
    "button",
    { type: "button", className: "play", "aria-pressed": "false", "aria-label": `play ${label}` },
    ...content.slice(0, 1), sign, ...content.slice(1), make("span", { className: "head" }),
  );
  button.sign = sign;
  button.heard = heard;
  button.onclick = () => (playing === button ? stop() : play(button, sound));
  return button;
}

function play(button, sound) {
  stop();
  playing = button;
  button.setAttribute("aria-pressed", "true");
  button.sign.textContent = "■";
  audio.src = sound;
  audio.play().catch((error) => {
    if (playing === button && error.name !== "AbortError") refuse(button, error.message);
  });
  follow(button);
}

function stop() {
  if (playing === null) return;
  audio.pause();
  playing.setAttribute("aria-pressed", "false");
  playing.sign.textContent = "▶";
  playing.style.removeProperty("--at");
  playing = null;
}

function follow(button) {
  if (playing !== button) return;
  if (audio.duration) button.style.setProperty("--at", audio.currentTime / audio.duration);
  requestAnimationFrame(() => follow(button));
}

function refuse(button, why) {
  stop();
  button.after(make("p", { className: "warning", role: "alert", textContent: `This browser cannot play the sound: ${why}` }));
}

audio.onended = () => {
  const button = playing;
  stop();
  if (button) button.heard();
};

// ---------------------------------------------------------------- what the browser keeps

/** The browser's storage, or null if the browser refuses to store anything. */
function storage(name) {
  try {
    window[name].setItem("n2s-try", "");
    window[name].removeItem("n2s-try");
    return window[name];
  } catch (error) {
    return null;
  }
}

const lasting = storage("localStorage");
const ofTab = storage("sessionStorage");
let lost = lasting === null; // whether closing the page loses the ratings

function kept(store, name) {
  const text = store && store.getItem(name);
  return text ? JSON.parse(text) : null;
}

// ---------------------------------------------------------------- modes

const MODES = { compare: ["Compare", showCompare, compareKeys], rate: ["Rate", showRate, rateKeys] };
if (DATA.names) delete MODES.rate; // who knows the methods does not rate them
let mode = "compare";

function show(name) {
  stop();
  mode = name;
  history.replaceState(null, "", `#${name}`);
  document.querySelector("header nav").replaceChildren(...Object.entries(MODES).map(([each, [label]]) =>
    make("button", { type: "button", textContent: label, "aria-pressed": String(each === name), onclick: () => show(each) })));
  MODES[name][1]();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=radio])");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (MODES[mode][2](event)) event.preventDefault();
});
window.addEventListener("beforeunload", (event) => {
  if (lost && session !== null) event.preventDefault();
});
document.addEventListener("DOMContentLoaded", () => {
  const rater = kept(ofTab, RATER_STORE);
  if (rater !== null) begin(rater);
  show(location.hash === "#rate" && MODES.rate ? "rate" : "compare");
});
