// The page: the user on the left, one or two sides on the right, and the address that says so.

import { ask, tokensComeFrom } from "./service.js";
import { Side } from "./side.js";
import { fresh, read, written } from "./state.js";
import { User } from "./user.js";
import { copied, differences, element, problemBox, summary } from "./view.js";

const by = (id) => document.getElementById(id);

const page = {
  state: fresh(),
  indices: [],
  samples: {},
  changed,
  answered,
  learned: draw,
  say,
};
page.user = new User(page);
let sides = {};

async function start() {
  by("start").replaceChildren();
  try {
    const told = await ask("/v1/indices");
    page.indices = told.indices;
    page.samples = told.samples;
    page.user.offer(told.events);
  } catch (problem) {
    by("start").replaceChildren(problemBox(problem, start));
    return;
  }
  sides = { a: new Side("a", page), b: new Side("b", page) };
  by("results").replaceChildren(sides.a.root, sides.b.root);
  const [sample] = Object.values(page.samples);
  const first = sample ? written({ ...fresh(), history: sample }) : "";
  restore(location.hash.length > 1 ? location.hash : first);
}

/** Show what a fragment of the address says. */
function restore(fragment) {
  page.state = read(fragment);
  for (const letter of ["a", "b"]) page.state[letter].index ||= page.indices[0].name;
  sides.a.fill();
  sides.b.fill();
  changed();
}

/** The state has changed: say so in the address, and ask what is not known yet. */
function changed() {
  const { state } = page;
  history.replaceState(null, "", `#${written(state)}`);
  by("compare").setAttribute("aria-pressed", String(state.compare));
  by("results").classList.toggle("compared", state.compare);
  sides.b.root.hidden = !state.compare;
  page.user.learnTitles();
  sides.a.refresh();
  if (state.compare) sides.b.refresh();
  draw();
}

/** A side has an answer: tell people who cannot see it, once both have theirs. */
function answered() {
  draw();
  const shown = page.state.compare ? [sides.a, sides.b] : [sides.a];
  if (shown.some((side) => side.busy)) return;
  const told = shown.map(({ problem, answer }) => problem?.message ?? summary(answer));
  if (!page.state.compare) say(told[0]);
  else say(`A: ${told[0]}. B: ${told[1]}. ${compared()?.text ?? ""}`);
}

/** How both answers differ; null while there are not two that belong to each other. */
function compared() {
  const { a, b } = sides;
  const both = page.state.compare && a.answer && b.answer && !a.busy && !b.busy;
  return both ? differences(a.answer, b.answer) : null;
}

function draw() {
  const different = compared();
  sides.a.show(different?.a ?? new Map());
  sides.b.show(different?.b ?? new Map());
  by("results").querySelector(".difference")?.remove();
  if (different) by("results").prepend(element("p", { class: "difference" }, different.text));
  page.user.show(sides.a.answer);
}

function say(text) {
  by("said").textContent = text;
}

by("compare").addEventListener("click", () => {
  const { state } = page;
  state.compare = !state.compare;
  if (state.compare) {
    // Other than A from the start, so that there is something to see.
    state.b = { ...state.a, parts: { ...state.a.parts }, placement: "" };
    if (!state.a.placement) state.b.decides = state.a.decides === "text" ? "full" : "text";
    sides.b.fill();
  }
  sides.a.fill();
  changed();
});

by("link").addEventListener("click", async () => {
  await copied(location.href);
  say("The link is copied.");
});

// The fragment is the state, so following this link would lose it.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  by("results").focus();
});

addEventListener("hashchange", () => {
  if (page.indices.length) restore(location.hash);
});

// ---- the token: several questions at once ask for it once

let asking = null;

tokensComeFrom((detail, refused) => {
  asking ??= tokenAsked(detail, refused).finally(() => {
    asking = null;
  });
  return asking;
});

function tokenAsked(detail, refused) {
  const dialog = by("token");
  const field = dialog.querySelector("input");
  by("token-name").textContent = refused ? "This token was refused" : "A token is needed";
  dialog.querySelector("[data-part=detail]").textContent = detail;
  field.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    const closed = () => resolve(dialog.returnValue === "use" ? field.value.trim() : null);
    dialog.addEventListener("close", closed, { once: true });
  });
}

const cancel = by("token").querySelector("[data-part=cancel]");
cancel.addEventListener("click", () => by("token").close(""));

start();
