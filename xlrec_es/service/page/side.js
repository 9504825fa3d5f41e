// One side: its options, its answer, and its call. There are two to compare.

import { ask, bodyOf, curl, filtersOf } from "./service.js";
import { freshSide } from "./state.js";
import { answerShown, copied, element, keepingFocus, languageName, problemBox } from "./view.js";

const TYPED_MS = 250; // after which a question is asked, so that a slider asks once
const AS_THE_SERVICE = "as the service has it";

export class Side {
  /** `page` has `state`, `indices`, `user`, `changed()`, `answered()` and `say()`. */
  constructor(letter, page) {
    this.letter = letter;
    this.page = page;
    this.answer = null;
    this.problem = null;
    this.asked = null; // the body, as JSON
    this.busy = false;
    const template = document.getElementById("side");
    this.root = template.content.cloneNode(true).firstElementChild;
    this.form = this.root.querySelector("form");
    this.call = this.root.querySelector(".call");
    for (const radio of this.root.querySelectorAll("[type=radio]")) radio.name += `-${letter}`;
    const indices = page.indices.map(({ name }) => element("option", { value: name }, name));
    this.field("index").append(...indices);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", (event) => this.typed(event.target));
    this.form.addEventListener("reset", (event) => this.reset(event));
    this.call.addEventListener("toggle", () => this.showCall());
    this.call.addEventListener("change", () => this.showCall());
    this.part("copy").addEventListener("click", () => this.copy());
  }

  get options() {
    return this.page.state[this.letter];
  }

  part(name) {
    return this.root.querySelector(`[data-part=${name}]`);
  }

  field(name) {
    return this.form.elements[name];
  }

  /** Have the form show the state. */
  fill() {
    const { options, page } = this;
    const compared = page.state.compare;
    const name = compared ? `Recommendations ${this.letter.toUpperCase()}` : "Recommendations";
    this.root.querySelector("h2").textContent = name;
    this.root.setAttribute("aria-label", name);
    this.call.querySelector("pre").setAttribute("aria-label", `The call for ${name}`);
    this.field(`decides-${this.letter}`).value = options.decides;
    this.fillPlacements();
    for (const one of ["index", "placement", "size", "share", "dated", "halfLife", "filters"]) {
      this.field(one).value = options[one];
    }
    for (const one of ["diversity", "explore"]) this.field(one).value = options[one] ?? 0;
    const index = page.indices.find((one) => one.name === options.index);
    this.part("unlearned").hidden = !index || index.associations;
    this.fillLanguages(index?.languages ?? []);
    this.sayValues();
  }

  /** Offer the placements of the index, and the one of a link even if it is gone. */
  fillPlacements() {
    const { index, placement } = this.options;
    const known = this.page.indices.find((one) => one.name === index)?.placements ?? [];
    const names = placement && !known.includes(placement) ? [...known, placement] : known;
    const options = names.map((name) => element("option", { value: name }, name));
    const field = this.field("placement");
    field.replaceChildren(element("option", { value: "" }, "none"), ...options);
    field.parentElement.hidden = !names.length;
  }

  /** What a placement decides cannot be set beside it. */
  sayPlaced() {
    const placed = this.options.placement !== "";
    for (const field of this.form.elements) {
      if (["index", "placement"].includes(field.name) || field.type === "reset") continue;
      if (field.name !== "halfLife" || placed) field.disabled = placed;
    }
    this.part("placed").hidden = !placed;
  }

  fillLanguages(known) {
    const { parts } = this.options;
    const languages = [...new Set([...known, ...Object.keys(parts)])];
    const rows = languages.map((language) => {
      const name = languageName(language);
      const chosen = element("input", {
        type: "checkbox", "data-language": language, checked: language in parts,
      });
      const slider = element("input", {
        type: "range", min: 1, max: 10, step: 1, value: parts[language] ?? 1,
        "data-part-of": language, "aria-label": `Part of ${name}`,
      });
      return element("li", {}, element("label", {}, chosen, name), slider, element("span", { class: "value" }));
    });
    this.part("languages").replaceChildren(...rows);
  }

  /** Write the values of sliders beside them. */
  sayValues() {
    const { options } = this;
    const say = (name, text) => {
      this.field(name).parentElement.querySelector(".value").textContent = text;
      this.field(name).setAttribute("aria-valuetext", text);
    };
    say("diversity", options.diversity?.toFixed(2) ?? AS_THE_SERVICE);
    say("explore", options.explore?.toFixed(2) ?? AS_THE_SERVICE);
    say("halfLife", `${options.halfLife} days`);
    this.field("halfLife").disabled = !options.dated;
    for (const row of this.part("languages").children) {
      const [chosen, slider] = row.querySelectorAll("input");
      const counts = chosen.checked && options.share === "parts";
      row.querySelector(".value").textContent = counts ? slider.value : "";
    }
    this.sayPlaced();
  }

  /** A person changed a field. */
  typed(field) {
    const { options } = this;
    if (field.dataset.partOf) {
      field.parentElement.querySelector("[type=checkbox]").checked = true;
      this.field("share").value = "parts";
    }
    options.parts = this.partsChosen();
    options.share = this.field("share").value;
    options.placement = this.field("placement").value;
    options.decides = this.field(`decides-${this.letter}`).value;
    for (const name of ["dated", "filters"]) options[name] = this.field(name).value;
    for (const name of ["diversity", "explore", "halfLife"]) {
      if (field.name === name) options[name] = Number(field.value);
    }
    if (this.field("size").checkValidity()) options.size = Number(this.field("size").value);
    if (field.name === "index") {
      options.index = field.value;
      options.parts = this.partsOfIndex();
      options.placement = this.placementOfIndex();
      this.fill();
    }
    this.sayValues();
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.page.changed(), TYPED_MS);
  }

  /** The parts of those languages that the index has. */
  partsOfIndex() {
    const { index, parts } = this.options;
    const { languages } = this.page.indices.find((one) => one.name === index);
    return Object.fromEntries(Object.entries(parts).filter(([tag]) => languages.includes(tag)));
  }

  /** The placement, if the index has it too. */
  placementOfIndex() {
    const { index, placement } = this.options;
    const { placements } = this.page.indices.find((one) => one.name === index);
    return placements.includes(placement) ? placement : "";
  }

  partsChosen() {
    const chosen = this.form.querySelectorAll("[data-language]:checked");
    return Object.fromEntries(
      [...chosen].map(({ dataset: { language } }) => {
        const slider = this.form.querySelector(`[data-part-of="${CSS.escape(language)}"]`);
        return [language, Number(slider.value)];
      }),
    );
  }

  reset(event) {
    event.preventDefault();
    this.page.state[this.letter] = { ...freshSide(), index: this.options.index };
    this.fill();
    this.page.changed();
  }

  /** Ask for what the state says, unless that is shown already. */
  async refresh() {
    this.checkFilters();
    let body;
    try {
      body = bodyOf(this.page.state, this.options);
    } catch {
      return; // said beside the filters
    }
    if (this.asked === JSON.stringify(body)) return;
    this.asked = JSON.stringify(body);
    this.asking?.abort();
    this.asking = new AbortController();
    this.setBusy(true);
    this.showCall();
    try {
      this.answer = await ask("/v1/recommend", body, this.asking.signal);
      this.problem = null;
    } catch (problem) {
      if (problem.name === "AbortError") return;
      this.answer = null;
      this.problem = problem;
    }
    this.setBusy(false);
    this.page.answered();
  }

  setBusy(busy) {
    this.busy = busy;
    this.root.setAttribute("aria-busy", String(busy));
  }

  checkFilters() {
    const field = this.field("filters");
    let wrong = "";
    try {
      if (this.options.filters.trim()) filtersOf(this.options.filters);
    } catch (error) {
      wrong = error.message;
    }
    field.setCustomValidity(wrong);
    field.setAttribute("aria-invalid", String(wrong !== ""));
    field.parentElement.querySelector(".wrong")?.remove();
    if (wrong) field.after(element("span", { class: "wrong", role: "alert" }, wrong));
  }

  /** Show the answer; `marks` says by work how an item differs from the other side. */
  show(marks) {
    const place = this.part("answer");
    const again = () => {
      this.asked = null;
      this.refresh();
    };
    keepingFocus(place, () => {
      if (this.problem) place.replaceChildren(problemBox(this.problem, again));
      else if (this.answer) place.replaceChildren(answerShown(this.answer, marks, this.page.user));
    });
  }

  async showCall() {
    if (!this.call.open || !this.asked) return;
    const text = this.call.querySelector("pre");
    const form = this.call.querySelector("input:checked").value;
    const body = JSON.parse(this.asked);
    const mine = `${form} ${this.asked}`;
    this.shown = mine;
    if (form === "json") text.textContent = JSON.stringify(body, null, 2);
    else if (form === "curl") text.textContent = curl("/v1/recommend", body);
    else {
      text.textContent = "…";
      const told = await consoleForm(body);
      if (this.shown === mine) text.textContent = told; // nothing else was chosen meanwhile
    }
  }

  async copy() {
    await copied(this.call.querySelector("pre").textContent);
    this.page.say("The call is copied.");
  }
}

async function consoleForm(body) {
  try {
    return (await ask("/v1/query", body)).console;
  } catch (problem) {
    return problem.message;
  }
}
